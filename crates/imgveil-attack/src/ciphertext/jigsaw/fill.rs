//! The pieces that were left over, where they fit best.

use super::clusters::{Cell, Cluster, Frame};
use super::joint::{Freedom, Joint, OUTWARD, SIDES, State};
use super::sides::{Gathered, Products, Sides};
use std::collections::{HashMap, HashSet};

/// The distances of the side of a placed piece to all sides of the pieces that are left.
struct Distances {
    first: usize,
    /// For the ways in which the second side may be read: backwards, and forwards if mirrored.
    products: Vec<Products>,
}

impl Distances {
    /// `left` has the vectors of the sides of all pieces left, in both ways.
    fn new(sides: &Sides, first: usize, left: &[Gathered], reordered: bool) -> Self {
        let own = sides.gathered(&[first], false, reordered);
        Self { first, products: left.iter().map(|left| own.products(left)).collect() }
    }

    /// The distance to a side of piece number `index` of those left.
    fn to(&self, sides: &Sides, index: usize, piece: usize, joint: Joint) -> f32 {
        let product = self.products[usize::from(joint.mirrored)].at(index * SIDES + joint.second, joint.order);
        sides.distance(self.first, piece * SIDES + joint.second, product, joint.negative).sqrt()
    }
}

/// Puts every piece that the cluster lacks into the empty cell around it where it fits best, until all are placed.
pub(super) fn fill(cluster: &mut Cluster, states: &mut [State], sides: &Sides, freedom: Freedom, frame: Frame) {
    let pieces = states.len();
    let placed: HashSet<usize> = cluster.cells.values().copied().collect();
    let mut left: Vec<usize> = (0..pieces).filter(|piece| !placed.contains(piece)).collect();
    let allowed = State::all(freedom);
    let reordered = freedom.reordered && sides.channels == 3;
    let gather = |left: &[usize]| -> Vec<Gathered> {
        let numbers: Vec<usize> = left.iter().flat_map(|piece| piece * SIDES..(piece + 1) * SIDES).collect();
        let ways: &[bool] = if freedom.turned { &[true, false] } else { &[true] };
        ways.iter().map(|&backward| sides.gathered(&numbers, backward, reordered)).collect()
    };
    let mut vectors = gather(&left);
    // For each empty cell: the best piece, its state and how badly it fits. Dropped when something beside it changes.
    let mut best: HashMap<Cell, (f32, usize, State)> = HashMap::new();
    while !left.is_empty() {
        let empty = empty_cells(cluster, frame);
        best.retain(|cell, choice| empty.contains(cell) && left.binary_search(&choice.1).is_ok());
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
            let distances: Vec<(State, Cell, Distances)> = neighbours
                .iter()
                .map(|&(piece, direction)| {
                    let side = Joint::of(states[piece], direction, State::UNCHANGED).first;
                    let distances = Distances::new(sides, piece * SIDES + side, &vectors, reordered);
                    (states[piece], direction, distances)
                })
                .collect();
            let mut choice = (f32::INFINITY, left[0], State::UNCHANGED);
            for &state in &allowed {
                let joints: Vec<(Joint, &Distances)> = distances
                    .iter()
                    .map(|(own, direction, distances)| (Joint::of(*own, *direction, state), distances))
                    .collect();
                for (index, &piece) in left.iter().enumerate() {
                    let misfit = |&(joint, distances): &(Joint, &Distances)| distances.to(sides, index, piece, joint);
                    let mean = joints.iter().map(misfit).sum::<f32>() / joints.len() as f32;
                    if mean < choice.0 {
                        choice = (mean, piece, state);
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
        vectors = gather(&left);
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
