//! Number of pixels change rate.

use super::each_pair;
use crate::{Batch, Error};

/// The share of samples in which every pair of images differs, from 0 to 1.
///
/// For two encryptions of images that differ in one sample, or under keys that differ in one bit. Independent random
/// images reach `max / (max + 1)`, 0.99609 with 8 bits.
///
/// Source: Chen, Mao and Chui, "A symmetric image encryption scheme based on 3D chaotic cat maps", Chaos, Solitons and
/// Fractals 21(3), 2004; Wu, Noonan and Agaian, "NPCR and UACI randomness tests for image encryption", 2011.
///
/// # Errors
///
/// If the batches differ in shape, depth or number.
pub fn npcr(a: &Batch, b: &Batch) -> Result<Vec<f64>, Error> {
    each_pair(a, b, |a, b| a.iter().zip(b).filter(|(a, b)| a != b).count() as f64 / a.len() as f64)
}
