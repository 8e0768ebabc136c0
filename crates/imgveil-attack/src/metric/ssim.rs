//! Structural similarity.

use super::each_pair;
use super::plane::{mean_of_channels, plane};
use crate::{Batch, Error, Shape};

/// Side of the uniform window.
const SIDE: usize = 7;

/// Radius of the Gaussian window, 3.5 standard deviations of 1.5 pixels.
const RADIUS: usize = 5;

/// The structural similarity of every pair of images, as scikit-image computes it by default.
///
/// The mean over all windows of 7x7 pixels of `(2 m_a m_b + c1)(2 s_ab + c2) / ((m_a^2 + m_b^2 + c1)(s_a^2 + s_b^2 +
/// c2))` with means m, sample variances s^2 and the sample covariance `s_ab` (divided by 48), `c1 = (0.01 max)^2` and
/// `c2 = (0.03 max)^2`. Windows that reach over the border do not count. 1 for equal images; near 0 for unrelated
/// ones.
///
/// Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
/// similarity", IEEE Transactions on Image Processing 13(4), 2004, with a uniform window.
///
/// # Errors
///
/// If the batches differ in shape, depth or number, or a side is below 7.
pub fn ssim(a: &Batch, b: &Batch) -> Result<Vec<f64>, Error> {
    let shape = a.shape();
    at_least(SIDE, shape)?;
    let max = a.max();
    each_pair(a, b, |a, b| mean_of_channels(shape, |channel| uniform(a, b, shape, channel, max)))
}

/// The structural similarity of every pair of images with the window of the original: Gaussian, 11x11, with a standard
/// deviation of 1.5 pixels, and variances of the population.
///
/// As scikit-image with `gaussian_weights=True, sigma=1.5, use_sample_covariance=False`. Formula and source are those
/// of [`ssim`].
///
/// # Errors
///
/// If the batches differ in shape, depth or number, or a side is below 11.
pub fn ssim_gaussian(a: &Batch, b: &Batch) -> Result<Vec<f64>, Error> {
    let shape = a.shape();
    at_least(2 * RADIUS + 1, shape)?;
    let max = f64::from(a.max());
    each_pair(a, b, |a, b| {
        mean_of_channels(shape, |channel| {
            gaussian(&plane(a, shape, channel), &plane(b, shape, channel), shape.height, shape.width, max).0
        })
    })
}

pub(super) fn at_least(needed: usize, shape: Shape) -> Result<(), Error> {
    if shape.height < needed || shape.width < needed { Err(Error::TooSmall { needed, shape }) } else { Ok(()) }
}

/// The five sums of a window: a, b, a^2, b^2, ab. Sums of 49 products of 16-bit samples need 38 bits.
type Sums = [i64; 5];

fn products(a: u16, b: u16) -> Sums {
    let (a, b) = (i64::from(a), i64::from(b));
    [a, b, a * a, b * b, a * b]
}

/// SSIM of one channel. The sums of a window follow from those of its neighbour, exactly, because they are integers.
fn uniform(a: &[u16], b: &[u16], shape: Shape, channel: usize, max: u16) -> f64 {
    let (height, width) = (shape.height, shape.width);
    let at = |row: usize, column: usize| {
        let index = (row * width + column) * shape.channels + channel;
        products(a[index], b[index])
    };
    let (c1, c2) = ((0.01 * f64::from(max)).powi(2), (0.03 * f64::from(max)).powi(2));
    let n = (SIDE * SIDE) as f64;
    let mut columns = vec![[0; 5]; width];
    let mut total = 0.0;
    for row in 0..height {
        for (column, sums) in columns.iter_mut().enumerate() {
            let new = at(row, column);
            let old = if row >= SIDE { at(row - SIDE, column) } else { [0; 5] };
            for k in 0..5 {
                sums[k] += new[k] - old[k];
            }
        }
        if row + 1 < SIDE {
            continue;
        }
        let mut window: Sums = [0; 5];
        for column in 0..width {
            let old = if column >= SIDE { columns[column - SIDE] } else { [0; 5] };
            for k in 0..5 {
                window[k] += columns[column][k] - old[k];
            }
            if column + 1 >= SIDE {
                let [a, b, aa, bb, ab] = window.map(|sum| sum as f64 / n);
                let unbiased = n / (n - 1.0);
                let (va, vb, vab) = (unbiased * (aa - a * a), unbiased * (bb - b * b), unbiased * (ab - a * b));
                total += (2.0 * a * b + c1) * (2.0 * vab + c2) / ((a * a + b * b + c1) * (va + vb + c2));
            }
        }
    }
    total / ((height - SIDE + 1) * (width - SIDE + 1)) as f64
}

/// SSIM with the Gaussian window, and the mean of its second factor alone (contrast and structure).
pub(super) fn gaussian(a: &[f64], b: &[f64], height: usize, width: usize, max: f64) -> (f64, f64) {
    let (c1, c2) = ((0.01 * max).powi(2), (0.03 * max).powi(2));
    let product = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).collect::<Vec<_>>();
    let smooth = |values: &[f64]| smoothed(values, height, width);
    let (ma, mb) = (smooth(a), smooth(b));
    let (maa, mbb, mab) = (smooth(&product(a, a)), smooth(&product(b, b)), smooth(&product(a, b)));
    let (mut full, mut second) = (0.0, 0.0);
    for i in 0..ma.len() {
        let (va, vb, vab) = (maa[i] - ma[i] * ma[i], mbb[i] - mb[i] * mb[i], mab[i] - ma[i] * mb[i]);
        let contrast = (2.0 * vab + c2) / (va + vb + c2);
        full += contrast * (2.0 * ma[i] * mb[i] + c1) / (ma[i] * ma[i] + mb[i] * mb[i] + c1);
        second += contrast;
    }
    (full / ma.len() as f64, second / ma.len() as f64)
}

/// Weighted means over all windows inside the image, rows first.
fn smoothed(values: &[f64], height: usize, width: usize) -> Vec<f64> {
    let mut weights = [0.0; 2 * RADIUS + 1];
    for (k, weight) in weights.iter_mut().enumerate() {
        *weight = (-0.5 * ((k as f64 - RADIUS as f64) / 1.5).powi(2)).exp();
    }
    let total: f64 = weights.iter().sum();
    let weights = weights.map(|weight| weight / total);
    let inner = width - 2 * RADIUS;
    let mut across = Vec::with_capacity(height * inner);
    for row in values.chunks_exact(width) {
        across
            .extend(row.windows(weights.len()).map(|part| part.iter().zip(&weights).map(|(v, w)| v * w).sum::<f64>()));
    }
    let mut down = vec![0.0; (height - 2 * RADIUS) * inner];
    for (row, out) in down.chunks_exact_mut(inner).enumerate() {
        for (k, weight) in weights.iter().enumerate() {
            let source = &across[(row + k) * inner..(row + k + 1) * inner];
            out.iter_mut().zip(source).for_each(|(out, value)| *out += weight * value);
        }
    }
    down
}
