//! The tones of blocks: pixel or nibble shuffling and sign flips with a key for every block of every image.
//!
//! *Knows*: one encrypted image, and the block size. *Costs*: a pass over its pixels. *Gives back*: a tone for every
//! block, where it lies in the encrypted image. No two blocks share a key, so that nothing orders the samples of one:
//! what is left of it are its values, and where signs are flipped their distances from the middle of the scale.

use crate::elements::Grid;
use crate::{Batch, Error};

/// Fills every block of every image with the mean of its samples, of their distances from the middle if `flipped`.
///
/// # Errors
///
/// Blocks that do not tile the images, or no images.
pub fn block_tones(encrypted: &Batch, block: usize, flipped: bool) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let grid = Grid::new(encrypted.shape(), block)?;
    let max = u32::from(encrypted.max());
    // Twice the distance from the middle: from 0 to max, none lost.
    let tone = |sample: u16| {
        let sample = u32::from(sample);
        if flipped { 2 * sample.max(max - sample) - max } else { sample }
    };
    let places = grid.places();
    let mut samples = encrypted.samples().to_vec();
    for image in samples.chunks_exact_mut(encrypted.shape().samples()) {
        for block in 0..grid.blocks() {
            let sum: u32 = (0..places).map(|place| tone(image[grid.sample(block, place)])).sum();
            let mean = (sum + places as u32 / 2) / places as u32;
            (0..places).for_each(|place| image[grid.sample(block, place)] = mean as u16);
        }
    }
    Batch::new(encrypted.shape(), encrypted.max(), samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn a_block_becomes_its_tone() {
        let shape = Shape { height: 2, width: 4, channels: 1 };
        let images = Batch::new(shape, 255, vec![0, 255, 30, 25, 255, 0, 28, 227]).unwrap();
        // Twice the distance: 255, and 195, 205, 199, 199.
        assert_eq!(block_tones(&images, 2, true).unwrap().samples(), [255, 255, 200, 200, 255, 255, 200, 200]);
        assert_eq!(block_tones(&images, 2, false).unwrap().samples(), [128, 128, 78, 78, 128, 128, 78, 78]);
        assert!(block_tones(&images, 3, true).is_err());
    }
}
