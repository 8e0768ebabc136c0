//! Blocks that tile an image, and the numbers of their elements in the image.

use super::Unit;
use crate::image::Geometry;

/// An image cut into blocks that tile it. Blocks are numbered row by row. The samples of a block are counted (row,
/// column, channel) or (channel, row, column), its nibbles level by level, the lowest of all samples first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    geometry: Geometry,
    /// Rows and columns of a block.
    block: (u32, u32),
    /// Blocks side by side.
    across: usize,
    channels_first: bool,
}

impl Blocks {
    /// `geometry` in blocks of these rows and columns. `None` if they do not tile it.
    pub fn new(geometry: Geometry, (rows, columns): (u32, u32)) -> Option<Self> {
        let tiles = |side: usize, of: u32| of > 0 && side.is_multiple_of(of as usize);
        let across = geometry.width().checked_div(columns as usize)?;
        let found = Self { geometry, block: (rows, columns), across, channels_first: false };
        (tiles(geometry.height(), rows) && tiles(geometry.width(), columns)).then_some(found)
    }

    /// The same, with samples counted (channel, row, column).
    pub fn channels_first(self) -> Self {
        Self { channels_first: true, ..self }
    }

    /// Whether samples are counted (channel, row, column).
    pub fn are_channels_first(&self) -> bool {
        self.channels_first
    }

    /// The image's geometry.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Rows and columns of a block.
    pub fn block(&self) -> (u32, u32) {
        self.block
    }

    /// How many blocks there are.
    pub fn count(&self) -> usize {
        self.geometry.height() / self.block.0 as usize * self.across
    }

    /// D: samples of a block.
    pub fn samples(&self) -> usize {
        self.block.0 as usize * self.block.1 as usize * self.geometry.channels()
    }

    /// The image's sample that is sample `i` of block `b`.
    pub fn sample(&self, b: usize, i: usize) -> usize {
        self.corner(b) + self.offset(i)
    }

    /// The image's sample that is the first one of block `b`.
    pub fn corner(&self, b: usize) -> usize {
        let (row, column) = (b / self.across * self.block.0 as usize, b % self.across);
        (row * self.geometry.width() + column * self.block.1 as usize) * self.geometry.channels()
    }

    /// How far behind a block's first sample its sample `i` lies in the image.
    pub fn offset(&self, i: usize) -> usize {
        // An image has fewer than 2^31 samples, and this is where compiling a large one spends its time: divisions of
        // 32 bits.
        let ((rows, columns), channels) = (self.block, self.geometry.channels() as u32);
        let (i, line) = (i as u32, self.geometry.width() as u32 * channels);
        let offset = if self.channels_first {
            let (channel, pixel) = (i / (rows * columns), i % (rows * columns));
            pixel / columns * line + pixel % columns * channels + channel
        } else {
            i / (columns * channels) * line + i % (columns * channels)
        };
        offset as usize
    }

    /// Nibbles of a block: those that hold bits of the depth.
    pub fn nibbles(&self) -> usize {
        self.samples() * Unit::Nibble.used(self.geometry.depth())
    }

    /// The image's nibble that is nibble `i` of block `b`.
    pub fn nibble(&self, b: usize, i: usize) -> usize {
        let (level, sample) = (i / self.samples(), i % self.samples());
        self.sample(b, sample) * Unit::Nibble.per_sample(self.geometry.depth()) + level
    }
}
