//! The outputs of a network for images, and their scores.

use crate::backend::Backend;
use crate::error::TrainError;
use crate::feed::Feed;
use crate::metrics::{Scores, softmax_rows};
use crate::model::Network;
use burn::tensor::Tensor;
use imgveil::internal::image::Augmentation;
use serde::{Deserialize, Serialize};

/// The scores of a network on a split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// The number of images.
    pub images: usize,
    /// The mean cross-entropy.
    pub loss: f64,
    /// The share of images whose class was predicted right.
    pub accuracy: f64,
    /// The mean of the recalls of all classes.
    pub balanced_accuracy: f64,
    /// The area under the ROC curve. With more than two classes, the mean over each class against the rest. `None` if
    /// only one class occurs.
    pub auc: Option<f64>,
    /// The confusion matrix: rows are true classes, columns are predicted classes.
    pub confusion: Vec<Vec<u64>>,
    /// The classes without an image, by their numbers. Balanced accuracy and AUC leave them out.
    #[serde(default)]
    pub absent: Vec<usize>,
}

impl Evaluation {
    /// The metrics of these scores.
    pub(super) fn of(scores: &Scores) -> Self {
        let confusion = scores.confusion();
        let is_absent = |class: &usize| confusion[*class].iter().all(|&images| images == 0);
        Self {
            absent: (0..confusion.len()).filter(is_absent).collect(),
            images: scores.labels.len(),
            loss: scores.log_loss(),
            accuracy: scores.accuracy(),
            balanced_accuracy: scores.balanced_accuracy(),
            auc: scores.auc(),
            confusion,
        }
    }

    /// The score by which epochs are compared: the AUC, or the balanced accuracy if there is no AUC.
    pub(super) fn score(&self) -> f64 {
        self.auc.unwrap_or(self.balanced_accuracy)
    }
}

/// The probability of each class for each image of a feed, image after image. The network must be without gradients.
/// Batches have the size of training, which fits the device.
pub(super) fn probabilities(
    backend: &Backend,
    network: &Network,
    feed: &mut Feed,
    batch: usize,
    classes: usize,
) -> Result<Vec<f32>, TrainError> {
    let all: Vec<(usize, Augmentation)> = (0..feed.len()).map(|index| (index, Augmentation::IDENTITY)).collect();
    let mut probabilities = Vec::with_capacity(all.len() * classes);
    for picks in all.chunks(batch.max(1)) {
        let logits = network.forward(feed.batch(picks)?.images);
        probabilities.extend(softmax_rows(&fetch(backend, logits)?, classes));
    }
    Ok(probabilities)
}

/// A network's scores on a split.
pub(super) fn evaluate(
    backend: &Backend,
    network: &Network,
    feed: &mut Feed,
    batch: usize,
    classes: usize,
) -> Result<Evaluation, TrainError> {
    let probabilities = probabilities(backend, network, feed, batch, classes)?;
    Ok(Evaluation::of(&Scores::new(classes, probabilities, feed.labels().to_vec())?))
}

/// Fetches one number.
pub(super) fn scalar(backend: &Backend, tensor: Tensor<1>) -> Result<f32, TrainError> {
    Ok(fetch(backend, tensor)?.first().copied().unwrap_or(f32::NAN))
}

/// Fetches all values of a tensor.
pub(super) fn fetch<const D: usize>(backend: &Backend, tensor: Tensor<D>) -> Result<Vec<f32>, TrainError> {
    let data = tensor.try_into_data().map_err(|e| TrainError::Fetch(e.to_string()))?;
    let values = data.try_to_vec::<f32>().map_err(|e| TrainError::Fetch(format!("{e:?}")))?;
    if let Some(gpu) = backend.gpu() {
        gpu.traffic().add_down(size_of_val(&values[..]) as u64);
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_without_an_image_are_named() {
        let row = [0.2f32, 0.5, 0.1, 0.2];
        let scores = Scores::new(4, [row; 3].concat(), vec![1, 3, 1]).unwrap();
        let evaluation = Evaluation::of(&scores);
        assert_eq!(evaluation.absent, [0, 2]);
        assert_eq!(evaluation.confusion[1], [0, 2, 0, 0]);
    }
}
