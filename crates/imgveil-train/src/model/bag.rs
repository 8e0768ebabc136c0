//! A bag of blocks: a network that sees neither the order of blocks nor how a block was turned, mirrored, negated or
//! recoloured, for schemes with a key per image. A perceptron that all blocks share takes features of a block, and the
//! logits come from the mean and the maximum over blocks (Zaheer et al., "Deep Sets", NeurIPS 2017, section 3.2).
//!
//! A block has two kinds of features. The first come from the block brought into one canonical form of all those that
//! turns, mirrors, signs and orders of channels give it (Kaba et al., "Equivariance with Learned Canonicalization
//! Functions", ICML 2023, section 3; here by comparing sums of samples). The second come from a histogram of its
//! samples' distances from mid-grey, which no shuffling of samples and no sign of a sample changes.

use super::ModelConfig;
use super::layers::Norm;
use super::patches;
use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// The width of the perceptrons.
pub(super) const WIDTH: usize = 128;
/// The thresholds of the histogram: 0, 1/16 and so on. Means of what lies above each are as good as counts, and smooth.
const THRESHOLDS: usize = 16;
/// Half of what two sums of 8-bit samples differ by at least. Devices add in different orders, and their sums round
/// differently: equal sums are equal everywhere.
const ROUNDING: f64 = 1.0 / 255.0;

/// A bag of blocks.
#[derive(Module, Debug)]
pub struct Bag {
    /// Of the canonical form.
    whole: Perceptron,
    /// Of the histogram.
    samples: Perceptron,
    joined: Linear,
    norm: LayerNorm,
    hidden: Linear,
    linear: Linear,
    /// Rows and columns of a block.
    #[module(skip)]
    block: [usize; 2],
}

/// Two linear layers with a ReLU between them.
#[derive(Module, Debug)]
pub struct Perceptron {
    hidden: Linear,
    output: Linear,
}

impl Perceptron {
    fn new(inputs: usize, device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(inputs, WIDTH).init(device),
            output: LinearConfig::new(WIDTH, WIDTH).init(device),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.output.forward(relu(self.hidden.forward(x)))
    }
}

impl Bag {
    pub(super) fn new(config: &ModelConfig, device: &Device) -> Self {
        let block = patches::patch(config);
        let linear = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        Self {
            whole: Perceptron::new(config.channels * block[0] * block[1], device),
            samples: Perceptron::new(THRESHOLDS, device),
            joined: linear(2 * WIDTH, WIDTH),
            norm: LayerNormConfig::new(WIDTH).init(device),
            hidden: linear(2 * WIDTH, WIDTH),
            linear: linear(WIDTH, config.classes),
            block,
        }
    }

    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let blocks = self.blocks(images);
        let [batch, count, channels, rows, columns] = blocks.dims();
        let samples = channels * rows * columns;
        let distances = histogram(blocks.clone().abs().reshape([batch * count, samples]));
        let whole: Tensor<2> = canonical(blocks).reshape([batch * count, samples]);
        let features = Tensor::cat(vec![self.whole.forward(whole), self.samples.forward(distances)], 1);
        let x = self.norm.normed(self.joined.forward(relu(features)));
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
}

/// The mean over samples of how far each lies above each threshold: (block, threshold) from (block, sample).
fn histogram(distances: Tensor<2>) -> Tensor<2> {
    let above = |k: usize| relu(distances.clone() - k as f64 / THRESHOLDS as f64).mean_dim(1);
    Tensor::cat((0..THRESHOLDS).map(above).collect(), 1)
}

/// Blocks in the form in which no sum is smaller than what it is compared with: that of all samples with zero, those of
/// channels with those of the channels behind them, that of the upper half with that of the lower, that of the left
/// half with that of the right, and that of the corner at the upper right with that at the lower left. Blocks that are
/// no squares are not transposed: turned by quarters they have another shape.
fn canonical(blocks: Tensor<5>) -> Tensor<5> {
    let sums = |part: Tensor<5>| part.sum_dims(&[2, 3, 4]);
    let negative = blocks.clone().neg();
    let (all, opposite) = (sums(blocks.clone()), sums(negative.clone()));
    let mut blocks = exchanged(blocks, negative, all, opposite);
    let [.., channels, rows, columns] = blocks.dims();
    // A bubble sort: channels are few.
    for end in (1..channels).rev() {
        for at in 0..end {
            let (first, second) = (blocks.clone().narrow(2, at, 1), blocks.clone().narrow(2, at + 1, 1));
            // A tensor cannot be narrowed to nothing.
            let mut parts = Vec::new();
            if at > 0 {
                parts.push(blocks.clone().narrow(2, 0, at));
            }
            parts.extend([second.clone(), first.clone()]);
            if at + 2 < channels {
                parts.push(blocks.clone().narrow(2, at + 2, channels - at - 2));
            }
            blocks = exchanged(blocks, Tensor::cat(parts, 2), sums(first), sums(second));
        }
    }
    let (upper, left) = (rows / 2, columns / 2);
    if upper > 0 {
        let (top, bottom) = (blocks.clone().narrow(3, 0, upper), blocks.clone().narrow(3, rows - upper, upper));
        blocks = exchanged(blocks.clone(), blocks.flip([3]), sums(top), sums(bottom));
    }
    if left > 0 {
        let (one, other) = (blocks.clone().narrow(4, 0, left), blocks.clone().narrow(4, columns - left, left));
        blocks = exchanged(blocks.clone(), blocks.flip([4]), sums(one), sums(other));
    }
    if rows == columns && upper > 0 {
        let corner = |row, column| sums(blocks.clone().narrow(3, row, upper).narrow(4, column, left));
        let (right, lower) = (corner(0, columns - left), corner(rows - upper, 0));
        blocks = exchanged(blocks.clone(), blocks.clone().swap_dims(3, 4), right, lower);
    }
    blocks
}

/// `others` where `first` is smaller than `second` by more than rounding, and `blocks` elsewhere.
fn exchanged(blocks: Tensor<5>, others: Tensor<5>, first: Tensor<5>, second: Tensor<5>) -> Tensor<5> {
    let smaller = (second - first).greater_elem(ROUNDING).expand(blocks.dims());
    blocks.mask_where(smaller, others)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelKind;
    use burn::tensor::TensorData;
    use imgveil::internal::image::Geometry;

    /// Samples without ties: hashes.
    fn samples(count: u32) -> Vec<f32> {
        (0..count).map(|i| ((i + 1).wrapping_mul(2_654_435_761) >> 8) as f32 / 8_388_608.0 - 1.0).collect()
    }

    /// Blocks that change places, are turned, mirrored, negated and recoloured give the same logits; others do not.
    #[test]
    fn what_keys_per_image_do_to_blocks_is_not_seen() {
        let device = Device::flex();
        // (channels, rows and columns of a block); images are four blocks of the size.
        for (channels, block) in [(1, [4, 4]), (3, [4, 4]), (3, [5, 5]), (1, [2, 4]), (3, [1, 1]), (2, [3, 3])] {
            let [rows, columns] = block;
            let (height, width) = (2 * rows, 2 * columns);
            let geometry = Geometry::new(height as u32, width as u32, 3).unwrap();
            let mut config = ModelConfig::new(ModelKind::Bag, None, geometry, 3, None);
            (config.channels, config.patch) = (channels, Some(block));
            let network = config.init(5, &device);
            let values = samples((channels * height * width) as u32);
            let logits = |values: &[f32]| -> Vec<f32> {
                let data = TensorData::new(values.to_vec(), [1, channels, height, width]);
                network.forward(Tensor::<4>::from_data(data, &device)).into_data().try_to_vec().unwrap()
            };
            let expected = logits(&values);
            let at = |c: usize, y: usize, x: usize| (c * height + y) * width + x;
            // Each block goes to the place behind it; block 0 is transposed where it is a square, block 1 is negated,
            // block 2 is mirrored and its channels go round, block 3 is turned by a half.
            let mut moved = vec![0.0; values.len()];
            for from in 0..4 {
                let to = (from + 1) % 4;
                for (c, (y, x)) in
                    (0..channels).flat_map(|c| (0..rows).flat_map(move |y| (0..columns).map(move |x| (c, (y, x)))))
                {
                    let value = values[at(c, from / 2 * rows + y, from % 2 * columns + x)];
                    let (sign, c, y, x) = match from {
                        0 if rows == columns => (1.0, c, x, y),
                        1 => (-1.0, c, y, x),
                        2 => (1.0, (c + 1) % channels, y, columns - 1 - x),
                        3 => (1.0, c, rows - 1 - y, columns - 1 - x),
                        _ => (1.0, c, y, x),
                    };
                    moved[at(c, to / 2 * rows + y, to % 2 * columns + x)] = sign * value;
                }
            }
            let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
            assert!(close(&logits(&moved), &expected), "{channels} {block:?}");
            moved[0] += 0.5;
            assert!(!close(&logits(&moved), &expected), "{channels} {block:?}");
        }
    }

    /// A histogram of distances tells how samples are spread, and nothing of their order and signs.
    #[test]
    fn histograms_do_not_depend_on_order_and_signs() {
        let device = Device::flex();
        let of = |values: [f32; 4]| -> Vec<f32> {
            let data = TensorData::new(values.to_vec(), [1, 4]);
            histogram(Tensor::<2>::from_data(data, &device).abs()).into_data().try_to_vec().unwrap()
        };
        let found = of([0.5, -1.0, 0.25, 0.0]);
        assert_eq!(found, of([0.0, -0.25, 1.0, -0.5]));
        let expected = |k: usize| [0.5f32, 1.0, 0.25, 0.0].map(|d| (d - k as f32 / 16.0).max(0.0)).iter().sum::<f32>();
        assert!((0..THRESHOLDS).all(|k| (found[k] - expected(k) / 4.0).abs() < 1e-6));
    }
}
