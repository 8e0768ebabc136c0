//! Smoothing and folding: skk-filter, whose blocks hold one statistic of pixels that were flipped and recoloured.
//!
//! *Knows*: encrypted images and the block size; of one key, if all share one. *Costs*: a pass over the blocks. *Gives
//! back*: a small image of a value for each block, made large again: shapes and tones, not details.
//!
//! Of the samples of a block about half were flipped, so that its median lies on one side of the middle or the other.
//! Blocks of which it lies on the middle itself stand out from their neighbours, whose values they get. The rest is as
//! for single pixels.

use super::folded_pixels::folded_pixels;
use super::shared_pixels::shared_pixels;
use crate::elements::Grid;
use crate::{Batch, Error, Shape};
use rayon::prelude::*;

/// A block counts as undecided if it is nearer to the middle than this part of its neighbours' mean distance.
const UNDECIDED: f32 = 0.5;

/// Recovers the tones of images of which only a statistic of each block is left. `shared` says whether all images
/// have one key.
///
/// # Errors
///
/// Blocks that do not tile the images, or no images.
pub fn filtered_pixels(encrypted: &Batch, block: usize, shared: bool) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let grid = Grid::new(encrypted.shape(), block)?;
    let small = Shape { height: grid.rows, width: grid.columns, channels: grid.channels };
    let max = encrypted.max();
    // Blocks are even, so that their first pixel stands for them.
    let first = |image: &[u16]| -> Vec<u16> {
        let blocks = 0..grid.blocks();
        blocks.flat_map(|b| (0..grid.channels).map(move |c| (b, c))).map(|(b, c)| image[grid.sample(b, c)]).collect()
    };
    let reduced = Batch::new(small, max, encrypted.iter().flat_map(first).collect())?;
    // Images of one key share what is undecided; their signs decide each other from two images on.
    let found = if shared && encrypted.len() > 1 && grid.channels == 1 {
        shared_pixels(&reduced)?
    } else {
        folded_pixels(&reduced)?
    };
    let images: Vec<Vec<u16>> =
        (0..found.len()).into_par_iter().map(|index| enlarged(found.image(index), small, block, max)).collect();
    Batch::new(encrypted.shape(), max, images.concat())
}

/// One image, undecided blocks replaced and interpolated between the centres of blocks.
fn enlarged(image: &[u16], small: Shape, block: usize, max: u16) -> Vec<u16> {
    let Shape { height, width, channels } = small;
    let half = f32::from(max) / 2.0;
    let values: Vec<f32> = image.iter().map(|&sample| f32::from(sample) - half).collect();
    let at = |y: usize, x: usize, c: usize| (y * width + x) * channels + c;
    let decided: Vec<f32> = (0..values.len())
        .map(|index| {
            let (y, x, c) = (index / channels / width, index / channels % width, index % channels);
            let rows = y.saturating_sub(1)..(y + 2).min(height);
            let around =
                rows.flat_map(|row| (x.saturating_sub(1)..(x + 2).min(width)).map(move |column| (row, column)));
            let around: Vec<f32> =
                around.filter(|&place| place != (y, x)).map(|(row, column)| values[at(row, column, c)]).collect();
            let count = around.len().max(1) as f32;
            let distance = around.iter().map(|value| value.abs()).sum::<f32>() / count;
            if values[index].abs() < UNDECIDED * distance { around.iter().sum::<f32>() / count } else { values[index] }
        })
        .collect();
    let mut samples = Vec::with_capacity(values.len() * block * block);
    // The two blocks between whose centres a pixel lies, and how far it is from the first.
    let between = |pixel: usize, count: usize| {
        let position = ((pixel as f32 + 0.5) / block as f32 - 0.5).clamp(0.0, (count - 1) as f32);
        let first = (position as usize).min(count - 1);
        (first, (first + 1).min(count - 1), position - first as f32)
    };
    for y in 0..height * block {
        let (top, bottom, down) = between(y, height);
        for x in 0..width * block {
            let (left, right, across) = between(x, width);
            for c in 0..channels {
                let upper = decided[at(top, left, c)] * (1.0 - across) + decided[at(top, right, c)] * across;
                let lower = decided[at(bottom, left, c)] * (1.0 - across) + decided[at(bottom, right, c)] * across;
                let value = half + upper * (1.0 - down) + lower * down;
                samples.push(value.round().clamp(0.0, f32::from(max)) as u16);
            }
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_interpolated_between_their_centres() {
        let small = Shape { height: 1, width: 2, channels: 1 };
        // 28 and 228 are 99.5 below and 100.5 above the middle.
        let row = enlarged(&[28, 228], small, 4, 255);
        assert_eq!(row[..8], [28, 28, 53, 103, 153, 203, 228, 228].map(|sample: u16| sample));
    }
}
