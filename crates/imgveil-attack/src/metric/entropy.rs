//! Shannon entropy.

use super::each;
use super::histogram::{entropy_of, histogram};
use crate::Batch;

/// The Shannon entropy of the samples of every image, in bits: `-sum p_v log2 p_v` over the values v. All channels
/// count together. At most the depth; it says how even the histogram is, and nothing about places.
///
/// Source: Shannon, "A mathematical theory of communication", Bell System Technical Journal 27, 1948.
#[must_use]
pub fn entropy(batch: &Batch) -> Vec<f64> {
    each(batch, |image| entropy_of(&histogram(image, batch.max())))
}
