//! Overlap of edges.

use super::each_pair;
use crate::{Batch, Error, Shape};

/// How far the edges of every pair of images are in the same places, from 0 to 1: `2 |A and B| / (|A| + |B|)`, with A
/// and B the pixels on edges. 1 where neither image has edges.
///
/// A pixel is on an edge if the squared magnitude of its Sobel gradient is above four times the mean of all of them.
/// Colour is averaged first. The outermost pixels do not count.
///
/// It is one minus the edge differential ratio of Taneja, Raman and Gupta, "Combinational domain encryption for still
/// visual data", Multimedia Tools and Applications 59, 2012.
///
/// # Errors
///
/// If the batches differ in shape, depth or number, or a side is below 3.
pub fn edge_overlap(a: &Batch, b: &Batch) -> Result<Vec<f64>, Error> {
    let shape = a.shape();
    super::ssim::at_least(3, shape)?;
    each_pair(a, b, |a, b| {
        let (a, b) = (edges(a, shape), edges(b, shape));
        let both = a.iter().zip(&b).filter(|(a, b)| **a && **b).count();
        let either = a.iter().chain(&b).filter(|edge| **edge).count();
        if either == 0 { 1.0 } else { 2.0 * both as f64 / either as f64 }
    })
}

/// Which of the inner pixels are on an edge. Integers, so that the threshold is the same on every machine.
fn edges(image: &[u16], shape: Shape) -> Vec<bool> {
    let grey: Vec<i64> =
        image.chunks_exact(shape.channels).map(|pixel| pixel.iter().map(|&s| i64::from(s)).sum()).collect();
    let width = shape.width;
    let mut squares = Vec::with_capacity((shape.height - 2) * (width - 2));
    for row in 1..shape.height - 1 {
        for column in 1..width - 1 {
            let at = |down: usize, right: usize| grey[(row + down - 1) * width + column + right - 1];
            let across = at(0, 2) + 2 * at(1, 2) + at(2, 2) - at(0, 0) - 2 * at(1, 0) - at(2, 0);
            let down = at(2, 0) + 2 * at(2, 1) + at(2, 2) - at(0, 0) - 2 * at(0, 1) - at(0, 2);
            squares.push(across * across + down * down);
        }
    }
    let total: i128 = squares.iter().map(|&square| i128::from(square)).sum();
    let count = squares.len() as i128;
    squares.iter().map(|&square| i128::from(square) * count > 4 * total).collect()
}
