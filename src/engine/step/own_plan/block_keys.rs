//! Keys per image of whole blocks: turns, signs, colour orders and places.

use super::super::pixel_keyed::COLOUR_ORDERS;
use crate::engine::cpu::scratch::Drawing;
use crate::plan::blocks::Blocks;
use crate::schedule::ranking::{Piece, Rankings};
use crate::schedule::{Stream, Subkey};

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

    /// Draws an image's keys and tells of every sample: encryption takes `to` from `from`, flipped (255) or not (0). The
    /// twin of `shaders/block_keys.wgsl`.
    #[inline(always)]
    pub(super) fn pairs(
        &self,
        blocks: &Blocks,
        id: u64,
        drawing: &mut Drawing,
        mut add: impl FnMut(usize, usize, u8),
    ) {
        let (count, channels) = (blocks.count(), blocks.geometry().channels());
        let digits = |subkey: &Option<Subkey>, n| subkey.as_ref().map(|key| Stream::digits(key, id, n, count));
        let (turns, colours) = (digits(&self.turn, 8), digits(&self.colour, 6).filter(|_| channels == 3));
        let Drawing { rankings, masks, offsets, turned, places } = drawing;
        match &self.negative {
            Some(key) => Stream::new(key, id).masks(count, masks),
            None => {
                masks.clear();
                masks.resize(count, 0);
            }
        }
        places.clear();
        match &self.scramble {
            Some(subkey) => Rankings { subkey, id, from: 0, piece: Piece::Word, n: count, count: 1 }
                .each(rankings, |_, order| places.extend_from_slice(order)),
            None => places.extend(0..count as u32),
        }
        let pixels = blocks.samples() / channels;
        offsets.clear();
        offsets.extend((0..pixels).map(|pixel| blocks.offset(pixel * channels) as u32));
        turned.clear();
        let side = blocks.block().1 as usize;
        for turn in 0..if turns.is_some() { 8 } else { 0 } {
            turned.extend((0..pixels).map(|pixel| offsets[turned_pixel(pixel, side, turn)]));
        }
        for (place, &block) in places.iter().enumerate() {
            let block = block as usize;
            let sources = match &turns {
                Some(turns) => &turned[turns[block] as usize * pixels..][..pixels],
                None => offsets,
            };
            let order = colours.as_ref().map_or([0, 1, 2], |digits| COLOUR_ORDERS[digits[block] as usize]);
            let [red, green, blue] = order.map(usize::from);
            let flip = masks[block];
            let (to, from) = (blocks.corner(place), blocks.corner(block));
            for (&offset, &source) in offsets.iter().zip(sources) {
                let (to, from) = (to + offset as usize, from + source as usize);
                if channels == 3 {
                    add(to, from + red, flip);
                    add(to + 1, from + green, flip);
                    add(to + 2, from + blue, flip);
                } else {
                    add(to, from, flip);
                }
            }
        }
    }
}

/// The pixel of a square block that comes to `pixel`: the block is turned counter-clockwise by `turn` mod 4 quarter
/// turns, and then mirrored left to right if `turn` is 4 or more.
fn turned_pixel(pixel: usize, side: usize, turn: usize) -> usize {
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
