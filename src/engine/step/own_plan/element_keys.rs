//! Keys per image of the elements inside blocks: their places, and their signs.

use crate::engine::cpu::scratch::Drawing;
use crate::plan::Unit;
use crate::plan::blocks::Blocks;
use crate::schedule::ranking::{Piece, Rankings};
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

    /// Draws an image's keys and tells of every element: encryption takes `to` from `from`, flipped (255) or not (0).
    /// The twin of `shaders/element_keys.wgsl`.
    #[inline(always)]
    pub(super) fn pairs(
        &self,
        blocks: &Blocks,
        id: u64,
        drawing: &mut Drawing,
        mut add: impl FnMut(usize, usize, u8),
    ) {
        let count = blocks.count();
        let Drawing { rankings, masks, offsets, .. } = drawing;
        offsets.clear();
        match self {
            Self::Samples { shuffle, flip } => {
                let d = blocks.samples();
                offsets.extend((0..d).map(|i| blocks.offset(i) as u32));
                match flip {
                    Some(key) => Stream::new(key, id).masks(count * d, masks),
                    None => {
                        masks.clear();
                        masks.resize(count * d, 0);
                    }
                }
                let mut block = |block: usize, order: &[u32]| {
                    let corner = blocks.corner(block);
                    let masks = &masks[block * d..];
                    for ((&to, &from), &mask) in offsets.iter().zip(order).zip(masks) {
                        add(corner + to as usize, corner + offsets[from as usize] as usize, mask);
                    }
                };
                match shuffle {
                    Some(subkey) => {
                        let drawn = Rankings { subkey, id, from: 0, piece: Piece::Half, n: d, count };
                        drawn.each(rankings, block);
                    }
                    None => {
                        let upright: Vec<u32> = (0..d as u32).collect();
                        (0..count).for_each(|number| block(number, &upright));
                    }
                }
            }
            Self::Nibbles(subkey) => {
                let n = blocks.nibbles();
                offsets.extend((0..n).map(|i| blocks.nibble(0, i) as u32));
                Stream::new(subkey, id).masks(count * n, masks);
                let from = words(count * n);
                Rankings { subkey, id, from, piece: Piece::Half, n, count }.each(rankings, |block, order| {
                    let corner = blocks.nibble(block, 0);
                    let masks = &masks[block * n..][..n];
                    for ((&to, &from), &mask) in offsets.iter().zip(order).zip(masks) {
                        let from = from as usize;
                        add(corner + to as usize, corner + offsets[from] as usize, mask ^ masks[from]);
                    }
                });
            }
        }
    }
}

/// The words that so many bits take.
fn words(bits: usize) -> u64 {
    bits.div_ceil(32) as u64
}
