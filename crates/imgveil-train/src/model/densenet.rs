//! DenseNet-121: Huang, Liu, van der Maaten, Weinberger, "Densely Connected Convolutional Networks", CVPR 2017, section
//! 3 and table 1 (DenseNet-BC, growth rate 32, compression 0.5); the stem for small images (3x3, no pooling) is taken
//! from its CIFAR networks.

use super::ModelConfig;
use super::convolution::Convolve;
use super::layers::{Norm, Stem, average_of_pairs, conv, global_average};
use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{AvgPool2d, MaxPool2d};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// The channels that each layer adds.
const GROWTH: usize = 32;
/// The channels of the 1x1 convolution of a layer, per channel that the layer adds.
const BOTTLENECK: usize = 4;
/// The layers of the four blocks.
const LAYERS: [usize; 4] = [6, 12, 24, 16];

/// A densely connected network.
#[derive(Module, Debug)]
pub struct DenseNet {
    stem: Conv2d,
    stem_norm: BatchNorm,
    stem_pool: Option<MaxPool2d>,
    blocks: Vec<DenseBlock>,
    transitions: Vec<Transition>,
    norm: BatchNorm,
    linear: Linear,
}

/// Layers that each take the outputs of all layers before them.
#[derive(Module, Debug)]
pub struct DenseBlock {
    layers: Vec<DenseLayer>,
}

/// Batch norm, ReLU, 1x1 convolution; batch norm, ReLU, 3x3 convolution.
#[derive(Module, Debug)]
pub struct DenseLayer {
    first_norm: BatchNorm,
    first: Conv2d,
    second_norm: BatchNorm,
    second: Conv2d,
}

/// Batch norm, ReLU, 1x1 convolution to half the channels, average pooling.
#[derive(Module, Debug)]
pub struct Transition {
    norm: BatchNorm,
    conv: Conv2d,
    pool: Option<AvgPool2d>,
}

impl DenseLayer {
    fn new(input: usize, device: &Device) -> Self {
        let width = BOTTLENECK * GROWTH;
        Self {
            first_norm: BatchNormConfig::new(input).init(device),
            first: conv([input, width], [1, 1], [1, 1], 0, device),
            second_norm: BatchNormConfig::new(width).init(device),
            second: conv([width, GROWTH], [3, 3], [1, 1], 1, device),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let x = self.first.convolved(relu(self.first_norm.normed(input)));
        self.second.convolved(relu(self.second_norm.normed(x)))
    }
}

impl DenseBlock {
    fn new(input: usize, layers: usize, device: &Device) -> Self {
        Self { layers: (0..layers).map(|layer| DenseLayer::new(input + layer * GROWTH, device)).collect() }
    }

    fn forward(&self, mut x: Tensor<4>) -> Tensor<4> {
        for layer in &self.layers {
            let new = layer.forward(x.clone());
            x = Tensor::cat(vec![x, new], 1);
        }
        x
    }
}

impl Transition {
    fn new(input: usize, map: &mut [usize; 2], device: &Device) -> Self {
        Self {
            norm: BatchNormConfig::new(input).init(device),
            conv: conv([input, input / 2], [1, 1], [1, 1], 0, device),
            pool: average_of_pairs(map),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let x = self.conv.convolved(relu(self.norm.normed(input)));
        match &self.pool {
            Some(pool) => pool.forward(x),
            None => x,
        }
    }
}

impl DenseNet {
    /// DenseNet-121. A transition pools only maps of at least two rows and columns.
    pub(super) fn new_121(config: &ModelConfig, device: &Device) -> Self {
        let stem = Stem::new(config, device);
        let (mut blocks, mut transitions) = (Vec::new(), Vec::new());
        let (mut channels, mut map) = (64, stem.map);
        for (block, layers) in LAYERS.into_iter().enumerate() {
            blocks.push(DenseBlock::new(channels, layers, device));
            channels += layers * GROWTH;
            if block + 1 < LAYERS.len() {
                transitions.push(Transition::new(channels, &mut map, device));
                channels /= 2;
            }
        }
        Self {
            stem: stem.conv,
            stem_norm: BatchNormConfig::new(64).init(device),
            stem_pool: stem.pool,
            blocks,
            transitions,
            norm: BatchNormConfig::new(channels).init(device),
            linear: LinearConfig::new(channels, config.classes).init(device),
        }
    }

    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = relu(self.stem_norm.normed(self.stem.convolved(images)));
        if let Some(pool) = &self.stem_pool {
            x = pool.forward(x);
        }
        for (index, block) in self.blocks.iter().enumerate() {
            x = block.forward(x);
            if let Some(transition) = self.transitions.get(index) {
                x = transition.forward(x);
            }
        }
        self.linear.forward(global_average(relu(self.norm.normed(x))))
    }
}
