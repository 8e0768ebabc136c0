//! Keys per image of whole blocks: turns, signs, colour orders and places.

use super::super::pixel_keyed::COLOUR_ORDERS;
use super::rows::Rows;
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

    /// Draws an image's keys and gives every block's place and what comes there. The twin of
    /// `shaders/block_keys.wgsl`.
    #[inline(always)]
    fn each(&self, blocks: &Blocks, id: u64, drawing: &mut Drawing, mut give: impl FnMut(usize, Moved)) {
        let (count, channels) = (blocks.count(), blocks.geometry().channels());
        let digits = |subkey: &Option<Subkey>, n| subkey.as_ref().map(|key| Stream::digits(key, id, n, count));
        let (turns, colours) = (digits(&self.turn, 8), digits(&self.colour, 6).filter(|_| channels == 3));
        let Drawing { rankings, masks, .. } = drawing;
        match &self.negative {
            Some(key) => Stream::new(key, id).masks(count, masks),
            None => {
                masks.clear();
                masks.resize(count, 0);
            }
        }
        let mut give = |place: usize, block: usize| {
            let turn = turns.as_ref().map_or(0, |turns| turns[block] as usize);
            let order = colours.as_ref().map_or([0, 1, 2], |digits| COLOUR_ORDERS[digits[block] as usize]);
            give(place, Moved { block, turn, order: order.map(usize::from), mask: masks[block] });
        };
        match &self.scramble {
            Some(subkey) => {
                Rankings { subkey, id, from: 0, piece: Piece::Word, n: count, count: 1 }.each(rankings, |_, blocks| {
                    blocks.iter().enumerate().for_each(|(place, &block)| give(place, block as usize));
                });
            }
            None => (0..count).for_each(|block| give(block, block)),
        }
    }

    /// The same as pairs of samples of the image: encryption takes the first from the second, flipped (255) or not (0).
    pub(super) fn pairs(
        &self,
        blocks: &Blocks,
        id: u64,
        drawing: &mut Drawing,
        mut add: impl FnMut(usize, usize, u8),
    ) {
        let channels = blocks.geometry().channels();
        let (offsets, turned) = self.offsets(blocks);
        self.each(blocks, id, drawing, |place, Moved { block, turn, order, mask }| {
            let (to, from) = (blocks.corner(place), blocks.corner(block));
            for (&offset, &source) in offsets.iter().zip(&turned[turn * offsets.len()..]) {
                for (channel, &other) in order.iter().enumerate().take(channels) {
                    add(to + offset + channel, from + source + other, mask);
                }
            }
        });
    }

    /// Moves and flips the samples of an image of bytes.
    pub(super) fn bytes(
        &self,
        blocks: &Blocks,
        id: u64,
        inverse: bool,
        drawing: &mut Drawing,
        before: &[u8],
        image: &mut [u8],
    ) {
        let rows = Rows::of(blocks);
        if self.turn.is_none() && self.colour.is_none() {
            let height = blocks.block().0 as usize;
            return self.each(blocks, id, drawing, |place, Moved { block, mask, .. }| {
                let (to, from) = if inverse { (block, place) } else { (place, block) };
                rows.pass(height, &before[blocks.corner(from)..], &mut image[blocks.corner(to)..], mask);
            });
        }
        let (offsets, turned) = self.offsets(blocks);
        let (pixels, channels) = (offsets.len(), blocks.geometry().channels());
        let span = offsets.last().map_or(0, |last| last + channels);
        self.each(blocks, id, drawing, |place, Moved { block, turn, order, mask }| {
            let (place, block) = (blocks.corner(place), blocks.corner(block));
            let pairs = offsets.iter().zip(&turned[turn * pixels..]);
            match (channels, inverse) {
                (3, false) => {
                    let (to, from) = (&mut image[place..][..span], &before[block..][..span]);
                    for (&place, &source) in pairs {
                        let pixel: [u8; 3] = from[source..].as_chunks().0[0];
                        to[place..].as_chunks_mut().0[0] = order.map(|channel| pixel[channel] ^ mask);
                    }
                }
                (3, true) => {
                    let (to, from) = (&mut image[block..][..span], &before[place..][..span]);
                    for (&place, &source) in pairs {
                        let pixel: [u8; 3] = from[place..].as_chunks().0[0];
                        let to: &mut [u8; 3] = &mut to[source..].as_chunks_mut().0[0];
                        order.iter().zip(pixel).for_each(|(&channel, sample)| to[channel] = sample ^ mask);
                    }
                }
                (_, false) => {
                    let (to, from) = (&mut image[place..][..span], &before[block..][..span]);
                    pairs.for_each(|(&place, &source)| to[place] = from[source] ^ mask);
                }
                (_, true) => {
                    let (to, from) = (&mut image[block..][..span], &before[place..][..span]);
                    pairs.for_each(|(&place, &source)| to[source] = from[place] ^ mask);
                }
            }
        });
    }

    /// Where the pixels of a block lie behind its corner, and the same for every turn of it.
    fn offsets(&self, blocks: &Blocks) -> (Vec<usize>, Vec<usize>) {
        let (channels, side) = (blocks.geometry().channels(), blocks.block().1 as usize);
        let pixels = blocks.samples() / channels;
        let offsets: Vec<usize> = (0..pixels).map(|pixel| blocks.offset(pixel * channels)).collect();
        let turns = if self.turn.is_some() { 8 } else { 1 };
        let turned = (0..turns).flat_map(|turn| (0..pixels).map(move |pixel| turned(pixel, side, turn)));
        let turned = turned.map(|pixel| offsets[pixel]).collect();
        (offsets, turned)
    }
}

/// What comes to a place.
struct Moved {
    block: usize,
    turn: usize,
    order: [usize; 3],
    mask: u8,
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
