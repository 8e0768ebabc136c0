//! Signs of the nodes of a graph whose edges vote for equal or opposite signs.

use std::collections::{BinaryHeap, HashMap};

/// An edge: two nodes and a vote. Above 0 it is for equal signs, below 0 for opposite ones.
pub(super) type Edge = (usize, usize, f32);

/// Signs that satisfy the votes: `true` is negative. The first node of every connected part is positive.
///
/// The two nodes of the strongest vote become one, with parallel votes added up, until there are no edges: greedy
/// additive edge contraction (Keuper et al., "Efficient decomposition of image and mesh graphs by lifted multicuts",
/// ICCV 2015), here for signs. Long borders between regions count as wholes, so that few wrong votes do no harm.
pub(super) fn signs(nodes: usize, edges: &[Edge]) -> Vec<bool> {
    let mut votes: Vec<HashMap<usize, f32>> = vec![HashMap::new(); nodes];
    for &(a, b, vote) in edges.iter().filter(|edge| edge.0 != edge.1) {
        *votes[a].entry(b).or_default() += vote;
        *votes[b].entry(a).or_default() += vote;
    }
    let mut heap: BinaryHeap<Entry> = BinaryHeap::with_capacity(edges.len());
    for (a, of_node) in votes.iter().enumerate() {
        heap.extend(of_node.iter().filter(|(b, _)| **b > a).map(|(&b, &vote)| Entry { vote, a, b }));
    }
    // The node that a node became a part of, and whether with the opposite sign.
    let mut part_of: Vec<Option<(usize, bool)>> = vec![None; nodes];
    while let Some(Entry { vote, a, b }) = heap.pop() {
        // Entries of nodes that are gone, or of votes that have been added to since, are stale.
        if part_of[a].is_some() || part_of[b].is_some() || votes[a].get(&b) != Some(&vote) {
            continue;
        }
        let (keep, join) = if votes[a].len() >= votes[b].len() { (a, b) } else { (b, a) };
        let opposite = vote < 0.0;
        part_of[join] = Some((keep, opposite));
        let joining = std::mem::take(&mut votes[join]);
        votes[keep].remove(&join);
        for (other, vote) in joining.into_iter().filter(|&(other, _)| other != keep) {
            votes[other].remove(&join);
            let vote = if opposite { -vote } else { vote };
            let sum = votes[keep].entry(other).or_default();
            *sum += vote;
            let sum = *sum;
            votes[other].insert(keep, sum);
            heap.push(Entry { vote: sum, a: keep.min(other), b: keep.max(other) });
        }
    }
    (0..nodes)
        .map(|mut node| {
            let mut negative = false;
            while let Some((part, opposite)) = part_of[node] {
                (node, negative) = (part, negative != opposite);
            }
            negative
        })
        .collect()
}

/// Sorted by the strength of the vote, then by the nodes, so that the result is always the same.
struct Entry {
    vote: f32,
    a: usize,
    b: usize,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let nodes = (other.a, other.b).cmp(&(self.a, self.b));
        self.vote.abs().total_cmp(&other.vote.abs()).then(nodes)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// The pairs of neighbouring pixels of an image: right and lower neighbours.
pub(super) fn neighbours(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    let right = (0..height).flat_map(move |y| (1..width).map(move |x| (y * width + x - 1, y * width + x)));
    let lower = (1..height).flat_map(move |y| (0..width).map(move |x| ((y - 1) * width + x, y * width + x)));
    right.chain(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_wrong_votes_are_outvoted() {
        let (height, width) = (12, 15);
        let truth = |pixel: usize| pixel * 7 % 5 < 2;
        let edges: Vec<Edge> = neighbours(height, width)
            .enumerate()
            .map(|(number, (a, b))| {
                let right = if truth(a) == truth(b) { 1.0 } else { -1.0 };
                (a, b, if number % 11 == 0 { -0.5 * right } else { right * (1.0 + (number % 3) as f32) })
            })
            .collect();
        let found = signs(height * width, &edges);
        assert!((0..height * width).all(|pixel| (found[pixel] == found[0]) == (truth(pixel) == truth(0))));
    }
}
