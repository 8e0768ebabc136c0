//! A run from its description to its summary.

use super::spec::{RunSpec, SecretSource};
use super::step_memory::StepProbe;
use crate::backend::Backend;
use crate::data::{TrainingSet, TrainingSetRequest, training_set_with};
use crate::error::Error;
use crate::feed::Split;
use crate::model::ModelKind;
use crate::progress::Progress;
use crate::run_folder::{ImageCounts, RunFolder, RunSummary};
use crate::trainer::{check, model, train};
use imgveil::internal::engine::Device;
use imgveil::internal::scheme::Secret;
use imgveil_data::set::manifest;
use imgveil_data::{key_file, tables_file};
use std::path::PathBuf;
use std::sync::Arc;

/// Something that the user should know while a run is prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A risk, such as a key file that others can read.
    Warning(String),
    /// A detail, such as the device that was opened.
    Detail(String),
}

/// A run whose set is loaded, whose configuration is checked and whose device is open. Nothing is written yet.
pub struct PreparedRun {
    spec: RunSpec,
    set: TrainingSet,
    backend: Backend,
    notes: Vec<String>,
}

impl RunSpec {
    /// Loads the secret and the set, checks the configuration against them, and opens the device.
    ///
    /// # Errors
    /// When a file cannot be read, the set, the scheme and the configuration do not go together, or there is no such
    /// device.
    pub fn prepare(mut self, hear: &mut dyn FnMut(Message)) -> Result<PreparedRun, Error> {
        let secret = match &self.secret {
            Some(source) => Some(source.load(hear)?),
            None => None,
        };
        let set = training_set_with(TrainingSetRequest {
            path: &self.data,
            scheme: self.scheme.clone(),
            default_scheme: self.default_scheme.clone(),
            secret,
            resize: self.resize,
            reading: self.reading.clone(),
        })?;
        // A convolution learns what all images share.
        let bag = self.usual_model && self.config.adapt.is_none() && set.scheme.moves_by_image();
        if bag {
            self.config.model = ModelKind::Bag;
        }
        let mut notes = check(&set, &self.config)?;
        if bag {
            notes.push(format!("the network is {}, as blocks have keys of each image's own", ModelKind::Bag.name()));
        }
        let device = Device::open(&self.device)?;
        hear(Message::Detail(format!("device: {device}")));
        let backend = Backend::open(device)?;
        backend.limit_images(self.device_memory);
        Ok(PreparedRun { spec: self, set, backend, notes })
    }
}

impl SecretSource {
    fn load(&self, hear: &mut dyn FnMut(Message)) -> Result<Secret, Error> {
        let (secret, warning): (Secret, _) = match self {
            Self::Key(path) => {
                let loaded = key_file::load(path)?;
                (loaded.key.into(), loaded.warning)
            }
            Self::SealedKey { key, passphrase } => {
                let loaded = key_file::load_with(key, passphrase)?;
                (loaded.key.into(), loaded.warning)
            }
            Self::Tables(path) => {
                let loaded = tables_file::load_to_encrypt(path)?;
                (loaded.tables.into(), loaded.warning)
            }
        };
        if let Some(warning) = warning {
            hear(Message::Warning(warning));
        }
        Ok(secret)
    }
}

impl PreparedRun {
    /// What was asked for.
    pub fn spec(&self) -> &RunSpec {
        &self.spec
    }

    /// The set.
    pub fn set(&self) -> &TrainingSet {
        &self.set
    }

    /// The device.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Notes on the initial weights.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The number of images in each split.
    pub fn images(&self) -> ImageCounts {
        let images = |split: &Option<Arc<Split>>| split.as_ref().map_or(0, |split| split.len());
        ImageCounts { train: self.set.train.len(), val: images(&self.set.val), test: images(&self.set.test) }
    }

    /// The path of the run's folder.
    pub fn path(&self) -> PathBuf {
        let config = &self.spec.config;
        let adapt = config.adapt.map_or(String::new(), |adapt| format!("{}-", adapt.name()));
        let usual = || format!("runs/{adapt}{}-{}-{}", config.model.name(), self.set.scheme.name, config.seed).into();
        self.spec.folder.clone().unwrap_or_else(usual)
    }

    /// Makes the folder of the run, or takes the one that is there if the run is resumed.
    ///
    /// # Errors
    /// When the folder holds something else or cannot be made.
    pub fn folder(&self) -> Result<RunFolder, Error> {
        let path = self.path();
        Ok(if self.spec.resume {
            RunFolder::resume(&path, &self.set, &self.spec.config)?
        } else {
            RunFolder::create(&path)?
        })
    }

    /// What decides the memory of a step, and the images of one. `None` where the memory of the device is not known.
    pub fn probe(&self) -> Option<(StepProbe, usize)> {
        if !self.backend.uses_host_memory() {
            return None;
        }
        let config = &self.spec.config;
        let (model, device) = (model(&self.set, config), self.spec.device.clone());
        let batch = config.batch.min(self.set.train.len());
        Some((StepProbe { model, precision: config.precision, device, learns: true }, batch))
    }

    /// Makes two steps with batches of `images` images and writes nothing.
    ///
    /// # Errors
    /// When training fails.
    pub fn trial(self, images: usize) -> Result<(), Error> {
        train(&self.backend, &self.set.first(2 * images), &self.spec.config.trial(images), None, &mut ())?;
        Ok(())
    }

    /// Trains, writes the summary into the folder and returns it.
    ///
    /// # Errors
    /// When training diverges, the device fails, or the folder cannot be written.
    pub fn train(&self, folder: &RunFolder, progress: &mut dyn Progress) -> Result<RunSummary, Error> {
        let (set, config) = (&self.set, &self.spec.config);
        let outcome = train(&self.backend, set, config, Some(folder), progress)?;
        let summary = RunSummary {
            tool: manifest::TOOL.to_owned(),
            data: self.spec.data.clone(),
            device: self.backend.name(),
            scheme: set.scheme.clone(),
            encrypted_before: set.encrypted,
            classes: set.classes.clone(),
            geometry: set.train.geometry.to_string(),
            images: self.images(),
            config: config.clone(),
            best_epoch: outcome.best_epoch,
            val: outcome.best().and_then(|epoch| epoch.val.clone()),
            test: outcome.test,
            test_last: outcome.test_last,
            parameters: outcome.parameters,
            images_per_second: outcome.images_per_second,
            seconds: outcome.seconds,
            epochs: outcome.epochs.len(),
            stopped_early: outcome.stopped_early,
            resumed: outcome.resumed,
            traffic: outcome.traffic,
        };
        folder.summary(&summary)?;
        Ok(summary)
    }
}

/// Performs a run and returns its summary. A run that is complete already is left as it is.
///
/// # Errors
/// As [`RunSpec::prepare`], [`PreparedRun::folder`] and [`PreparedRun::train`].
pub fn run(spec: RunSpec, progress: &mut dyn Progress) -> Result<RunSummary, Error> {
    let prepared = spec.prepare(&mut |_| {})?;
    let folder = prepared.folder()?;
    match folder.finished()? {
        Some(summary) => Ok(summary),
        None => prepared.train(&folder, progress),
    }
}
