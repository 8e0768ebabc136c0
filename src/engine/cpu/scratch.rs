//! Memory that a thread of the CPU engine reuses from image to image.

use super::lanes::Columns;
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
