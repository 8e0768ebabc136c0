//! The generator of SIA-GAN (section IV-B, tables 4 and 5): a sub-network for every block, and a decoder that turns its
//! map into an image.
//!
//! The paper divides all weights by their largest singular value. In front of a batch norm this changes nothing, so
//! that it is done in the last layer only.

use super::spectral::SpectralConv;
use crate::model::{Convolve, Norm, block_features, conv, pixel_shuffle};
use burn::module::{Module, Param};
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, BatchNormConfig};
use burn::tensor::activation::{leaky_relu, tanh};
use burn::tensor::{Device, Tensor};

/// The slope of leaky ReLUs.
pub(super) const SLOPE: f64 = 0.1;
/// The channels of the map that the sub-networks give.
pub(super) const FEATURES: usize = 16;
/// The number of residual blocks.
pub(super) const RESIDUAL: usize = 3;

/// Encrypted images (N, C, H, W) to plain ones, both from -1 to 1.
#[derive(Module, Debug)]
pub(super) struct Generator {
    blocks: Option<Blocks>,
    first: Conv2d,
    first_norm: BatchNorm,
    residual: Vec<Residual>,
    middle: Conv2d,
    middle_norm: BatchNorm,
    last: SpectralConv,
}

impl Generator {
    pub fn new(channels: usize, size: [usize; 2], block: Option<[usize; 2]>, width: usize, device: &Device) -> Self {
        let same = |inputs, outputs| conv([inputs, outputs], [3, 3], [1, 1], 1, device);
        let norm = || BatchNormConfig::new(width).init(device);
        let residual = || Residual {
            first: same(width, width),
            first_norm: norm(),
            second: same(width, width),
            second_norm: norm(),
        };
        let inputs = if block.is_some() { FEATURES } else { channels };
        Self {
            blocks: block.map(|block| Blocks::new(channels, size, block, device)),
            first: same(inputs, width),
            first_norm: norm(),
            residual: (0..RESIDUAL).map(|_| residual()).collect(),
            middle: same(width, width),
            middle_norm: norm(),
            last: SpectralConv::new([width, channels], [3, 3], 1, 1, device).without_bias(),
        }
    }

    pub fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let maps = match &self.blocks {
            Some(blocks) => blocks.forward(images),
            None => images,
        };
        let active = |maps| leaky_relu(maps, SLOPE);
        let mut x = active(self.first_norm.normed(self.first.convolved(maps)));
        for block in &self.residual {
            x = active(block.forward(x.clone()) + x);
        }
        tanh(self.last.forward(active(self.middle_norm.normed(self.middle.convolved(x)))))
    }
}

/// Two convolutions beside which the input is passed on.
#[derive(Module, Debug)]
struct Residual {
    first: Conv2d,
    first_norm: BatchNorm,
    second: Conv2d,
    second_norm: BatchNorm,
}

impl Residual {
    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let x = leaky_relu(self.first_norm.normed(self.first.convolved(maps)), SLOPE);
        self.second_norm.normed(self.second.convolved(x))
    }
}

/// A linear layer with batch norm and leaky ReLU for every block (table 4): maps (N, 16, H, W).
#[derive(Module, Debug)]
struct Blocks {
    /// (block, sample of the block, feature)
    weight: Param<Tensor<3>>,
    /// Over (block, feature): each block has statistics of its own.
    norm: BatchNorm,
    block: [usize; 2],
    grid: [usize; 2],
}

impl Blocks {
    fn new(channels: usize, size: [usize; 2], block: [usize; 2], device: &Device) -> Self {
        let pixels = block[0] * block[1];
        let grid = [size[0] / block[0], size[1] / block[1]];
        let (blocks, features) = (grid[0] * grid[1], FEATURES * pixels);
        Self {
            weight: Param::from_tensor(Tensor::zeros([blocks, channels * pixels, features], device)),
            norm: BatchNormConfig::new(blocks * features).init(device),
            block,
            grid,
        }
    }

    fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let (batch, [rows, columns]) = (images.dims()[0], self.grid);
        let features = block_features(images, self.weight.val(), &self.norm, (self.grid, self.block), SLOPE);
        let each = features.dims()[1];
        pixel_shuffle(features.reshape([batch, each, rows, columns]), self.block)
    }
}
