//! The folder of a training run: `run.json` (what run it is), `metrics.csv` and `curves.svg` after every epoch, `best.bpk`,
//! `last.bpk` and `model.json`, `summary.json` at the end; until then `state.bin`, with which a run that was cut goes on. Every
//! file is whole at any time.

use super::checkpoint::{MODEL, ModelInfo};
use super::state::{STATE, State};
use super::trainer::{Config, Epoch};
use super::{Split, TrainingSet};
use crate::chart::{ChartError, Panel, Series, curves_svg};
use imgveil_data::Error as DataError;
use imgveil_data::set::staging::{STAGED, Staging};
use imgveil_data::set::{manifest, write_atomically};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What a run is.
const RUN: &str = "run.json";
/// What came of it. A run with this file is complete.
pub const SUMMARY: &str = "summary.json";

/// A run's folder.
pub struct RunFolder(PathBuf);

/// Why a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// There is something in it.
    #[error("{0} exists and is not empty: choose another folder for this run with -o, or remove it first")]
    Exists(PathBuf),
    /// There is something in it that is no run.
    #[error("{0} is not empty and holds no run that could go on: choose another folder for this run with -o")]
    NoRun(PathBuf),
    /// Another run's folder.
    #[error(
        "{path} holds another run: {difference}; go on with the options and data that it began with, or choose another folder \
         with -o"
    )]
    Other {
        /// The folder.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// Another process trains in it.
    #[error("another process trains in {0}: wait for it, or choose another folder with -o")]
    Busy(PathBuf),
    /// A file of it is no such file.
    #[error("{path} is damaged: {reason}; remove the run's folder and train anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The operating system refused.
    #[error(transparent)]
    Write(#[from] DataError),
    /// A file's contents could not be made.
    #[error("cannot make {file}: {reason}")]
    Encode {
        /// The file.
        file: &'static str,
        /// Why.
        reason: String,
    },
    /// The curves could not be drawn.
    #[error(transparent)]
    Curves(#[from] ChartError),
}

/// All that decides what a run learns, but for the images themselves.
#[derive(Serialize)]
struct Identity<'a> {
    tool: &'a str,
    config: &'a Config,
    scheme: &'a imgveil::internal::scheme::Scheme,
    encrypted_before: bool,
    key: Option<String>,
    geometry: String,
    classes: &'a [String],
    images: [usize; 3],
    /// Of the images' order, labels and (with a key) keyed ids: another set of as many images is another run.
    images_hash: String,
}

impl<'a> Identity<'a> {
    fn new(set: &'a TrainingSet, config: &'a Config) -> Self {
        let splits = [Some(&set.train), set.val.as_ref(), set.test.as_ref()];
        let mut hasher = blake3::Hasher::new();
        for split in splits.into_iter().flatten() {
            hasher.update(&(split.len() as u64).to_le_bytes());
            for label in &split.labels {
                hasher.update(&label.to_le_bytes());
            }
            for share in &split.soft {
                hasher.update(&share.to_le_bytes());
            }
            for id in &split.ids {
                hasher.update(&id.0);
            }
        }
        Self {
            tool: manifest::TOOL,
            config,
            scheme: &set.scheme,
            encrypted_before: set.encrypted,
            key: set.fingerprint.map(|fingerprint| fingerprint.to_string()),
            geometry: set.train.geometry.to_string(),
            classes: &set.classes,
            images: splits.map(|split| split.map_or(0, Split::len)),
            images_hash: imgveil::internal::hex::encode(&hasher.finalize().as_bytes()[..16]),
        }
    }
}

/// Held while a run is at work in its folder.
pub(super) struct Held {
    _lock: Option<File>,
}

impl RunFolder {
    /// A new run in a folder that is not there or empty.
    ///
    /// # Errors
    /// When there is something in it, or it cannot be made.
    pub fn create(path: &Path) -> Result<Self, RunFolderError> {
        let taken = match path.read_dir() {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => path.exists(),
        };
        if taken {
            return Err(RunFolderError::Exists(path.to_owned()));
        }
        Self::make(path)
    }

    /// The folder of a run that was cut; where there is none yet, a new one.
    ///
    /// # Errors
    /// When there is something else in it, another run has it, or it cannot be made.
    pub fn resume(path: &Path, set: &TrainingSet, config: &Config) -> Result<Self, RunFolderError> {
        let begun = path.join(RUN).exists();
        let strange = |name: std::ffi::OsString| !name.to_string_lossy().starts_with(STAGED);
        let taken = match path.read_dir() {
            Ok(entries) => !begun && entries.flatten().any(|entry| strange(entry.file_name())),
            Err(_) => path.exists(),
        };
        if taken {
            return Err(RunFolderError::NoRun(path.to_owned()));
        }
        let folder = Self::make(path)?;
        if begun {
            folder.check(&Identity::new(set, config))?;
        }
        Ok(folder)
    }

    fn make(path: &Path) -> Result<Self, RunFolderError> {
        std::fs::create_dir_all(path).map_err(|source| DataError::write(path, source))?;
        Ok(Self(path.to_owned()))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The summary of the run, where it is complete.
    ///
    /// # Errors
    /// When the summary is none.
    pub fn finished(&self) -> Result<Option<Value>, RunFolderError> {
        let Some(bytes) = self.read(SUMMARY)? else { return Ok(None) };
        let summary = serde_json::from_slice(&bytes).map_err(|e| self.damaged(SUMMARY, e.to_string()))?;
        self.forget()?;
        Ok(Some(summary))
    }

    /// Begins or goes on: nobody else may, until what this gives is dropped.
    pub(super) fn hold(&self, set: &TrainingSet, config: &Config) -> Result<Held, RunFolderError> {
        let identity = Identity::new(set, config);
        let path = self.0.join(RUN);
        match path.exists() {
            true => self.check(&identity)?,
            false => self.json(RUN, &identity)?,
        }
        let read = |source| DataError::read(&path, source);
        let file = File::open(&path).map_err(read)?;
        let lock = match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Err(RunFolderError::Busy(self.0.clone())),
            // A file system without locks: better to go on than not to work there at all.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => None,
            Err(TryLockError::Error(e)) => return Err(read(e).into()),
        };
        // What a run that was killed left half-written.
        Staging::alone(&self.0).tidy(|_| true).map_err(DataError::from)?;
        Ok(Held { _lock: lock })
    }

    fn check(&self, identity: &Identity<'_>) -> Result<(), RunFolderError> {
        let found = self.read(RUN)?.unwrap_or_default();
        let found: Value = serde_json::from_slice(&found).map_err(|e| self.damaged(RUN, e.to_string()))?;
        // Through text, as what was found was: a number read from text may be another than the one that was written.
        let wanted = text(RUN, identity)?;
        let wanted: Value = serde_json::from_str(&wanted).map_err(|e| self.damaged(RUN, e.to_string()))?;
        match difference("", &found, &wanted) {
            None => Ok(()),
            Some(difference) => Err(RunFolderError::Other { path: self.0.clone(), difference }),
        }
    }

    /// Where the run stands.
    pub(super) fn state(&self) -> Result<Option<State>, RunFolderError> {
        let Some(bytes) = self.read(STATE)? else { return Ok(None) };
        State::from_bytes(&bytes).map(Some).map_err(|reason| self.damaged(STATE, reason))
    }

    pub(super) fn damaged(&self, file: &str, reason: String) -> RunFolderError {
        RunFolderError::Damaged { path: self.0.join(file), reason }
    }

    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, RunFolderError> {
        let path = self.0.join(file);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataError::read(path, source).into()),
        }
    }

    pub(super) fn model(&self, info: &ModelInfo) -> Result<(), RunFolderError> {
        self.json(MODEL, info)
    }

    /// Writes where the run stands: first, in one step, what a run that is cut goes on with, then what follows from it.
    pub(super) fn epoch(&self, title: &str, state: &State) -> Result<(), RunFolderError> {
        let bytes = state.to_bytes().map_err(|reason| RunFolderError::Encode { file: STATE, reason })?;
        write_atomically(&self.0.join(STATE), &bytes)?;
        self.follow(title, state)
    }

    /// Writes what follows from a state: weights, metrics as a table and as curves.
    pub(super) fn follow(&self, title: &str, state: &State) -> Result<(), RunFolderError> {
        write_atomically(&self.0.join("best.bpk"), state.best.as_ref().unwrap_or(&state.last))?;
        write_atomically(&self.0.join("last.bpk"), &state.last)?;
        write_atomically(&self.0.join("metrics.csv"), table(&state.epochs).as_bytes())?;
        write_atomically(&self.0.join("curves.svg"), curves(title, &state.epochs)?.as_bytes())?;
        Ok(())
    }

    /// Writes the run's summary; the run is then complete.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn summary(&self, summary: &impl Serialize) -> Result<(), RunFolderError> {
        self.json(SUMMARY, summary)?;
        self.forget()
    }

    /// Removes what only a run that is not complete needs.
    fn forget(&self) -> Result<(), RunFolderError> {
        let path = self.0.join(STATE);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(DataError::write(path, source).into()),
            _ => Ok(()),
        }
    }

    fn json(&self, file: &'static str, value: &impl Serialize) -> Result<(), RunFolderError> {
        Ok(write_atomically(&self.0.join(file), text(file, value)?.as_bytes())?)
    }
}

fn text(file: &'static str, value: &impl Serialize) -> Result<String, RunFolderError> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|e| RunFolderError::Encode { file, reason: e.to_string() })
}

/// The first field in which two values differ, in words.
fn difference(name: &str, found: &Value, wanted: &Value) -> Option<String> {
    let (Value::Object(old), Value::Object(new)) = (found, wanted) else {
        return (found != wanted).then(|| format!("{name} was {found} and is {wanted} now"));
    };
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let of = |fields: &serde_json::Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    names.into_iter().find_map(|field| {
        // The fields of the configuration are flags of their own.
        let name = match name {
            "" | "config" => field.clone(),
            name => format!("{name}.{field}"),
        };
        difference(&name, &of(old, field), &of(new, field))
    })
}

fn table(epochs: &[Epoch]) -> String {
    let mut text = "epoch,learning_rate,train_loss,val_loss,val_accuracy,val_balanced_accuracy,val_auc,\
                    images_per_second,seconds,device_bytes\n"
        .to_owned();
    let number = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.6}"));
    for epoch in epochs {
        let val = epoch.val.as_ref();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{},{:.8},{:.6},{},{},{},{},{:.1},{:.2},{}",
            epoch.epoch,
            epoch.learning_rate,
            epoch.train_loss,
            number(val.map(|v| v.loss)),
            number(val.map(|v| v.accuracy)),
            number(val.map(|v| v.balanced_accuracy)),
            number(val.and_then(|v| v.auc)),
            epoch.images_per_second,
            epoch.seconds,
            epoch.device_bytes.map_or(String::new(), |bytes| bytes.to_string()),
        );
    }
    text
}

fn curves(title: &str, epochs: &[Epoch]) -> Result<String, ChartError> {
    let series = |name: &str, value: &dyn Fn(&Epoch) -> Option<f64>| Series {
        name: name.to_owned(),
        points: epochs.iter().filter_map(|epoch| Some((epoch.epoch as f64, value(epoch)?))).collect(),
    };
    let panel = |title: &str, label: &str, mut series: Vec<Series>| {
        series.retain(|series| !series.points.is_empty());
        Panel { title: title.to_owned(), x_label: "epoch".into(), y_label: label.to_owned(), series }
    };
    let mut panels = vec![panel(
        "Loss",
        "cross-entropy",
        vec![
            series("training", &|epoch| Some(epoch.train_loss)),
            series("validation", &|epoch| epoch.val.as_ref().map(|val| val.loss)),
        ],
    )];
    if epochs.iter().any(|epoch| epoch.val.is_some()) {
        panels.push(panel(
            "Validation",
            "score",
            vec![
                series("accuracy", &|epoch| epoch.val.as_ref().map(|val| val.accuracy)),
                series("balanced accuracy", &|epoch| epoch.val.as_ref().map(|val| val.balanced_accuracy)),
                series("AUC", &|epoch| epoch.val.as_ref().and_then(|val| val.auc)),
            ],
        ));
    }
    curves_svg(title, &panels)
}
