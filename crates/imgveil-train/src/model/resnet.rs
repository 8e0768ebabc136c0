//! ResNet-18 and ResNet-50: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.1
//! and table 1; the stem for small images (3x3, no pooling) is taken from section 4.2. A bottleneck halves the map in
//! its 3x3 convolution, as in torchvision, so that torchvision's weights fit. The paper halves it in the 1x1
//! convolution before.

use super::ModelConfig;
use super::convolution::Convolve;
use super::layers::{Norm, Stem, conv};
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// A residual network.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: Conv2d,
    stem_norm: BatchNorm,
    stem_pool: Option<MaxPool2d>,
    blocks: Vec<ResidualBlock>,
    pool: AdaptiveAvgPool2d,
    linear: Linear,
}

/// Two 3x3 convolutions (basic), or 1x1, 3x3 and 1x1 (bottleneck), and a shortcut.
#[derive(Module, Debug)]
pub struct ResidualBlock {
    first: Conv2d,
    first_norm: BatchNorm,
    second: Conv2d,
    second_norm: BatchNorm,
    third: Option<Conv2d>,
    third_norm: Option<BatchNorm>,
    shortcut: Option<Conv2d>,
    shortcut_norm: Option<BatchNorm>,
}

/// The output channels of a bottleneck, per channel of its 3x3 convolution.
const EXPANSION: usize = 4;

impl ResidualBlock {
    fn new(input: usize, width: usize, stride: usize, bottleneck: bool, device: &Device) -> Self {
        let (strides, one) = ([stride, stride], [1, 1]);
        let output = if bottleneck { EXPANSION * width } else { width };
        let changes = stride != 1 || input != output;
        let norm = |channels| BatchNormConfig::new(channels).init(device);
        let (first, second) = if bottleneck {
            (conv([input, width], one, one, 0, device), conv([width, width], [3, 3], strides, 1, device))
        } else {
            (conv([input, width], [3, 3], strides, 1, device), conv([width, width], [3, 3], one, 1, device))
        };
        Self {
            first,
            first_norm: norm(width),
            second,
            second_norm: norm(width),
            third: bottleneck.then(|| conv([width, output], one, one, 0, device)),
            third_norm: bottleneck.then(|| norm(output)),
            shortcut: changes.then(|| conv([input, output], one, strides, 0, device)),
            shortcut_norm: changes.then(|| norm(output)),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let x = relu(self.first_norm.normed(self.first.convolved(input.clone())));
        let mut x = self.second_norm.normed(self.second.convolved(x));
        if let (Some(conv), Some(norm)) = (&self.third, &self.third_norm) {
            x = norm.normed(conv.convolved(relu(x)));
        }
        let shortcut = match (&self.shortcut, &self.shortcut_norm) {
            (Some(conv), Some(norm)) => norm.normed(conv.convolved(input)),
            _ => input,
        };
        relu(x + shortcut)
    }
}

impl ResNet {
    /// ResNet-18: two basic blocks in each of four stages.
    pub(super) fn new_18(config: &ModelConfig, device: &Device) -> Self {
        Self::new(config, [2, 2, 2, 2], false, device)
    }

    /// ResNet-50: 3, 4, 6 and 3 bottlenecks.
    pub(super) fn new_50(config: &ModelConfig, device: &Device) -> Self {
        Self::new(config, [3, 4, 6, 3], true, device)
    }

    /// A network with `stages` blocks in the stages of 64, 128, 256 and 512 channels.
    fn new(config: &ModelConfig, stages: [usize; 4], bottleneck: bool, device: &Device) -> Self {
        let stem = Stem::new(config, device);
        let mut blocks = Vec::new();
        let mut input = 64;
        for (stage, (count, width)) in stages.into_iter().zip([64, 128, 256, 512]).enumerate() {
            for block in 0..count {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                blocks.push(ResidualBlock::new(input, width, stride, bottleneck, device));
                input = if bottleneck { EXPANSION * width } else { width };
            }
        }
        Self {
            stem: stem.conv,
            stem_norm: BatchNormConfig::new(64).init(device),
            stem_pool: stem.pool,
            blocks,
            pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            linear: LinearConfig::new(input, config.classes).init(device),
        }
    }

    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = relu(self.stem_norm.normed(self.stem.convolved(images)));
        if let Some(pool) = &self.stem_pool {
            x = pool.forward(x);
        }
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.linear.forward(self.pool.forward(x).flatten(1, 3))
    }
}
