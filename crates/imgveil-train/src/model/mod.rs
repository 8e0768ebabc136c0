//! The networks. Their first layer may take whole blocks: a convolution with the block's size and stride sees every
//! block of a shared-key scheme through the same permutation and signs, and learns to undo them. Or an adaptation
//! network stands in front of them.

mod adaptation;
mod cnn;
mod convmixer;
mod convolution;
mod densenet;
mod init;
mod layers;
mod names;
mod patches;
mod resnet;
#[cfg(test)]
mod tests;
mod vit;
mod xception;

pub use adaptation::{Adaptation, AdaptationConfig, AdaptationKind, EleAdaptNet, LeAdaptNet};
pub use cnn::Cnn;
pub use convmixer::ConvMixer;
pub use densenet::DenseNet;
pub use names::{Role, published};
pub use resnet::ResNet;
pub use vit::Vit;
pub use xception::Xception;

use crate::parameters::{self, ParameterVisitor};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::Block;
use init::Rule;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Which network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ModelKind {
    /// Three convolutions, the first one over whole blocks.
    #[serde(rename = "cnn")]
    Cnn,
    /// ResNet-18 (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1).
    #[serde(rename = "resnet18")]
    ResNet18,
    /// ResNet-50 (the same table).
    #[serde(rename = "resnet50")]
    ResNet50,
    /// DenseNet-121 (Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, table 1).
    #[serde(rename = "densenet121")]
    DenseNet121,
    /// Xception (Chollet, CVPR 2017, figure 5).
    #[serde(rename = "xception")]
    Xception,
    /// A vision transformer of width 192 (Dosovitskiy et al., ICLR 2021; Touvron et al., ICML 2021, table 1).
    #[serde(rename = "vit-tiny")]
    VitTiny,
    /// A vision transformer of width 384 (the same table).
    #[serde(rename = "vit-small")]
    VitSmall,
    /// ConvMixer-768/32 (Trockman & Kolter, "Patches Are All You Need?", TMLR 2023).
    #[serde(rename = "convmixer")]
    ConvMixer,
}

/// All networks, in the order in which they are named.
pub const MODELS: [ModelKind; 8] = [
    ModelKind::Cnn,
    ModelKind::ResNet18,
    ModelKind::ResNet50,
    ModelKind::DenseNet121,
    ModelKind::Xception,
    ModelKind::VitTiny,
    ModelKind::VitSmall,
    ModelKind::ConvMixer,
];

impl ModelKind {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cnn => "cnn",
            Self::ResNet18 => "resnet18",
            Self::ResNet50 => "resnet50",
            Self::DenseNet121 => "densenet121",
            Self::Xception => "xception",
            Self::VitTiny => "vit-tiny",
            Self::VitSmall => "vit-small",
            Self::ConvMixer => "convmixer",
        }
    }

    /// Rows and columns of the patch that the network always has, for images of `size` (rows, columns); `None` for
    /// networks with a stem of another kind.
    ///
    /// The small CNN: 4. Vision transformers: 16, and ConvMixer: 7, as published; 4 where a side is below 96 pixels,
    /// so that there is more than a handful of patches.
    pub fn usual_patch(self, size: [usize; 2]) -> Option<[usize; 2]> {
        let small = layers::is_small(size);
        match self {
            Self::Cnn => Some([4, 4]),
            Self::VitTiny | Self::VitSmall => Some(if small { [4, 4] } else { [16, 16] }),
            Self::ConvMixer => Some(if small { [4, 4] } else { [7, 7] }),
            Self::ResNet18 | Self::ResNet50 | Self::DenseNet121 | Self::Xception => None,
        }
    }

    fn rule(self) -> Rule {
        match self {
            Self::VitTiny | Self::VitSmall => Rule::Transformer,
            _ => Rule::Convolutional,
        }
    }
}

impl FromStr for ModelKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = MODELS.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| format!("`{text}` is no model: {}", MODELS.map(ModelKind::name).join(", ")))
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
    /// The adaptation network in front of it. `None`: nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptation: Option<AdaptationConfig>,
}

impl ModelConfig {
    /// The network for images of `geometry` under a scheme with `block`: the first convolution takes whole blocks, in
    /// networks that have a patch by nature (the small CNN, vision transformers, ConvMixer) and in the others too.
    /// Where the scheme has no block, and behind an adaptation network, which has undone the blocks, it is the
    /// network's usual one.
    pub fn new(
        kind: ModelKind,
        adaptation: Option<AdaptationKind>,
        geometry: Geometry,
        classes: usize,
        block: Option<Block>,
    ) -> Self {
        let size = [geometry.height(), geometry.width()];
        let patch = match (adaptation, block) {
            // A block of one pixel is no block to a convolution.
            (None, Some(block)) if block.height > 1 || block.width > 1 => {
                Some([block.height as usize, block.width as usize])
            }
            _ => kind.usual_patch(size),
        };
        // A patch larger than the image would leave nothing.
        let patch = patch.map(|[h, w]| [h.min(size[0]), w.min(size[1])]);
        let adaptation = adaptation.map(|kind| AdaptationConfig::new(kind, block));
        Self { kind, channels: geometry.channels(), size, classes, patch, adaptation }
    }

    /// A network with weights drawn from `seed`: the same ones on every device.
    pub fn init(&self, seed: u64, device: &Device) -> Network {
        init::seeded(self.build(device), self.kind.rule(), seed)
    }

    /// A network whose weights are not drawn: for the names and shapes of its tensors.
    pub(crate) fn outline(&self) -> Network {
        self.build(&Device::flex())
    }

    /// A network with burn's own weights, which are not drawn before they are looked at.
    fn build(&self, device: &Device) -> Network {
        let adaptation = self.adaptation.map(|adaptation| Adaptation::new(adaptation, self, device));
        let channels = self.adaptation.map_or(self.channels, |adaptation| adaptation.kind.channels());
        let behind = &Self { channels, adaptation: None, ..self.clone() };
        let classifier = match self.kind {
            ModelKind::Cnn => Classifier::Cnn(Cnn::new(behind, device)),
            ModelKind::ResNet18 => Classifier::ResNet(ResNet::new_18(behind, device)),
            ModelKind::ResNet50 => Classifier::ResNet(ResNet::new_50(behind, device)),
            ModelKind::DenseNet121 => Classifier::DenseNet(DenseNet::new_121(behind, device)),
            ModelKind::Xception => Classifier::Xception(Xception::new(behind, device)),
            ModelKind::VitTiny => Classifier::Vit(Vit::new_tiny(behind, device)),
            ModelKind::VitSmall => Classifier::Vit(Vit::new_small(behind, device)),
            ModelKind::ConvMixer => Classifier::ConvMixer(ConvMixer::new(behind, device)),
        };
        Network { adaptation, classifier }
    }
}

/// A network of any kind, perhaps behind an adaptation network.
#[derive(Module, Debug)]
pub struct Network {
    /// The adaptation network.
    pub adaptation: Option<Adaptation>,
    /// What classifies.
    pub classifier: Classifier,
}

/// A network of any kind.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // one of them lives at a time
#[non_exhaustive]
pub enum Classifier {
    /// The small CNN.
    Cnn(Cnn),
    /// A residual network.
    ResNet(ResNet),
    /// A densely connected network.
    DenseNet(DenseNet),
    /// Xception.
    Xception(Xception),
    /// A vision transformer.
    Vit(Vit),
    /// A ConvMixer.
    ConvMixer(ConvMixer),
}

impl Classifier {
    /// Images or maps (N, C, H, W) to logits (N, classes).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Cnn(network) => network.forward(images),
            Self::ResNet(network) => network.forward(images),
            Self::DenseNet(network) => network.forward(images),
            Self::Xception(network) => network.forward(images),
            Self::Vit(network) => network.forward(images),
            Self::ConvMixer(network) => network.forward(images),
        }
    }
}

impl Network {
    /// Images (N, C, H, W) to logits (N, classes).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = match &self.adaptation {
            Some(adaptation) => adaptation.forward(images),
            None => images,
        };
        self.classifier.forward(maps)
    }

    /// As [`Network::forward`], and what is added to the loss of these images beside the cross-entropy.
    pub fn forward_with_penalty(&self, images: Tensor<4>) -> (Tensor<2>, Option<Tensor<1>>) {
        let Some(adaptation) = &self.adaptation else { return (self.classifier.forward(images), None) };
        let maps = adaptation.forward(images);
        (self.classifier.forward(maps.clone()), adaptation.penalty(maps))
    }

    /// Parameters that are learned: what papers count. Batch norm's running means and variances are none.
    pub fn parameters(&self) -> usize {
        let mut count = Count(0);
        parameters::visit(self, &mut count);
        count.0
    }
}

/// Counts parameters without looking at their values.
struct Count(usize);

impl ParameterVisitor for Count {
    fn visit<const D: usize>(&mut self, path: &[String], param: &Param<Tensor<D>>) {
        if !path.last().is_some_and(|name| name.starts_with("running_")) {
            self.0 += param.lazy_shape().num_elements();
        }
    }
}
