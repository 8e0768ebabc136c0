//! The figures of one run, from its folder.

use crate::error::{Error, ResultsError};
use crate::run_folder::{ImageCounts, RunSummary, SUMMARY};
use serde::Deserialize;
use std::path::Path;

/// The figures of a finished run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Figures {
    /// Area under the ROC curve, where it is defined.
    pub auc: Option<f64>,
    /// The mean of the classes' recalls.
    pub balanced_accuracy: f64,
    /// The share of right answers.
    pub accuracy: f64,
    /// The images on which the run was scored.
    pub scored: Scored,
    /// The number of these images.
    pub images: usize,
    /// The number of classes.
    pub classes: usize,
    /// The epoch with the best validation score.
    pub best_epoch: usize,
    /// The number of learned parameters.
    pub parameters: usize,
    /// Seconds of the whole run.
    pub seconds: f64,
    /// Training images per second.
    pub images_per_second: f64,
    /// The device that trained.
    pub device: String,
    /// The geometry of the images and their number in each split, as text.
    pub set: String,
    /// The figures of each epoch.
    pub epochs: Vec<EpochFigures>,
}

/// The images on which a run was scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scored {
    /// Test images, with the weights of the best epoch.
    Test,
    /// Validation images of a set without test images, with the weights of the last epoch. The score of the best
    /// epoch would be biased, because the epoch was chosen by it.
    Validation,
}

impl Scored {
    /// A description for the user.
    pub fn words(self) -> &'static str {
        match self {
            Self::Test => "test images, weights of the epoch with the best validation AUC",
            Self::Validation => "validation images (the set has no test images), weights of the last epoch",
        }
    }
}

/// One epoch, as in `metrics.csv`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[non_exhaustive]
pub struct EpochFigures {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The mean training loss.
    pub train_loss: f64,
    /// On the validation images.
    pub val_accuracy: Option<f64>,
    /// On the validation images.
    pub val_balanced_accuracy: Option<f64>,
    /// On the validation images.
    pub val_auc: Option<f64>,
}

impl Figures {
    /// The figures of the run in `folder`; `None` while it is not complete.
    ///
    /// # Errors
    /// When its files cannot be read or do not belong to a run.
    pub fn read(folder: &Path) -> Result<Option<Self>, Error> {
        let path = folder.join(SUMMARY);
        let text = match imgveil_data::regular_file::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ResultsError::Read { path, source }.into()),
        };
        let damaged = |path: &Path, reason: String| ResultsError::Damaged { path: path.to_owned(), reason };
        let summary: RunSummary = serde_json::from_slice(&text).map_err(|e| damaged(&path, e.to_string()))?;
        let metrics = folder.join("metrics.csv");
        let mut reader = csv::Reader::from_path(&metrics).map_err(|e| damaged(&metrics, e.to_string()))?;
        let epochs: Result<Vec<EpochFigures>, _> = reader.deserialize().collect();
        let epochs = epochs.map_err(|e| damaged(&metrics, e.to_string()))?;
        let ImageCounts { train, val, test } = summary.images;
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
            return Err(ResultsError::NoScores(folder.to_owned()).into());
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
