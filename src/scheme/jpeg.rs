//! Whether encrypted images can be kept as JPEG. JPEG compresses blocks that are smooth, and loses a little of
//! everything.

use super::{Block, Scheme};
use crate::image::{Depth, Geometry};

/// Whether encrypted images compress as JPEG about as well as plain ones, and survive it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Jpeg {
    /// Whether they do.
    pub friendly: bool,
    /// Why, for people.
    pub why: String,
}

impl Scheme {
    /// Whether images of `geometry` can be kept as JPEG once they are encrypted.
    pub fn jpeg(&self, geometry: Geometry) -> Jpeg {
        let no = |why: String| Jpeg { friendly: false, why };
        if geometry.depth() != Depth::U8 {
            return no("JPEG as everybody reads it has 8 bits a sample".into());
        }
        // JPEG's blocks are 8x8, and 16x16 where its colours have half the resolution.
        let multiple_of =
            |side: u32, block: Block| block.height.is_multiple_of(side) && block.width.is_multiple_of(side);
        let mut smallest: Option<Block> = None;
        for stage in self.stages.iter().filter(|stage| stage.idle(geometry).is_none()) {
            let facts = stage.rules().facts();
            if facts.mixes {
                return no("mixing gives floats, which are no image".into());
            }
            if facts.smooth {
                continue;
            }
            let Some(block) = facts.block.filter(|_| facts.whole_blocks) else {
                return no(format!("{} leaves no smooth areas, and JPEG compresses nothing else", facts.name));
            };
            if !multiple_of(8, block) {
                return no(format!("{} takes blocks of {block}, which cut JPEG's own of 8x8 into pieces", facts.name));
            }
            if smallest.is_none_or(|smallest| multiple_of(16, smallest)) {
                smallest = Some(block);
            }
        }
        let why = match smallest {
            None if self.stages.iter().any(|stage| stage.rules().facts().smooth) => {
                "images stay as smooth as they were".to_owned()
            }
            None => "nothing is done to the pixels".to_owned(),
            Some(block) => {
                let subsampling = if geometry.channels() == 3 && !multiple_of(16, block) {
                    "; JPEG must not subsample the colours, whose blocks would be 16x16"
                } else {
                    ""
                };
                format!("blocks of {block} are taken as wholes and stay as smooth inside as they were{subsampling}")
            }
        };
        Jpeg { friendly: true, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::{Options, PRESETS, Preset};

    fn jpeg(preset: Preset, block: Option<&str>, geometry: &str) -> Jpeg {
        let options = Options { block: block.map(|block| block.parse().unwrap()), ..Options::default() };
        preset.scheme(options).unwrap().jpeg(geometry.parse().unwrap())
    }

    #[test]
    fn etc_and_the_controls_leave_what_jpeg_can_compress() {
        for preset in PRESETS {
            let friendly =
                matches!(preset, Preset::None | Preset::Etc | Preset::Pixelate | Preset::Blur | Preset::DpPix);
            assert_eq!(jpeg(preset, None, "224x224x3").friendly, friendly, "{}", preset.name());
            assert!(!jpeg(preset, None, "224x224x3x16").friendly);
        }
    }

    #[test]
    fn blocks_of_8_are_enough_without_subsampled_colours() {
        let why = |block: &str, geometry: &str| jpeg(Preset::Etc, Some(block), geometry).why;
        assert!(!jpeg(Preset::Etc, Some("4"), "224x224x3").friendly);
        assert_eq!(
            why("4", "224x224x3"),
            "rotation-inversion takes blocks of 4x4, which cut JPEG's own of 8x8 into pieces"
        );
        assert_eq!(
            why("8", "224x224x3"),
            "blocks of 8x8 are taken as wholes and stay as smooth inside as they were; JPEG must not subsample the \
             colours, whose blocks would be 16x16"
        );
        assert_eq!(why("8", "224x224x1"), "blocks of 8x8 are taken as wholes and stay as smooth inside as they were");
        assert!(jpeg(Preset::Etc, Some("32"), "224x224x3").friendly);
    }

    #[test]
    fn a_stage_that_does_nothing_harms_nothing() {
        // Turning single pixels, and colours of grey images.
        let stages =
            ["rotation-inversion block=1x1", "colour-shuffling block=1x1 key=image", "block-scrambling block=16x16"];
        let stages = stages.iter().map(|text| text.parse().unwrap()).collect();
        let scheme = Scheme { name: "test".into(), stages };
        assert!(scheme.jpeg("32x32x1".parse().unwrap()).friendly);
        assert!(!scheme.jpeg("32x32x3".parse().unwrap()).friendly);
    }
}
