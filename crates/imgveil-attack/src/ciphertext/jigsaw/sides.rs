//! The sides of pieces as vectors, and how far they are from each other.

use super::joint::{Joint, SIDES};
use crate::elements::Elements;
use crate::matrix::inner_products;
use crate::variants::ORDERS;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// Images, or random sums of images, that a first look compares.
const LOOKED_AT: usize = 40;

/// The sides of all pieces: side s of piece p has number `4 p + s`.
///
/// A vector is what a side promises of its border: `1.5 e0 - 0.5 e1`, with e0 the outermost pixels and e1 those
/// inside of them; of two sides that meet, both promise the values between them. The vector of a side has one part for
/// each channel, and each part is the side's pixels times the images.
pub(super) struct Sides {
    pub(super) channels: usize,
    /// Values of a channel of a side.
    part: usize,
    forward: Vec<f32>,
    backward: Vec<f32>,
    squares: Vec<f32>,
}

/// The place in a block of pixel `k` of a side, `depth` pixels from the border.
pub(super) fn pixel(block: usize, side: usize, k: usize, depth: usize) -> (usize, usize) {
    let last = block - 1;
    match side {
        0 => (depth, k),
        1 => (k, last - depth),
        2 => (last - depth, last - k),
        _ => (last - k, depth),
    }
}

impl Sides {
    /// Of more images than a few, random sums stand for them all: distances stay the same up to some percent
    /// (Achlioptas, "Database-friendly random projections", 2003).
    pub(super) fn new(pieces: &Elements) -> Self {
        let grid = pieces.grid;
        let (block, channels, images) = (grid.block, grid.channels, pieces.images);
        let kept = images.min(LOOKED_AT);
        let slope = if is_coarse(pieces) { 0.0 } else { 0.5 };
        let part = block * kept;
        let length = channels * part;
        let mut random = ChaCha8Rng::seed_from_u64(0);
        let signs: Vec<f32> = if kept == images {
            Vec::new()
        } else {
            let scale = 1.0 / (kept as f32).sqrt();
            (0..kept * images).map(|_| if random.next_u32() >> 31 == 0 { scale } else { -scale }).collect()
        };
        let vector = |number: usize, backward: bool| {
            let (piece, side) = (number / SIDES, number % SIDES);
            let mut vector = Vec::with_capacity(length);
            for channel in 0..channels {
                for k in 0..block {
                    let k = if backward { block - 1 - k } else { k };
                    let at = |depth: usize| {
                        let (y, x) = pixel(block, side, k, depth);
                        pieces.of((y * block + x) * channels + channel, piece)
                    };
                    let (outer, inner) = (at(0), at(1.min(block - 1)));
                    let promised = outer.iter().zip(inner).map(|(outer, inner)| outer + slope * (outer - inner));
                    if kept == images {
                        vector.extend(promised);
                    } else {
                        let all: Vec<f32> = promised.collect();
                        let sum = |signs: &[f32]| signs.iter().zip(&all).map(|(sign, value)| sign * value).sum::<f32>();
                        vector.extend(signs.chunks_exact(images).map(sum));
                    }
                }
            }
            vector
        };
        let count = grid.blocks() * SIDES;
        let all = |backward: bool| -> Vec<f32> {
            (0..count).into_par_iter().flat_map_iter(|number| vector(number, backward)).collect()
        };
        let (forward, backward) = (all(false), all(true));
        let squares =
            forward.chunks_exact(length).map(|vector| vector.iter().map(|value| value * value).sum()).collect();
        Self { channels, part, forward, backward, squares }
    }

    /// The number of sides.
    pub(super) fn count(&self) -> usize {
        self.squares.len()
    }

    /// The vectors of some sides, channel by channel where channels may be in another order.
    pub(super) fn gathered(&self, numbers: &[usize], backward: bool, reordered: bool) -> Gathered {
        let length = self.channels * self.part;
        let source = if backward { &self.backward } else { &self.forward };
        let parts = if reordered { self.channels } else { 1 };
        let part = length / parts;
        let of = |channel: usize, number: usize| {
            let start = number * length + channel * part;
            source[start..start + part].iter().copied()
        };
        let rows = |channel| numbers.iter().flat_map(|&number| of(channel, number)).collect();
        Gathered { part, rows: (0..parts).map(rows).collect() }
    }

    /// The squared distance of two sides, from their inner product.
    pub(super) fn distance(&self, first: usize, second: usize, product: f32, negative: bool) -> f32 {
        let product = if negative { -product } else { product };
        (self.squares[first] + self.squares[second] - 2.0 * product).max(0.0)
    }
}

/// The vectors of some sides: one matrix, or one for each channel.
pub(super) struct Gathered {
    part: usize,
    rows: Vec<Vec<f32>>,
}

impl Gathered {
    /// The inner products with the vectors of other sides: index `own * others + other`.
    pub(super) fn products(&self, others: &Self) -> Products {
        let pairs = self.rows.iter().flat_map(|own| others.rows.iter().map(move |other| (own, other)));
        Products { products: pairs.map(|(own, other)| inner_products(own, other, self.part)).collect() }
    }
}

/// Inner products of sides; for every pair of channels where channels may be in another order.
pub(super) struct Products {
    products: Vec<Vec<f32>>,
}

impl Products {
    /// The inner product at an index, with channels met in a given order.
    pub(super) fn at(&self, index: usize, order: usize) -> f32 {
        if self.products.len() == 1 {
            return self.products[0][index];
        }
        (0..3).map(|channel| self.products[3 * channel + ORDERS[order][channel]][index]).sum()
    }
}

/// Whether values have so few steps that differences of neighbours say little: nibbles. Then sides are compared as they
/// are, and promise nothing beyond.
fn is_coarse(pieces: &Elements) -> bool {
    pieces.max <= 15
}

/// How badly two sides fit, over all images: the mean of `sqrt(|2 a0 - a1 - b0| + |2 b0 - b1 - a0|)`, or of `|a0 - b0|`
/// for coarse values. The root keeps a few strong edges from deciding.
pub(super) fn misfit(pieces: &Elements, first: usize, second: usize, joint: Joint) -> f32 {
    let (block, channels) = (pieces.grid.block, pieces.grid.channels);
    let sign = if joint.negative { -1.0 } else { 1.0 };
    let coarse = is_coarse(pieces);
    let mut total = 0.0;
    for k in 0..block {
        let other = if joint.mirrored { k } else { block - 1 - k };
        for (channel, &met) in ORDERS[joint.order].iter().enumerate().take(channels) {
            let at = |piece: usize, side: usize, k: usize, depth: usize, channel: usize| {
                let (y, x) = pixel(block, side, k, depth.min(block - 1));
                pieces.of((y * block + x) * channels + channel, piece)
            };
            let (a0, a1) = (at(first, joint.first, k, 0, channel), at(first, joint.first, k, 1, channel));
            let (b0, b1) = (at(second, joint.second, other, 0, met), at(second, joint.second, other, 1, met));
            let sum: f32 = (0..a0.len())
                .map(|i| {
                    let (b0, b1) = (sign * b0[i], sign * b1[i]);
                    if coarse {
                        (a0[i] - b0).abs()
                    } else {
                        ((2.0 * a0[i] - a1[i] - b0).abs() + (2.0 * b0 - b1 - a0[i]).abs()).sqrt()
                    }
                })
                .sum();
            total += sum;
        }
    }
    total / (block * channels * pieces.images) as f32
}
