//! What stays of a block under permutations and flips: how far its values are from the middle.

use crate::layout::{Layout, Level, Within};
use crate::{Batch, Error, Shape};
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

/// What is compared of every block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// What tells images apart: how bright a block is, up to negation.
    Image,
    /// What tells patients apart: how much a block varies. It depends less on exposure.
    Texture,
}

impl Statistics {
    /// A list of numbers for each image.
    ///
    /// Samples: the mean distance of a block's values from the middle of the range, or with [`Of::Texture`] the
    /// logarithm of its spread. With scrambled blocks both of them, each in the order of size. Nibbles: how many have
    /// each distance from the middle; with scrambled blocks each count in the order of size. Values are divided by the
    /// largest, so that depths can be compared.
    ///
    /// # Errors
    ///
    /// If the images are smaller than a block, or their samples are no whole number of nibbles.
    pub(crate) fn of(&self, batch: &Batch, of: Of) -> Result<Vec<Vec<f32>>, Error> {
        let layout = Layout { level: self.level, block: self.block, within: Within::PerBlock, scrambled: false };
        let (height, width) = self.block;
        let shape = batch.shape();
        if height == 0 || width == 0 || shape.height < height || shape.width < width {
            return Err(Error::BlockDoesNotTile { block: height.max(width), shape });
        }
        let whole = Shape { height: shape.height / height * height, width: shape.width / width * width, ..shape };
        layout.check(whole, batch.max())?;
        let blocks = layout.blocks(whole, batch.max());
        let images: Vec<&[u16]> = batch.iter().collect();
        let of_image = |image: &&[u16]| {
            let rows = image.chunks_exact(shape.width * shape.channels).take(whole.height);
            let cut: Vec<u16> = rows.flat_map(|row| &row[..whole.width * shape.channels]).copied().collect();
            let elements = self.level.cut(&cut, batch.max());
            match self.level {
                Level::Sample => self.of_samples(&blocks, &elements, f32::from(batch.max()), of),
                Level::Nibble => self.of_nibbles(&blocks, &elements),
            }
        };
        Ok(images.par_iter().map(of_image).collect())
    }

    fn of_samples(&self, blocks: &[Vec<u32>], samples: &[u16], max: f32, of: Of) -> Vec<f32> {
        let (mut means, mut spreads) = (Vec::with_capacity(blocks.len()), Vec::with_capacity(blocks.len()));
        for block in blocks {
            let folded = block.iter().map(|&sample| folded(samples[sample as usize], max));
            let (mean, spread) = moments(folded);
            means.push(mean);
            spreads.push(spread);
        }
        match (self.scrambled, of) {
            (false, Of::Image) => means,
            (false, Of::Texture) => spreads.into_iter().map(logarithm).collect(),
            (true, _) => {
                means.sort_by(f32::total_cmp);
                spreads.sort_by(f32::total_cmp);
                means.append(&mut spreads);
                means
            }
        }
    }

    fn of_nibbles(&self, blocks: &[Vec<u32>], nibbles: &[u16]) -> Vec<f32> {
        let mut counts = vec![0.0; blocks.len() * 8];
        for (number, block) in blocks.iter().enumerate() {
            for &element in block {
                let nibble = nibbles[element as usize];
                counts[usize::from(nibble.min(15 - nibble)) * blocks.len() + number] += 1.0 / block.len() as f32;
            }
        }
        if self.scrambled {
            counts.chunks_exact_mut(blocks.len()).for_each(|count| count.sort_by(f32::total_cmp));
        }
        counts
    }
}

/// The distance of a sample from the middle of the range, in units of the largest.
pub(crate) fn folded(sample: u16, max: f32) -> f32 {
    (f32::from(sample) - max / 2.0).abs() / max
}

/// The logarithm of a spread, as of samples of 8 bits.
pub(crate) fn logarithm(spread: f32) -> f32 {
    (255.0 * spread).ln_1p()
}

/// The mean and the deviation of every feature over the images that are attacked, by which features are scaled.
pub(crate) struct Scale {
    mean: Vec<f32>,
    deviation: Vec<f32>,
}

impl Scale {
    pub(crate) fn of(gallery: &[Vec<f32>]) -> Self {
        let features = gallery.first().map_or(0, Vec::len);
        let column = |feature: usize| gallery.iter().map(move |image| image[feature]);
        let (mean, deviation): (Vec<f32>, Vec<f32>) =
            (0..features).into_par_iter().map(|feature| moments(column(feature))).unzip();
        // A feature that hardly varies is noise, and is not made as large as others.
        let least = 0.01 * deviation.iter().sum::<f32>() / features.max(1) as f32 + f32::MIN_POSITIVE;
        Self { mean, deviation: deviation.into_iter().map(|deviation| deviation + least).collect() }
    }

    pub(crate) fn apply(&self, images: &mut [Vec<f32>]) {
        images.par_iter_mut().for_each(|image| {
            for ((feature, mean), deviation) in image.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *feature = (*feature - mean) / deviation;
            }
        });
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
