//! Folding: skk with a key for every image, and skk-filter.
//!
//! *Knows*: one encrypted image. *Costs*: a pass over its pixels. *Gives back*: an outline that people recognise, and
//! often most of the tones. With a key for every image it is all that single images leave.
//!
//! A sample p and `max - p` have the same distance from the middle of the scale, so that folding at the middle takes
//! all flips away (Chang and Li, "Privacy-preserving deep learning: attack on image encryption by feature
//! reconstruction", 2020). In colour, the order of the channels that makes neighbours most alike is put back. Where
//! the folded image reaches the middle, tones either go through it or turn back. What goes on more smoothly decides,
//! by the sum over the whole border of a region.

use super::contraction::{Edge, signs};
use super::pixel_states::{Pixels, states};
use super::shared_pixels::{by_pixel, restored};
use crate::{Batch, Error, Shape};
use rayon::prelude::*;

/// Recovers tones of images whose samples have been flipped, and whose channels have been reordered, by a key for every
/// pixel of every image. Each image is up to its sign, in colour to that of each channel and their order.
///
/// # Errors
///
/// No images.
pub fn folded_pixels(encrypted: &Batch) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let max = encrypted.max();
    // Twice the distance from the middle: from 0 to max, none lost.
    let images: Vec<Vec<u16>> = (0..encrypted.len())
        .into_par_iter()
        .map(|index| {
            let one = encrypted.select(&[index]).map(|sample| sample.max(max - sample));
            let one = if one.shape().channels == 3 { restored(&one, &states(&by_pixel(&one), false)) } else { one };
            unfolded(&by_pixel(&one), max)
        })
        .collect();
    Batch::new(encrypted.shape(), max, images.concat())
}

/// The samples of one image with regions on one side of the middle turned to the other where that is smoother.
fn unfolded(pixels: &Pixels, max: u16) -> Vec<u16> {
    let Shape { height, width, channels } = pixels.shape;
    let half = f32::from(max) / 2.0;
    let mut samples = vec![0; height * width * channels];
    for channel in 0..channels {
        let folded: Vec<f32> = (0..height * width).map(|pixel| pixels.of(pixel, channel)[0]).collect();
        let negative = signs(height * width, &votes(&folded, height, width));
        for (pixel, (&value, negative)) in folded.iter().zip(negative).enumerate() {
            let value = if negative { half - value } else { half + value };
            samples[pixel * channels + channel] = value.round() as u16;
        }
    }
    samples
}

/// Votes of neighbouring pixels for being on one side of the middle, by the curvature of lines of four pixels with and
/// without going through the middle between the two in the middle.
fn votes(folded: &[f32], height: usize, width: usize) -> Vec<Edge> {
    let mut edges = Vec::with_capacity(2 * folded.len());
    let mut line = |length: usize, at: &dyn Fn(usize) -> usize| {
        for i in 1..length {
            let (b, c) = (folded[at(i - 1)], folded[at(i)]);
            let a = if i >= 2 { folded[at(i - 2)] } else { 2.0 * b - c };
            let d = if i + 1 < length { folded[at(i + 1)] } else { 2.0 * c - b };
            let turns = (a - 2.0 * b + c).abs() + (b - 2.0 * c + d).abs();
            let goes = (-a + 2.0 * b + c).abs() + (-b - 2.0 * c + d).abs();
            edges.push((at(i - 1), at(i), goes - turns));
        }
    };
    (0..height).for_each(|y| line(width, &|x| y * width + x));
    (0..width).for_each(|x| line(height, &|y| y * width + x));
    edges
}
