//! Keys per image of whole blocks: turns, signs, colour orders and places.

use super::super::pixel_keyed::COLOUR_ORDERS;
use super::in_a_vector::Ways;
use super::rows::Rows;
use crate::engine::cpu::scratch::{Drawing, Turns};
use crate::plan::blocks::Blocks;
use crate::schedule::ranking::{Piece, Rankings};
use crate::schedule::{Stream, Subkey};
use zeroize::Zeroizing;

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
            // The first order changes nothing.
            let colour = colours.as_ref().map_or(0, |digits| digits[block] as usize);
            let order = COLOUR_ORDERS[colour].map(usize::from);
            give(place, Moved { block, turn, colour, order, mask: masks[block] });
        };
        match &self.scramble {
            Some(subkey) => {
                Rankings { subkey, id, from: 0, piece: Piece::Word, n: count, count: 1 }.each(rankings, |_, sorted| {
                    let mut memory = Zeroizing::new(Vec::new());
                    let blocks = sorted.order(&mut memory);
                    blocks.iter().enumerate().for_each(|(place, &block)| give(place, block as usize));
                });
            }
            None => (0..count).for_each(|block| give(block, block)),
        }
    }

    /// The same as pairs of samples of the image: encryption takes the first from the second, flipped (255) or not (0).
    pub(super) fn pairs(&self, blocks: &Blocks, id: u64, drawing: &mut Drawing, mut add: impl FnMut(usize, usize, u8)) {
        let channels = blocks.geometry().channels();
        let turns = std::mem::take(&mut drawing.turns).of(blocks, self.turn.is_some());
        let Turns { offsets, turned, .. } = &turns;
        self.each(blocks, id, drawing, |place, Moved { block, turn, order, mask, .. }| {
            let (to, from) = (blocks.corner(place), blocks.corner(block));
            for (&offset, &source) in offsets.iter().zip(&turned[turn * offsets.len()..]) {
                for (channel, &other) in order.iter().enumerate().take(channels) {
                    add(to + offset + channel, from + source + other, mask);
                }
            }
        });
        drawing.turns = turns;
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
                rows.pass(height, (before, blocks.corner(from)), (image, blocks.corner(to)), mask);
            });
        }
        let turns = std::mem::take(&mut drawing.turns).of(blocks, self.turn.is_some());
        if let Some(ways) = Ways::of(drawing.ways.take(), blocks, &turns, self.turn.is_some(), inverse) {
            let mut moves = std::mem::take(&mut drawing.moves);
            moves.clear();
            self.each(blocks, id, drawing, |place, moved| moves.push(ways.one(place, &moved)));
            ways.apply(&moves, before, image);
            (drawing.moves, drawing.ways, drawing.turns) = (moves, Some(ways), turns);
            return;
        }
        let Turns { offsets, turned, .. } = &turns;
        let (pixels, channels) = (offsets.len(), blocks.geometry().channels());
        let span = offsets.last().map_or(0, |last| last + channels);
        self.each(blocks, id, drawing, |place, Moved { block, turn, order, mask, .. }| {
            let (place, block) = (blocks.corner(place), blocks.corner(block));
            let pairs = offsets.iter().zip(&turned[turn * pixels..]);
            match (channels, inverse) {
                (3, false) => {
                    let (to, from) = (&mut image[place..][..span], &before[block..][..span]);
                    let [red, green, blue] = order.map(|channel| 8 * channel as u32);
                    let flip = u32::from(mask) * 0x0001_0101;
                    for (&place, &source) in pairs {
                        let [a, b, c] = from[source..].as_chunks().0[0];
                        // In a register, for a place in memory that depends on the order takes longer.
                        let pixel = u32::from_le_bytes([a, b, c, 0]) ^ flip;
                        to[place..].as_chunks_mut().0[0] =
                            [(pixel >> red) as u8, (pixel >> green) as u8, (pixel >> blue) as u8];
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
        drawing.turns = turns;
    }
}

/// What comes to a place.
pub(super) struct Moved {
    pub block: usize,
    pub turn: usize,
    /// The number of the order, and the order.
    pub colour: usize,
    pub order: [usize; 3],
    pub mask: u8,
}
