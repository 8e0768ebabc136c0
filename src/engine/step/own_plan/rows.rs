//! The rows of a block in an image of bytes.

use crate::plan::blocks::Blocks;

/// Where the rows of a block lie: the first one at its corner.
#[derive(Clone, Copy)]
pub struct Rows {
    /// Bytes of a row.
    pub width: usize,
    /// Bytes from a row to the next one.
    pub line: usize,
}

impl Rows {
    /// The rows of these blocks, if a sample is a byte.
    pub fn of(blocks: &Blocks) -> Self {
        let (channels, (_, columns)) = (blocks.geometry().channels(), blocks.block());
        Self { width: columns as usize * channels, line: blocks.geometry().width() * channels }
    }

    /// The number, in stored order, of the byte at an offset behind the corner.
    pub fn stored(self, offset: usize) -> usize {
        offset / self.line * self.width + offset % self.line
    }

    /// Copies a block out of an image.
    #[inline]
    pub fn take(self, image: &[u8], block: &mut [u8]) {
        for (to, from) in block.chunks_exact_mut(self.width).zip(image.chunks(self.line)) {
            copy(&from[..self.width], to, 0);
        }
    }

    /// Copies a block into an image.
    #[inline]
    pub fn put(self, block: &[u8], image: &mut [u8]) {
        for (from, to) in block.chunks_exact(self.width).zip(image.chunks_mut(self.line)) {
            copy(from, &mut to[..self.width], 0);
        }
    }

    /// Copies a block from one image to another, with the bits of `mask` flipped.
    #[inline]
    pub fn pass(self, rows: usize, from: &[u8], to: &mut [u8], mask: u8) {
        for (from, to) in from.chunks(self.line).zip(to.chunks_mut(self.line)).take(rows) {
            copy(&from[..self.width], &mut to[..self.width], mask);
        }
    }
}

/// Copies a short row, with the bits of `mask` flipped. A call of a function would take longer than the copy.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8], mask: u8) {
    let (from_16, from) = from.as_chunks::<16>();
    let (to_16, to) = to.as_chunks_mut::<16>();
    to_16.iter_mut().zip(from_16).for_each(|(to, from)| *to = from.map(|byte| byte ^ mask));
    let (from_4, from) = from.as_chunks::<4>();
    let (to_4, to) = to.as_chunks_mut::<4>();
    to_4.iter_mut().zip(from_4).for_each(|(to, from)| *to = from.map(|byte| byte ^ mask));
    to.iter_mut().zip(from).for_each(|(to, from)| *to = from ^ mask);
}
