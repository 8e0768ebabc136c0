//! Keys per image of the elements inside blocks: their places, and their signs.

use crate::plan::blocks::Blocks;
use crate::plan::{FLIP, Unit};
use crate::schedule::{Piece, Stream, Subkey};

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

    /// Draws an image's keys and tells of every element: encryption takes `to` from `from`, flipped or not. The twin of
    /// `shaders/element_keys.wgsl`.
    pub(super) fn pairs(&self, blocks: &Blocks, id: u64, mut add: impl FnMut(usize, usize, u32)) {
        let count = blocks.count();
        match self {
            Self::Samples { shuffle, flip } => {
                let d = blocks.samples();
                let order = shuffle.as_ref().map(|key| Stream::rankings(key, id, 0, Piece::Half, d, count));
                let signs = flip.as_ref().map(|key| Stream::new(key, id).bits(count * d));
                let offsets: Vec<usize> = (0..d).map(|i| blocks.offset(i)).collect();
                for block in 0..count {
                    let corner = blocks.corner(block);
                    for i in 0..d {
                        let element = block * d + i;
                        let from = order.as_ref().map_or(i, |order| order[element] as usize);
                        let flip = if signs.as_ref().is_some_and(|signs| signs[element]) { FLIP } else { 0 };
                        add(corner + offsets[i], corner + offsets[from], flip);
                    }
                }
            }
            Self::Nibbles(key) => {
                let n = blocks.nibbles();
                let signs = Stream::new(key, id).bits(count * n);
                let order = Stream::rankings(key, id, words(count * n), Piece::Half, n, count);
                for block in 0..count {
                    let (signs, order) = (&signs[block * n..], &order[block * n..]);
                    for i in 0..n {
                        let from = order[i] as usize;
                        let flip = if signs[from] != signs[i] { FLIP } else { 0 };
                        add(blocks.nibble(block, i), blocks.nibble(block, from), flip);
                    }
                }
            }
        }
    }
}

/// The words that so many bits take.
fn words(bits: usize) -> u64 {
    bits.div_ceil(32) as u64
}
