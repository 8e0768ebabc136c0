//! The discriminator of SIA-GAN (section IV-C, table 6): convolutions with spectral normalisation and self-attention
//! (Zhang, Goodfellow, Metaxas & Odena, "Self-Attention Generative Adversarial Networks", ICML 2019, section 3).

use super::generator::SLOPE;
use super::spectral::SpectralConv;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::activation::{leaky_relu, softmax};
use burn::tensor::{Device, Tensor};

/// Images (N, C, H, W) to scores (N): large for images that look plain.
#[derive(Module, Debug)]
pub(super) struct Discriminator {
    stages: Vec<Stage>,
    attention: Attention,
    wide: SpectralConv,
    wide_attention: Attention,
    score: SpectralConv,
}

impl Discriminator {
    /// `width` is the number of channels of the last map, a multiple of 64. Sides must be 8 or more.
    pub fn new(channels: usize, size: [usize; 2], width: usize, device: &Device) -> Self {
        let widths = [channels, width / 8, width / 4, width / 2];
        let map = size.map(|side| side / 2 / 2 / 2);
        Self {
            stages: widths.windows(2).map(|pair| Stage::new(pair[0], pair[1], device)).collect(),
            attention: Attention::new(width / 2, device),
            wide: SpectralConv::new([width / 2, width], [3, 3], 1, 1, device),
            wide_attention: Attention::new(width, device),
            score: SpectralConv::new([width, 1], map, 1, 0, device),
        }
    }

    pub fn forward(&self, images: Tensor<4>) -> Tensor<1> {
        let x = self.stages.iter().fold(images, |x, stage| stage.forward(x));
        let x = leaky_relu(self.wide.forward(self.attention.forward(x)), SLOPE);
        self.score.forward(self.wide_attention.forward(x)).flatten(0, 3)
    }
}

/// Two convolutions, of which the second halves the map.
#[derive(Module, Debug)]
struct Stage {
    first: SpectralConv,
    second: SpectralConv,
}

impl Stage {
    fn new(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            first: SpectralConv::new([inputs, outputs], [3, 3], 1, 1, device),
            second: SpectralConv::new([outputs, outputs], [4, 4], 2, 1, device),
        }
    }

    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let x = leaky_relu(self.first.forward(maps), SLOPE);
        leaky_relu(self.second.forward(x), SLOPE)
    }
}

/// Adds to every pixel what all pixels say, weighted by how alike they are. The weight of the whole begins at zero.
#[derive(Module, Debug)]
struct Attention {
    query: Conv2d,
    key: Conv2d,
    value: Conv2d,
    gamma: Param<Tensor<1>>,
}

impl Attention {
    fn new(channels: usize, device: &Device) -> Self {
        let point = |outputs| Conv2dConfig::new([channels, outputs], [1, 1]).init(device);
        Self {
            query: point((channels / 8).max(1)),
            key: point((channels / 8).max(1)),
            value: point(channels),
            gamma: Param::from_tensor(Tensor::zeros([1], device)),
        }
    }

    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let shape = maps.dims();
        let flat = |layer: &Conv2d| -> Tensor<3> { layer.forward(maps.clone()).flatten(2, 3) };
        // (N, pixel that asks, pixel that answers)
        let alike = softmax(flat(&self.query).swap_dims(1, 2).matmul(flat(&self.key)), 2);
        let answers = flat(&self.value).matmul(alike.swap_dims(1, 2)).reshape(shape);
        answers * self.gamma.val().reshape([1, 1, 1, 1]) + maps
    }
}
