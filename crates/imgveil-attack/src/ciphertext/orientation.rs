//! Turns and signs of blocks that are in their places, from the borders between them.

use super::jigsaw::{Assembly, State};
use crate::elements::Elements;
use crate::symmetry::Symmetry;
use rayon::prelude::*;
use std::collections::BTreeSet;

/// States of a block: eight symmetries, with either sign.
const STATES: usize = 16;

/// Rounds in which every block is set to what fits its neighbours best.
const ROUNDS: usize = 6;

/// For a border between two blocks: how well state g of the first and h of the second fit, both positive. The sign of a
/// pair changes the sign of its entry.
type Fit = [[f32; 8]; 8];

/// The symmetry and sign of every block, each block staying where it is.
pub(super) fn oriented(blocks: &Elements) -> Assembly {
    let grid = blocks.grid;
    let right: Vec<Option<Fit>> = (0..grid.blocks())
        .into_par_iter()
        .map(|block| (block % grid.columns + 1 < grid.columns).then(|| fit(blocks, block, block + 1, true)))
        .collect();
    let below: Vec<Option<Fit>> = (0..grid.blocks())
        .into_par_iter()
        .map(|block| (block / grid.columns + 1 < grid.rows).then(|| fit(blocks, block, block + grid.columns, false)))
        .collect();
    let field = Field { columns: grid.columns, right, below };
    let states = field.solved();
    let state = |&(symmetry, negative): &(usize, bool)| State {
        symmetry: Symmetry::ALL[symmetry],
        negative,
        ..State::UNCHANGED
    };
    states.iter().enumerate().map(|(block, found)| (block, state(found))).collect()
}

/// The inner products of the borders of two blocks over their norms, summed over the pixels of the border.
fn fit(blocks: &Elements, first: usize, second: usize, across: bool) -> Fit {
    let (size, channels) = (blocks.grid.block, blocks.grid.channels);
    let line = |block: usize, symmetry: Symmetry, last: bool| -> Vec<&[f32]> {
        let edge = if last { size - 1 } else { 0 };
        let pixels = (0..size).map(|k| if across { (k, edge) } else { (edge, k) });
        let sources = pixels.map(|(y, x)| symmetry.source(y, x, size, size));
        sources.flat_map(|(y, x)| (0..channels).map(move |c| blocks.of((y * size + x) * channels + c, block))).collect()
    };
    let seconds = Symmetry::ALL.map(|symmetry| line(second, symmetry, false));
    let mut fit = [[0.0; 8]; 8];
    for (g, symmetry) in Symmetry::ALL.into_iter().enumerate() {
        let ours = line(first, symmetry, true);
        for (h, theirs) in seconds.iter().enumerate() {
            for (a, b) in ours.iter().zip(theirs) {
                let (mut same, mut opposite) = (0.0, 0.0);
                for (a, b) in a.iter().zip(*b) {
                    same += (a - b).abs();
                    opposite += (a + b).abs();
                }
                fit[g][h] += opposite - same;
            }
        }
    }
    fit
}

struct Field {
    columns: usize,
    right: Vec<Option<Fit>>,
    below: Vec<Option<Fit>>,
}

impl Field {
    /// How well all states of a block fit a neighbour in a given state; index `2 * symmetry + sign`.
    fn given(&self, block: usize, neighbour: usize, state: (usize, bool)) -> [f32; STATES] {
        let (first, fits) = if neighbour.abs_diff(block) == 1 && (neighbour / self.columns == block / self.columns) {
            (block.min(neighbour), &self.right)
        } else {
            (block.min(neighbour), &self.below)
        };
        let mut values = [0.0; STATES];
        if let Some(fit) = &fits[first] {
            for (index, value) in values.iter_mut().enumerate() {
                let (symmetry, negative) = (index / 2, index % 2 == 1);
                let entry = if first == block { fit[symmetry][state.0] } else { fit[state.0][symmetry] };
                *value = if negative == state.1 { entry } else { -entry };
            }
        }
        values
    }

    fn neighbours(&self, block: usize) -> impl Iterator<Item = usize> {
        let (row, column, columns) = (block / self.columns, block % self.columns, self.columns);
        let rows = self.right.len() / columns;
        let up = (row > 0).then(|| block - columns);
        let down = (row + 1 < rows).then_some(block + columns);
        let left = (column > 0).then(|| block - 1);
        let right = (column + 1 < columns).then_some(block + 1);
        [up, down, left, right].into_iter().flatten()
    }

    fn votes(&self, block: usize, states: &[Option<(usize, bool)>]) -> [f32; STATES] {
        let mut votes = [0.0; STATES];
        for neighbour in self.neighbours(block) {
            if let Some(state) = states[neighbour] {
                let given = self.given(block, neighbour, state);
                votes.iter_mut().zip(given).for_each(|(vote, value)| *vote += value);
            }
        }
        votes
    }

    /// Blocks are set one after the other, the most certain first, and then again in rounds.
    fn solved(&self) -> Vec<(usize, bool)> {
        let count = self.right.len();
        let mut states: Vec<Option<(usize, bool)>> = vec![None; count];
        // The first is the block whose symmetry its neighbours agree on most.
        let opening = |block: usize| {
            let mut totals = [0.0_f32; 8];
            for neighbour in self.neighbours(block) {
                for (symmetry, total) in totals.iter_mut().enumerate() {
                    let given = self.given(neighbour, block, (symmetry, false));
                    *total += given.into_iter().fold(f32::NEG_INFINITY, f32::max);
                }
            }
            let best = (0..8).max_by(|&a, &b| totals[a].total_cmp(&totals[b])).unwrap_or_default();
            let second = (0..8).filter(|&other| other != best).map(|other| totals[other]).fold(0.0, f32::max);
            (totals[best] - second, best)
        };
        let openings: Vec<(f32, usize)> = (0..count).into_par_iter().map(opening).collect();
        let Some(first) = (0..count).max_by(|&a, &b| openings[a].0.total_cmp(&openings[b].0)) else {
            return Vec::new();
        };
        let mut open = BTreeSet::new();
        let mut keys = vec![None; count];
        states[first] = Some((openings[first].1, false));
        let mut last = first;
        loop {
            for block in self.neighbours(last).filter(|&block| states[block].is_none()) {
                let (margin, _) = decided(&self.votes(block, &states));
                // The order of floats that are not negative is that of their bits.
                let key = (margin.max(0.0).to_bits(), block);
                if let Some(old) = keys[block].replace(key) {
                    open.remove(&old);
                }
                open.insert(key);
            }
            let Some((_, block)) = open.pop_last() else { break };
            states[block] = Some(decided(&self.votes(block, &states)).1);
            last = block;
        }
        for _ in 0..ROUNDS {
            for block in 0..count {
                states[block] = Some(decided(&self.votes(block, &states)).1);
            }
        }
        states.into_iter().map(Option::unwrap_or_default).collect()
    }
}

/// The best state, and by how much it is better than the second.
fn decided(votes: &[f32; STATES]) -> (f32, (usize, bool)) {
    let best = (0..STATES).max_by(|&a, &b| votes[a].total_cmp(&votes[b]).then(b.cmp(&a))).unwrap_or_default();
    let others = (0..STATES).filter(|&other| other != best).map(|other| votes[other]);
    (votes[best] - others.fold(f32::NEG_INFINITY, f32::max), (best / 2, best % 2 == 1))
}
