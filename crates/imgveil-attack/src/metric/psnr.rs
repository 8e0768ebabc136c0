//! Peak signal-to-noise ratio.

use super::each_pair;
use crate::{Batch, Error};

/// The peak signal-to-noise ratio of every image of `b` to that of `a`, in dB:
/// `10 log10(max^2 / mean((a - b)^2))`, the mean over all samples. Infinite for equal images.
///
/// Source: Huynh-Thu and Ghanbari, "Scope of validity of PSNR in image/video quality assessment", Electronics Letters
/// 44(13), 2008.
///
/// # Errors
///
/// If the batches differ in shape, depth or number.
pub fn psnr(a: &Batch, b: &Batch) -> Result<Vec<f64>, Error> {
    let peak = f64::from(a.max());
    each_pair(a, b, |a, b| {
        let squares = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum::<u64>();
        10.0 * (peak * peak * a.len() as f64 / squares as f64).log10()
    })
}
