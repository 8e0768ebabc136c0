//! Keys per image of whole blocks: turns, signs, colour orders and places.

use super::super::pixel_keyed::COLOUR_ORDERS;
use crate::plan::FLIP;
use crate::plan::blocks::Blocks;
use crate::schedule::{Piece, Stream, Subkey};

/// What every image does to its blocks: first to each block by itself, then to their places. A key that is `None` does
/// nothing.
#[derive(Clone, Default)]
pub struct BlockKeys {
    /// The key of the turns. Blocks are then squares.
    pub turn: Option<Subkey>,
    /// The key of the signs.
    pub negative: Option<Subkey>,
    /// The key of the orders of three channels.
    pub colour: Option<Subkey>,
    /// The key of the places.
    pub scramble: Option<Subkey>,
}

impl BlockKeys {
    /// These keys and the next ones as one, if nothing is done twice and places come last. What is done to a block by
    /// itself may be done in any order.
    pub(super) fn then(&self, next: &Self) -> Option<Self> {
        fn one(a: &Option<Subkey>, b: &Option<Subkey>) -> Option<Option<Subkey>> {
            (a.is_none() || b.is_none()).then(|| a.clone().or_else(|| b.clone()))
        }
        if self.scramble.is_some() {
            return None;
        }
        Some(Self {
            turn: one(&self.turn, &next.turn)?,
            negative: one(&self.negative, &next.negative)?,
            colour: one(&self.colour, &next.colour)?,
            scramble: next.scramble.clone(),
        })
    }

    /// Draws an image's keys and tells of every sample: encryption takes `to` from `from`, flipped or not. The twin of
    /// `shaders/block_keys.wgsl`.
    pub(super) fn pairs(&self, blocks: &Blocks, id: u64, mut add: impl FnMut(usize, usize, u32)) {
        let (count, channels) = (blocks.count(), blocks.geometry().channels());
        let digits = |subkey: &Option<Subkey>, n| subkey.as_ref().map(|key| Stream::digits(key, id, n, count));
        let (turns, colours) = (digits(&self.turn, 8), digits(&self.colour, 6).filter(|_| channels == 3));
        let negative = self.negative.as_ref().map(|key| Stream::new(key, id).bits(count));
        let places = self.scramble.as_ref().map(|key| Stream::rankings(key, id, 0, Piece::Word, count, 1));
        let pixels = blocks.samples() / channels;
        let offsets: Vec<usize> = (0..pixels).map(|pixel| blocks.offset(pixel * channels)).collect();
        let side = blocks.block().1 as usize;
        let upright: Vec<usize> = (0..pixels).collect();
        let turned: Vec<Vec<usize>> = match turns {
            Some(_) => (0..8).map(|turn| upright.iter().map(|&pixel| turned(pixel, side, turn)).collect()).collect(),
            None => vec![upright],
        };
        for place in 0..count {
            let block = places.as_ref().map_or(place, |places| places[place] as usize);
            let pixel_of = &turned[turns.as_ref().map_or(0, |turns| turns[block] as usize)];
            let order = colours.as_ref().map_or([0, 1, 2], |digits| COLOUR_ORDERS[digits[block] as usize]);
            let flip = if negative.as_ref().is_some_and(|bits| bits[block]) { FLIP } else { 0 };
            let (to, from) = (blocks.corner(place), blocks.corner(block));
            for (&offset, &source) in offsets.iter().zip(pixel_of) {
                let (to, from) = (to + offset, from + offsets[source]);
                for (channel, &other) in order.iter().enumerate().take(channels) {
                    add(to + channel, from + usize::from(other), flip);
                }
            }
        }
    }
}

/// The pixel of a square block that comes to `pixel`: the block is turned counter-clockwise by `turn` mod 4 quarter
/// turns, and then mirrored left to right if `turn` is 4 or more.
fn turned(pixel: usize, side: usize, turn: usize) -> usize {
    let (mut y, mut x) = (pixel / side, pixel % side);
    // From the output back to the input: a block is mirrored last, so that is undone first.
    if turn >= 4 {
        x = side - 1 - x;
    }
    for _ in 0..turn % 4 {
        (y, x) = (x, side - 1 - y);
    }
    y * side + x
}
