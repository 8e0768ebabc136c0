//! Adaptation networks. They are put in front of any network and learn to undo a block-wise scheme, so that the network
//! behind them sees a map of the full size of the image.
//!
//! LE-AdaptNet has one sub-network for all blocks: the first layers of the network in Tanaka, "Learnable image
//! encryption", ICCE-TW 2018. ELE-AdaptNet has a sub-network for each block, a learnable pseudo-permutation of the
//! blocks, and two penalties on the loss: Madono, Tanaka, Onishi, Ogawa, "Block-wise Scrambled Image Recognition Using
//! Adaptation Network", AAAI workshop on artificial intelligence of things 2020, equations 5, 7 and 8. Its published
//! code divides the weights of every sub-network by their largest singular value. This is left out here, because the
//! batch norm that follows removes any factor.

use super::ModelConfig;
use super::convolution::Convolve;
use super::layers::Norm;
use crate::unknown::unknown;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::activation::{leaky_relu, relu};
use burn::tensor::{DType, Device, Tensor};
use imgveil::internal::scheme::Block;
use serde::{Deserialize, Serialize};

/// The channels of the first layers of LE-AdaptNet.
pub(super) const LE_WIDTH: usize = 48;
/// The output channels of LE-AdaptNet.
pub(super) const LE_CHANNELS: usize = 32;
/// The output channels of ELE-AdaptNet.
pub(super) const ELE_CHANNELS: usize = 16;
/// The slope of the leaky ReLU in ELE-AdaptNet.
const ELE_SLOPE: f64 = 0.2;
/// The number of channels in the penalty on the smoothness, as in the published code.
const SMOOTH_CHANNELS: usize = 3;
/// The weight of the penalty on the pseudo-permutation.
const PERMUTATION_WEIGHT: f64 = 1e-3;
/// The weight of the penalty on the smoothness.
const SMOOTHNESS_WEIGHT: f64 = 0.1;

/// The kind of an adaptation network.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::VariantNames,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_adaptation)]
#[non_exhaustive]
pub enum AdaptationKind {
    /// LE-AdaptNet: one sub-network for all blocks. For schemes with one key for all blocks.
    Le,
    /// ELE-AdaptNet: a sub-network for each block and a pseudo-permutation of the blocks. For schemes with a key for
    /// every block and block scrambling. Its weights grow with the image: 16 B^2 weights for every sample, where B is
    /// the side of a block, and one weight for every pair of blocks.
    Ele,
}

impl AdaptationKind {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The number of output channels.
    pub fn channels(self) -> usize {
        match self {
            Self::Le => LE_CHANNELS,
            Self::Ele => ELE_CHANNELS,
        }
    }
}

fn no_adaptation(text: &str) -> String {
    unknown::<AdaptationKind>(text, "adaptation network")
}

/// The kind and the block of an adaptation network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdaptationConfig {
    /// The kind.
    pub kind: AdaptationKind,
    /// Rows and columns of a block.
    pub block: [usize; 2],
}

impl AdaptationConfig {
    /// An adaptation network for images under a scheme with `block`. If the scheme has no block, or a block of one
    /// pixel, it takes blocks of 4x4 as in the papers.
    pub fn new(kind: AdaptationKind, block: Option<Block>) -> Self {
        let block = block.filter(|block| block.height > 1 || block.width > 1).unwrap_or(Block::square(4));
        Self { kind, block: [block.height as usize, block.width as usize] }
    }

    /// Whether the blocks tile images of `size` (rows, columns).
    pub fn tiles(self, size: [usize; 2]) -> bool {
        size.iter().zip(self.block).all(|(side, block)| block > 0 && side % block == 0)
    }
}

/// An adaptation network of either kind.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // one of them lives at a time
#[non_exhaustive]
pub enum Adaptation {
    /// LE-AdaptNet.
    Le(LeAdaptNet),
    /// ELE-AdaptNet.
    Ele(EleAdaptNet),
}

impl Adaptation {
    pub(super) fn new(adaptation: AdaptationConfig, config: &ModelConfig, device: &Device) -> Self {
        match adaptation.kind {
            AdaptationKind::Le => Self::Le(LeAdaptNet::new(config.channels, adaptation.block, device)),
            AdaptationKind::Ele => Self::Ele(EleAdaptNet::new(config.channels, config.size, adaptation.block, device)),
        }
    }

    /// Computes maps (N, [`AdaptationKind::channels`], H, W) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Le(network) => network.forward(images),
            Self::Ele(network) => network.forward(images),
        }
    }

    /// The penalty on the loss of images with these `maps`: the weighted penalties of ELE-AdaptNet.
    pub fn penalty(&self, maps: Tensor<4>) -> Option<Tensor<1>> {
        match self {
            Self::Le(_) => None,
            // The penalties are computed in 32 bits, as sums over all elements leave the range of 16 bits.
            Self::Ele(network) => Some(
                permutation_penalty(network.permutation.val().cast(DType::F32)) * PERMUTATION_WEIGHT
                    + smoothness_penalty(maps.cast(DType::F32)) * SMOOTHNESS_WEIGHT,
            ),
        }
    }
}

/// LE-AdaptNet: batch norm, a convolution over whole blocks, ReLU; batch norm, 1x1 convolution, ReLU; batch norm, 1x1
/// convolution; pixel shuffle.
#[derive(Module, Debug)]
pub struct LeAdaptNet {
    first_norm: BatchNorm,
    first: Conv2d,
    second_norm: BatchNorm,
    second: Conv2d,
    third_norm: BatchNorm,
    third: Conv2d,
    block: [usize; 2],
}

impl LeAdaptNet {
    fn new(channels: usize, block: [usize; 2], device: &Device) -> Self {
        let norm = |channels| BatchNormConfig::new(channels).init(device);
        let pointwise = |output| Conv2dConfig::new([LE_WIDTH, output], [1, 1]).init(device);
        Self {
            first_norm: norm(channels),
            first: Conv2dConfig::new([channels, LE_WIDTH], block).with_stride(block).init(device),
            second_norm: norm(LE_WIDTH),
            second: pointwise(LE_WIDTH),
            third_norm: norm(LE_WIDTH),
            third: pointwise(LE_CHANNELS * block[0] * block[1]),
            block,
        }
    }

    /// Computes maps (N, 32, H, W) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let x = relu(self.first.convolved(self.first_norm.normed(images)));
        let x = relu(self.second.convolved(self.second_norm.normed(x)));
        pixel_shuffle(self.third.convolved(self.third_norm.normed(x)), self.block)
    }
}

/// ELE-AdaptNet: a linear layer, batch norm and leaky ReLU for each block; the product of the blocks with a learnable
/// matrix; pixel shuffle.
#[derive(Module, Debug)]
pub struct EleAdaptNet {
    /// (block, sample of the block, feature)
    weight: Param<Tensor<3>>,
    /// The batch norm over (block, feature). Each block has statistics of its own.
    norm: BatchNorm,
    /// The pseudo-permutation: (block of the image, block of the map).
    permutation: Param<Tensor<2>>,
    block: [usize; 2],
    grid: [usize; 2],
}

impl EleAdaptNet {
    fn new(channels: usize, size: [usize; 2], block: [usize; 2], device: &Device) -> Self {
        let pixels = block[0] * block[1];
        let grid = [size[0] / block[0], size[1] / block[1]];
        let (blocks, width) = (grid[0] * grid[1], ELE_CHANNELS * pixels);
        Self {
            weight: Param::from_tensor(Tensor::zeros([blocks, channels * pixels, width], device)),
            norm: BatchNormConfig::new(blocks * width).init(device),
            permutation: Param::from_tensor(Tensor::zeros([blocks, blocks], device)),
            block,
            grid,
        }
    }

    /// Computes maps (N, 16, H, W) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let (batch, [rows, columns]) = (images.dims()[0], self.grid);
        let stacked = block_features(images, self.weight.val(), &self.norm, (self.grid, self.block), ELE_SLOPE);
        let features_each = stacked.dims()[1];
        let placed = stacked.matmul(self.permutation.val().unsqueeze());
        pixel_shuffle(placed.reshape([batch, features_each, rows, columns]), self.block)
    }
}

/// A linear layer, batch norm and leaky ReLU for each block: images (N, C, H, W) to (N, feature, block). The grid has
/// rows and columns of blocks. The weight is (block, sample of the block, feature), and the batch norm is over (block,
/// feature), so that each block has statistics of its own.
pub(crate) fn block_features(
    images: Tensor<4>,
    weight: Tensor<3>,
    norm: &BatchNorm,
    ([rows, columns], [height, width]): ([usize; 2], [usize; 2]),
    slope: f64,
) -> Tensor<3> {
    let [batch, channels, ..] = images.dims();
    let blocks = images.reshape([batch, channels, rows, height, columns, width]).permute([2, 4, 0, 1, 3, 5]).reshape([
        rows * columns,
        batch,
        channels * height * width,
    ]);
    let features = blocks.matmul(weight);
    let [count, _, each] = features.dims();
    let features: Tensor<2> = features.swap_dims(0, 1).reshape([batch, count * each]);
    leaky_relu(norm.normed(features), slope).reshape([batch, count, each]).swap_dims(1, 2)
}

/// Rearranges maps (N, C H W, rows, columns) to maps (N, C, rows H, columns W): Shi et al., CVPR 2016, section 3.2.
/// Blocks need not be squares.
pub(crate) fn pixel_shuffle(maps: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, channels, rows, columns] = maps.dims();
    let channels = channels / (height * width);
    maps.reshape([batch, channels, height, width, rows, columns]).permute([0, 1, 4, 2, 5, 3]).reshape([
        batch,
        channels,
        rows * height,
        columns * width,
    ])
}

/// Equation 7: the sum of the magnitudes minus the root of the sum of squares, added over all rows and columns and
/// divided by the number of elements. It is zero if every row and every column has at most one element that is not
/// zero.
fn permutation_penalty(matrix: Tensor<2>) -> Tensor<1> {
    let [rows, columns] = matrix.dims();
    // The root has no gradient at zero.
    let root = |sum: Tensor<2>| sum.clamp_min(1e-12).sqrt().sum();
    let (magnitudes, squares) = (matrix.clone().abs().sum() * 2.0, matrix.powi_scalar(2));
    (magnitudes - root(squares.clone().sum_dim(0)) - root(squares.sum_dim(1))) / (rows * columns) as f64
}

/// Equation 8 as in the published code: the squared differences to the pixels below and to the right in the first three
/// channels, divided by (H - 1) W C and by the number of images.
fn smoothness_penalty(maps: Tensor<4>) -> Tensor<1> {
    let [batch, channels, height, width] = maps.dims();
    let maps = maps.narrow(1, 0, SMOOTH_CHANNELS.min(channels));
    let part = |y: usize, x: usize| maps.clone().narrow(2, y, height - 1).narrow(3, x, width - 1);
    let squared = |other: Tensor<4>| (part(0, 0) - other).powi_scalar(2).sum();
    let elements = (height - 1) * width * channels * batch;
    (squared(part(1, 0)) + squared(part(0, 1))) / elements as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    fn ramp(shape: [usize; 4]) -> Tensor<4> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|i| (i as f32 * 0.37).sin()).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::flex())
    }

    #[test]
    fn pixel_shuffle_gives_every_block_its_own_pixels() {
        let (block, [rows, columns]) = ([2, 3], [3, 2]);
        let maps = ramp([2, 4 * 6, rows, columns]);
        let (from, to) = (values(maps.clone()), values(pixel_shuffle(maps, block)));
        for (index, &value) in to.iter().enumerate() {
            let (x, y) = (index % 6, index / 6 % 6);
            let (channel, image) = (index / 36 % 4, index / 144);
            let feature = channel * 6 + y % 2 * 3 + x % 3;
            assert_eq!(value, from[((image * 24 + feature) * rows + y / 2) * columns + x / 3]);
        }
    }

    /// With a permutation matrix, the blocks of the map are the outputs of the sub-networks in another order.
    #[test]
    fn the_matrix_can_represent_a_permutation() {
        let device = Device::flex();
        let (block, size, blocks) = ([2, 2], [4, 6], 6);
        let network = |order: [usize; 6]| {
            let mut network = EleAdaptNet::new(2, size, block, &device);
            let weight = ramp([1, blocks, 8, 64]).squeeze_dim(0);
            network.weight = Param::from_tensor(weight);
            let mut matrix = vec![0f32; 36];
            order.iter().enumerate().for_each(|(to, &from)| matrix[from * 6 + to] = 1.0);
            network.permutation = Param::from_tensor(Tensor::from_data(TensorData::new(matrix, [6, 6]), &device));
            network
        };
        let (identity, order) = ([0, 1, 2, 3, 4, 5], [3, 0, 5, 1, 4, 2]);
        let images = ramp([2, 2, 4, 6]);
        let plain = network(identity).forward(images.clone());
        assert_eq!(plain.dims(), [2, 16, 4, 6]);
        let moved = values(network(order).forward(images));
        let plain = values(plain);
        for (index, &value) in moved.iter().enumerate() {
            let (x, y, rest) = (index % 6, index / 6 % 4, index / 24);
            let from = order[y / 2 * 3 + x / 2];
            let (from_y, from_x) = (from / 3 * 2 + y % 2, from % 3 * 2 + x % 2);
            let expected = plain[rest * 24 + from_y * 6 + from_x];
            // Sums of a few products, with the rounding of 32 bits.
            assert!((value - expected).abs() <= 1e-5 * (1.0 + expected.abs()));
        }
        // A permutation matrix has no penalty.
        let penalty = |matrix: Tensor<2>| values(permutation_penalty(matrix))[0];
        assert!(penalty(network(order).permutation.val()).abs() < 1e-6);
        // Every row and column of 1/6 each: 12 (1 - 1/sqrt(6)) / 36.
        let even = penalty(Tensor::full([6, 6], 1.0 / 6.0, &device));
        assert!((even - 12.0 * (1.0 - 1.0 / 6f32.sqrt()) / 36.0).abs() < 1e-5, "{even}");
    }

    #[test]
    fn smoothness_is_that_of_a_naive_sum() {
        let shape = [2, 5, 4, 3];
        let maps = ramp(shape);
        let all = values(maps.clone());
        let at = |n: usize, c: usize, y: usize, x: usize| f64::from(all[((n * 5 + c) * 4 + y) * 3 + x]);
        let mut sum = 0.0;
        for n in 0..2 {
            for c in 0..3 {
                for y in 0..3 {
                    for x in 0..2 {
                        let here = at(n, c, y, x);
                        sum += (here - at(n, c, y + 1, x)).powi(2) + (here - at(n, c, y, x + 1)).powi(2);
                    }
                }
            }
        }
        let expected = sum / (3.0 * 3.0 * 5.0) / 2.0;
        let penalty = f64::from(values(smoothness_penalty(maps))[0]);
        // A sum of 72 squares, with the rounding of 32 bits.
        assert!((penalty - expected).abs() < 1e-5, "{penalty} {expected}");
        assert_eq!(values(smoothness_penalty(Tensor::ones(shape, &Device::flex()))), [0.0]);
    }
}
