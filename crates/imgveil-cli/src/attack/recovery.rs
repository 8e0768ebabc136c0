//! Which attack on encrypted images alone goes with which scheme. The attacker knows the stages, which are public.

use super::structure;
use imgveil::internal::scheme::{Block, Scheme, Stage};
use imgveil_attack::ciphertext::{
    BlockChanges, Moves, Prior, folded_pixels, keyed_blocks, keyed_nibbles, nibbles, scrambled_blocks, shared_blocks,
    shared_pixels, turned_blocks,
};
use imgveil_attack::{Ambiguity, Batch, Error, Layout, Level, Progress, Within, nearest_variant};

/// An attack that recovers images from encrypted ones of one key and size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    kind: Kind,
    /// What the result leaves open.
    open: Ambiguity,
    /// Whether every image leaves it open by itself.
    each: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SharedBlocks(usize, Moves),
    ScrambledBlocks(usize, Moves),
    TurnedBlocks(usize, BlockChanges),
    KeyedBlocks(usize, Moves, bool),
    Nibbles(usize),
    KeyedNibbles(usize, bool),
    SharedPixels,
    FoldedPixels,
}

/// All that may happen to the samples of a block.
const MOST: Moves = Moves { shuffled: true, flipped: true };

/// The side of blocks that an attacker assumes who knows nothing.
const SIDE: usize = 4;

impl Recovery {
    /// The attack for a scheme, or why there is none. Without a scheme, or for one that leaves nothing to hold on to: the
    /// attack on the most usual scheme, to show that nothing comes of it.
    pub fn of(scheme: Option<&Scheme>) -> Result<Self, String> {
        let sign = Ambiguity { negative: true, reordered: true, ..Ambiguity::default() };
        let whole = Ambiguity { turned: true, ..sign };
        let channels = Ambiguity { negative_channels: true, ..sign };
        let all = Kind::SharedBlocks(SIDE, MOST);
        let usual = Self { kind: all, open: sign, each: false };
        let Some(scheme) = scheme else { return Ok(usual) };
        let has = |is: fn(&Stage) -> bool| scheme.stages.iter().any(is);
        let Some(layout) = structure::layout(scheme) else {
            // Keys per image, of single pixels, perhaps followed by a statistic.
            let pixels = has(|stage| matches!(stage, Stage::PixelNegativePositive(_)));
            return Ok(if pixels { Self { kind: Kind::FoldedPixels, open: channels, each: true } } else { usual });
        };
        let Layout { level, block: (height, width), within, scrambled } = layout;
        let none = |why: &str| Err(format!("there is no attack on encrypted images alone for {}: {why}", scheme.name));
        if height != width {
            return none("its blocks are no squares");
        }
        let moves = Moves {
            shuffled: has(|stage| matches!(stage, Stage::PixelShuffling(_))),
            flipped: has(|stage| matches!(stage, Stage::SignFlip(_))),
        };
        if level == Level::Nibble {
            return match (within, scrambled) {
                (Within::Shared, false) => Ok(Self { kind: Kind::Nibbles(height), open: sign, each: false }),
                _ => Ok(Self { kind: Kind::KeyedNibbles(height, scrambled), open: whole, each: false }),
            };
        }
        match (within, scrambled) {
            (Within::Shared, false) => Ok(Self { kind: Kind::SharedBlocks(height, moves), open: sign, each: false }),
            (Within::Shared, true) => Ok(Self { kind: Kind::ScrambledBlocks(height, moves), open: whole, each: false }),
            (Within::Turned, _) => {
                let changes = BlockChanges {
                    turned: has(|stage| matches!(stage, Stage::RotationInversion(_))),
                    negated: has(|stage| matches!(stage, Stage::NegativePositive(_))),
                    reordered: has(|stage| matches!(stage, Stage::ColourShuffling(_))),
                };
                Ok(Self { kind: Kind::TurnedBlocks(height, changes), open: whole, each: false })
            }
            (Within::PerBlock, false) if scheme.tile() == Block::square(1) => {
                Ok(Self { kind: Kind::SharedPixels, open: channels, each: false })
            }
            (Within::PerBlock, scrambled) => {
                // Stages of several kinds are some permutation with flips.
                let moves = if moves.shuffled || moves.flipped { moves } else { MOST };
                Ok(Self { kind: Kind::KeyedBlocks(height, moves, scrambled), open: whole, each: false })
            }
        }
    }

    /// What is done, in words.
    pub fn method(&self) -> &'static str {
        match self.kind {
            Kind::SharedBlocks(..) => "places of a block arranged by their correlations",
            Kind::ScrambledBlocks(..) => {
                "places of a block arranged by their correlations, then a jigsaw of the blocks"
            }
            Kind::TurnedBlocks(..) => "a jigsaw of the blocks over all images",
            Kind::KeyedBlocks(..) => "places of every block arranged over all images, and blocks by their borders",
            Kind::Nibbles(_) => "nibbles of a block sorted into upper and lower, and arranged by their correlations",
            Kind::KeyedNibbles(..) => "nibbles of every block arranged over all images, and blocks by their borders",
            Kind::SharedPixels => "signs and orders of channels that let neighbours be alike over all images",
            Kind::FoldedPixels => "tones folded at the middle, and regions signed by their borders",
        }
    }

    /// Recovers images.
    pub fn run(&self, encrypted: &Batch, prior: Prior<'_>, progress: &dyn Progress) -> Result<Batch, Error> {
        match self.kind {
            Kind::SharedBlocks(block, moves) => shared_blocks(encrypted, block, moves, prior),
            Kind::ScrambledBlocks(block, moves) => scrambled_blocks(encrypted, block, moves, prior, progress),
            Kind::TurnedBlocks(block, changes) => turned_blocks(encrypted, block, changes, progress),
            Kind::KeyedBlocks(block, moves, scrambled) => {
                keyed_blocks(encrypted, block, moves, scrambled, prior, progress)
            }
            Kind::Nibbles(block) => nibbles(encrypted, block, prior, progress),
            Kind::KeyedNibbles(block, scrambled) => keyed_nibbles(encrypted, block, scrambled, prior, progress),
            Kind::SharedPixels => shared_pixels(encrypted),
            Kind::FoldedPixels => folded_pixels(encrypted),
        }
    }

    /// The recovered images as a person would set them right: turned, negative, channels in order, whichever comes
    /// nearest to the plain ones; and the SSIM of each.
    pub fn set_right(&self, recovered: &Batch, plain: &Batch) -> Result<(Batch, Vec<f64>), Error> {
        if !self.each {
            return nearest_variant(recovered, plain, self.open);
        }
        let (mut samples, mut scores) = (Vec::with_capacity(plain.samples().len()), Vec::new());
        for index in 0..plain.len() {
            let (image, score) = nearest_variant(&recovered.select(&[index]), &plain.select(&[index]), self.open)?;
            samples.extend_from_slice(image.samples());
            scores.extend(score);
        }
        Ok((Batch::new(plain.shape(), plain.max(), samples)?, scores))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_an_attack_or_says_why_not() {
        let kind = |text: &str| Recovery::of(Some(&text.parse().unwrap())).map(|recovery| recovery.kind);
        let moves = |shuffled, flipped| Moves { shuffled, flipped };
        assert_eq!(kind("shuffle-flip block=8"), Ok(Kind::SharedBlocks(8, moves(true, true))));
        assert_eq!(kind("np"), Ok(Kind::SharedBlocks(4, moves(false, true))));
        assert_eq!(kind("vit sign-flip"), Ok(Kind::ScrambledBlocks(16, moves(true, true))));
        assert!(matches!(kind("etc"), Ok(Kind::TurnedBlocks(16, _))));
        assert_eq!((kind("skk"), kind("skk key=image")), (Ok(Kind::SharedPixels), Ok(Kind::FoldedPixels)));
        assert_eq!(kind("skk-filter"), Ok(Kind::FoldedPixels));
        assert_eq!(kind("keystream"), Ok(Kind::SharedBlocks(4, moves(true, true))));
        assert_eq!((kind("le"), kind("ele block=8")), (Ok(Kind::Nibbles(4)), Ok(Kind::KeyedNibbles(8, true))));
        assert_eq!(kind("shuffle-flip key=block"), Ok(Kind::KeyedBlocks(4, moves(true, true), false)));
        assert!(kind("shuffle-flip block=4x8").unwrap_err().contains("squares"));
    }
}
