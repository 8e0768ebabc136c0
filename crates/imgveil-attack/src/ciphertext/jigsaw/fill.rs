//! The pieces that were left over, where they fit best.

use super::clusters::{Cell, Cluster, Frame};
use super::joint::{Freedom, Joint, OUTWARD, SIDES, State};
use super::sides::{Products, Sides};
use std::collections::{HashMap, HashSet};

/// Distances of one side to all others, computed when first asked for.
struct Distances<'a> {
    sides: &'a Sides,
    freedom: Freedom,
    all: Vec<usize>,
    known: HashMap<usize, Vec<Products>>,
}

impl Distances<'_> {
    fn prepare(&mut self, number: usize) {
        let (sides, freedom, all) = (self.sides, self.freedom, &self.all);
        self.known.entry(number).or_insert_with(|| {
            let mirrorings: &[bool] = if freedom.turned { &[false, true] } else { &[false] };
            let reordered = freedom.reordered && sides.channels == 3;
            mirrorings.iter().map(|&mirrored| sides.products(&[number], all, mirrored, reordered)).collect()
        });
    }

    fn between(&self, first: usize, second: usize, joint: Joint) -> f32 {
        let (a, b) = (first * SIDES + joint.first, second * SIDES + joint.second);
        let product = self.known[&a][usize::from(joint.mirrored)].at(b, joint.order);
        self.sides.distance(a, b, product, joint.negative).sqrt()
    }
}

/// Puts every piece that the cluster lacks into the empty cell around it where it fits best, until all are placed.
pub(super) fn fill(cluster: &mut Cluster, states: &mut [State], sides: &Sides, freedom: Freedom, frame: Frame) {
    let pieces = states.len();
    let placed: HashSet<usize> = cluster.cells.values().copied().collect();
    let mut left: Vec<usize> = (0..pieces).filter(|piece| !placed.contains(piece)).collect();
    let allowed = State::all(freedom);
    let mut distances = Distances { sides, freedom, all: (0..sides.count()).collect(), known: HashMap::new() };
    // For each empty cell: the best piece, its state and how badly it fits. Dropped when something beside it changes.
    let mut best: HashMap<Cell, (f32, usize, State)> = HashMap::new();
    while !left.is_empty() {
        let empty = empty_cells(cluster, frame);
        best.retain(|cell, choice| empty.contains(cell) && left.contains(&choice.1));
        for &cell in &empty {
            if best.contains_key(&cell) {
                continue;
            }
            let neighbours: Vec<(usize, Cell)> = OUTWARD
                .iter()
                .filter_map(|&(row, column)| {
                    let at = (cell.0 - row, cell.1 - column);
                    cluster.cells.get(&at).map(|&piece| (piece, (row, column)))
                })
                .collect();
            for &(piece, direction) in &neighbours {
                distances.prepare(piece * SIDES + Joint::of(states[piece], direction, State::UNCHANGED).first);
            }
            let mut choice = (f32::INFINITY, left[0], State::UNCHANGED);
            for &piece in &left {
                for &state in &allowed {
                    let misfit = |&(neighbour, direction): &(usize, Cell)| {
                        distances.between(neighbour, piece, Joint::of(states[neighbour], direction, state))
                    };
                    let total: f32 = neighbours.iter().map(misfit).sum();
                    if total / (neighbours.len() as f32) < choice.0 {
                        choice = (total / neighbours.len() as f32, piece, state);
                    }
                }
            }
            best.insert(cell, choice);
        }
        // Cells with more neighbours are more certain.
        let around = |cell: &Cell| {
            OUTWARD.iter().filter(|(row, column)| cluster.cells.contains_key(&(cell.0 + row, cell.1 + column))).count()
        };
        let order = |a: &(&Cell, &(f32, usize, State)), b: &(&Cell, &(f32, usize, State))| {
            around(b.0).cmp(&around(a.0)).then(a.1.0.total_cmp(&b.1.0)).then(a.0.cmp(b.0))
        };
        let Some((&cell, &(_, piece, state))) = best.iter().min_by(order) else { break };
        cluster.cells.insert(cell, piece);
        states[piece] = state;
        cluster.low = (cluster.low.0.min(cell.0), cluster.low.1.min(cell.1));
        cluster.high = (cluster.high.0.max(cell.0), cluster.high.1.max(cell.1));
        left.retain(|&other| other != piece);
        best.remove(&cell);
        for (row, column) in OUTWARD {
            best.remove(&(cell.0 + row, cell.1 + column));
        }
    }
}

/// The empty cells beside pieces that keep the cluster in its frame.
fn empty_cells(cluster: &Cluster, frame: Frame) -> HashSet<Cell> {
    let mut empty = HashSet::new();
    for &(row, column) in cluster.cells.keys() {
        for (down, right) in OUTWARD {
            let cell = (row + down, column + right);
            let height = cluster.high.0.max(cell.0) - cluster.low.0.min(cell.0) + 1;
            let width = cluster.high.1.max(cell.1) - cluster.low.1.min(cell.1) + 1;
            if !cluster.cells.contains_key(&cell) && frame.holds(height, width) {
                empty.insert(cell);
            }
        }
    }
    empty
}
