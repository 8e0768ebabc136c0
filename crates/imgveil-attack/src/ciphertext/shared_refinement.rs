//! The places of blocks with a shared key once more, now with the borders between blocks.

use super::places::Sources;
use crate::elements::Elements;
use rayon::prelude::*;

/// Values of a place that are compared, about.
const COMPARED: usize = 60_000;

/// Rounds over all pairs of places, at most.
const ROUNDS: usize = 20;

/// Where the pixel beside a pixel is: in the same block, the one to the right, or the one below.
const TABLES: usize = 3;

/// Exchanges places, and changes their signs, as long as neighbouring pixels of the images become more alike, inside of
/// blocks and across their borders, by the sum of absolute differences.
///
/// Blocks must be where they belong. One exchange is made in all blocks.
pub(super) fn refined(elements: &Elements, sources: &Sources) -> Sources {
    let tables = Tables::new(elements, sources);
    let relations = relations(elements);
    let mut touching = vec![Vec::new(); sources.len()];
    for (number, &(p, q, _)) in relations.iter().enumerate() {
        touching[p].push(number);
        if q != p {
            touching[q].push(number);
        }
    }
    // What is at each place: a number of `sources`, and whether its sign is changed once more.
    let mut chosen: Vec<(usize, bool)> = (0..sources.len()).map(|place| (place, false)).collect();
    let cost = |chosen: &[(usize, bool)], places: &[usize]| -> f32 {
        let mut numbers: Vec<usize> = places.iter().flat_map(|&place| touching[place].iter().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let of = |number: usize| {
            let (p, q, table) = relations[number];
            tables.between(chosen[p], chosen[q], table)
        };
        numbers.into_iter().map(of).sum()
    };
    for _ in 0..ROUNDS {
        let mut better = false;
        for a in 0..chosen.len() {
            for b in 0..=a {
                let before = cost(&chosen, &[a, b]);
                let (old_a, old_b) = (chosen[a], chosen[b]);
                let mut best = (before * (1.0 - 1e-5), None);
                for signs in 0..4 {
                    let (flip_a, flip_b) = (signs & 1 == 1, signs & 2 == 2);
                    if a == b {
                        chosen[a] = (old_a.0, old_a.1 != flip_a);
                    } else {
                        (chosen[a], chosen[b]) = ((old_b.0, old_b.1 != flip_b), (old_a.0, old_a.1 != flip_a));
                    }
                    let after = cost(&chosen, &[a, b]);
                    if after < best.0 {
                        best = (after, Some((chosen[a], chosen[b])));
                    }
                }
                (chosen[a], chosen[b]) = best.1.unwrap_or((old_a, old_b));
                better |= best.1.is_some();
            }
        }
        if !better {
            break;
        }
    }
    chosen.into_iter().map(|(place, negative)| (sources[place].0, sources[place].1 != negative)).collect()
}

/// The pairs of places that are neighbours in an image, and in which blocks the second lies.
fn relations(elements: &Elements) -> Vec<(usize, usize, usize)> {
    let grid = elements.grid;
    let (size, channels) = (grid.block, grid.channels);
    let at = |y: usize, x: usize, c: usize| ((y % size) * size + x % size) * channels + c;
    let mut relations = Vec::new();
    for place in 0..grid.places() {
        let (y, x, c) = grid.coordinates(place);
        if x + 1 < size || grid.columns > 1 {
            relations.push((place, at(y, x + 1, c), usize::from(x + 1 == size)));
        }
        if y + 1 < size || grid.rows > 1 {
            relations.push((place, at(y + 1, x, c), if y + 1 == size { 2 } else { 0 }));
        }
    }
    relations
}

/// The mean absolute differences of any two sources, with the same sign and with opposite signs.
struct Tables {
    count: usize,
    values: Vec<[[f32; 2]; TABLES]>,
}

impl Tables {
    fn new(elements: &Elements, sources: &Sources) -> Self {
        let grid = elements.grid;
        let images = elements.images.min((COMPARED / grid.blocks()).max(1));
        // In each row of blocks: the first with the second, and with the one below.
        let step = [0, 1, grid.columns];
        let starts = |table: usize| -> Vec<usize> {
            (0..grid.blocks())
                .filter(|block| table != 1 || block % grid.columns + 1 < grid.columns)
                .filter(|block| table != 2 || block / grid.columns + 1 < grid.rows)
                .collect()
        };
        let blocks = [0, 1, 2].map(starts);
        let count = sources.len();
        let entry = |index: usize| {
            let ((a, a_negative), (b, b_negative)) = (sources[index / count], sources[index % count]);
            let sign = if a_negative == b_negative { 1.0 } else { -1.0 };
            [0, 1, 2].map(|table| {
                let (mut same, mut opposite) = (0.0, 0.0);
                for &block in &blocks[table] {
                    let (a, b) = (elements.of(a, block), elements.of(b, block + step[table]));
                    for (a, b) in a[..images].iter().zip(&b[..images]) {
                        same += (a - sign * b).abs();
                        opposite += (a + sign * b).abs();
                    }
                }
                let pairs = (blocks[table].len() * images).max(1) as f32;
                [same / pairs, opposite / pairs]
            })
        };
        Self { count, values: (0..count * count).into_par_iter().map(entry).collect() }
    }

    fn between(&self, first: (usize, bool), second: (usize, bool), table: usize) -> f32 {
        self.values[first.0 * self.count + second.0][table][usize::from(first.1 != second.1)]
    }
}
