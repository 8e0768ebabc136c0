//! Mutual information.

use super::each_pair;
use super::histogram::entropy_of;
use crate::{Batch, Error};

/// Values of samples are counted in as many bins.
const BINS: usize = 256;

/// The mutual information of every pair of images, in bits: `H(a) + H(b) - H(a, b)` of the samples at the same places.
///
/// Samples above 8 bits are put into 256 bins of equal width. The estimate from n samples is too large by about
/// `(bins - 1)^2 / (2 n ln 2)` bits: compare it with that of random images of the same size.
///
/// Source: Viola and Wells, "Alignment by maximization of mutual information", ICCV 1995.
///
/// # Errors
///
/// If the batches differ in shape, depth or number.
pub fn mutual_information(a: &Batch, b: &Batch) -> Result<Vec<f64>, Error> {
    let bin = (usize::from(a.max()) + 1) / BINS;
    each_pair(a, b, |a, b| {
        let mut joint = vec![0_u64; BINS * BINS];
        a.iter().zip(b).for_each(|(&a, &b)| joint[usize::from(a) / bin * BINS + usize::from(b) / bin] += 1);
        let first: Vec<u64> = joint.chunks_exact(BINS).map(|row| row.iter().sum()).collect();
        let second: Vec<u64> = (0..BINS).map(|column| joint.iter().skip(column).step_by(BINS).sum()).collect();
        (entropy_of(&first) + entropy_of(&second) - entropy_of(&joint)).max(0.0)
    })
}
