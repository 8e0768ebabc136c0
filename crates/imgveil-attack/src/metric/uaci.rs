//! Unified average changing intensity.

use super::each_pair;
use crate::{Batch, Error};

/// The mean of `|a - b| / max` over the samples of every pair of images, from 0 to 1.
///
/// For two encryptions of images that differ in one sample, or under keys that differ in one bit. Independent random
/// images reach `(max + 2) / (3 (max + 1))`, 0.33464 with 8 bits.
///
/// Source: as [`npcr`](super::npcr()).
///
/// # Errors
///
/// If the batches differ in shape, depth or number.
pub fn uaci(a: &Batch, b: &Batch) -> Result<Vec<f64>, Error> {
    let max = f64::from(a.max());
    each_pair(a, b, |a, b| {
        a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum::<u64>() as f64 / (max * a.len() as f64)
    })
}
