//! Deviation of the histogram from an even one.

use super::each;
use super::histogram::histogram;
use crate::Batch;

/// Pearson's chi-square of the histogram of every image against an even one: `sum (o_v - e)^2 / e` over all `max + 1`
/// values, with `e` the number of samples over `max + 1`. All channels count together.
///
/// With 8 bits it has 255 degrees of freedom: random samples stay below 293.25 in 95 of 100 images. Where `e` is
/// below 5 (small images, more bits) the test says little.
///
/// Source: Pearson, "On the criterion that a given system of deviations ...", Philosophical Magazine 50, 1900.
#[must_use]
pub fn chi_square(batch: &Batch) -> Vec<f64> {
    each(batch, |image| {
        let counts = histogram(image, batch.max());
        let expected = image.len() as f64 / counts.len() as f64;
        counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum()
    })
}
