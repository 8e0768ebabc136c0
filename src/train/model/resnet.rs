//! ResNet-18: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.1 and table 1; the
//! stem for small images (3x3, no pooling) is that of section 4.2.

use super::ModelConfig;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// Images with a side below this get the small stem.
const SMALL: usize = 96;

/// A residual network of basic blocks.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: Conv2d,
    stem_norm: BatchNorm,
    stem_pool: Option<MaxPool2d>,
    blocks: Vec<BasicBlock>,
    pool: AdaptiveAvgPool2d,
    linear: Linear,
}

/// Two 3x3 convolutions and a shortcut.
#[derive(Module, Debug)]
pub struct BasicBlock {
    first: Conv2d,
    first_norm: BatchNorm,
    second: Conv2d,
    second_norm: BatchNorm,
    shortcut: Option<Conv2d>,
    shortcut_norm: Option<BatchNorm>,
}

fn conv(channels: [usize; 2], kernel: [usize; 2], stride: [usize; 2], padding: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new(channels, kernel)
        .with_stride(stride)
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_bias(false)
        .init(device)
}

impl BasicBlock {
    fn new(input: usize, output: usize, stride: usize, device: &Device) -> Self {
        let strides = [stride, stride];
        let changes = stride != 1 || input != output;
        Self {
            first: conv([input, output], [3, 3], strides, 1, device),
            first_norm: BatchNormConfig::new(output).init(device),
            second: conv([output, output], [3, 3], [1, 1], 1, device),
            second_norm: BatchNormConfig::new(output).init(device),
            shortcut: changes.then(|| conv([input, output], [1, 1], strides, 0, device)),
            shortcut_norm: changes.then(|| BatchNormConfig::new(output).init(device)),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let x = relu(self.first_norm.forward(self.first.forward(input.clone())));
        let x = self.second_norm.forward(self.second.forward(x));
        let shortcut = match (&self.shortcut, &self.shortcut_norm) {
            (Some(conv), Some(norm)) => norm.forward(conv.forward(input)),
            _ => input,
        };
        relu(x + shortcut)
    }
}

impl ResNet {
    /// ResNet-18: two blocks in each of four stages of 64, 128, 256 and 512 channels.
    pub(super) fn new_18(config: &ModelConfig, device: &Device) -> Self {
        let channels = [config.channels, 64];
        let small = config.size.iter().any(|&side| side < SMALL);
        // A stem over whole blocks has shrunk the image already: no pooling behind it.
        let (stem, pooled) = match config.patch {
            Some(patch) => (conv(channels, patch, patch, 0, device), false),
            None if small => (conv(channels, [3, 3], [1, 1], 1, device), false),
            None => (conv(channels, [7, 7], [2, 2], 3, device), true),
        };
        let mut blocks = Vec::new();
        let mut input = 64;
        for (stage, output) in [64, 128, 256, 512].into_iter().enumerate() {
            for block in 0..2 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                blocks.push(BasicBlock::new(input, output, stride, device));
                input = output;
            }
        }
        let stem_pool = pooled.then(|| {
            MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1)).init()
        });
        Self {
            stem,
            stem_norm: BatchNormConfig::new(64).init(device),
            stem_pool,
            blocks,
            pool: AdaptiveAvgPool2dConfig::new([1, 1]).init(),
            linear: LinearConfig::new(512, config.classes).init(device),
        }
    }

    /// Images (N, C, H, W) to logits (N, classes).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = relu(self.stem_norm.forward(self.stem.forward(images)));
        if let Some(pool) = &self.stem_pool {
            x = pool.forward(x);
        }
        for block in &self.blocks {
            x = block.forward(x);
        }
        self.linear.forward(self.pool.forward(x).flatten(1, 3))
    }
}

#[cfg(test)]
mod tests {
    use crate::train::model::{ModelConfig, ModelKind};
    use burn::module::Module;
    use burn::tensor::Device;

    #[test]
    fn resnet18_has_the_published_parameters() {
        let mut config =
            ModelConfig { kind: ModelKind::ResNet18, channels: 3, size: [224, 224], classes: 1000, patch: None };
        // torchvision's resnet18: 11,689,512; burn counts the running means and variances too: 2 x 4,800.
        let running = 2 * 4800;
        assert_eq!(config.init(1, &Device::flex()).num_params() - running, 11_689_512);
        // Without its 7x7 stem and the 1000 classes, the rest is the same.
        (config.patch, config.classes) = (Some([4, 4]), 2);
        let stem = 64 * 3 * (7 * 7 - 4 * 4);
        let head = 998 * 513;
        assert_eq!(config.init(1, &Device::flex()).num_params() - running, 11_689_512 - stem - head);
    }
}
