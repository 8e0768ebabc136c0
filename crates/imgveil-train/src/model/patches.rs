//! The embedding of patches: a convolution whose kernel and stride are the patch. Under a block-wise scheme the patch
//! is the scheme's block.

use super::ModelConfig;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::Device;

/// The rows and columns of patches in an image, including patches that extend beyond the lower or right edge.
pub(super) fn grid(config: &ModelConfig) -> [usize; 2] {
    let [height, width] = patch(config);
    [config.size[0].div_ceil(height), config.size[1].div_ceil(width)]
}

/// The convolution from the images to `width` channels over the [`grid`]. Beyond the edge, patches are filled with
/// zeros.
pub(super) fn embedding(config: &ModelConfig, width: usize, device: &Device) -> Conv2d {
    let patch = patch(config);
    let grid = grid(config);
    let missing = |axis: usize| grid[axis] * patch[axis] - config.size[axis];
    let padding = match (missing(0), missing(1)) {
        (0, 0) => PaddingConfig2d::Valid,
        (rows, columns) => PaddingConfig2d::Explicit(0, 0, rows, columns),
    };
    Conv2dConfig::new([config.channels, width], patch).with_stride(patch).with_padding(padding).init(device)
}

/// Rows and columns of a patch.
pub(super) fn patch(config: &ModelConfig) -> [usize; 2] {
    config.patch.unwrap_or_else(|| config.kind.usual_patch(config.size).unwrap_or([1, 1]))
}
