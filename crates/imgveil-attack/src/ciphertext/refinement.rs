//! The samples of blocks once more, now that what surrounds the blocks is known.

use super::places::Sources;
use crate::elements::Elements;
use crate::{Error, Progress};
use rayon::prelude::*;

/// Rounds over all blocks.
const ROUNDS: usize = 3;

/// Images that are compared, at most: more say nothing new.
const COMPARED: usize = 96;

/// Exchanges the samples of every block, and their signs, as long as neighbouring pixels become more alike: inside the
/// block and across its borders. `sources` says where each value of a block comes from, and is changed.
///
/// `blocks` holds the values that may be used: more than there are places if only some of them are (nibbles). Pixels
/// compare by the sum of absolute differences over the images.
pub(super) fn refine(blocks: &Elements, sources: &mut [Sources], progress: &dyn Progress) -> Result<(), Error> {
    let grid = blocks.grid;
    for round in 0..ROUNDS {
        for parity in 0..2 {
            progress.check()?;
            progress.report("refining the samples of blocks", 2 * round + parity, 2 * ROUNDS);
            let before: &[Sources] = sources;
            let changed: Vec<(usize, Sources)> = (0..grid.blocks())
                .into_par_iter()
                .filter(|block| (block / grid.columns + block % grid.columns) % 2 == parity)
                .map(|block| (block, Block::new(blocks, before, block).improved()))
                .collect();
            for (block, better) in changed {
                sources[block] = better;
            }
        }
    }
    Ok(())
}

/// The misfits of one block: of all its values among themselves, and with the pixels around it.
struct Block {
    places: usize,
    values: usize,
    /// By two values and whether their signs differ.
    inside: Vec<[f32; 2]>,
    /// By place and value and whether the sign is to change: the misfit with pixels beyond the border.
    outside: Vec<[f32; 2]>,
    /// The neighbours of a place inside the block.
    beside: Vec<Vec<usize>>,
    chosen: Sources,
}

impl Block {
    fn new(blocks: &Elements, sources: &[Sources], block: usize) -> Self {
        let grid = blocks.grid;
        let (size, channels, places, values) = (grid.block, grid.channels, grid.places(), blocks.places);
        let images = blocks.images.min(COMPARED);
        let of = |value: usize, block: usize| &blocks.of(value, block)[..images];
        let differences = |a: &[f32], b: &[f32]| {
            let same: f32 = a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum();
            let opposite: f32 = a.iter().zip(b).map(|(a, b)| (a + b).abs()).sum();
            [same, opposite]
        };
        let mut inside = vec![[0.0; 2]; values * values];
        for a in 0..values {
            for b in a + 1..values {
                inside[a * values + b] = differences(of(a, block), of(b, block));
                inside[b * values + a] = inside[a * values + b];
            }
        }
        let (row, column) = ((block / grid.columns) as i32, (block % grid.columns) as i32);
        let last = size as i32 - 1;
        let mut outside = vec![[0.0; 2]; places * values];
        let mut beside = vec![Vec::new(); places];
        for place in 0..places {
            let (y, x, c) = grid.coordinates(place);
            for (down, right) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
                let (y, x) = (y as i32 + down, x as i32 + right);
                let beyond = (row + (y > last) as i32 - (y < 0) as i32, column + (x > last) as i32 - (x < 0) as i32);
                let at = |y: i32, x: i32| {
                    (y.rem_euclid(last + 1) as usize * size + x.rem_euclid(last + 1) as usize) * channels + c
                };
                if beyond == (row, column) {
                    beside[place].push(at(y, x));
                } else if (0..grid.rows as i32).contains(&beyond.0) && (0..grid.columns as i32).contains(&beyond.1) {
                    let other = beyond.0 as usize * grid.columns + beyond.1 as usize;
                    let (source, negative) = sources[other][at(y, x)];
                    for value in 0..values {
                        let [same, opposite] = differences(of(value, block), of(source, other));
                        let misfit = &mut outside[place * values + value];
                        misfit[usize::from(negative)] += same;
                        misfit[usize::from(!negative)] += opposite;
                    }
                }
            }
        }
        Self { places, values, inside, outside, beside, chosen: sources[block].clone() }
    }

    /// The misfit of a value at a place with what is around it, leaving out one place.
    fn misfit(&self, place: usize, (value, negative): (usize, bool), without: usize) -> f32 {
        let inside = self.beside[place].iter().filter(|&&other| other != without).map(|&other| {
            let (met, met_negative) = self.chosen[other];
            self.inside[value * self.values + met][usize::from(negative != met_negative)]
        });
        self.outside[place * self.values + value][usize::from(negative)] + inside.sum::<f32>()
    }

    /// Exchanges, sign changes and replacements as long as one helps.
    fn improved(mut self) -> Sources {
        let enough = 1e-4 * self.places as f32;
        for _ in 0..8 {
            let mut better = false;
            for place in 0..self.places {
                let (value, negative) = self.chosen[place];
                // Another sign.
                if self.misfit(place, (value, !negative), place) + enough < self.misfit(place, (value, negative), place)
                {
                    self.chosen[place].1 = !negative;
                    better = true;
                }
                // A value that no place uses.
                for value in 0..self.values {
                    if self.values == self.places || self.chosen.iter().any(|&(used, _)| used == value) {
                        continue;
                    }
                    for negative in [false, true] {
                        let now = self.misfit(place, self.chosen[place], place);
                        if self.misfit(place, (value, negative), place) + enough < now {
                            self.chosen[place] = (value, negative);
                            better = true;
                        }
                    }
                }
                // Two values exchanged, with any signs.
                for other in 0..place {
                    better |= self.exchange(place, other, enough);
                }
            }
            if !better {
                break;
            }
        }
        self.chosen
    }

    /// Exchanges two values if that helps.
    fn exchange(&mut self, a: usize, b: usize, enough: f32) -> bool {
        let (at_a, at_b) = (self.chosen[a], self.chosen[b]);
        // What they have to do with each other counts once.
        let between = |this: &Self, at_a: (usize, bool), at_b: (usize, bool)| {
            let pair = this.inside[at_a.0 * this.values + at_b.0][usize::from(at_a.1 != at_b.1)];
            if this.beside[a].contains(&b) { pair } else { 0.0 }
        };
        let total = |this: &Self, at_a: (usize, bool), at_b: (usize, bool)| {
            this.misfit(a, at_a, b) + this.misfit(b, at_b, a) + between(this, at_a, at_b)
        };
        let now = total(self, at_a, at_b);
        let mut best = (now - enough, None);
        for signs in 0..4 {
            let (new_a, new_b) = ((at_b.0, at_b.1 ^ (signs & 1 == 1)), (at_a.0, at_a.1 ^ (signs & 2 == 2)));
            let then = total(self, new_a, new_b);
            if then < best.0 {
                best = (then, Some((new_a, new_b)));
            }
        }
        let Some((new_a, new_b)) = best.1 else { return false };
        (self.chosen[a], self.chosen[b]) = (new_a, new_b);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, Shape};

    /// A block of slopes in which two samples are exchanged and one is negative.
    #[test]
    fn samples_go_back_to_their_places() {
        let shape = Shape { height: 12, width: 12, channels: 1 };
        let slope = |image: usize| {
            let (right, down) = [(8, 7), (11, 9), (14, 5)][image];
            (0..144).map(move |pixel| (pixel % 12 * right + pixel / 12 * down) as u16)
        };
        let images = Batch::new(shape, 255, (0..3).flat_map(slope).collect()).unwrap();
        let blocks = Elements::new(&images, 4).unwrap();
        let right: Sources = (0..16).map(|place| (place, false)).collect();
        let mut sources = vec![right.clone(); 9];
        sources[4].swap(1, 14);
        sources[4][10].1 = true;
        refine(&blocks, &mut sources, &()).unwrap();
        assert_eq!(sources[4], right);
    }
}
