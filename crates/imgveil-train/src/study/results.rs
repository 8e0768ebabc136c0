//! The figures of one run, from its folder.

use crate::{Evaluation, SUMMARY};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// What came of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Area under the ROC curve, where it is defined.
    pub auc: Option<f64>,
    /// Mean of the classes' recalls.
    pub balanced_accuracy: f64,
    /// Right answers.
    pub accuracy: f64,
    /// Which images these are of.
    pub scored: Scored,
    /// How many images.
    pub images: usize,
    /// How many classes.
    pub classes: usize,
    /// The epoch with the best validation score.
    pub best_epoch: usize,
    /// Weights of the network.
    pub parameters: usize,
    /// The whole run.
    pub seconds: f64,
    /// Training speed.
    pub images_per_second: f64,
    /// What computed.
    pub device: String,
    /// The images' geometry, and how many there are to learn from, to validate, and to test.
    pub set: String,
    /// After each epoch.
    pub epochs: Vec<EpochFigures>,
}

/// Which images a run's scores are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scored {
    /// Test images, with the weights of the best epoch.
    Test,
    /// Validation images, with the weights of the last epoch: a set without test images. The best epoch's score would be too good,
    /// because the epoch was chosen by it.
    Validation,
}

impl Scored {
    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Test => "test images, weights of the epoch with the best validation AUC",
            Self::Validation => "validation images (the set has no test images), weights of the last epoch",
        }
    }
}

/// One epoch, as in `metrics.csv`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EpochFigures {
    /// From 1.
    pub epoch: usize,
    /// Mean training loss.
    pub train_loss: f64,
    /// On the validation images.
    pub val_accuracy: Option<f64>,
    /// On the validation images.
    pub val_balanced_accuracy: Option<f64>,
    /// On the validation images.
    pub val_auc: Option<f64>,
}

/// Why a run's folder gives no figures.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The operating system refused.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Its words.
        source: std::io::Error,
    },
    /// A file that is none of a run.
    #[error("{path} is no such file of a training run: {reason}; remove the run's folder and start the study again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Nothing to score by.
    #[error("{0} has neither test nor validation scores")]
    NoScores(PathBuf),
}

#[derive(Deserialize)]
struct Summary {
    device: String,
    classes: Vec<String>,
    geometry: String,
    images: Images,
    test: Option<Evaluation>,
    best_epoch: usize,
    parameters: usize,
    seconds: f64,
    images_per_second: f64,
}

#[derive(Deserialize)]
struct Images {
    train: usize,
    val: usize,
    test: usize,
}

impl Figures {
    /// The figures of the run in `folder`; none while it is not complete.
    ///
    /// # Errors
    /// When its files cannot be read or are none of a run.
    pub fn read(folder: &Path) -> Result<Option<Self>, ResultsError> {
        let path = folder.join(SUMMARY);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ResultsError::Read { path, source }),
        };
        let damaged = |path: &Path, reason: String| ResultsError::Damaged { path: path.to_owned(), reason };
        let summary: Summary = serde_json::from_slice(&text).map_err(|e| damaged(&path, e.to_string()))?;
        let metrics = folder.join("metrics.csv");
        let mut reader = csv::Reader::from_path(&metrics).map_err(|e| damaged(&metrics, e.to_string()))?;
        let epochs: Result<Vec<EpochFigures>, _> = reader.deserialize().collect();
        let epochs = epochs.map_err(|e| damaged(&metrics, e.to_string()))?;
        let Images { train, val, test } = summary.images;
        let scores = match (&summary.test, epochs.last()) {
            (Some(of), _) => Some((Scored::Test, of.auc, of.balanced_accuracy, of.accuracy, test)),
            (
                None,
                Some(EpochFigures {
                    val_accuracy: Some(accuracy), val_balanced_accuracy: Some(balanced), val_auc, ..
                }),
            ) => Some((Scored::Validation, *val_auc, *balanced, *accuracy, val)),
            (None, _) => None,
        };
        let Some((scored, auc, balanced_accuracy, accuracy, images)) = scores else {
            return Err(ResultsError::NoScores(folder.to_owned()));
        };
        Ok(Some(Self {
            auc,
            balanced_accuracy,
            accuracy,
            scored,
            images,
            classes: summary.classes.len(),
            best_epoch: summary.best_epoch,
            parameters: summary.parameters,
            seconds: summary.seconds,
            images_per_second: summary.images_per_second,
            device: summary.device,
            set: format!("{} ({train} to learn from, {val} to validate, {test} to test)", summary.geometry),
            epochs,
        }))
    }
}
