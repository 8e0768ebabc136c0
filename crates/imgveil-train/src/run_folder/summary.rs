//! The summary of a finished run.

use crate::config::Config;
use crate::evaluate::Evaluation;
use crate::outcome::StepTraffic;
use imgveil::internal::scheme::Scheme;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// The summary of a finished run, stored as `summary.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunSummary {
    /// The program that wrote it, and its version.
    pub tool: String,
    /// The data set.
    pub data: PathBuf,
    /// The device that trained.
    pub device: String,
    /// The scheme of the images.
    pub scheme: Scheme,
    /// Whether the set was encrypted before training.
    pub encrypted_before: bool,
    /// The names of the classes, in the order of the network's outputs.
    pub classes: Vec<String>,
    /// The geometry of the images, as text.
    pub geometry: String,
    /// The number of images in each split.
    pub images: ImageCounts,
    /// The configuration.
    pub config: Config,
    /// The epoch with the best validation score, from 1.
    pub best_epoch: usize,
    /// The scores on the validation images after the best epoch.
    pub val: Option<Evaluation>,
    /// The scores on the test images with the weights of the best epoch.
    pub test: Option<Evaluation>,
    /// The scores on the test images with the weights of the last epoch.
    pub test_last: Option<Evaluation>,
    /// The number of learned parameters.
    pub parameters: usize,
    /// Training images per second over all epochs.
    pub images_per_second: f64,
    /// Seconds of the whole run, including earlier processes.
    pub seconds: f64,
    /// The number of epochs.
    pub epochs: usize,
    /// Whether the run stopped early because the validation score did not improve.
    #[serde(default)]
    pub stopped_early: bool,
    /// The number of epochs that earlier processes had finished.
    #[serde(default)]
    pub resumed: usize,
    /// Traffic between host and device, on a GPU.
    #[serde(default)]
    pub traffic: Option<StepTraffic>,
}

/// The number of images in each split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageCounts {
    /// Training images.
    pub train: usize,
    /// Validation images.
    pub val: usize,
    /// Test images.
    pub test: usize,
}

impl RunSummary {
    /// The summary as JSON, with its fields in alphabetical order, as in `summary.json`.
    ///
    /// # Errors
    /// When the path of the data set is not valid UTF-8.
    pub fn to_json(&self) -> Result<Value, String> {
        serde_json::to_value(self).map_err(|e| e.to_string())
    }
}
