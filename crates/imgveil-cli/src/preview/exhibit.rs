//! What a sheet of `imgveil preview` shows: presets with notable options, and schemes of the user's own.

use crate::exit::Failure;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Block, KeyScope, Options, Orders, PRESETS, Preset, Scheme, Stage, Statistic};

/// A scheme to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Exhibit {
    what: What,
    /// The note on the sheet under its name.
    pub(super) words: String,
}

#[derive(Clone, Debug, PartialEq)]
enum What {
    /// Gets a smaller block if the image is too small for its own block.
    Preset(Preset, Options),
    Own(Scheme),
}

impl Exhibit {
    /// All presets, with notable options.
    pub fn all() -> Vec<Self> {
        PRESETS.into_iter().flat_map(Self::of).collect()
    }

    /// A preset with its default options, and with those options that change the picture visibly.
    pub fn of(preset: Preset) -> Vec<Self> {
        let plain = Options::default();
        let statistic = |statistic, words| (Options { statistic: Some(statistic), ..plain }, words);
        let shown = match preset {
            Preset::None => vec![(plain, "the image as it is: the control")],
            Preset::ShuffleFlip => vec![
                (plain, "one key for all blocks"),
                (
                    Options { key_scope: Some(KeyScope::Block), scramble: true, ..plain },
                    "a key for every block, blocks scrambled",
                ),
            ],
            Preset::Le => vec![(plain, "nibbles shuffled, one key for all blocks")],
            Preset::Ele => vec![(plain, "nibbles shuffled, a key for every block, blocks scrambled")],
            Preset::Etc => vec![
                (plain, "blocks turned, negated, recoloured, scrambled"),
                (Options { orders: Some(Orders::AsPublished), ..plain }, "the channel table as published"),
            ],
            Preset::Skk => vec![
                (plain, "one key for all images"),
                (Options { key_scope: Some(KeyScope::Image), ..plain }, "a key for every image"),
            ],
            Preset::SkkFilter => vec![
                statistic(Statistic::Median, "skk, then every block's median"),
                statistic(Statistic::Mean, "skk, then every block's mean"),
                statistic(Statistic::Max, "skk, then every block's maximum"),
                statistic(Statistic::Min, "skk, then every block's minimum"),
            ],
            Preset::Shf => vec![(plain, "pixels shuffled, one key for all blocks")],
            Preset::Np => vec![(plain, "signs flipped, one key for all blocks")],
            Preset::EtcImage => vec![(plain, "etc, a key for every image")],
            Preset::ShuffleFlipImage => vec![(plain, "shuffle-flip, a key for every block of every image, scrambled")],
            Preset::VitImage => vec![(plain, "vit, a key for every patch of every image")],
            Preset::Vit => vec![
                (plain, "patches shuffled inside, and scrambled"),
                (Options { sign_flip: true, ..plain }, "patches shuffled inside, and scrambled; signs flipped"),
            ],
            Preset::InstaHide => vec![(plain, "added up with others of its set, signs flipped")],
            Preset::Pixelate => vec![(plain, "every block's mean: a control")],
            Preset::Blur => vec![(plain, "a Gaussian blur of 4.5 pixels: a control")],
            Preset::DpPix => vec![(plain, "every block's mean and noise: a control")],
            Preset::Keystream => vec![(plain, "real encryption: the other control")],
        };
        let exhibit =
            |(options, words): (Options, &str)| Self { what: What::Preset(preset, options), words: words.to_owned() };
        shown.into_iter().map(exhibit).collect()
    }

    /// A scheme from a file.
    pub fn own(scheme: Scheme) -> Self {
        Self { words: format!("your own: {}", scheme.canonical()), what: What::Own(scheme) }
    }

    /// The scheme for images of `geometry`, and a note on its blocks.
    pub(super) fn scheme(&self, geometry: Geometry) -> Result<(Scheme, Option<String>), Failure> {
        let (preset, options) = match &self.what {
            What::Own(scheme) => return Ok((scheme.clone(), None)),
            What::Preset(preset, options) => (*preset, *options),
        };
        let scheme = preset.scheme(options)?;
        let tile = scheme.tile();
        // The blocks of presets are squares.
        let side = block_side(tile.height, geometry.height() as u32, geometry.width() as u32);
        if side != tile.height {
            let block = Block::square(side);
            let scheme = preset.scheme(Options { block: Some(block), ..options })?;
            return Ok((scheme, Some(format!("blocks of {block}, as the image is small for {tile}"))));
        }
        let block = scheme.stages.iter().filter_map(Stage::block).find(|&block| block != Block::square(1));
        let said = block.map(|block| format!("blocks of {block}"));
        Ok((scheme, said))
    }
}

/// The side of square blocks for an image: `wanted` if two of them fit along each side. Otherwise the largest side of
/// which two fit, or one of at least half that size if it tiles the image.
fn block_side(wanted: u32, height: u32, width: u32) -> u32 {
    let shorter = height.min(width);
    if shorter / 2 >= wanted || wanted == 1 {
        return wanted;
    }
    let most = (shorter / 2).max(1);
    let tiles = |side: &u32| height.is_multiple_of(*side) && width.is_multiple_of(*side);
    (most.div_ceil(2)..=most).rev().find(tiles).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_become_smaller_where_two_do_not_fit() {
        for (wanted, height, width, side) in [
            (16, 224, 224, 16),
            (16, 32, 40, 16),
            // If two blocks do not fit along one side: the largest that tiles the image, or else the largest of which
            // two fit.
            (16, 28, 28, 14),
            (16, 40, 30, 10),
            (16, 31, 31, 15),
            (16, 8, 3000, 4),
            (4, 8, 8, 4),
            (4, 7, 7, 3),
            (4, 1, 9, 1),
            (1, 1, 1, 1),
            (1, 64, 64, 1),
        ] {
            assert_eq!(block_side(wanted, height, width), side, "{wanted} in {height}x{width}");
        }
    }

    #[test]
    fn every_preset_is_shown_and_no_two_exhibits_are_alike() {
        let all = Exhibit::all();
        let geometry = Geometry::new(224, 224, 3).unwrap();
        let schemes: Vec<Scheme> = all.iter().map(|exhibit| exhibit.scheme(geometry).unwrap().0).collect();
        for preset in PRESETS {
            assert!(schemes.contains(&preset.scheme(Options::default()).unwrap()), "{}", preset.name());
        }
        for (i, scheme) in schemes.iter().enumerate() {
            assert!(!schemes[i + 1..].contains(scheme), "{scheme}");
        }
        assert_eq!(all.len(), 25);
    }
}
