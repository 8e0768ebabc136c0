//! The loss: cross-entropy, with label smoothing and class weights.

use super::Labels;
use crate::unknown::unknown;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};

/// How classes of very different sizes are balanced.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_balance)]
#[non_exhaustive]
pub enum Balance {
    /// They are not balanced.
    #[default]
    None,
    /// The loss of an image is multiplied by the weight of its class: n / (k * count) for n images in k classes, as in
    /// scikit-learn's "balanced".
    Weights,
    /// Every class is shown equally often. Images of small classes are shown several times in an epoch.
    Sampler,
}

fn no_balance(text: &str) -> String {
    unknown::<Balance>(text, "way to balance classes")
}

/// The weight of each class: n / (k * count), where k is the number of classes that have images. The weight of a class
/// without images is 0.
pub fn class_weights(labels: &[u32], classes: usize) -> Vec<f32> {
    let mut counts = vec![0usize; classes];
    for &label in labels {
        if let Some(count) = counts.get_mut(label as usize) {
            *count += 1;
        }
    }
    let present = counts.iter().filter(|&&count| count > 0).count();
    let weight = |&count: &usize| match count {
        0 => 0.0,
        count => (labels.len() as f64 / (present * count) as f64) as f32,
    };
    counts.iter().map(weight).collect()
}

/// The cross-entropy of logits against labels.
pub(super) struct CrossEntropy {
    smoothing: f64,
    /// (1, classes).
    weights: Option<Tensor<2>>,
}

impl CrossEntropy {
    /// The targets are `(1 - smoothing) * label + smoothing / classes` (Szegedy et al., "Rethinking the Inception
    /// Architecture", CVPR 2016, section 7). The term of each class is multiplied by its weight.
    pub fn new(smoothing: f64, weights: Option<&[f32]>, device: &Device) -> Self {
        let weights = weights.map(|weights| Tensor::<1>::from_floats(weights, device).unsqueeze_dim(0));
        Self { smoothing, weights }
    }

    /// The mean over the images of a batch. It divides by the number of images even if they are weighted, so that the
    /// mean over several batches equals the mean over one large batch.
    pub fn forward(&self, logits: Tensor<2>, labels: Labels) -> Tensor<1> {
        let [images, classes] = logits.dims();
        let mut terms = log_softmax(logits, 1);
        if let Some(weights) = &self.weights {
            terms = terms * weights.clone();
        }
        let smooth = (self.smoothing > 0.0).then(|| terms.clone().sum_dim(1) * (self.smoothing / classes as f64));
        let told = match labels {
            Labels::Hard(labels) => terms.gather(1, labels.reshape([images, 1])),
            Labels::Soft(shares) => (terms * shares).sum_dim(1),
        };
        let sum = match smooth {
            Some(smooth) => told * (1.0 - self.smoothing) + smooth,
            None => told,
        };
        sum.mean().neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Int, TensorData};

    const LOGITS: [[f64; 3]; 4] = [[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [-3.0, 1.0, 4.0], [1.5, 2.5, -0.5]];
    const LABELS: [usize; 4] = [0, 1, 2, 1];

    /// The definition, one image at a time.
    fn naive(shares: &[[f64; 3]; 4], smoothing: f64, weights: [f64; 3]) -> f64 {
        let image = |(logits, shares): (&[f64; 3], &[f64; 3])| {
            let sum: f64 = logits.iter().map(|z| z.exp()).sum();
            let term = |c: usize| {
                let target = (1.0 - smoothing) * shares[c] + smoothing / 3.0;
                -weights[c] * target * (logits[c].exp() / sum).ln()
            };
            (0..3).map(term).sum::<f64>()
        };
        LOGITS.iter().zip(shares).map(image).sum::<f64>() / 4.0
    }

    fn ours(labels: Labels, smoothing: f64, weights: Option<[f64; 3]>) -> f64 {
        let device = Device::flex();
        let logits = Tensor::<2>::from_floats(LOGITS.map(|row| row.map(|z| z as f32)), &device);
        let weights = weights.map(|weights| weights.map(|w| w as f32));
        let loss = CrossEntropy::new(smoothing, weights.as_ref().map(|w| &w[..]), &device).forward(logits, labels);
        f64::from(loss.into_data().try_to_vec::<f32>().unwrap()[0])
    }

    #[test]
    fn the_loss_is_its_definition() {
        let device = Device::flex();
        let hard = || {
            let data = TensorData::new(LABELS.map(|label| label as i32).to_vec(), [4]);
            Labels::Hard(Tensor::<1, Int>::from_data(data, &device))
        };
        let one_hot = LABELS.map(|label| std::array::from_fn(|c| f64::from(u8::from(c == label))));
        let mixed = [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.75, 0.0, 0.25], [0.125, 0.375, 0.5]];
        let soft = || Labels::Soft(Tensor::from_floats(mixed.map(|row| row.map(|s| s as f32)), &device));
        for smoothing in [0.0, 0.1, 1.0] {
            for weights in [None, Some([0.5, 2.0, 3.5])] {
                let of = weights.unwrap_or([1.0; 3]);
                for (found, expected) in [
                    (ours(hard(), smoothing, weights), naive(&one_hot, smoothing, of)),
                    (ours(soft(), smoothing, weights), naive(&mixed, smoothing, of)),
                ] {
                    // Sums of a dozen products: some roundings of 32 bits.
                    let tolerance = 32.0 * f64::from(f32::EPSILON) * (1.0 + expected.abs());
                    assert!((found - expected).abs() < tolerance, "{smoothing} {weights:?}: {found} and {expected}");
                }
            }
        }
        // Smoothing changes the loss.
        assert!((naive(&one_hot, 0.1, [1.0; 3]) - naive(&one_hot, 0.0, [1.0; 3])).abs() > 0.01);
    }

    /// `sklearn.utils.class_weight.compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 0, 1, 1, 2, 2])`
    #[test]
    fn class_weights_are_scikit_learns() {
        assert_eq!(class_weights(&[0, 0, 0, 0, 1, 1, 2, 2], 3), [8.0 / 12.0, 8.0 / 6.0, 8.0 / 6.0]);
        assert_eq!(class_weights(&[0, 1, 0, 1], 2), [1.0, 1.0]);
        assert_eq!(class_weights(&[0, 2, 2, 2], 3), [2.0, 0.0, 4.0 / 6.0]);
    }
}
