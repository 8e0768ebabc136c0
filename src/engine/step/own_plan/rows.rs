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

    /// Copies a block, whose first sample is at `corner`, out of an image.
    #[inline(always)]
    pub fn take(self, image: &[u8], corner: usize, block: &mut [u8]) {
        for (row, to) in block.chunks_exact_mut(self.width).enumerate() {
            copy(&image[corner + row * self.line..][..self.width], to, 0);
        }
    }

    /// Copies a block into an image, its first sample to `corner`.
    #[inline(always)]
    pub fn put(self, block: &[u8], image: &mut [u8], corner: usize) {
        for (row, from) in block.chunks_exact(self.width).enumerate() {
            copy(from, &mut image[corner + row * self.line..][..self.width], 0);
        }
    }

    /// Copies a block from one image to another, with the bits of `mask` flipped.
    #[inline(always)]
    pub fn pass(self, rows: usize, (from, source): (&[u8], usize), (to, target): (&mut [u8], usize), mask: u8) {
        for row in 0..rows {
            let (source, target) = (source + row * self.line, target + row * self.line);
            copy(&from[source..][..self.width], &mut to[target..][..self.width], mask);
        }
    }
}

/// Copies a row, with the bits of `mask` flipped. A short row of a width known to the compiler takes a few
/// instructions, and a call of a function many more: hence the usual widths one by one.
#[inline(always)]
fn copy(from: &[u8], to: &mut [u8], mask: u8) {
    #[inline(always)]
    fn fixed<const N: usize>(from: &[u8], to: &mut [u8], mask: u8) {
        let (from, to) = (from.as_chunks::<N>().0, to.as_chunks_mut::<N>().0);
        to.iter_mut().zip(from).take(1).for_each(|(to, from)| *to = from.map(|byte| byte ^ mask));
    }
    match from.len() {
        4 => fixed::<4>(from, to, mask),
        7 => fixed::<7>(from, to, mask),
        8 => fixed::<8>(from, to, mask),
        12 => fixed::<12>(from, to, mask),
        14 => fixed::<14>(from, to, mask),
        16 => fixed::<16>(from, to, mask),
        21 => fixed::<21>(from, to, mask),
        24 => fixed::<24>(from, to, mask),
        48 => fixed::<48>(from, to, mask),
        _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = from ^ mask),
    }
}
