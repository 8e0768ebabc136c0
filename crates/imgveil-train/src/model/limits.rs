//! The limits of a network that a file describes, checked before any of it is made. The weights are in a second file,
//! so that a description of a few bytes could ask for a network of any size: what it asks for is compared with the
//! length of that file.

use super::{AdaptationKind, ModelConfig, ModelKind};

/// The longest side of the images of a network. Networks for whole scans take up to 3,000 pixels.
pub const LONGEST_SIDE: usize = 8192;

/// The most patches that a vision transformer or a ConvMixer makes of an image. ViT-L/14 at 518 pixels makes 1,369.
pub const MOST_PATCHES: usize = 65_536;

/// The most pixels of a patch or of a block of an adaptation network.
pub const LARGEST_PATCH: usize = 65_536;

/// The fewest bytes that a checkpoint takes for a weight: 16 bits.
const BYTES_OF_A_WEIGHT: u64 = 2;

impl ModelConfig {
    /// Checks that the network can be made and that a checkpoint of `length` bytes can hold its weights.
    ///
    /// # Errors
    /// What is wrong with the description.
    pub(crate) fn check(&self, length: u64) -> Result<(), String> {
        let Self { kind, channels, size, classes, patch, adaptation, normalise: _ } = self;
        if !matches!(channels, 1 | 3) {
            return Err(format!("its images have {channels} channels, and only 1 or 3 are supported"));
        }
        if size.iter().any(|side| !(1..=LONGEST_SIDE).contains(side)) {
            let [height, width] = size;
            return Err(format!("its images are {height}x{width}, and sides are from 1 to {LONGEST_SIDE}"));
        }
        let most = imgveil_data::limits::MOST_CLASSES;
        if !(1..=most).contains(classes) {
            return Err(format!("it has {classes} classes, and 1 to {most} are supported"));
        }
        if let Some(patch) = patch {
            Self::check_patch(*patch, *size, "patch")?;
        }
        if let Some(adaptation) = adaptation {
            Self::check_patch(adaptation.block, *size, "block")?;
            if !adaptation.tiles(*size) {
                return Err("the blocks of its adaptation network do not tile its images".into());
            }
        }
        if matches!(kind, ModelKind::VitTiny | ModelKind::VitSmall | ModelKind::ConvMixer) {
            let [rows, columns] = super::patches::grid(self);
            if rows * columns > MOST_PATCHES {
                return Err(format!(
                    "it makes {} patches of an image, and {MOST_PATCHES} are the most",
                    rows * columns
                ));
            }
        }
        let weights = self.stated_weights();
        if weights.saturating_mul(BYTES_OF_A_WEIGHT) > length {
            return Err(format!("it needs {weights} weights or more, and the checkpoint has only {length} bytes"));
        }
        Ok(())
    }

    fn check_patch([height, width]: [usize; 2], size: [usize; 2], what: &str) -> Result<(), String> {
        if !(1..=size[0]).contains(&height) || !(1..=size[1]).contains(&width) {
            return Err(format!("its {what} is {height}x{width}, and its images are {}x{}", size[0], size[1]));
        }
        // Neither side is longer than an image's, so that the product does not overflow.
        if height * width > LARGEST_PATCH {
            return Err(format!("its {what} is {height}x{width}, and {LARGEST_PATCH} pixels are the most"));
        }
        Ok(())
    }

    /// How many weights depend on what the description states: the first layer, positions, the last layer, and the
    /// adaptation network. All sides and counts are within the limits.
    fn stated_weights(&self) -> u64 {
        let channels = self.adaptation.map_or(self.channels, |adaptation| adaptation.kind.channels());
        let pixels = |[height, width]: [usize; 2]| height as u64 * width as u64;
        // The width of the first layer, and the features that the last one takes.
        let (width, features) = match self.kind {
            ModelKind::Cnn => (64, 128 * self.cells()),
            ModelKind::ResNet18 => (64, 512),
            ModelKind::ResNet50 => (64, 2048),
            ModelKind::DenseNet121 => (64, 1024),
            ModelKind::Xception => (32, 2048),
            ModelKind::VitTiny => (192, 192),
            ModelKind::VitSmall => (384, 384),
            ModelKind::ConvMixer => (768, 768),
            ModelKind::Bag => (super::bag::WIDTH as u64, super::bag::WIDTH as u64),
        };
        let patch = self.patch.map_or(1, pixels);
        let positions = match self.kind {
            ModelKind::VitTiny | ModelKind::VitSmall => pixels(super::patches::grid(self)) * width,
            _ => 0,
        };
        let adaptation = self.adaptation.map_or(0, |adaptation| {
            let block = pixels(adaptation.block);
            match adaptation.kind {
                AdaptationKind::Le => {
                    super::adaptation::LE_WIDTH as u64 * super::adaptation::LE_CHANNELS as u64 * block
                }
                AdaptationKind::Ele => {
                    let blocks = pixels(self.size) / block;
                    let of_a_block = self.channels as u64 * block * super::adaptation::ELE_CHANNELS as u64 * block;
                    blocks.saturating_mul(of_a_block).saturating_add(blocks.saturating_mul(blocks))
                }
            }
        });
        [channels as u64 * patch * width, positions, features * self.classes as u64, adaptation]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// The cells of the small network's last map.
    fn cells(&self) -> u64 {
        let patch = self.patch.unwrap_or([4, 4]);
        let map = [self.size[0] / patch[0], self.size[1] / patch[1]];
        super::cnn::cells(map).into_iter().map(|side| side as u64).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AdaptationConfig, MODELS};
    use imgveil::internal::image::Geometry;
    use imgveil::internal::scheme::Block;

    fn config(kind: ModelKind, side: u32) -> ModelConfig {
        ModelConfig::new(kind, None, Geometry::new(side, side, 3).unwrap(), 3, None)
    }

    /// As many weights as are stated are made, and a checkpoint of 16 bits can hold them.
    #[test]
    fn what_is_stated_is_part_of_the_network() {
        for side in [8, 32] {
            for kind in MODELS {
                for adaptation in [None, Some(AdaptationKind::Le), Some(AdaptationKind::Ele)] {
                    for block in [None, Some(Block::square(2)), Some(Block::square(8))] {
                        let geometry = Geometry::new(side, side, 1).unwrap();
                        let config = ModelConfig::new(kind, adaptation, geometry, 5, block);
                        let weights = config.outline().parameters() as u64;
                        assert!(config.stated_weights() <= weights, "{config:?}");
                        assert_eq!(config.check(2 * weights), Ok(()), "{config:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_no_network_has_is_refused_before_it_is_made() {
        let refused = |config: ModelConfig, words: &str| {
            let error = config.check(1 << 20).unwrap_err();
            assert!(error.contains(words), "{config:?}: {error}");
        };
        for kind in MODELS {
            let usual = config(kind, 32);
            for patch in [[0, 4], [4, 0], [1 << 40, 4], [33, 4], [usize::MAX, usize::MAX]] {
                refused(ModelConfig { patch: Some(patch), ..usual.clone() }, "its patch is");
            }
            for size in [[0, 32], [32, 0], [60_000, 60_000], [usize::MAX, 1], [1 << 40, 1 << 40]] {
                refused(ModelConfig { size, ..usual.clone() }, "its images are");
            }
            for channels in [0, 2, 4, 1 << 40] {
                refused(ModelConfig { channels, ..usual.clone() }, "channels");
            }
            for classes in [0, 65_537, usize::MAX] {
                refused(ModelConfig { classes, ..usual.clone() }, "classes");
            }
            for adaptation in [AdaptationKind::Le, AdaptationKind::Ele] {
                for block in [[0, 0], [0, 4], [1 << 40, 4]] {
                    let adaptation = Some(AdaptationConfig { kind: adaptation, block });
                    refused(ModelConfig { adaptation, ..usual.clone() }, "its block is");
                }
                let adaptation = Some(AdaptationConfig { kind: adaptation, block: [5, 4] });
                refused(ModelConfig { adaptation, ..usual.clone() }, "do not tile");
            }
            refused(ModelConfig { classes: 65_536, ..usual.clone() }, "the checkpoint has only");
        }
        refused(ModelConfig { patch: Some([1, 1]), ..config(ModelKind::VitTiny, 8192) }, "patches of an image");
        refused(ModelConfig { patch: Some([1024, 1024]), ..config(ModelKind::Cnn, 1024) }, "65536 pixels are the most");
        let ele = AdaptationConfig { kind: AdaptationKind::Ele, block: [1, 1] };
        refused(ModelConfig { adaptation: Some(ele), ..config(ModelKind::Cnn, 8192) }, "the checkpoint has only");
    }
}
