//! What stays of a block under permutations and flips: how far its values are from the middle.

use crate::layout::{Layout, Level, Within};
use crate::{Batch, Error};
use rayon::prelude::*;

/// Which statistics of blocks an attacker compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// What moves: values are compared as samples or as nibbles.
    pub level: Level,
    /// Height and width of a block in pixels. Pixels at the right and lower edge that fill no block are left out.
    pub block: (usize, usize),
    /// Whether the blocks change their places. They are then compared in the order of their values.
    pub scrambled: bool,
}

impl Statistics {
    /// One list of numbers for each image: the mean distance of a block's values from the middle; with scrambled blocks
    /// also its spread, and both sorted. All are divided by the largest value, so that depths can be compared.
    ///
    /// # Errors
    ///
    /// If the images are smaller than a block, or their samples are no whole number of nibbles.
    pub fn of(&self, batch: &Batch) -> Result<Vec<Vec<f32>>, Error> {
        let layout = Layout { level: self.level, block: self.block, within: Within::PerBlock, scrambled: false };
        let (height, width) = self.block;
        let shape = batch.shape();
        if height == 0 || width == 0 || shape.height < height || shape.width < width {
            return Err(Error::BlockDoesNotTile { block: height.max(width), shape });
        }
        let whole =
            crate::Shape { height: shape.height / height * height, width: shape.width / width * width, ..shape };
        layout.check(whole, batch.max())?;
        let blocks = layout.blocks(whole, batch.max());
        let largest = f32::from(self.level.largest(batch.max()));
        let images: Vec<&[u16]> = batch.iter().collect();
        let of_image = |image: &&[u16]| {
            let rows = image.chunks_exact(shape.width * shape.channels).take(whole.height);
            let cut: Vec<u16> = rows.flat_map(|row| &row[..whole.width * shape.channels]).copied().collect();
            let elements = self.level.cut(&cut, batch.max());
            let (mut means, mut spreads) = (Vec::with_capacity(blocks.len()), Vec::with_capacity(blocks.len()));
            for block in &blocks {
                let folded = |&element: &u32| {
                    let distance = (f32::from(elements[element as usize]) - largest / 2.0).abs() / largest;
                    // The upper nibbles of most images differ little in their distance and more in its square.
                    if self.level == Level::Nibble { distance * distance } else { distance }
                };
                let (mean, spread) = moments(block.iter().map(folded));
                means.push(mean);
                spreads.push(spread);
            }
            if self.scrambled {
                means.sort_by(f32::total_cmp);
                spreads.sort_by(f32::total_cmp);
                means.append(&mut spreads);
            }
            means
        };
        Ok(images.par_iter().map(of_image).collect())
    }
}

/// The mean and the standard deviation.
pub(crate) fn moments(values: impl Iterator<Item = f32> + Clone) -> (f32, f32) {
    let (count, sum) = values.clone().fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    let mean = sum / count;
    let square = values.fold(0.0, |square, value| square + (value - mean) * (value - mean));
    (mean, (square / count).sqrt())
}

/// The square of the distance of two lists.
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f64 {
    f64::from(a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>())
}
