//! Outlines that show through an encryption.

use super::each_pair;
use crate::{Batch, Error, Shape};

/// Cells along the shorter side, at most.
const ALONG: usize = 16;
/// The least number of cells along a side. With fewer, noise correlates by chance.
const FEWEST: usize = 8;

/// How far the outlines of every image show in its encryption, from 0 to 1, although its samples have changed places
/// and signs: what an eye sees that does not look at single pixels.
///
/// Both images are cut into square cells: 16 along the shorter side, of four pixels or more. The value is the largest
/// magnitude of a correlation over the cells, between one of mean and standard deviation of the encrypted cells, and
/// one of mean, distance of the mean from the middle of the range, and standard deviation of the plain cells. Sign
/// flips hide means and leave contrast, and contrast goes with the distance from the middle. Colour is averaged first.
///
/// Under a cipher it is the largest of six correlations of noise: about 0.13 with 256 cells, and 0.25 with 64. The
/// measure is our own.
///
/// # Errors
///
/// If the batches differ in shape, depth or number, or a side is below 32.
pub fn outlines(plain: &Batch, encrypted: &Batch) -> Result<Vec<f64>, Error> {
    let shape = plain.shape();
    let side = (shape.height.min(shape.width) / ALONG).max(4);
    super::ssim::at_least(FEWEST * 4, shape)?;
    let middle = f64::from(plain.max()) / 2.0;
    each_pair(plain, encrypted, |plain, encrypted| {
        let (plain, encrypted) = (cells(plain, shape, side), cells(encrypted, shape, side));
        let distance = plain[0].iter().map(|mean| (mean - middle).abs()).collect();
        let shown = [&plain[0], &plain[1], &distance];
        let pairs = encrypted.iter().flat_map(|hidden| shown.map(|shown| correlation(hidden, shown).abs()));
        pairs.fold(0.0, f64::max)
    })
}

/// Mean and standard deviation of every cell.
fn cells(image: &[u16], shape: Shape, side: usize) -> [Vec<f64>; 2] {
    let grey = |row: usize, column: usize| {
        let pixel = (row * shape.width + column) * shape.channels;
        let sum: u32 = image[pixel..][..shape.channels].iter().map(|&sample| u32::from(sample)).sum();
        f64::from(sum) / shape.channels as f64
    };
    let (mut means, mut deviations) = (Vec::new(), Vec::new());
    for top in (0..=shape.height - side).step_by(side) {
        for left in (0..=shape.width - side).step_by(side) {
            let all = || (0..side * side).map(|i| grey(top + i / side, left + i % side));
            let mean = all().sum::<f64>() / (side * side) as f64;
            means.push(mean);
            deviations.push((all().map(|value| (value - mean).powi(2)).sum::<f64>() / (side * side) as f64).sqrt());
        }
    }
    [means, deviations]
}

/// Pearson's correlation; 0 where one side does not vary.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (mean_a, mean_b) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        both += (a - mean_a) * (b - mean_b);
        of_a += (a - mean_a).powi(2);
        of_b += (b - mean_b).powi(2);
    }
    if of_a * of_b > 0.0 { both / (of_a * of_b).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { height: 64, width: 64, channels: 1 };

    fn picture(of: impl Fn(usize, usize) -> u16) -> Batch {
        let samples = (0..64 * 64).map(|i| of(i / 64, i % 64)).collect();
        Batch::new(SHAPE, 255, samples).unwrap()
    }

    /// A dark disc on a bright ground.
    fn disc(row: usize, column: usize) -> u16 {
        let (y, x) = (row as i32 - 32, column as i32 - 32);
        if y * y + x * x < 400 { 110 } else { 230 }
    }

    fn noise(row: usize, column: usize) -> u16 {
        let word = ((row * 64 + column) as u32).wrapping_mul(2_654_435_761);
        ((word ^ (word >> 15)).wrapping_mul(0x2c1b_3c6d) >> 24) as u16
    }

    #[test]
    fn flips_leave_the_outlines_and_noise_does_not() {
        let plain = picture(disc);
        let of = |other: &Batch| outlines(&plain, other).unwrap()[0];
        let flipped = picture(
            |row, column| if noise(row, column) & 1 == 1 { 255 - disc(row, column) } else { disc(row, column) },
        );
        assert!(of(&flipped) > 0.8, "{}", of(&flipped));
        assert!((of(&plain) - 1.0).abs() < 1e-9 && (of(&plain.negative()) - 1.0).abs() < 1e-9);
        assert!(of(&picture(noise)) < 0.3, "{}", of(&picture(noise)));
        assert_eq!(of(&picture(|_, _| 7)), 0.0);
    }

    #[test]
    fn small_images_have_too_few_cells() {
        let small = Batch::from_bytes(Shape { height: 31, width: 64, channels: 1 }, &[0; 31 * 64]).unwrap();
        assert!(matches!(outlines(&small, &small), Err(Error::TooSmall { needed: 32, .. })));
    }
}
