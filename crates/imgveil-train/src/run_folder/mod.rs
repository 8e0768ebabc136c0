//! The folder of a training run: `run.json` identifies the run; `metrics.csv`, `curves.svg`, `best.bpk`, `last.bpk`
//! and `model.json` are written after every epoch, `summary.json` at the end. Until then `state.bin` holds the state
//! from which an interrupted run continues. Every file is written atomically.

mod summary;

pub use summary::{ImageCounts, RunSummary};

use crate::chart::{ChartError, Panel, Series, curves_svg};
use crate::checkpoint::{MODEL, ModelInfo};
use crate::config::Config;
use crate::data::TrainingSet;
use crate::error::{Error, FolderError};
use crate::outcome::Epoch;
use crate::state::{STATE, State};
use imgveil::internal::scheme::MOST_STAGES;
use imgveil_data::Error as SetError;
use imgveil_data::json_limits::JsonLimits;
use imgveil_data::limits::MOST_CLASSES;
use imgveil_data::regular_file;
use imgveil_data::set::staging::STAGED;
use imgveil_data::set::{manifest, tidy, write_atomically_as};
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The file that identifies the run.
const RUN: &str = "run.json";
/// The file with the run's [`RunSummary`]. A run with this file is complete.
pub const SUMMARY: &str = "summary.json";

/// The folder of a training run.
pub struct RunFolder(PathBuf);

/// Everything that decides what a run learns, apart from the pixels.
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
    /// A hash of the images' order, labels and (with a key) keyed ids, so that another set of the same size is
    /// another run.
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
            images: splits.map(|split| split.map_or(0, |split| split.len())),
            images_hash: imgveil::internal::hex::encode(&hasher.finalize().as_bytes()[..16]),
        }
    }
}

/// The limits of the JSON files of a folder.
const LIMITS: JsonLimits = JsonLimits { lists: &[("classes", MOST_CLASSES), ("stages", MOST_STAGES)] };

/// The most bytes of `run.json`: the names of as many classes as there may be.
const LONGEST_IDENTITY: usize = 64 << 20;

/// Parses `run.json`.
///
/// # Errors
/// What is wrong with it.
#[doc(hidden)]
pub fn identity_of(text: &[u8]) -> Result<Value, String> {
    if text.len() > LONGEST_IDENTITY {
        return Err(format!("it has more than {LONGEST_IDENTITY} bytes"));
    }
    LIMITS.check(text).map_err(|e| e.to_string())?;
    serde_json::from_slice(text).map_err(|e| e.to_string())
}

/// A lock on a run's folder.
pub(crate) struct Held {
    _lock: Option<File>,
}

impl RunFolder {
    /// A new run in a folder that does not exist or is empty.
    ///
    /// # Errors
    /// When the folder is not empty or cannot be made.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let taken = match path.read_dir() {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => path.exists(),
        };
        if taken {
            return Err(FolderError::Exists(path.to_owned()).into());
        }
        Ok(Self::make(path)?)
    }

    /// The folder of an interrupted run, or of a new run where there is none yet.
    ///
    /// # Errors
    /// When the folder holds something else or another run, or cannot be made.
    pub fn resume(path: &Path, set: &TrainingSet, config: &Config) -> Result<Self, Error> {
        let begun = path.join(RUN).exists();
        let strange = |name: std::ffi::OsString| !name.to_string_lossy().starts_with(STAGED);
        let taken = match path.read_dir() {
            Ok(entries) => !begun && entries.flatten().any(|entry| strange(entry.file_name())),
            Err(_) => path.exists(),
        };
        if taken {
            return Err(FolderError::NoRun(path.to_owned()).into());
        }
        let folder = Self::make(path)?;
        if begun {
            folder.check(&Identity::new(set, config))?;
        }
        Ok(folder)
    }

    fn make(path: &Path) -> Result<Self, FolderError> {
        std::fs::create_dir_all(path).map_err(|source| SetError::write(path, source))?;
        Ok(Self(path.to_owned()))
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The summary of the run, if it is complete.
    ///
    /// # Errors
    /// When the summary is damaged or cannot be read.
    pub fn finished(&self) -> Result<Option<RunSummary>, Error> {
        let Some(bytes) = self.read(SUMMARY)? else { return Ok(None) };
        LIMITS.check(&bytes).map_err(|e| self.damaged(SUMMARY, e.to_string()))?;
        let summary = serde_json::from_slice(&bytes).map_err(|e| self.damaged(SUMMARY, e.to_string()))?;
        self.forget()?;
        Ok(Some(summary))
    }

    /// Begins or continues the run. No other process can do so until the lock is dropped.
    pub(crate) fn hold(&self, set: &TrainingSet, config: &Config) -> Result<Held, FolderError> {
        let identity = Identity::new(set, config);
        let path = self.0.join(RUN);
        if path.exists() {
            self.check(&identity)?;
        } else {
            self.json(RUN, &identity)?;
        }
        let read = |source| SetError::read(&path, source);
        let file = regular_file::open(&path).map_err(read)?;
        let lock = match file.try_lock() {
            Ok(()) => Some(file),
            Err(TryLockError::WouldBlock) => return Err(FolderError::Busy(self.0.clone())),
            // On a file system without locks, the run continues without one.
            Err(TryLockError::Error(e)) if e.kind() == ErrorKind::Unsupported => None,
            Err(TryLockError::Error(e)) => return Err(read(e).into()),
        };
        // Remove the temporary files of a run that was killed.
        tidy(&self.0, &self.staged())?;
        Ok(Held { _lock: lock })
    }

    fn check(&self, identity: &Identity<'_>) -> Result<(), FolderError> {
        let found = self.read(RUN)?.unwrap_or_default();
        let found = identity_of(&found).map_err(|reason| self.damaged(RUN, reason))?;
        // Both sides are read from text, because serde_json may read another number than it wrote.
        let expected = text(RUN, identity)?;
        let expected: Value = serde_json::from_str(&expected).map_err(|e| self.damaged(RUN, e.to_string()))?;
        match difference("", &found, &expected) {
            None => Ok(()),
            Some(difference) => Err(FolderError::Other { path: self.0.clone(), difference }),
        }
    }

    /// The stored state of the run, if there is one.
    pub(crate) fn state(&self) -> Result<Option<State>, FolderError> {
        let Some(bytes) = self.read(STATE)? else { return Ok(None) };
        State::from_bytes(&bytes).map(Some).map_err(|reason| self.damaged(STATE, reason))
    }

    /// The beginning of the names of this run's staged files. It comes from the run's description, which is there
    /// before any of them, so that no other file is taken for one.
    fn staged(&self) -> String {
        let run = self.read(RUN).ok().flatten().unwrap_or_default();
        format!("{STAGED}{}-", &blake3::hash(&run).to_hex()[..16])
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), FolderError> {
        Ok(write_atomically_as(&self.0.join(file), &self.staged(), bytes)?)
    }

    pub(crate) fn damaged(&self, file: &str, reason: String) -> FolderError {
        FolderError::Damaged { path: self.0.join(file), reason }
    }

    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, FolderError> {
        let path = self.0.join(file);
        match regular_file::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SetError::read(path, source).into()),
        }
    }

    pub(crate) fn model(&self, info: &ModelInfo) -> Result<(), FolderError> {
        self.json(MODEL, info)
    }

    /// Writes the state after an epoch: first, atomically, the file from which an interrupted run continues, then the
    /// files derived from it.
    pub(crate) fn epoch(&self, title: &str, state: &State) -> Result<(), FolderError> {
        let bytes = state.to_bytes().map_err(|reason| FolderError::Encode { file: STATE, reason })?;
        self.write(STATE, &bytes)?;
        self.follow(title, state)
    }

    /// Writes the files derived from a state: weights, and metrics as a table and as curves.
    pub(crate) fn follow(&self, title: &str, state: &State) -> Result<(), FolderError> {
        self.write("best.bpk", state.best.as_ref().unwrap_or(&state.last))?;
        self.write("last.bpk", &state.last)?;
        self.write("metrics.csv", table(&state.epochs).as_bytes())?;
        self.write("curves.svg", curves(title, &state.epochs)?.as_bytes())?;
        Ok(())
    }

    /// Writes the summary. The run is then complete.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn summary(&self, summary: &RunSummary) -> Result<(), Error> {
        // A `Value` sorts the fields.
        let summary = summary.to_json().map_err(|reason| FolderError::Encode { file: SUMMARY, reason })?;
        self.json(SUMMARY, &summary)?;
        Ok(self.forget()?)
    }

    /// Removes the file that only an incomplete run needs.
    fn forget(&self) -> Result<(), FolderError> {
        let path = self.0.join(STATE);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != ErrorKind::NotFound => Err(SetError::write(path, source).into()),
            _ => Ok(()),
        }
    }

    fn json(&self, file: &'static str, value: &impl Serialize) -> Result<(), FolderError> {
        self.write(file, text(file, value)?.as_bytes())
    }
}

fn text(file: &'static str, value: &impl Serialize) -> Result<String, FolderError> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|e| FolderError::Encode { file, reason: e.to_string() })
}

/// A description of the first field in which two values differ.
fn difference(name: &str, found: &Value, expected: &Value) -> Option<String> {
    let (Value::Object(old), Value::Object(new)) = (found, expected) else {
        return (found != expected).then(|| format!("{name} was {found} and is {expected} now"));
    };
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let of = |fields: &serde_json::Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    names.into_iter().find_map(|field| {
        // The fields of the configuration are named without the prefix.
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
