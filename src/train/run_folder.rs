//! The folder of a training run: `metrics.csv` and `curves.svg` after every epoch, `best.bpk`, `last.bpk` and `model.json`,
//! `summary.json` at the end. Every file is whole at any time.

use super::checkpoint::{MODEL, ModelInfo, weights};
use super::model::Network;
use super::trainer::Epoch;
use crate::dataset::{DatasetError, write_atomically};
use crate::report::{CurvesError, Panel, Series, curves_svg};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// A run's folder.
pub struct RunFolder(PathBuf);

/// Why a run's folder cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum RunFolderError {
    /// There is something in it.
    #[error("{0} exists and is not empty: choose another folder for this run with -o, or remove it first")]
    Exists(PathBuf),
    /// The operating system refused.
    #[error(transparent)]
    Write(#[from] DatasetError),
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
    Curves(#[from] CurvesError),
}

impl RunFolder {
    /// A new run in a folder that is not there or empty.
    ///
    /// # Errors
    /// When there is something in it, or it cannot be made.
    pub fn create(path: &Path) -> Result<Self, RunFolderError> {
        let write = |source| DatasetError::Write { path: path.to_owned(), source };
        let taken = match path.read_dir() {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => path.exists(),
        };
        if taken {
            return Err(RunFolderError::Exists(path.to_owned()));
        }
        std::fs::create_dir_all(path).map_err(write)?;
        Ok(Self(path.to_owned()))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn model(&self, info: &ModelInfo) -> Result<(), RunFolderError> {
        self.json(MODEL, info)
    }

    /// Writes the metrics so far, as a table and as curves.
    pub(super) fn epochs(&self, title: &str, epochs: &[Epoch]) -> Result<(), RunFolderError> {
        write_atomically(&self.0.join("metrics.csv"), table(epochs).as_bytes())?;
        write_atomically(&self.0.join("curves.svg"), curves(title, epochs)?.as_bytes())?;
        Ok(())
    }

    pub(super) fn checkpoint(&self, file: &'static str, network: Network) -> Result<(), RunFolderError> {
        let bytes = weights(network).map_err(|reason| RunFolderError::Encode { file, reason })?;
        Ok(write_atomically(&self.0.join(file), &bytes)?)
    }

    /// Writes the run's summary.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn summary(&self, summary: &impl serde::Serialize) -> Result<(), RunFolderError> {
        self.json("summary.json", summary)
    }

    fn json(&self, file: &'static str, value: &impl serde::Serialize) -> Result<(), RunFolderError> {
        let text =
            serde_json::to_string_pretty(value).map_err(|e| RunFolderError::Encode { file, reason: e.to_string() })?;
        Ok(write_atomically(&self.0.join(file), (text + "\n").as_bytes())?)
    }
}

fn table(epochs: &[Epoch]) -> String {
    let mut text = "epoch,learning_rate,train_loss,val_loss,val_accuracy,val_balanced_accuracy,val_auc,\
                    images_per_second,seconds\n"
        .to_owned();
    let number = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.6}"));
    for epoch in epochs {
        let val = epoch.val.as_ref();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{},{:.8},{:.6},{},{},{},{},{:.1},{:.2}",
            epoch.epoch,
            epoch.learning_rate,
            epoch.train_loss,
            number(val.map(|v| v.loss)),
            number(val.map(|v| v.accuracy)),
            number(val.map(|v| v.balanced_accuracy)),
            number(val.and_then(|v| v.auc)),
            epoch.images_per_second,
            epoch.seconds,
        );
    }
    text
}

fn curves(title: &str, epochs: &[Epoch]) -> Result<String, CurvesError> {
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
