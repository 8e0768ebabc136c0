//! A bag of blocks: a network that sees neither the order of blocks nor how a block was turned, mirrored, negated or
//! shuffled, for schemes with a key per image. A perceptron that all blocks share takes features of a block, and the
//! logits come from the mean and the maximum over blocks (Zaheer et al., "Deep Sets", NeurIPS 2017, section 3.2).
//!
//! A block has two kinds of features. Means over the 16 ways to turn, mirror and negate it, of what a linear layer and
//! a ReLU make of it: they do not change under these ways, and see edges. And means over its samples, of what a linear
//! layer and a ReLU make of a sample's distance from mid-grey: they do not change under any shuffling and signs.

use super::ModelConfig;
use super::layers::Norm;
use super::patches;
use burn::module::{Module, Param};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// The features of each kind, and the width of the perceptrons.
const FEATURES: usize = 64;
const WIDTH: usize = 128;

/// A bag of blocks.
#[derive(Module, Debug)]
pub struct Bag {
    /// (row, column and channel of a block; feature)
    whole: Linear,
    /// A sample's distance from mid-grey to its features.
    sample: Linear,
    features_norm: BatchNorm,
    first: Linear,
    first_norm: BatchNorm,
    second: Linear,
    second_norm: BatchNorm,
    hidden: Linear,
    linear: Linear,
    /// Rows and columns of a block.
    #[module(skip)]
    block: [usize; 2],
}

impl Bag {
    pub(super) fn new(config: &ModelConfig, device: &Device) -> Self {
        let block = patches::patch(config);
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        let norm = |width| BatchNormConfig::new(width).init(device);
        Self {
            whole: linear(config.channels * block[0] * block[1], FEATURES),
            sample: linear(1, FEATURES),
            features_norm: norm(2 * FEATURES),
            first: linear(2 * FEATURES, WIDTH),
            first_norm: norm(WIDTH),
            second: linear(WIDTH, WIDTH),
            second_norm: norm(WIDTH),
            hidden: linear(2 * WIDTH, WIDTH),
            linear: linear(WIDTH, config.classes),
            block,
        }
    }

    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let blocks = self.blocks(images);
        let [batch, count, ..] = blocks.dims();
        let features = Tensor::cat(vec![self.seen_whole(blocks.clone()), self.seen_by_samples(blocks)], 1);
        let x = relu(self.first_norm.normed(self.first.forward(self.features_norm.normed(features))));
        let x = relu(self.second_norm.normed(self.second.forward(x)));
        let x: Tensor<3> = x.reshape([batch, count, WIDTH]);
        let mean: Tensor<2> = x.clone().mean_dim(1).squeeze_dim(1);
        let most: Tensor<2> = x.max_dim(1).squeeze_dim(1);
        self.linear.forward(relu(self.hidden.forward(Tensor::cat(vec![mean, most], 1))))
    }

    /// Images cut into blocks: (N, block, channel, row, column). What is left of a block at the edge is not seen.
    fn blocks(&self, images: Tensor<4>) -> Tensor<5> {
        let [batch, channels, height, width] = images.dims();
        let [rows, columns] = self.block;
        let [down, across] = [height / rows, width / columns];
        let whole = images.narrow(2, 0, down * rows).narrow(3, 0, across * columns);
        let cut: Tensor<6> = whole.reshape([batch, channels, down, rows, across, columns]);
        cut.permute([0, 2, 4, 1, 3, 5]).reshape([batch, down * across, channels, rows, columns])
    }

    /// (blocks of all images, feature): the mean over all turns, mirrors and signs. Blocks that are no squares are
    /// turned by halves only.
    fn seen_whole(&self, blocks: Tensor<5>) -> Tensor<2> {
        let [batch, count, channels, rows, columns] = blocks.dims();
        let mut ways = vec![blocks.clone(), blocks.clone().flip([3]), blocks.clone().flip([4]), blocks.flip([3, 4])];
        if rows == columns {
            let turned: Vec<Tensor<5>> = ways.iter().map(|way| way.clone().swap_dims(3, 4)).collect();
            ways.extend(turned);
        }
        let number = 2 * ways.len();
        let mut sum: Option<Tensor<2>> = None;
        for way in ways {
            let flat: Tensor<2> = way.reshape([batch * count, channels * rows * columns]);
            // The sign comes before the bias.
            for flat in [flat.clone(), flat.neg()] {
                let seen = relu(self.whole.forward(flat));
                sum = Some(match sum {
                    Some(sum) => sum + seen,
                    None => seen,
                });
            }
        }
        // There is always a way.
        sum.map_or_else(|| Tensor::zeros([batch * count, FEATURES], &self.device()), |sum| sum / number as f64)
    }

    /// (blocks of all images, feature): the mean over samples.
    fn seen_by_samples(&self, blocks: Tensor<5>) -> Tensor<2> {
        let [batch, count, channels, rows, columns] = blocks.dims();
        let samples = channels * rows * columns;
        let distances: Tensor<3> = blocks.abs().reshape([batch * count, samples, 1]);
        let seen: Tensor<3> = relu(self.sample.forward(distances));
        seen.mean_dim(1).squeeze_dim(1)
    }

    fn device(&self) -> Device {
        let weight: &Param<Tensor<2>> = &self.linear.weight;
        weight.val().device()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelKind;
    use burn::tensor::TensorData;
    use imgveil::internal::image::Geometry;

    /// Blocks that change places, are turned and are negated give the same logits; shuffled ones do not, but for the
    /// features of samples.
    #[test]
    fn the_order_of_blocks_turns_and_signs_are_not_seen() {
        let device = Device::flex();
        let geometry = Geometry::new(8, 8, 1).unwrap();
        let config = ModelConfig::new(ModelKind::Bag, None, geometry, 3, None);
        let network = config.init(5, &device);
        let values: Vec<f32> = (0..64).map(|i| (i as f32 * 0.7).sin()).collect();
        let logits = |values: &[f32]| -> Vec<f32> {
            let images = Tensor::<4>::from_data(TensorData::new(values.to_vec(), [1, 1, 8, 8]), &device);
            network.forward(images).into_data().try_to_vec().unwrap()
        };
        let expected = logits(&values);
        // Blocks of 4x4: each goes to the place behind it, turned by a quarter; the second is negated.
        let mut moved = vec![0.0; 64];
        for block in 0..4 {
            for (y, x) in (0..4).flat_map(|y| (0..4).map(move |x| (y, x))) {
                let value = values[(block / 2 * 4 + y) * 8 + block % 2 * 4 + x];
                let to = (block + 1) % 4;
                moved[(to / 2 * 4 + x) * 8 + to % 2 * 4 + 3 - y] = if block == 1 { -value } else { value };
            }
        }
        let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close(&logits(&moved), &expected));
        moved.swap(0, 1);
        assert!(!close(&logits(&moved), &expected));
    }
}
