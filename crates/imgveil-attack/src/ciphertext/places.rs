//! Covariance of the places of blocks, for keys that all blocks share.

use super::arrangement::arrange;
use super::channels::arrange_colour;
use super::embedding::arrange_in_plane;
use super::prior::correlations;
use crate::elements::Elements;
use crate::matrix::leading_eigenvector;

/// Where a place of an arranged block comes from, and whether it is negated.
pub(crate) type Sources = Vec<(usize, bool)>;

/// Up to so many places, random starts find the best arrangement.
const FEW: usize = 64;

/// The signs of all places that make most correlations positive: those of the leading eigenvector.
pub(crate) fn signs(correlations: &[f64], side: usize) -> Vec<bool> {
    leading_eigenvector(correlations, side).iter().map(|&value| value < 0.0).collect()
}

/// `found` with the given signs taken away.
pub(crate) fn unsigned(found: &[f64], negative: &[bool]) -> Vec<f64> {
    let side = negative.len();
    let sign = |at: usize| if negative[at / side] == negative[at % side] { 1.0 } else { -1.0 };
    found.iter().enumerate().map(|(at, value)| sign(at) * value).collect()
}

/// The places of all blocks in the order that fits the expected correlations, up to a symmetry of the square.
pub(crate) fn arranged(elements: &Elements, expected: &[f64], shuffled: bool, flipped: bool) -> Sources {
    let side = elements.places;
    let mut found = correlations(elements);
    let negative = if flipped { signs(&found, side) } else { vec![false; side] };
    found = unsigned(&found, &negative);
    let mut sources: Sources = (0..side).zip(negative.iter().copied()).collect();
    if shuffled {
        let order = ordered(&found, expected, side, elements.grid.channels);
        for (place, &to) in order.iter().enumerate() {
            sources[to] = (place, negative[place]);
        }
    }
    sources
}

/// The arrangement of places that fits the expected correlations best: entry i is where place i belongs.
pub(crate) fn ordered(found: &[f64], expected: &[f64], side: usize, channels: usize) -> Vec<usize> {
    match side {
        0..=16 => arrange(found, expected, side, 24, 0),
        17..=FEW => arrange(found, expected, side, 16, 0),
        _ if channels == 3 => arrange_colour(found, expected, side),
        _ => arrange_in_plane(found, expected, side),
    }
}
