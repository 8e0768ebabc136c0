//! The networks. Their first layer can take whole blocks: under a scheme with one key for all blocks, every block has
//! the same permutation and signs, and a convolution with the size and stride of a block learns to undo them.
//! Alternatively, an adaptation network is put in front of them.

mod adaptation;
mod bag;
mod batch_norm;
mod cnn;
mod convmixer;
mod convolution;
mod convolution_cpu;
mod densenet;
mod init;
mod layers;
mod limits;
mod names;
mod patches;
mod resnet;
#[cfg(test)]
mod tests;
mod vit;
mod xception;

pub use adaptation::{Adaptation, AdaptationConfig, AdaptationKind, EleAdaptNet, LeAdaptNet};
pub use bag::Bag;
pub use cnn::Cnn;
pub use convmixer::ConvMixer;
pub use densenet::DenseNet;
pub use names::{Role, published};
pub use resnet::ResNet;
pub use vit::Vit;
pub use xception::Xception;

pub(crate) use adaptation::{block_features, pixel_shuffle};
pub(crate) use convolution::{Convolve, convolve};
pub(crate) use init::{Rule, seeded};
pub(crate) use layers::{Norm, conv};

use crate::normalise::Normalise;
use crate::parameters::{self, ParameterVisitor};
use crate::unknown::unknown;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::Block;
use serde::{Deserialize, Serialize};

/// The kind of the network.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::EnumString,
    strum::VariantNames,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_model)]
#[non_exhaustive]
pub enum ModelKind {
    /// Three convolutions, the first one over whole blocks.
    Cnn,
    /// ResNet-18 (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, table 1).
    ResNet18,
    /// ResNet-50 (the same table).
    ResNet50,
    /// DenseNet-121 (Huang et al., "Densely Connected Convolutional Networks", CVPR 2017, table 1).
    DenseNet121,
    /// Xception (Chollet, CVPR 2017, figure 5).
    Xception,
    /// A vision transformer of width 192 (Dosovitskiy et al., ICLR 2021; Touvron et al., ICML 2021, table 1).
    #[serde(rename = "vit-tiny")]
    #[strum(serialize = "vit-tiny")]
    VitTiny,
    /// A vision transformer of width 384 (the same table).
    #[serde(rename = "vit-small")]
    #[strum(serialize = "vit-small")]
    VitSmall,
    /// ConvMixer-768/32 (Trockman & Kolter, "Patches Are All You Need?", TMLR 2023).
    ConvMixer,
    /// A perceptron over the blocks of an image, whose order, turns and signs it does not see.
    Bag,
}

/// All kinds of networks.
pub const MODELS: [ModelKind; 9] = [
    ModelKind::Cnn,
    ModelKind::ResNet18,
    ModelKind::ResNet50,
    ModelKind::DenseNet121,
    ModelKind::Xception,
    ModelKind::VitTiny,
    ModelKind::VitSmall,
    ModelKind::ConvMixer,
    ModelKind::Bag,
];

impl ModelKind {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The default patch (rows, columns) for images of `size` (rows, columns). `None` for networks with a stem of
    /// another kind.
    ///
    /// The small CNN and the bag of blocks have a patch of 4. As published, vision transformers have a patch of 16 and
    /// ConvMixer of 7. For images with a side below 96 pixels it is 4, as there would be too few patches.
    pub fn usual_patch(self, size: [usize; 2]) -> Option<[usize; 2]> {
        let small = layers::is_small(size);
        match self {
            Self::Cnn | Self::Bag => Some([4, 4]),
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

fn no_model(text: &str) -> String {
    unknown::<ModelKind>(text, "model")
}

/// The architecture of a network. With its weights, it is the whole network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The kind of the network.
    pub kind: ModelKind,
    /// The number of channels of the images.
    pub channels: usize,
    /// Rows and columns of the images.
    pub size: [usize; 2],
    /// The number of outputs.
    pub classes: usize,
    /// Kernel and stride (rows, columns) of the first convolution. `None`: the default of the network.
    pub patch: Option<[usize; 2]>,
    /// The adaptation network in front of it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adaptation: Option<AdaptationConfig>,
    /// What the network does with its input first.
    #[serde(default, skip_serializing_if = "Normalise::is_none")]
    pub normalise: Normalise,
}

impl ModelConfig {
    /// The network for images of `geometry` under a scheme with `block`. The first convolution takes whole blocks, in
    /// every kind of network. Without a block, and behind an adaptation network, it is the default of the network.
    pub fn new(
        kind: ModelKind,
        adaptation: Option<AdaptationKind>,
        geometry: Geometry,
        classes: usize,
        block: Option<Block>,
    ) -> Self {
        let size = [geometry.height(), geometry.width()];
        let patch = match (adaptation, block) {
            // A block of one pixel does not change the first convolution.
            (None, Some(block)) if block.height > 1 || block.width > 1 => {
                Some([block.height as usize, block.width as usize])
            }
            _ => kind.usual_patch(size),
        };
        // A patch larger than the image would leave an empty map.
        let patch = patch.map(|[h, w]| [h.min(size[0]), w.min(size[1])]);
        let adaptation = adaptation.map(|kind| AdaptationConfig::new(kind, block));
        let normalise = Normalise::None;
        Self { kind, channels: geometry.channels(), size, classes, patch, adaptation, normalise }
    }

    /// A network with weights drawn from `seed`. They are the same on every device.
    pub fn init(&self, seed: u64, device: &Device) -> Network {
        init::seeded(self.build(device), self.kind.rule(), seed)
    }

    /// A network whose weights are not drawn, for the names and shapes of its tensors.
    pub(crate) fn outline(&self) -> Network {
        self.build(&Device::flex())
    }

    /// A network with burn's initial weights, which are drawn when they are first read.
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
            ModelKind::Bag => Classifier::Bag(Bag::new(behind, device)),
        };
        Network { normalise: self.normalise, adaptation, classifier }
    }
}

/// A classifier, with or without an adaptation network in front of it.
#[derive(Module, Debug)]
pub struct Network {
    /// What is done with the input first.
    #[module(skip)]
    pub(crate) normalise: Normalise,
    /// The adaptation network.
    pub adaptation: Option<Adaptation>,
    /// The network that gives the logits.
    pub classifier: Classifier,
}

/// A network of any kind, without adaptation network.
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
    /// A bag of blocks.
    Bag(Bag),
}

impl Classifier {
    /// Computes logits (N, classes) from images or maps (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Cnn(network) => network.forward(images),
            Self::ResNet(network) => network.forward(images),
            Self::DenseNet(network) => network.forward(images),
            Self::Xception(network) => network.forward(images),
            Self::Vit(network) => network.forward(images),
            Self::ConvMixer(network) => network.forward(images),
            Self::Bag(network) => network.forward(images),
        }
    }
}

impl Network {
    /// Computes logits (N, classes) from images (N, C, H, W).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let images = self.normalise.apply(images);
        let maps = match &self.adaptation {
            Some(adaptation) => adaptation.forward(images),
            None => images,
        };
        self.classifier.forward(maps)
    }

    /// Like [`Network::forward`], and also returns the penalty that is added to the cross-entropy of these images.
    pub fn forward_with_penalty(&self, images: Tensor<4>) -> (Tensor<2>, Option<Tensor<1>>) {
        let images = self.normalise.apply(images);
        let Some(adaptation) = &self.adaptation else { return (self.classifier.forward(images), None) };
        let maps = adaptation.forward(images);
        (self.classifier.forward(maps.clone()), adaptation.penalty(maps))
    }

    /// The number of learned parameters, as papers count them: without the running means and variances of batch norm.
    pub fn parameters(&self) -> usize {
        let mut count = Count(0);
        parameters::visit(self, &mut count);
        count.0
    }
}

/// Counts parameters without reading their values.
struct Count(usize);

impl ParameterVisitor for Count {
    fn visit<const D: usize>(&mut self, path: &[String], param: &Param<Tensor<D>>) {
        if !path.last().is_some_and(|name| name.starts_with("running_")) {
            self.0 += param.lazy_shape().num_elements();
        }
    }
}
