//! Metrics of images, one file each, with formula and source.
//!
//! A metric of two batches returns a value for every image. Where images have three channels, a value is the mean over
//! the channels unless its page says otherwise. `tests/reference/metrics.py` makes the known answers.

mod adjacent;
mod chi_square;
mod edge_overlap;
mod entropy;
mod histogram;
mod ms_ssim;
mod mutual_information;
mod npcr;
mod outlines;
mod plane;
mod psnr;
mod ssim;
mod uaci;

pub use adjacent::{Adjacent, adjacent_correlation};
pub use chi_square::chi_square;
pub use edge_overlap::edge_overlap;
pub use entropy::entropy;
pub use ms_ssim::ms_ssim;
pub use mutual_information::mutual_information;
pub use npcr::npcr;
pub use outlines::outlines;
pub use psnr::psnr;
pub use ssim::{ssim, ssim_gaussian};
pub use uaci::uaci;

use crate::{Batch, Error};
use rayon::prelude::*;

/// The value of a metric for every image of a batch.
fn each(batch: &Batch, value: impl Fn(&[u16]) -> f64 + Sync) -> Vec<f64> {
    (0..batch.len()).into_par_iter().map(|index| value(batch.image(index))).collect()
}

/// The value of a metric for every pair of images of two batches.
fn each_pair(a: &Batch, b: &Batch, value: impl Fn(&[u16], &[u16]) -> f64 + Sync) -> Result<Vec<f64>, Error> {
    a.must_match(b)?;
    Ok((0..a.len()).into_par_iter().map(|index| value(a.image(index), b.image(index))).collect())
}

/// The mean of values; NaN if there are none.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
