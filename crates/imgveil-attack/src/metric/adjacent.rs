//! Correlation of neighbouring pixels.

use super::plane::{mean_of_channels, plane};
use crate::{Batch, Error};
use rayon::prelude::*;

/// Pearson correlations of neighbouring pixels of an image. NaN where all pixels are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adjacent {
    /// Of a pixel and its right neighbour.
    pub horizontal: f64,
    /// Of a pixel and its lower neighbour.
    pub vertical: f64,
    /// Of a pixel and its lower right neighbour.
    pub diagonal: f64,
}

/// The correlation of neighbouring pixels of every image: near 1 for natural images, near 0 for a good cipher.
///
/// `cov(x, y) / (s_x s_y)` over all pairs of neighbours (x, y) of a channel, not a sample of them.
///
/// Source: Chen, Mao and Chui, "A symmetric image encryption scheme based on 3D chaotic cat maps", Chaos, Solitons and
/// Fractals 21(3), 2004.
///
/// # Errors
///
/// If a side is below 2.
pub fn adjacent_correlation(batch: &Batch) -> Result<Vec<Adjacent>, Error> {
    let shape = batch.shape();
    super::ssim::at_least(2, shape)?;
    let of_image = |index: usize| {
        let image = batch.image(index);
        let of = |down: usize, right: usize| {
            mean_of_channels(shape, |channel| {
                let values = plane(image, shape, channel);
                let rows = 0..shape.height - down;
                correlation(rows.flat_map(|row| {
                    let first = &values[row * shape.width..][..shape.width - right];
                    let second = &values[(row + down) * shape.width + right..][..shape.width - right];
                    first.iter().copied().zip(second.iter().copied())
                }))
            })
        };
        Adjacent { horizontal: of(0, 1), vertical: of(1, 0), diagonal: of(1, 1) }
    };
    Ok((0..batch.len()).into_par_iter().map(of_image).collect())
}

/// The Pearson correlation. Sums of products of 16-bit samples are exact in 53 bits for up to two million pairs.
fn correlation(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut n, mut x, mut y, mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (a, b) in pairs {
        n += 1.0;
        x += a;
        y += b;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    (xy - x * y / n) / ((xx - x * x / n) * (yy - y * y / n)).sqrt()
}
