//! Keys per image of the elements inside blocks: their places, and their signs.

use super::rows::Rows;
use crate::engine::cpu::scratch::Drawing;
use crate::plan::Unit;
use crate::plan::blocks::Blocks;
use crate::schedule::ranking::{Memory, Piece, Rankings, Sorted};
use crate::schedule::{Stream, Subkey};
use zeroize::Zeroizing;

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
        mut give: impl FnMut(usize, Sorted<'_>, &[u8]),
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
                let block = |number: usize, order: Sorted<'_>| give(number, order, &masks[number * n..][..n]);
                match shuffle {
                    Some(subkey) => {
                        Rankings { subkey, id, from: 0, piece: Piece::Half, n, count }.each(rankings, block);
                    }
                    None => {
                        let (mut block, upright) = (block, (0..n as u32).collect::<Vec<u32>>());
                        (0..count).for_each(|number| block(number, Sorted::Order(&upright)));
                    }
                }
            }
            Self::Nibbles(subkey) => {
                let n = blocks.nibbles();
                Stream::new(subkey, id).masks(count * n, masks);
                let (mut both, mut memory) = (vec![0; n], Zeroizing::new(Vec::new()));
                let from = words(count * n);
                Rankings { subkey, id, from, piece: Piece::Half, n, count }.each(rankings, |number, sorted| {
                    let order = sorted.order(&mut memory);
                    let masks = &masks[number * n..][..n];
                    for ((both, mask), &from) in both.iter_mut().zip(masks).zip(order) {
                        *both = mask ^ masks[from as usize];
                    }
                    give(number, Sorted::Order(order), &both);
                });
            }
        }
    }

    /// The same as pairs of elements of the image: encryption takes the first from the second.
    pub(super) fn pairs(&self, blocks: &Blocks, id: u64, drawing: &mut Drawing, mut add: impl FnMut(usize, usize, u8)) {
        let Drawing { rankings, masks, offsets, .. } = drawing;
        let nibbles = self.unit() == Unit::Nibble;
        let place = |block, i| if nibbles { blocks.nibble(block, i) } else { blocks.sample(block, i) };
        let n = if nibbles { blocks.nibbles() } else { blocks.samples() };
        offsets.clear();
        offsets.extend((0..n).map(|i| place(0, i)));
        let mut memory = Zeroizing::new(Vec::new());
        self.each(blocks, id, rankings, masks, |block, sorted, masks| {
            let corner = place(block, 0);
            let order = sorted.order(&mut memory);
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
        // At least as large as what a byte counts: then places that are bytes need no check.
        source.resize(n.max(256), 0);
        result.resize(n.max(256), 0);
        let rows = Rows::of(blocks);
        let first = blocks.are_channels_first();
        // Where a block's sample lies among those in stored order.
        offsets.clear();
        offsets.extend((0..n).map(|i| rows.stored(blocks.offset(i))));
        let mut turned = Zeroizing::new(vec![0; if first { n } else { 0 }]);
        self.each(blocks, id, rankings, masks, |number, sorted, masks| {
            let corner = blocks.corner(number);
            rows.take(before, corner, &mut source[..n]);
            // Samples in the order in which they are counted.
            if first {
                turned.iter_mut().zip(offsets.iter()).for_each(|(to, &from)| *to = source[from]);
                source[..n].copy_from_slice(&turned);
            }
            if inverse {
                source.iter_mut().zip(masks).for_each(|(sample, mask)| *sample ^= mask);
            }
            match (sorted, inverse) {
                (Sorted::Order(order), false) => {
                    result.iter_mut().zip(order).for_each(|(to, &from)| *to = source[from as usize]);
                }
                (Sorted::Order(order), true) => {
                    source.iter().zip(order).for_each(|(&sample, &to)| result[to as usize] = sample);
                }
                (Sorted::Ranks(ranks), false) => {
                    if let Some(result) = result.first_chunk_mut::<256>() {
                        source.iter().zip(ranks).for_each(|(&sample, &to)| result[usize::from(to)] = sample);
                    }
                }
                (Sorted::Ranks(ranks), true) => {
                    if let Some(source) = source.first_chunk::<256>() {
                        result.iter_mut().zip(ranks).for_each(|(to, &from)| *to = source[usize::from(from)]);
                    }
                }
            }
            if !inverse {
                result.iter_mut().zip(masks).for_each(|(sample, mask)| *sample ^= mask);
            }
            if first {
                offsets.iter().zip(result.iter()).for_each(|(&to, &sample)| turned[to] = sample);
                result[..n].copy_from_slice(&turned);
            }
            rows.put(&result[..n], image, corner);
        });
    }
}

/// The words that so many bits take.
fn words(bits: usize) -> u64 {
    bits.div_ceil(32) as u64
}
