//! Memory that a thread of the CPU engine reuses from image to image.

use super::lanes::Columns;
use zeroize::Zeroizing;

/// Fewer images than these go through a step one by one: with mostly empty lanes, a plain loop is faster.
pub const FEWEST: usize = 6;

/// A thread's memory.
#[derive(Default)]
pub struct Scratch {
    /// One image.
    pub image: Vec<u8>,
    /// The table of an image that has its own. It is as secret as the key.
    pub table: Zeroizing<Vec<u32>>,
    /// Images side by side.
    pub columns: Columns,
    /// Encrypted images that are then converted to floats.
    pub encrypted: Vec<u8>,
    /// Sums of a mixture.
    pub sums: Vec<i32>,
}
