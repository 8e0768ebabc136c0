//! Keys per image of the elements inside blocks: their places, and their signs.

use super::rows::Rows;
use crate::engine::cpu::scratch::Drawing;
use crate::plan::Unit;
use crate::plan::blocks::Blocks;
use crate::schedule::ranking::{Memory, Piece, Rankings};
use crate::schedule::{Stream, Subkey};

/// What every image does to the elements of its blocks, in every block another thing.
#[derive(Clone)]
pub enum ElementKeys {
    /// Samples change places, and then signs. A key that is `None` does nothing.
    Samples {
        /// The key of the places.
        shuffle: Option<Subkey>,
        /// The key of the signs.
        flip: Option<Subkey>,
    },
    /// Nibbles change signs, then places, and those at the same places change signs again.
    Nibbles(Subkey),
}

impl ElementKeys {
    /// What is moved.
    pub fn unit(&self) -> Unit {
        match self {
            Self::Samples { .. } => Unit::Sample,
            Self::Nibbles(_) => Unit::Nibble,
        }
    }

    /// These keys and the next ones as one, if signs follow places.
    pub(super) fn then(&self, next: &Self) -> Option<Self> {
        match (self, next) {
            (
                Self::Samples { shuffle: shuffle @ Some(_), flip: None },
                Self::Samples { shuffle: None, flip: flip @ Some(_) },
            ) => Some(Self::Samples { shuffle: shuffle.clone(), flip: flip.clone() }),
            _ => None,
        }
    }

    /// Draws an image's keys and gives every block's number, and of each of its elements the source and whether it is
    /// flipped (255) or not (0). The twin of `shaders/element_keys.wgsl`.
    #[inline(always)]
    pub(super) fn each(
        &self,
        blocks: &Blocks,
        id: u64,
        rankings: &mut Memory,
        masks: &mut Vec<u8>,
        mut give: impl FnMut(usize, &[u32], &[u8]),
    ) {
        let count = blocks.count();
        match self {
            Self::Samples { shuffle, flip } => {
                let n = blocks.samples();
                match flip {
                    Some(key) => Stream::new(key, id).masks(count * n, masks),
                    None => {
                        masks.clear();
                        masks.resize(count * n, 0);
                    }
                }
                let block = |number: usize, order: &[u32]| give(number, order, &masks[number * n..][..n]);
                match shuffle {
                    Some(subkey) => {
                        Rankings { subkey, id, from: 0, piece: Piece::Half, n, count }.each(rankings, block);
                    }
                    None => {
                        let (mut block, upright) = (block, (0..n as u32).collect::<Vec<u32>>());
                        (0..count).for_each(|number| block(number, &upright));
                    }
                }
            }
            Self::Nibbles(subkey) => {
                let n = blocks.nibbles();
                Stream::new(subkey, id).masks(count * n, masks);
                let mut both = vec![0; n];
                let from = words(count * n);
                Rankings { subkey, id, from, piece: Piece::Half, n, count }.each(rankings, |number, order| {
                    let masks = &masks[number * n..][..n];
                    for ((both, mask), &from) in both.iter_mut().zip(masks).zip(order) {
                        *both = mask ^ masks[from as usize];
                    }
                    give(number, order, &both);
                });
            }
        }
    }

    /// The same as pairs of elements of the image: encryption takes the first from the second.
    pub(super) fn pairs(
        &self,
        blocks: &Blocks,
        id: u64,
        drawing: &mut Drawing,
        mut add: impl FnMut(usize, usize, u8),
    ) {
        let Drawing { rankings, masks, offsets, .. } = drawing;
        let nibbles = self.unit() == Unit::Nibble;
        let place = |block, i| if nibbles { blocks.nibble(block, i) } else { blocks.sample(block, i) };
        let n = if nibbles { blocks.nibbles() } else { blocks.samples() };
        offsets.clear();
        offsets.extend((0..n).map(|i| place(0, i)));
        self.each(blocks, id, rankings, masks, |block, order, masks| {
            let corner = place(block, 0);
            for ((&to, &from), &mask) in offsets.iter().zip(order).zip(masks) {
                add(corner + to, corner + offsets[from as usize], mask);
            }
        });
    }

    /// Moves and flips the samples of an image of bytes. Not for nibbles.
    pub(super) fn bytes(
        &self,
        blocks: &Blocks,
        id: u64,
        inverse: bool,
        drawing: &mut Drawing,
        before: &[u8],
        image: &mut [u8],
    ) {
        let Drawing { rankings, masks, offsets, block: [source, result], .. } = drawing;
        let n = blocks.samples();
        source.resize(n, 0);
        result.resize(n, 0);
        let rows = Rows::of(blocks);
        let first = blocks.are_channels_first();
        // Where a block's sample lies among those in stored order.
        offsets.clear();
        offsets.extend((0..n).map(|i| rows.stored(blocks.offset(i))));
        self.each(blocks, id, rankings, masks, |number, order, masks| {
            let corner = blocks.corner(number);
            rows.take(before, corner, source);
            let moves = order.iter().zip(masks);
            match (first, inverse) {
                (false, false) => {
                    let results = result.iter_mut().zip(moves);
                    results.for_each(|(to, (&from, &mask))| *to = source[from as usize] ^ mask);
                }
                (false, true) => {
                    let sources = source.iter().zip(moves);
                    sources.for_each(|(&sample, (&to, &mask))| result[to as usize] = sample ^ mask);
                }
                (true, false) => {
                    let results = offsets.iter().zip(moves);
                    results.for_each(|(&to, (&from, &mask))| result[to] = source[offsets[from as usize]] ^ mask);
                }
                (true, true) => {
                    let sources = offsets.iter().zip(moves);
                    sources.for_each(|(&from, (&to, &mask))| result[offsets[to as usize]] = source[from] ^ mask);
                }
            }
            rows.put(result, image, corner);
        });
    }
}

/// The words that so many bits take.
fn words(bits: usize) -> u64 {
    bits.div_ceil(32) as u64
}
