//! Blocks of 4x4 pixels of bytes: a block is one vector of 64 bytes, four rows of 16, and every turn and order of its
//! channels is one shuffle of it.

use super::block_keys::Moved;
use crate::engine::cpu::scratch::Turns;
use crate::engine::step::pixel_keyed::COLOUR_ORDERS;
use crate::plan::blocks::Blocks;
use fearless_simd::{Level, prelude::*, u8x16, u8x64};
use zeroize::DefaultIsZeroes;

/// Rows of a block.
const ROWS: usize = 4;
/// Bytes of a row in the vector.
const ROW: usize = 16;

/// One block that moves: corners in the image, and how.
#[derive(Clone, Copy, Default)]
pub struct Move {
    to: u32,
    from: u32,
    /// The turn and the order of the channels, as a number.
    way: u8,
    mask: u8,
}

impl DefaultIsZeroes for Move {}

/// How blocks move in all ways, in one direction. This depends on no key.
pub struct Ways {
    blocks: Blocks,
    turning: bool,
    inverse: bool,
    line: usize,
    channels: usize,
    /// The first sample of each block. Finding it takes divisions.
    corners: Vec<u32>,
    /// For each way and each byte of the vector, the byte that comes there.
    sources: Vec<[u8; ROWS * ROW]>,
}

impl Ways {
    /// Those of some blocks: `known`, if it is of the same ones. `None` if blocks are no 4x4.
    pub fn of(known: Option<Self>, blocks: &Blocks, turns: &Turns, turning: bool, inverse: bool) -> Option<Self> {
        if blocks.block() != (ROWS as u32, ROWS as u32) {
            return None;
        }
        let same = |known: &Self| (known.blocks, known.turning, known.inverse) == (*blocks, turning, inverse);
        if let Some(known) = known.filter(same) {
            return Some(known);
        }
        let channels = blocks.geometry().channels();
        let line = blocks.geometry().width() * channels;
        let place = |offset: usize| offset / line * ROW + offset % line;
        let mut sources = Vec::new();
        for turned in turns.turned.chunks_exact(turns.offsets.len()) {
            for order in COLOUR_ORDERS {
                let mut bytes = [0; ROWS * ROW];
                for (&pixel, &source) in turns.offsets.iter().zip(turned) {
                    for (channel, other) in order.iter().enumerate().take(channels) {
                        // One channel has one order.
                        let other = if channels == 3 { usize::from(*other) } else { channel };
                        let (to, from) = (place(pixel) + channel, place(source) + other);
                        let (to, from) = if inverse { (from, to) } else { (to, from) };
                        bytes[to] = from as u8;
                    }
                }
                sources.push(bytes);
            }
        }
        let corners = (0..blocks.count()).map(|block| blocks.corner(block) as u32).collect();
        Some(Self { blocks: *blocks, turning, inverse, line, channels, corners, sources })
    }

    /// The move that brings a block to a place, or back.
    pub(super) fn one(&self, place: usize, moved: &Moved) -> Move {
        let (to, from) = (self.corners[place], self.corners[moved.block]);
        let (to, from) = if self.inverse { (from, to) } else { (to, from) };
        let way = moved.turn * COLOUR_ORDERS.len() + moved.colour;
        Move { to, from, way: way as u8, mask: moved.mask }
    }

    /// Moves the blocks from one image into the other.
    pub fn apply(&self, moves: &[Move], before: &[u8], image: &mut [u8]) {
        match self.channels {
            1 => fearless_simd::dispatch!(Level::new(), simd => each::<_, 4>(simd, self, moves, before, image)),
            _ => fearless_simd::dispatch!(Level::new(), simd => each::<_, 12>(simd, self, moves, before, image)),
        }
    }
}

/// `N` is the number of bytes of a block's row.
#[inline(always)]
fn each<S: Simd, const N: usize>(simd: S, ways: &Ways, moves: &[Move], before: &[u8], image: &mut [u8]) {
    simd.vectorize(
        #[inline(always)]
        || {
            let line = ways.line;
            for &Move { to, from, way, mask } in moves {
                let (to, from, sources) = (to as usize, from as usize, &ways.sources[usize::from(way)]);
                let image = &mut image[to..][..(ROWS - 1) * line + N];
                let Some(block) = before.get(from..from + (ROWS - 1) * line + ROW) else {
                    // The vector's last row would end behind the image.
                    for (place, &source) in sources.iter().enumerate().filter(|(place, _)| place % ROW < N) {
                        let source = usize::from(source);
                        let sample = before[from + source / ROW * line + source % ROW];
                        image[place / ROW * line + place % ROW] = sample ^ mask;
                    }
                    continue;
                };
                let (a, b) = (u8x16::from_slice(simd, &block[..ROW]), u8x16::from_slice(simd, &block[line..][..ROW]));
                let (c, d) = (&block[2 * line..][..ROW], &block[3 * line..][..ROW]);
                let (c, d) = (u8x16::from_slice(simd, c), u8x16::from_slice(simd, d));
                let rows = simd.combine_u8x32(simd.combine_u8x16(a, b), simd.combine_u8x16(c, d));
                let moved = rows.swizzle_dyn(u8x64::from_slice(simd, sources)) ^ u8x64::splat(simd, mask);
                let (first, second) = simd.split_u8x64(moved);
                let ((a, b), (c, d)) = (simd.split_u8x32(first), simd.split_u8x32(second));
                for (row, bytes) in [a, b, c, d].into_iter().enumerate() {
                    let bytes: [u8; ROW] = bytes.into();
                    image[row * line..][..N].copy_from_slice(&bytes[..N]);
                }
            }
        },
    );
}
