//! The results of a training run and of its epochs.

use crate::evaluate::Evaluation;
use serde::{Deserialize, Serialize};

/// One pass over the training images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Epoch {
    /// The number of the epoch, from 1.
    pub epoch: usize,
    /// The learning rate at its last step.
    pub learning_rate: f64,
    /// The mean loss of its images: cross-entropy plus the penalties of an adaptation network.
    pub train_loss: f64,
    /// The scores on the validation images after the epoch.
    pub val: Option<Evaluation>,
    /// Training images per second.
    pub images_per_second: f64,
    /// Seconds spent on training steps, without evaluation.
    pub seconds: f64,
    /// Bytes held by burn's memory pools after the epoch, on a GPU.
    pub device_bytes: Option<u64>,
}

/// Traffic between host and device in this process's training steps, without evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepTraffic {
    /// The number of training batches.
    pub steps: u64,
    /// Bytes sent to the device per image.
    pub host_to_device_per_image: f64,
    /// Bytes fetched from the device in total: 4 for each loss that was fetched.
    pub device_to_host: u64,
    /// Dispatches of imgveil's kernels per step.
    pub dispatches_per_step: f64,
}

/// The result of [`train`](crate::train).
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// All epochs.
    pub epochs: Vec<Epoch>,
    /// The epoch with the best validation AUC, or balanced accuracy if the AUC is not defined. The last epoch if there
    /// are no validation images.
    pub best_epoch: usize,
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
    /// Whether the run stopped early because the validation score did not improve.
    pub stopped_early: bool,
    /// The number of epochs that earlier processes had finished.
    pub resumed: usize,
    /// Traffic between host and device, on a GPU.
    pub traffic: Option<StepTraffic>,
}

impl Outcome {
    /// The best epoch.
    pub fn best(&self) -> Option<&Epoch> {
        self.epochs.iter().find(|epoch| epoch.epoch == self.best_epoch)
    }
}

/// The number of the epoch with the best validation score, the first of equals. The last epoch if there are no
/// validation images, 0 if there is no epoch.
pub(crate) fn best_epoch(epochs: &[Epoch]) -> usize {
    let mut best: Option<(f64, usize)> = None;
    for epoch in epochs {
        // Without validation images, the last epoch counts as the best.
        let score = epoch.val.as_ref().map_or(epoch.epoch as f64, Evaluation::score);
        if best.is_none_or(|(best, _)| score > best) {
            best = Some((score, epoch.epoch));
        }
    }
    best.map_or(0, |(_, epoch)| epoch)
}
