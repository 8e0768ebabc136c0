//! What an attacker knows of a scheme, because it is public: which elements it moves, and inside which blocks.

use crate::{Batch, Error, Shape};

/// What a scheme moves and negates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// Whole samples.
    Sample,
    /// Nibbles: 4 bits of a sample. Only depths that are multiples of 4 have them.
    Nibble,
}

/// What a scheme does inside its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Within {
    /// Any permutation with flips, the same in all blocks.
    Shared,
    /// Any permutation with flips, another one in every block.
    PerBlock,
    /// A square block is turned, mirrored, negated as a whole, and its channels change their order.
    Turned,
}

/// The public structure of a scheme that moves and negates elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    /// What moves.
    pub level: Level,
    /// Height and width of a block in pixels. Blocks tile the image.
    pub block: (usize, usize),
    /// What happens inside a block.
    pub within: Within,
    /// Whether the blocks change their places.
    pub scrambled: bool,
}

impl Layout {
    /// The structure of a scheme of which nothing is known: any element may go anywhere.
    #[must_use]
    pub fn unknown(shape: Shape, max: u16) -> Self {
        let level = if Level::Nibble.fits(max) { Level::Nibble } else { Level::Sample };
        Self { level, block: (shape.height, shape.width), within: Within::PerBlock, scrambled: false }
    }

    /// Checks that the blocks tile the images and that samples can be cut as the level says.
    ///
    /// # Errors
    ///
    /// If not.
    pub fn check(&self, shape: Shape, max: u16) -> Result<(), Error> {
        let (height, width) = self.block;
        let tiles = |side: usize, block: usize| block > 0 && side.is_multiple_of(block);
        if !tiles(shape.height, height) || !tiles(shape.width, width) {
            return Err(Error::BlockDoesNotTile { block: height.max(width), shape });
        }
        if !self.level.fits(max) {
            return Err(Error::NotApplicable(format!("samples up to {max} are no whole number of nibbles")));
        }
        Ok(())
    }

    /// The numbers of the elements of every block: blocks row by row, the elements of a block in the order of
    /// (nibble, row, column, channel).
    pub(crate) fn blocks(&self, shape: Shape, max: u16) -> Vec<Vec<u32>> {
        let Shape { height, width, channels } = shape;
        let (rows, columns) = self.block;
        let parts = self.level.parts(max);
        let corners = (0..height).step_by(rows).flat_map(|y| (0..width).step_by(columns).map(move |x| (y, x)));
        let of_block = |(top, left): (usize, usize)| {
            let mut block = Vec::with_capacity(rows * columns * channels * parts);
            for part in 0..parts {
                for y in top..top + rows {
                    let row = (y * width + left) * channels;
                    block.extend((row..row + columns * channels).map(|sample| (sample * parts + part) as u32));
                }
            }
            block
        };
        corners.map(of_block).collect()
    }
}

impl Level {
    /// Whether samples up to `max` consist of whole elements.
    #[must_use]
    pub fn fits(self, max: u16) -> bool {
        self == Self::Sample || (u32::from(max) + 1).trailing_zeros().is_multiple_of(4)
    }

    /// The elements of a sample.
    pub(crate) fn parts(self, max: u16) -> usize {
        match self {
            Self::Sample => 1,
            Self::Nibble => (u32::from(max) + 1).trailing_zeros() as usize / 4,
        }
    }

    /// The largest value of an element.
    pub(crate) fn largest(self, max: u16) -> u16 {
        if self == Self::Sample { max } else { 15 }
    }

    /// The elements of an image. Element `sample * parts + part` is bits `4 * part` to `4 * part + 3` of a sample.
    pub(crate) fn cut(self, image: &[u16], max: u16) -> Vec<u16> {
        if self == Self::Sample {
            return image.to_vec();
        }
        let parts = self.parts(max);
        image.iter().flat_map(|&sample| (0..parts).map(move |part| sample >> (4 * part) & 15)).collect()
    }

    /// The samples of an image from its elements.
    pub(crate) fn join(self, elements: &[u16], max: u16) -> Vec<u16> {
        if self == Self::Sample {
            return elements.to_vec();
        }
        let sample = |nibbles: &[u16]| nibbles.iter().rev().fold(0, |sample, nibble| sample << 4 | nibble);
        elements.chunks_exact(self.parts(max)).map(sample).collect()
    }

    /// The elements of all images of a batch.
    pub(crate) fn cut_all(self, batch: &Batch) -> Vec<Vec<u16>> {
        batch.iter().map(|image| self.cut(image, batch.max())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_cut_and_joined() {
        assert_eq!(Level::Nibble.cut(&[0xab, 0x01], 255), [0xb, 0xa, 1, 0]);
        assert_eq!(Level::Nibble.cut(&[0xabc], 4095), [0xc, 0xb, 0xa]);
        for (level, max) in [(Level::Sample, 1023), (Level::Nibble, 255), (Level::Nibble, 4095), (Level::Nibble, 65535)]
        {
            let image = [0, 1, max / 3, max];
            assert_eq!(level.join(&level.cut(&image, max), max), image);
        }
        assert!(!Level::Nibble.fits(1023) && Level::Sample.fits(1023));
    }

    #[test]
    fn blocks_hold_every_element_once() {
        let shape = Shape { height: 4, width: 6, channels: 3 };
        let layout = Layout { level: Level::Nibble, block: (2, 3), within: Within::Shared, scrambled: false };
        let blocks = layout.blocks(shape, 255);
        assert_eq!((blocks.len(), blocks[0].len(), blocks[1][0], blocks[1][18]), (4, 36, 18, 19));
        let mut all: Vec<u32> = blocks.concat();
        all.sort_unstable();
        assert_eq!(all, (0..144).collect::<Vec<_>>());
        assert!(Layout { block: (3, 3), ..layout }.check(shape, 255).is_err());
        assert!(layout.check(shape, 1023).is_err());
    }
}
