//! The scaling of a network's input.

use crate::unknown::unknown;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// What a network does with its input first. Images enter as `x = (2p - max) / max`, from -1 to 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::EnumString, strum::VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_normalisation)]
#[non_exhaustive]
pub enum Normalise {
    /// Nothing.
    #[default]
    None,
    /// `(p / max - mean) / deviation` with the means and deviations of ImageNet's channels, which published weights
    /// expect: 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225 (torchvision). Grey images have the averages of both.
    ImageNet,
}

fn no_normalisation(text: &str) -> String {
    unknown::<Normalise>(text, "normalisation")
}

/// Means and deviations of ImageNet's channels, red, green and blue, of values from 0 to 1.
const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

impl Normalise {
    /// Whether the input stays as it is.
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// The factor and the summand of each of `channels` channels: the network sees `x * factor + summand`.
    pub fn scale(self, channels: usize) -> (Vec<f32>, Vec<f32>) {
        let [means, deviations] = match self {
            Self::None => return (vec![1.0; channels], vec![0.0; channels]),
            Self::ImageNet => IMAGENET,
        };
        let of = |values: [f32; 3]| match channels {
            3 => values.to_vec(),
            _ => vec![values.iter().sum::<f32>() / 3.0; channels],
        };
        let (means, deviations) = (of(means), of(deviations));
        // p / max is (x + 1) / 2.
        let factors = deviations.iter().map(|deviation| 0.5 / deviation).collect();
        let summands = means.iter().zip(&deviations).map(|(mean, deviation)| (0.5 - mean) / deviation).collect();
        (factors, summands)
    }

    /// Normalises images (N, C, H, W).
    pub(crate) fn apply(self, images: Tensor<4>) -> Tensor<4> {
        if self.is_none() {
            return images;
        }
        let [_, channels, ..] = images.dims();
        let (factors, summands) = self.scale(channels);
        let of_channels = |values: Vec<f32>| {
            let values = Tensor::<1>::from_floats(&values[..], &images.device()).cast(images.dtype());
            values.reshape([1, channels, 1, 1])
        };
        images.clone() * of_channels(factors) + of_channels(summands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn imagenet_gives_what_torchvision_gives() {
        let device = Device::flex();
        for (channels, means, deviations) in
            [(3, vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]), (1, vec![0.449], vec![0.226])]
        {
            for p in [0u8, 1, 127, 128, 255] {
                let x = (2.0 * f32::from(p) - 255.0) / 255.0;
                let images = Tensor::<4>::full([2, channels, 1, 2], x, &device);
                let found = Normalise::ImageNet.apply(images.clone()).into_data().try_to_vec::<f32>().unwrap();
                for (i, found) in found.into_iter().enumerate() {
                    let channel = i / 2 % channels;
                    let expected = (f32::from(p) / 255.0 - means[channel]) / deviations[channel];
                    assert!((found - expected).abs() < 1e-5, "{channels} {p} {found} {expected}");
                }
                let kept = Normalise::None.apply(images).into_data().try_to_vec::<f32>().unwrap();
                assert!(kept.into_iter().all(|kept| kept == x));
            }
        }
    }
}
