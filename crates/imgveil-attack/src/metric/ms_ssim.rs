//! Structural similarity at several scales.

use super::each_pair;
use super::plane::{mean_of_channels, plane};
use super::ssim::{at_least, gaussian};
use crate::{Batch, Error};

/// The exponents of the five scales, the finest first (section 3.2 of the source).
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// The smallest side: 11 pixels at the fifth scale.
const SMALLEST: usize = 11 << (WEIGHTS.len() - 1);

/// The structural similarity of every pair of images over five scales.
///
/// Scale j + 1 is scale j halved by means of 2x2 pixels; an odd last row or column is left out. With the Gaussian
/// window of [`ssim_gaussian`](super::ssim_gaussian), the result is the product of `mean(contrast and structure)^w_j`
/// over the first four scales and `mean(SSIM)^w_5` at the last, w = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333. Negative
/// means count as 0.
///
/// Source: Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment", Asilomar
/// Conference on Signals, Systems and Computers, 2003.
///
/// # Errors
///
/// If the batches differ in shape, depth or number, or a side is below 176.
pub fn ms_ssim(a: &Batch, b: &Batch) -> Result<Vec<f64>, Error> {
    let shape = a.shape();
    at_least(SMALLEST, shape)?;
    let max = f64::from(a.max());
    each_pair(a, b, |a, b| {
        mean_of_channels(shape, |channel| {
            let (mut a, mut b) = (plane(a, shape, channel), plane(b, shape, channel));
            let (mut height, mut width) = (shape.height, shape.width);
            let mut product = 1.0;
            for (scale, weight) in WEIGHTS.iter().enumerate() {
                let (full, contrast) = gaussian(&a, &b, height, width, max);
                let last = scale + 1 == WEIGHTS.len();
                product *= (if last { full } else { contrast }).max(0.0).powf(*weight);
                if !last {
                    (a, b) = (halved(&a, height, width), halved(&b, height, width));
                    (height, width) = (height / 2, width / 2);
                }
            }
            product
        })
    })
}

fn halved(values: &[f64], height: usize, width: usize) -> Vec<f64> {
    let mut half = Vec::with_capacity((height / 2) * (width / 2));
    for row in 0..height / 2 {
        let (upper, lower) = (&values[2 * row * width..], &values[(2 * row + 1) * width..]);
        half.extend((0..width / 2).map(|x| (upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]) / 4.0));
    }
    half
}
