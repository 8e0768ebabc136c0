//! The small CNN: three convolutions with batch norm and ReLU, max pooling, a linear layer. The first convolution
//! takes whole blocks (kernel and stride are the patch).

use super::ModelConfig;
use super::convolution::Convolve;
use super::layers::Norm;
use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// The largest side of the map before the linear layer. A larger map is averaged down, so that the number of weights
/// does not grow with the image.
const CELLS: usize = 4;

/// The small CNN.
#[derive(Module, Debug)]
pub struct Cnn {
    patch: Conv2d,
    patch_norm: BatchNorm,
    middle: Conv2d,
    middle_norm: BatchNorm,
    last: Conv2d,
    last_norm: BatchNorm,
    max_pool: Option<MaxPool2d>,
    average: AdaptiveAvgPool2d,
    linear: Linear,
}

/// Whether a map is pooled. One of a single row or column cannot be.
fn pools(map: [usize; 2]) -> bool {
    map.iter().all(|&side| side >= 2)
}

/// Rows and columns of the cells that the last layer takes, from those of the map of patches.
pub(super) fn cells(map: [usize; 2]) -> [usize; 2] {
    let pooled = pools(map);
    map.map(|side| if pooled { side / 2 } else { side }).map(|side| side.clamp(1, CELLS))
}

impl Cnn {
    pub(super) fn new(config: &ModelConfig, device: &Device) -> Self {
        let [height, width] = config.patch.unwrap_or([4, 4]);
        let conv = |channels, kernel: [usize; 2], stride: [usize; 2], padding| {
            Conv2dConfig::new(channels, kernel).with_stride(stride).with_padding(padding).with_bias(false).init(device)
        };
        let same = || PaddingConfig2d::Explicit(1, 1, 1, 1);
        let map = [config.size[0] / height, config.size[1] / width];
        let (pooled, cells) = (pools(map), cells(map));
        Self {
            patch: conv([config.channels, 64], [height, width], [height, width], PaddingConfig2d::Valid),
            patch_norm: BatchNormConfig::new(64).init(device),
            middle: conv([64, 64], [3, 3], [1, 1], same()),
            middle_norm: BatchNormConfig::new(64).init(device),
            last: conv([64, 128], [3, 3], [1, 1], same()),
            last_norm: BatchNormConfig::new(128).init(device),
            max_pool: pooled.then(|| MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init()),
            average: AdaptiveAvgPool2dConfig::new(cells).init(),
            linear: LinearConfig::new(128 * cells[0] * cells[1], config.classes).init(device),
        }
    }

    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let x = relu(self.patch_norm.normed(self.patch.convolved(images)));
        let x = relu(self.middle_norm.normed(self.middle.convolved(x)));
        let x = relu(self.last_norm.normed(self.last.convolved(x)));
        let x = match &self.max_pool {
            Some(pool) => pool.forward(x),
            None => x,
        };
        let [_, _, height, width] = x.dims();
        let x = if [height, width] == self.average.output_size { x } else { self.average.forward(x) };
        self.linear.forward(x.flatten(1, 3))
    }
}
