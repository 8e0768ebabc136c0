//! Xception: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR 2017, figure 5. Details
//! that the figure leaves open (no activation between the two parts of a separable convolution, batch norm behind every
//! convolution) follow the author's Keras model and its port in timm.

use super::ModelConfig;
use super::convolution::Convolve;
use super::layers::{Norm, conv, global_average, halving, is_small, padding};
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::MaxPool2d;
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// The channels after the last convolution.
const FEATURES: usize = 2048;

/// Xception.
#[derive(Module, Debug)]
pub struct Xception {
    first: Conv2d,
    first_norm: BatchNorm,
    second: Conv2d,
    second_norm: BatchNorm,
    blocks: Vec<XceptionBlock>,
    third: SeparableConv,
    third_norm: BatchNorm,
    fourth: SeparableConv,
    fourth_norm: BatchNorm,
    linear: Linear,
}

/// A depthwise 3x3 convolution and a pointwise convolution.
#[derive(Module, Debug)]
pub struct SeparableConv {
    depthwise: Conv2d,
    pointwise: Conv2d,
}

/// Separable convolutions, each after a ReLU and followed by batch norm, with a shortcut and optional pooling.
#[derive(Module, Debug)]
pub struct XceptionBlock {
    convs: Vec<SeparableConv>,
    norms: Vec<BatchNorm>,
    pool: Option<MaxPool2d>,
    shortcut: Option<Conv2d>,
    shortcut_norm: Option<BatchNorm>,
    /// Whether the block begins with a ReLU. The input of the first block has passed one already.
    begins_with_relu: bool,
}

impl SeparableConv {
    fn new(input: usize, output: usize, device: &Device) -> Self {
        let depthwise = Conv2dConfig::new([input, input], [3, 3]).with_padding(padding(1));
        Self {
            depthwise: depthwise.with_groups(input).with_bias(false).init(device),
            pointwise: conv([input, output], [1, 1], [1, 1], 0, device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        self.pointwise.convolved(self.depthwise.convolved(input))
    }
}

impl XceptionBlock {
    /// A block of convolutions through `channels`. `halves` adds pooling and a shortcut with stride 2.
    fn new(channels: &[usize], halves: bool, begins_with_relu: bool, device: &Device) -> Self {
        let (input, output) = (channels[0], channels[channels.len() - 1]);
        let steps = || channels.iter().zip(&channels[1..]);
        Self {
            convs: steps().map(|(&from, &to)| SeparableConv::new(from, to, device)).collect(),
            norms: steps().map(|(_, &to)| BatchNormConfig::new(to).init(device)).collect(),
            pool: halves.then(halving),
            shortcut: halves.then(|| conv([input, output], [1, 1], [2, 2], 0, device)),
            shortcut_norm: halves.then(|| BatchNormConfig::new(output).init(device)),
            begins_with_relu,
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let mut x = input.clone();
        for (index, (conv, norm)) in self.convs.iter().zip(&self.norms).enumerate() {
            if index > 0 || self.begins_with_relu {
                x = relu(x);
            }
            x = norm.normed(conv.forward(x));
        }
        if let Some(pool) = &self.pool {
            x = pool.forward(x);
        }
        let shortcut = match (&self.shortcut, &self.shortcut_norm) {
            (Some(conv), Some(norm)) => norm.normed(conv.convolved(input)),
            _ => input,
        };
        x + shortcut
    }
}

impl Xception {
    /// With a patch, the first convolution takes whole blocks. Without one, it has stride 1 on small images. In both
    /// cases the second convolution is padded, so that small maps do not vanish. On larger images without a patch, both
    /// are as published.
    pub(super) fn new(config: &ModelConfig, device: &Device) -> Self {
        let channels = [config.channels, 32];
        let (first, padded) = match config.patch {
            Some(patch) => (conv(channels, patch, patch, 0, device), 1),
            None if is_small(config.size) => (conv(channels, [3, 3], [1, 1], 1, device), 1),
            None => (conv(channels, [3, 3], [2, 2], 0, device), 0),
        };
        let mut blocks = vec![
            XceptionBlock::new(&[64, 128, 128], true, false, device),
            XceptionBlock::new(&[128, 256, 256], true, true, device),
            XceptionBlock::new(&[256, 728, 728], true, true, device),
        ];
        blocks.extend((0..8).map(|_| XceptionBlock::new(&[728; 4], false, true, device)));
        blocks.push(XceptionBlock::new(&[728, 728, 1024], true, true, device));
        let norm = |channels| BatchNormConfig::new(channels).init(device);
        Self {
            first,
            first_norm: norm(32),
            second: conv([32, 64], [3, 3], [1, 1], padded, device),
            second_norm: norm(64),
            blocks,
            third: SeparableConv::new(1024, 1536, device),
            third_norm: norm(1536),
            fourth: SeparableConv::new(1536, FEATURES, device),
            fourth_norm: norm(FEATURES),
            linear: LinearConfig::new(FEATURES, config.classes).init(device),
        }
    }

    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.first_norm.normed(self.first.convolved(images)));
        let mut x = relu(self.second_norm.normed(self.second.convolved(x)));
        for block in &self.blocks {
            x = block.forward(x);
        }
        let x = relu(self.third_norm.normed(self.third.forward(x)));
        let x = relu(self.fourth_norm.normed(self.fourth.forward(x)));
        self.linear.forward(global_average(x))
    }
}
