//! Layers that several networks share: convolutions without bias in front of a batch norm, the stem of the residual and
//! dense networks, and the average over a map.

use super::{ModelConfig, batch_norm};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{BatchNorm, LayerNorm, PaddingConfig2d};
use burn::tensor::{DType, Device, Tensor};

/// Normalisation in 32 bits, also of maps in 16 bits, because sums over a batch leave the range of 16 bits.
pub(crate) trait Norm {
    /// Normalises maps. The result has the type of the input.
    fn normed<const D: usize>(&self, maps: Tensor<D>) -> Tensor<D>;
}

impl Norm for BatchNorm {
    fn normed<const D: usize>(&self, maps: Tensor<D>) -> Tensor<D> {
        in_32_bits(maps, |maps| {
            let shape = maps.dims();
            let Ok(dims) = <[usize; 4]>::try_from(&shape[..]) else { return self.forward(maps) };
            let maps = maps.reshape(dims);
            if batch_norm::is_for(self, &maps) {
                batch_norm::batch_norm(self, maps).reshape(shape)
            } else {
                self.forward(maps).reshape(shape)
            }
        })
    }
}

impl Norm for LayerNorm {
    fn normed<const D: usize>(&self, maps: Tensor<D>) -> Tensor<D> {
        in_32_bits(maps, |maps| self.forward(maps))
    }
}

fn in_32_bits<const D: usize>(maps: Tensor<D>, work: impl FnOnce(Tensor<D>) -> Tensor<D>) -> Tensor<D> {
    match maps.dtype() {
        DType::F32 => work(maps),
        other => work(maps.cast(DType::F32)).cast(other),
    }
}

/// The limit of small images: a smaller side gets the stem for small images.
const SMALL: usize = 96;

/// Whether images of `size` (rows, columns) are small. The stem for 224 pixels would shrink them too much.
pub(super) fn is_small(size: [usize; 2]) -> bool {
    size.iter().any(|&side| side < SMALL)
}

/// `padding` zeros on all four sides.
pub(super) fn padding(padding: usize) -> PaddingConfig2d {
    PaddingConfig2d::Explicit(padding, padding, padding, padding)
}

/// A convolution without bias. The batch norm that follows would remove a bias.
pub(crate) fn conv(
    channels: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padded: usize,
    device: &Device,
) -> Conv2d {
    let config = Conv2dConfig::new(channels, kernel).with_stride(stride).with_padding(padding(padded));
    config.with_bias(false).init(device)
}

/// Max pooling of 3x3 with stride 2. It halves a map of any size.
pub(super) fn halving() -> MaxPool2d {
    MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).with_padding(padding(1)).init()
}

/// Average pooling of 2x2. `None` for a map with fewer than two rows or columns, which cannot be pooled.
pub(super) fn average_of_pairs(map: &mut [usize; 2]) -> Option<AvgPool2d> {
    let pooled = map.iter().all(|&side| side >= 2);
    pooled.then(|| {
        *map = map.map(|side| side / 2);
        AvgPool2dConfig::new([2, 2]).with_strides([2, 2]).init()
    })
}

/// The stem of the residual and dense networks.
pub(super) struct Stem {
    /// The convolution to 64 channels.
    pub conv: Conv2d,
    /// The pooling after batch norm and ReLU.
    pub pool: Option<MaxPool2d>,
    /// Rows and columns of the map that the stem gives.
    pub map: [usize; 2],
}

impl Stem {
    /// With a patch, a convolution over whole blocks without pooling. Without one, small images get a convolution of
    /// 3x3 with stride 1 and no pooling, as in the papers on CIFAR. Larger images get a convolution of 7x7 with stride
    /// 2 and max pooling.
    pub fn new(config: &ModelConfig, device: &Device) -> Self {
        let channels = [config.channels, 64];
        let [height, width] = config.size;
        let halved = |side: usize| side.div_ceil(2);
        match config.patch {
            Some(patch) => {
                let map = [height / patch[0], width / patch[1]];
                Self { conv: conv(channels, patch, patch, 0, device), pool: None, map }
            }
            None if is_small(config.size) => {
                Self { conv: conv(channels, [3, 3], [1, 1], 1, device), pool: None, map: config.size }
            }
            None => {
                let map = config.size.map(|side| halved(halved(side)));
                Self { conv: conv(channels, [7, 7], [2, 2], 3, device), pool: Some(halving()), map }
            }
        }
    }
}

/// The average of each channel: (N, C, H, W) to (N, C).
pub(super) fn global_average(maps: Tensor<4>) -> Tensor<2> {
    let maps: Tensor<3> = maps.flatten(2, 3);
    maps.mean_dim(2).flatten(1, 2)
}
