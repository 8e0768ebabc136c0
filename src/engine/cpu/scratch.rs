//! Memory that a thread of the CPU engine reuses from image to image.

use super::lanes::Columns;
use crate::engine::step::own_plan::in_a_vector::{Move, Ways};
use crate::plan::blocks::Blocks;
use crate::schedule::ranking::Memory;
use zeroize::Zeroizing;

/// Fewer images than these go through a step one by one: with mostly empty lanes, a plain loop is faster.
pub const FEWEST: usize = 6;

/// What an image's own keys are drawn and looked up in.
#[derive(Default)]
pub struct Drawing {
    /// For permutations.
    pub rankings: Memory,
    /// Signs of elements: 0 or 255.
    pub masks: Zeroizing<Vec<u8>>,
    /// Places of a block's elements.
    pub offsets: Vec<usize>,
    /// A block, before and after.
    pub block: [Vec<u8>; 2],
    /// Turns of blocks.
    pub turns: Turns,
    /// Turns of blocks that are vectors.
    pub ways: Option<Ways>,
    /// How the blocks of an image move.
    pub moves: Zeroizing<Vec<Move>>,
}

/// Where the pixels of a block lie behind its corner. This depends on no key.
#[derive(Default)]
pub struct Turns {
    /// The blocks, and whether they turn.
    of: Option<(Blocks, bool)>,
    /// Of every pixel, its first sample.
    pub offsets: Vec<usize>,
    /// The same of the pixel that comes there, for turn 0, for turn 1, and so on.
    pub turned: Vec<usize>,
}

impl Turns {
    /// Those of some blocks: these ones, if they are of the same blocks. Without `turning`, turn 0 alone.
    pub fn of(self, blocks: &Blocks, turning: bool) -> Self {
        if self.of == Some((*blocks, turning)) {
            return self;
        }
        let (channels, side) = (blocks.geometry().channels(), blocks.block().1 as usize);
        let pixels = blocks.samples() / channels;
        let offsets: Vec<usize> = (0..pixels).map(|pixel| blocks.offset(pixel * channels)).collect();
        let mut turned = Vec::with_capacity(8 * pixels);
        for turn in 0..if turning { 8 } else { 1 } {
            turned.extend((0..pixels).map(|pixel| offsets[turned_pixel(pixel, side, turn)]));
        }
        Self { of: Some((*blocks, turning)), offsets, turned }
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

/// A thread's memory.
#[derive(Default)]
pub struct Scratch {
    /// One image.
    pub image: Vec<u8>,
    /// The table of an image that has its own. It is as secret as the key.
    pub table: Zeroizing<Vec<u32>>,
    /// What its table is drawn with.
    pub drawing: Drawing,
    /// Images side by side.
    pub columns: Columns,
    /// Encrypted images that are then converted to floats.
    pub encrypted: Vec<u8>,
    /// Sums of a mixture.
    pub sums: Vec<i32>,
}
