//! Which attack goes with what a scheme does.

use super::{
    BlockChanges, Moves, Prior, block_tones, filtered_pixels, folded_pixels, keyed_blocks, keyed_nibbles, nibbles,
    scrambled_blocks, shared_blocks, shared_pixels, turned_blocks,
};
use crate::{Ambiguity, Batch, Error, Progress};

/// What a scheme does, as far as its name says: public, and all that an attacker needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Structure {
    /// Samples move inside blocks or are flipped: shuffle-flip, shf, np, vit.
    Samples {
        /// Height and width of a block.
        block: usize,
        /// What is done to samples.
        moves: Moves,
        /// Every block has a key of its own.
        key_per_block: bool,
        /// Blocks are moved.
        scrambled: bool,
    },
    /// Nibbles move inside blocks and are flipped: le, ele.
    Nibbles {
        /// Height and width of a block.
        block: usize,
        /// Every block has a key of its own.
        key_per_block: bool,
        /// Blocks are moved.
        scrambled: bool,
    },
    /// Blocks are moved and changed as wholes: etc.
    Blocks {
        /// Height and width of a block.
        block: usize,
        /// What is done to a block.
        changes: BlockChanges,
        /// Every image has a key of its own.
        key_per_image: bool,
    },
    /// Samples or nibbles move inside blocks, or are flipped, by a key for every block of every image.
    Tones {
        /// Height and width of a block.
        block: usize,
        /// Samples are flipped.
        flipped: bool,
    },
    /// Samples are flipped and channels reordered by a key for every pixel: skk.
    Pixels {
        /// Every image has a key of its own.
        key_per_image: bool,
    },
    /// As `Pixels`, and of every block a statistic is kept: skk-filter.
    FilteredPixels {
        /// Height and width of a block.
        block: usize,
        /// Every image has a key of its own.
        key_per_image: bool,
    },
}

impl Structure {
    /// Recovers what can be recovered from encrypted images of one key.
    ///
    /// # Errors
    ///
    /// Those of the attack: blocks that do not tile the images, no images, a depth of no whole number of nibbles, plain
    /// images for the prior of another number of channels, nibbles of blocks that are moved under a shared key.
    pub fn recover(&self, encrypted: &Batch, prior: Prior<'_>, progress: &dyn Progress) -> Result<Batch, Error> {
        match *self {
            Self::Samples { block, moves, key_per_block: true, scrambled } => {
                keyed_blocks(encrypted, block, moves, scrambled, prior, progress)
            }
            Self::Samples { block, moves, scrambled: true, .. } => {
                scrambled_blocks(encrypted, block, moves, prior, progress)
            }
            Self::Samples { block, moves, .. } => shared_blocks(encrypted, block, moves, prior),
            Self::Nibbles { block, key_per_block: false, scrambled: false } => {
                nibbles(encrypted, block, prior, progress)
            }
            // A shared key is a key for every block that happens to be the same.
            Self::Nibbles { block, scrambled, .. } => keyed_nibbles(encrypted, block, scrambled, prior, progress),
            Self::Blocks { block, changes, key_per_image: false } => turned_blocks(encrypted, block, changes, progress),
            // No image says anything of another.
            Self::Blocks { block, changes, key_per_image: true } => {
                let one = |index| turned_blocks(&encrypted.select(&[index]), block, changes, progress);
                let images = (0..encrypted.len()).map(one).collect::<Result<Vec<Batch>, Error>>()?;
                let samples: Vec<&[u16]> = images.iter().map(Batch::samples).collect();
                Batch::new(encrypted.shape(), encrypted.max(), samples.concat())
            }
            Self::Tones { block, flipped } => block_tones(encrypted, block, flipped),
            Self::Pixels { key_per_image: false } => shared_pixels(encrypted),
            Self::Pixels { key_per_image: true } => folded_pixels(encrypted),
            Self::FilteredPixels { block, key_per_image } => filtered_pixels(encrypted, block, !key_per_image),
        }
    }

    /// What the attack leaves open.
    #[must_use]
    pub fn ambiguity(&self) -> Ambiguity {
        let sign = Ambiguity { negative: true, reordered: true, ..Ambiguity::default() };
        match *self {
            Self::Samples { scrambled, key_per_block, .. } | Self::Nibbles { scrambled, key_per_block, .. } => {
                Ambiguity { turned: scrambled || key_per_block, ..sign }
            }
            Self::Blocks { key_per_image, .. } => Ambiguity { turned: true, each_image: key_per_image, ..sign },
            Self::Tones { .. } => Ambiguity { each_image: true, ..sign },
            Self::Pixels { key_per_image } | Self::FilteredPixels { key_per_image, .. } => {
                Ambiguity { negative_channels: true, each_image: key_per_image, ..sign }
            }
        }
    }
}
