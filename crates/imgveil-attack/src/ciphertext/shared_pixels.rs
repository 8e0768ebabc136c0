//! Correlation of neighbouring pixels: skk with a key that all images share.
//!
//! *Knows*: encrypted images of one key and size. *Costs*: one pass over pairs of neighbours and a greedy contraction
//! of the graph of pixels; under a second. *Gives back*: the images, up to the sign of all samples, in colour of each
//! channel, and the order of the channels. From a few images on it is exact.
//!
//! Neighbouring pixels are nearly equal. Over several images only one choice of signs (and of orders of channels) lets
//! them be so.

use super::contraction::{neighbours, signs};
use super::pixel_states::{PixelState, Pixels, states};
use crate::variants::ORDERS;
use crate::{Batch, Error, Shape};
use rayon::prelude::*;

/// Recovers images whose samples have been flipped, and whose channels have been reordered, by a key for every pixel.
///
/// # Errors
///
/// No images.
pub fn shared_pixels(encrypted: &Batch) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let pixels = by_pixel(encrypted);
    let shape = pixels.shape;
    let found = if shape.channels == 3 { states(&pixels, true) } else { flips(&pixels) };
    Ok(restored(encrypted, &found))
}

/// The samples by pixel, channel and image.
pub(super) fn by_pixel(batch: &Batch) -> Pixels {
    let (shape, images) = (batch.shape(), batch.len());
    let half = f32::from(batch.max()) / 2.0;
    let mut values = vec![0.0; shape.samples() * images];
    values.par_chunks_mut(images).enumerate().for_each(|(sample, out)| {
        (0..images).for_each(|image| out[image] = f32::from(batch.image(image)[sample]) - half);
    });
    Pixels { shape, images, values }
}

/// The signs of grey pixels.
fn flips(pixels: &Pixels) -> Vec<PixelState> {
    let Shape { height, width, .. } = pixels.shape;
    let pairs: Vec<(usize, usize)> = neighbours(height, width).collect();
    let vote = |&(a, b): &(usize, usize)| {
        let values = pixels.of(a, 0).iter().zip(pixels.of(b, 0));
        (a, b, values.map(|(p, q)| (p + q).abs() - (p - q).abs()).sum())
    };
    let edges: Vec<_> = pairs.par_iter().map(vote).collect();
    let negative = signs(height * width, &edges);
    negative.into_iter().map(|negative| PixelState { order: 0, negative: u8::from(negative) }).collect()
}

/// The images with the states of all pixels taken back.
pub(super) fn restored(batch: &Batch, states: &[PixelState]) -> Batch {
    let (shape, max) = (batch.shape(), batch.max());
    let samples = batch.iter().flat_map(|image| {
        image.chunks_exact(shape.channels).zip(states).flat_map(move |(pixel, state)| {
            (0..shape.channels).map(move |g| {
                let sample = if shape.channels == 3 { pixel[ORDERS[state.order][g]] } else { pixel[g] };
                if state.negative >> g & 1 == 1 { max - sample } else { sample }
            })
        })
    });
    Batch::new(shape, max, samples.collect()).expect("as many samples as before")
}
