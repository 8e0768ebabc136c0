//! Orders of channels and signs of single pixels, from their neighbours.

use super::contraction::neighbours;
use crate::Shape;
use crate::variants::ORDERS;
use rayon::prelude::*;

/// Rounds in which every pixel is set to what fits its neighbours best.
const ROUNDS: usize = 4;

/// The state of a pixel: channel g of the result is channel `ORDERS[order][g]`, negative if bit g is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PixelState {
    pub(super) order: usize,
    pub(super) negative: u8,
}

/// Samples of colour images by pixel, channel and image, centred.
pub(super) struct Pixels {
    pub(super) shape: Shape,
    pub(super) images: usize,
    pub(super) values: Vec<f32>,
}

impl Pixels {
    pub(super) fn of(&self, pixel: usize, channel: usize) -> &[f32] {
        let start = (pixel * self.shape.channels + channel) * self.images;
        &self.values[start..start + self.images]
    }

    /// The sums of absolute differences of channel c of one pixel and channel d of another, with the same sign and with
    /// opposite signs.
    fn differences(&self, a: usize, b: usize) -> [[[f32; 2]; 3]; 3] {
        let mut table = [[[0.0; 2]; 3]; 3];
        for (c, row) in table.iter_mut().enumerate() {
            for (d, sums) in row.iter_mut().enumerate() {
                for (p, q) in self.of(a, c).iter().zip(self.of(b, d)) {
                    sums[0] += (p - q).abs();
                    sums[1] += (p + q).abs();
                }
            }
        }
        table
    }
}

/// The states of all pixels that make neighbours most alike, relative to the first pixel. `signed` says whether samples
/// may be negative.
///
/// Pixels are joined along the most certain edges (a spanning tree), and then set one by one to what fits all their
/// neighbours, in a few rounds.
pub(super) fn states(pixels: &Pixels, signed: bool) -> Vec<PixelState> {
    let (height, width) = (pixels.shape.height, pixels.shape.width);
    let count = height * width;
    let pairs: Vec<(usize, usize)> = neighbours(height, width).collect();
    let mut edges: Vec<(f32, usize, usize, PixelState)> = pairs
        .par_iter()
        .map(|&(a, b)| {
            let (state, margin) = relative(&pixels.differences(a, b), signed);
            (margin, a, b, state)
        })
        .collect();
    edges.par_sort_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let mut found = vec![PixelState::default(); count];
    let mut part: Vec<usize> = (0..count).collect();
    let mut members: Vec<Vec<usize>> = (0..count).map(|pixel| vec![pixel]).collect();
    for (_, a, b, state) in edges {
        let (mut keep, mut join, mut relative) = (a, b, state);
        if part[a] == part[b] {
            continue;
        }
        if members[part[b]].len() > members[part[a]].len() {
            (keep, join, relative) = (b, a, inverse(state));
        }
        // What pixel `join` should be, given `keep`; its part changes with it.
        let wanted = after(found[keep], relative);
        let change = after(wanted, inverse(found[join]));
        let (kept, moved) = (part[keep], part[join]);
        for pixel in std::mem::take(&mut members[moved]) {
            found[pixel] = after(change, found[pixel]);
            part[pixel] = kept;
            members[kept].push(pixel);
        }
    }
    for _ in 0..ROUNDS {
        settle(pixels, &mut found, signed);
    }
    found
}

/// Sets every pixel to the state that fits its neighbours best.
fn settle(pixels: &Pixels, found: &mut [PixelState], signed: bool) {
    let (height, width) = (pixels.shape.height, pixels.shape.width);
    for parity in 0..2 {
        let before = found.to_vec();
        found.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            for (x, state) in row.iter_mut().enumerate().filter(|(x, _)| (x + y) % 2 == parity) {
                let pixel = y * width + x;
                let around = [
                    (y > 0).then(|| pixel - width),
                    (y + 1 < height).then_some(pixel + width),
                    (x > 0).then(|| pixel - 1),
                    (x + 1 < width).then_some(pixel + 1),
                ];
                // By channel of the result and own channel: how well it fits, with either sign.
                let mut table = [[[0.0_f32; 2]; 3]; 3];
                for neighbour in around.into_iter().flatten() {
                    let other = before[neighbour];
                    for (g, row) in table.iter_mut().enumerate() {
                        let values = pixels.of(neighbour, ORDERS[other.order][g]);
                        let sign = if other.negative >> g & 1 == 1 { -1.0 } else { 1.0 };
                        for (c, sums) in row.iter_mut().enumerate() {
                            for (p, q) in pixels.of(pixel, c).iter().zip(values) {
                                sums[0] += (p - sign * q).abs();
                                sums[1] += (p + sign * q).abs();
                            }
                        }
                    }
                }
                *state = relative(&table, signed).0;
            }
        });
    }
}

/// The best state for a table of misfits by wanted and own channel, and by how much it is better than the second best.
fn relative(table: &[[[f32; 2]; 3]; 3], signed: bool) -> (PixelState, f32) {
    let mut best = (f32::INFINITY, PixelState::default());
    let mut second = f32::INFINITY;
    for (order, channels) in ORDERS.iter().enumerate() {
        let (mut total, mut negative, mut least) = (0.0, 0, f32::INFINITY);
        for (g, &own) in channels.iter().enumerate() {
            let [same, opposite] = table[g][own];
            if signed && opposite < same {
                (total, negative) = (total + opposite, negative | 1 << g);
            } else {
                total += same;
            }
            if signed {
                least = least.min((opposite - same).abs());
            }
        }
        if total < best.0 {
            second = second.min(best.0).min(total + least);
            best = (total, PixelState { order, negative });
        } else {
            second = second.min(total);
        }
    }
    (best.1, second - best.0)
}

/// The state of a pixel whose state relative to another is known, and the state of the other.
fn after(other: PixelState, relative: PixelState) -> PixelState {
    let channels = ORDERS[other.order].map(|channel| ORDERS[relative.order][channel]);
    let order = ORDERS.iter().position(|&order| order == channels).unwrap_or_default();
    let bit = |g: usize| (other.negative >> g ^ relative.negative >> ORDERS[other.order][g]) & 1;
    PixelState { order, negative: bit(0) | bit(1) << 1 | bit(2) << 2 }
}

fn inverse(state: PixelState) -> PixelState {
    let mut channels = [0; 3];
    let mut negative = 0;
    for (g, &own) in ORDERS[state.order].iter().enumerate() {
        channels[own] = g;
        negative |= (state.negative >> g & 1) << own;
    }
    PixelState { order: ORDERS.iter().position(|&order| order == channels).unwrap_or_default(), negative }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_a_group() {
        let all: Vec<PixelState> =
            (0..6).flat_map(|order| (0..8).map(move |negative| PixelState { order, negative })).collect();
        for &a in &all {
            assert_eq!(after(a, inverse(a)), PixelState::default());
            assert_eq!(after(inverse(a), a), PixelState::default());
            for &b in &all {
                assert_eq!(after(after(a, b), inverse(b)), a);
            }
        }
    }
}
