//! Clusters of pieces that are joined one after the other.

use super::candidates::Candidate;
use super::joint::{OUTWARD, State};
use std::collections::HashMap;

/// A position of a piece in its cluster: row and column.
pub(super) type Cell = (i32, i32);

/// The largest extent of a cluster: rows and columns of the image, in both ways if pieces may be turned.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    pub(super) rows: i32,
    pub(super) columns: i32,
    pub(super) either_way: bool,
}

impl Frame {
    pub(super) fn holds(self, height: i32, width: i32) -> bool {
        (height <= self.rows && width <= self.columns)
            || (self.either_way && height <= self.columns && width <= self.rows)
    }
}

/// Pieces in their places relative to each other.
#[derive(Clone, Default)]
pub(super) struct Cluster {
    pub(super) cells: HashMap<Cell, usize>,
    pub(super) low: Cell,
    pub(super) high: Cell,
}

/// Joins pieces, the most certain candidates first, as long as nothing overlaps and everything stays in the frame.
///
/// Returns the largest cluster and the states of all pieces in their own clusters.
///
/// Source: Gallagher, "Jigsaw puzzles with pieces of unknown orientation", CVPR 2012, section 4 (there on Kruskal's
/// tree).
pub(super) fn joined(candidates: &[Candidate], pieces: usize, frame: Frame) -> (Cluster, Vec<State>) {
    let mut states = vec![State::UNCHANGED; pieces];
    let mut places = vec![(0, 0); pieces];
    let mut cluster_of: Vec<usize> = (0..pieces).collect();
    let mut clusters: Vec<Option<Cluster>> = (0..pieces)
        .map(|piece| Some(Cluster { cells: HashMap::from([((0, 0), piece)]), low: (0, 0), high: (0, 0) }))
        .collect();
    let mut left = pieces;
    for candidate in candidates {
        if left == 1 {
            break;
        }
        let (mut keep, mut join) = (candidate.first, candidate.second);
        let (mut kept, mut moved) = (cluster_of[keep], cluster_of[join]);
        if kept == moved {
            continue;
        }
        let relative = candidate.joint.relative();
        // Where the second piece belongs beside the first, and from there where the first belongs beside the second.
        let outward = states[keep].symmetry.apply(OUTWARD[candidate.joint.first]);
        let mut state = states[keep].after(relative);
        let mut cell = (places[keep].0 + outward.0, places[keep].1 + outward.1);
        let size = |cluster: usize| clusters[cluster].as_ref().map_or(0, |cluster| cluster.cells.len());
        if size(moved) > size(kept) {
            (keep, join, kept, moved) = (join, keep, moved, kept);
            state = states[keep].after(relative.inverse());
            let outward = states[keep].symmetry.apply(OUTWARD[candidate.joint.second]);
            cell = (places[keep].0 + outward.0, places[keep].1 + outward.1);
        }
        let motion = state.after(states[join].inverse());
        let turned = motion.symmetry.apply(places[join]);
        let shift = (cell.0 - turned.0, cell.1 - turned.1);
        let to = |cell: Cell| {
            let turned = motion.symmetry.apply(cell);
            (turned.0 + shift.0, turned.1 + shift.1)
        };
        let (Some(stays), Some(goes)) = (&clusters[kept], &clusters[moved]) else { continue };
        let (corner, opposite) = (to(goes.low), to(goes.high));
        let low = (stays.low.0.min(corner.0).min(opposite.0), stays.low.1.min(corner.1).min(opposite.1));
        let high = (stays.high.0.max(corner.0).max(opposite.0), stays.high.1.max(corner.1).max(opposite.1));
        if !frame.holds(high.0 - low.0 + 1, high.1 - low.1 + 1)
            || goes.cells.keys().any(|&cell| stays.cells.contains_key(&to(cell)))
        {
            continue;
        }
        let goes = clusters[moved].take().unwrap_or_default();
        if let Some(stays) = &mut clusters[kept] {
            for (&cell, &piece) in &goes.cells {
                stays.cells.insert(to(cell), piece);
                places[piece] = to(cell);
                states[piece] = motion.after(states[piece]);
                cluster_of[piece] = kept;
            }
            (stays.low, stays.high) = (low, high);
        }
        left -= 1;
    }
    let largest = clusters.into_iter().flatten().max_by_key(|cluster| cluster.cells.len());
    (largest.unwrap_or_default(), states)
}
