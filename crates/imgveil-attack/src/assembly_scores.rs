//! How well blocks were put together.

use crate::elements::Grid;
use crate::symmetry::Symmetry;
use crate::variants::ORDERS;
use crate::{Batch, Error, Shape};
use rayon::prelude::*;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Images by which blocks are recognised, at most.
const COMPARED: usize = 8;

/// How well blocks were put together, each from 0 to 1.
///
/// Source: Chuman, Kurihara and Kiya, "On the security of block scrambling-based EtC systems against jigsaw puzzle
/// solver attacks", ICASSP 2017, after Gallagher, CVPR 2012, and Cho, Avidan and Freeman, CVPR 2010.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AssemblyScores {
    /// Dc: the share of blocks in their places, for the turn, sign and order of channels of the whole that is best.
    pub direct: f64,
    /// Nc: the share of pairs of neighbours that are neighbours in the plain images, joined in the same way.
    pub neighbours: f64,
    /// Lc: the share of blocks in the largest part in which all pairs are joined as in the plain images.
    pub largest: f64,
}

/// Scores recovered images whose blocks were moved, turned, mirrored, negated or recoloured as wholes.
///
/// Blocks are recognised by their samples in up to eight images, so that equal blocks count as each other.
///
/// # Errors
///
/// If the batches differ, there are no images, or blocks do not tile them.
pub fn assembly_scores(recovered: &Batch, plain: &Batch, block: usize) -> Result<AssemblyScores, Error> {
    recovered.must_match(plain)?;
    if plain.is_empty() {
        return Err(Error::TooFewImages { needed: 1, given: 0 });
    }
    let grid = Grid::new(plain.shape(), block)?;
    let states = states(plain.shape());
    let of = |batch: &Batch, state: &State| -> Vec<u64> {
        (0..grid.blocks()).into_par_iter().map(|index| state.fingerprint(batch, grid, index)).collect()
    };
    let known: Vec<Vec<u64>> = states.iter().map(|state| of(plain, state)).collect();
    let found = of(recovered, &State::default());
    let mut seen: HashMap<u64, Vec<(usize, usize)>> = HashMap::new();
    for (state, prints) in known.iter().enumerate() {
        prints.iter().enumerate().for_each(|(index, &print)| seen.entry(print).or_default().push((index, state)));
    }
    let place = |index: usize| ((index / grid.columns) as i32, (index % grid.columns) as i32);
    let at = |(row, column): (i32, i32)| {
        let inside = (0..grid.rows as i32).contains(&row) && (0..grid.columns as i32).contains(&column);
        inside.then(|| row as usize * grid.columns + column as usize)
    };
    let joined = |first: usize, second: usize, direction: (i32, i32)| {
        seen.get(&found[first]).is_some_and(|candidates| {
            candidates.iter().any(|&(index, state)| {
                let (down, right) = states[state].symmetry.inverse().apply(direction);
                let (row, column) = place(index);
                at((row + down, column + right)).is_some_and(|next| known[state][next] == found[second])
            })
        })
    };
    let mut part: Vec<usize> = (0..grid.blocks()).collect();
    let (mut right, mut pairs) = (0, 0);
    for first in 0..grid.blocks() {
        for direction in [(0, 1), (1, 0)] {
            let (row, column) = place(first);
            let Some(second) = at((row + direction.0, column + direction.1)) else { continue };
            pairs += 1;
            if joined(first, second, direction) {
                right += 1;
                let (a, b) = (root(&part, first), root(&part, second));
                part[a] = b;
            }
        }
    }
    let mut sizes = vec![0; grid.blocks()];
    (0..grid.blocks()).for_each(|index| sizes[root(&part, index)] += 1);
    let direct =
        states.iter().zip(&known).filter(|(state, _)| grid.rows == grid.columns || !state.symmetry.transposes());
    let direct = direct.map(|(state, known)| {
        let in_place = |&index: &usize| {
            let (row, column) = (index / grid.columns, index % grid.columns);
            let (row, column) = state.symmetry.source(row, column, grid.rows, grid.columns);
            known[row * grid.columns + column] == found[index]
        };
        (0..grid.blocks()).filter(in_place).count()
    });
    let blocks = grid.blocks() as f64;
    Ok(AssemblyScores {
        direct: direct.max().unwrap_or_default() as f64 / blocks,
        neighbours: if pairs == 0 { 1.0 } else { f64::from(right) / f64::from(pairs) },
        largest: f64::from(sizes.into_iter().max().unwrap_or_default()) / blocks,
    })
}

fn root(part: &[usize], mut index: usize) -> usize {
    while part[index] != index {
        index = part[index];
    }
    index
}

/// What may have been done to a block.
struct State {
    symmetry: Symmetry,
    negative: bool,
    order: usize,
}

impl Default for State {
    fn default() -> Self {
        Self { symmetry: Symmetry::IDENTITY, negative: false, order: 0 }
    }
}

fn states(shape: Shape) -> Vec<State> {
    let orders = 0..if shape.channels == 3 { ORDERS.len() } else { 1 };
    let rest = [false, true].into_iter().flat_map(|negative| orders.clone().map(move |order| (negative, order)));
    rest.flat_map(|(negative, order)| Symmetry::ALL.map(|symmetry| State { symmetry, negative, order })).collect()
}

impl State {
    /// A hash of the samples of a block after this was done to it.
    fn fingerprint(&self, batch: &Batch, grid: Grid, index: usize) -> u64 {
        let mut hasher = DefaultHasher::new();
        for image in batch.iter().take(COMPARED) {
            for y in 0..grid.block {
                for x in 0..grid.block {
                    let (y, x) = self.symmetry.source(y, x, grid.block, grid.block);
                    for &channel in &ORDERS[self.order][..grid.channels] {
                        let sample = image[grid.sample(index, (y * grid.block + x) * grid.channels + channel)];
                        (if self.negative { batch.max() - sample } else { sample }).hash(&mut hasher);
                    }
                }
            }
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { height: 12, width: 16, channels: 3 };

    fn drawn() -> Batch {
        Batch::new(SHAPE, 255, (0..SHAPE.samples()).map(|i| (i * i % 239 + i % 7) as u16).collect()).unwrap()
    }

    /// The images with two blocks of 4x4 exchanged.
    fn exchanged(batch: &Batch, a: usize, b: usize) -> Batch {
        let grid = Grid::new(SHAPE, 4).unwrap();
        let mut samples = batch.samples().to_vec();
        (0..grid.places()).for_each(|place| samples.swap(grid.sample(a, place), grid.sample(b, place)));
        Batch::new(SHAPE, 255, samples).unwrap()
    }

    #[test]
    fn the_whole_may_be_turned_and_negative() {
        let plain = drawn();
        let turned: Vec<u16> = plain.samples().chunks_exact(3).rev().flat_map(|p| [p[1], p[2], p[0]]).collect();
        let turned = Batch::new(SHAPE, 255, turned).unwrap().negative();
        for recovered in [&plain, &turned] {
            let scores = assembly_scores(recovered, &plain, 4).unwrap();
            assert_eq!(scores, AssemblyScores { direct: 1.0, neighbours: 1.0, largest: 1.0 });
        }
    }

    #[test]
    fn exchanged_blocks_break_their_pairs() {
        let plain = drawn();
        // Opposite corners of 3 x 4 blocks: two pairs each, of 17.
        let scores = assembly_scores(&exchanged(&plain, 0, 11), &plain, 4).unwrap();
        assert_eq!(scores, AssemblyScores { direct: 10.0 / 12.0, neighbours: 13.0 / 17.0, largest: 10.0 / 12.0 });
    }

    #[test]
    fn other_images_have_nothing_right() {
        let plain = drawn();
        let scores = assembly_scores(&plain.map(|sample| sample ^ 5), &plain, 4).unwrap();
        assert_eq!((scores.direct, scores.neighbours), (0.0, 0.0));
        assert_eq!(scores.largest, 1.0 / 12.0);
    }
}
