//! ConvMixer-768/32: Trockman & Kolter, "Patches Are All You Need?", TMLR 2023, section 2, with the kernel of 7, the
//! patch of 7 and the ReLU of its ImageNet model of that size (as in timm). All layers have the same shape, so that a
//! patch can be the block of a scheme.

use super::ModelConfig;
use super::convolution::Convolve;
use super::layers::{Norm, global_average, padding};
use super::patches;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

const WIDTH: usize = 768;
const DEPTH: usize = 32;
const KERNEL: usize = 7;

/// A ConvMixer.
#[derive(Module, Debug)]
pub struct ConvMixer {
    stem: Conv2d,
    stem_norm: BatchNorm,
    blocks: Vec<Mixer>,
    linear: Linear,
}

/// A depthwise convolution with a shortcut and a pointwise convolution, each followed by ReLU and batch norm.
#[derive(Module, Debug)]
pub struct Mixer {
    depthwise: Conv2d,
    depthwise_norm: BatchNorm,
    pointwise: Conv2d,
    pointwise_norm: BatchNorm,
}

impl Mixer {
    fn new(device: &Device) -> Self {
        let channels = [WIDTH, WIDTH];
        let depthwise = Conv2dConfig::new(channels, [KERNEL; 2]).with_padding(padding(KERNEL / 2));
        Self {
            depthwise: depthwise.with_groups(WIDTH).init(device),
            depthwise_norm: BatchNormConfig::new(WIDTH).init(device),
            pointwise: Conv2dConfig::new(channels, [1, 1]).init(device),
            pointwise_norm: BatchNormConfig::new(WIDTH).init(device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let x = input.clone() + self.depthwise_norm.normed(relu(self.depthwise.convolved(input)));
        self.pointwise_norm.normed(relu(self.pointwise.convolved(x)))
    }
}

impl ConvMixer {
    pub(super) fn new(config: &ModelConfig, device: &Device) -> Self {
        Self {
            stem: patches::embedding(config, WIDTH, device),
            stem_norm: BatchNormConfig::new(WIDTH).init(device),
            blocks: (0..DEPTH).map(|_| Mixer::new(device)).collect(),
            linear: LinearConfig::new(WIDTH, config.classes).init(device),
        }
    }

    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.stem_norm.normed(relu(self.stem.convolved(images)));
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.linear.forward(global_average(x))
    }
}
