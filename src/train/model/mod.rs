//! The networks. Their first layer may take whole blocks: a convolution with the block's size and stride sees every block of
//! a shared-key scheme through the same permutation and signs, and learns to undo them.

mod cnn;
mod init;
mod resnet;

pub use cnn::Cnn;
pub use resnet::ResNet;

use crate::image::Geometry;
use crate::scheme::Block;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelKind {
    /// Three convolutions, the first one over whole blocks.
    #[serde(rename = "cnn")]
    Cnn,
    /// ResNet-18 (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1).
    #[serde(rename = "resnet18")]
    ResNet18,
}

impl ModelKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cnn => "cnn",
            Self::ResNet18 => "resnet18",
        }
    }
}

impl FromStr for ModelKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Cnn, Self::ResNet18]
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("`{text}` is no model: cnn or resnet18"))
    }
}

/// All that decides a network's shape; with its weights, the whole network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Which network.
    pub kind: ModelKind,
    /// Channels of the images.
    pub channels: usize,
    /// Rows and columns of the images.
    pub size: [usize; 2],
    /// Outputs.
    pub classes: usize,
    /// Kernel and stride (rows, columns) of the first convolution. `None`: the network's usual one.
    pub patch: Option<[usize; 2]>,
}

impl ModelConfig {
    /// The network for images of `geometry` under a scheme with `block`: the first convolution takes whole blocks. The small
    /// CNN takes blocks of 4 where the scheme has none.
    pub fn new(kind: ModelKind, geometry: Geometry, classes: usize, block: Option<Block>) -> Self {
        let patch = match (block, kind) {
            // A block of one pixel is no block to a convolution.
            (Some(block), _) if block.height > 1 || block.width > 1 => {
                Some([block.height as usize, block.width as usize])
            }
            (_, ModelKind::Cnn) => Some([4, 4]),
            (_, ModelKind::ResNet18) => None,
        };
        // A patch larger than the image would leave nothing.
        let patch = patch.map(|[h, w]| [h.min(geometry.height()), w.min(geometry.width())]);
        Self { kind, channels: geometry.channels(), size: [geometry.height(), geometry.width()], classes, patch }
    }

    /// A network with weights drawn from `seed`: the same ones on every device.
    pub fn init(&self, seed: u64, device: &Device) -> Network {
        let network = match self.kind {
            ModelKind::Cnn => Network::Cnn(Cnn::new(self, device)),
            ModelKind::ResNet18 => Network::ResNet(ResNet::new_18(self, device)),
        };
        init::seeded(network, seed)
    }
}

/// A network of any kind.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // one of them lives at a time
pub enum Network {
    /// The small CNN.
    Cnn(Cnn),
    /// A residual network.
    ResNet(ResNet),
}

impl Network {
    /// Images (N, C, H, W) to logits (N, classes).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Cnn(network) => network.forward(images),
            Self::ResNet(network) => network.forward(images),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nothing of a network may come from anywhere but the seed.
    #[test]
    fn the_seed_decides_every_weight() {
        let geometry = Geometry::new(16, 16, 1).unwrap();
        for kind in [ModelKind::Cnn, ModelKind::ResNet18] {
            let config = ModelConfig::new(kind, geometry, 3, None);
            let weights = |seed| config.init(seed, &Device::flex()).into_record();
            let bytes = |seed| {
                // Parameter ids are random names, not weights: compare the answers instead of the files.
                let images = Tensor::<4>::ones([2, 1, 16, 16], &Device::flex());
                let network = config.init(9, &Device::flex()).load_record(weights(seed));
                network.forward(images).into_data().try_to_vec::<f32>().unwrap()
            };
            assert_eq!(bytes(1), bytes(1));
            assert_ne!(bytes(1), bytes(2));
        }
    }
}
