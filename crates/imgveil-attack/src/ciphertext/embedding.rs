//! Coordinates of places from their correlations, as starts of the matching.

use super::arrangement::improve;
use crate::assignment::assign;
use rayon::prelude::*;

/// Turns of the coordinates that are tried over a quarter turn. The square looks the same after that.
const TURNS: usize = 12;

/// So many places are very many.
const MANY: usize = 400;

/// The starts that are improved, of all turns those that fit best.
const IMPROVED: usize = 4;

/// The best arrangement from starts that lie in a plane, for many places.
///
/// Classical scaling (Torgerson, "Multidimensional scaling", Psychometrika 17, 1952) of the distances `-ln r` gives
/// both the places that were found and those expected coordinates in a plane, which agree up to a turn and a
/// mirroring. For several turns, places are assigned by their distance in the plane. The best starts are improved.
pub(super) fn arrange_in_plane(found: &[f64], expected: &[f64], side: usize) -> Vec<usize> {
    let (from, to) = (coordinates(found, side), coordinates(expected, side));
    let start = |turn: usize| {
        let (sine, cosine) = (std::f64::consts::FRAC_PI_2 * turn as f64 / TURNS as f64).sin_cos();
        let mut cost = Vec::with_capacity(side * side);
        for &(x, y) in &from {
            let (x, y) = (cosine * x - sine * y, sine * x + cosine * y);
            cost.extend(to.iter().map(|&(u, v)| ((x - u).powi(2) + (y - v).powi(2)) as f32));
        }
        let order = assign(&cost, side);
        let total: f64 =
            (0..side * side).map(|at| found[at] * expected[order[at / side] * side + order[at % side]]).sum();
        (total, order)
    };
    let mut starts: Vec<(f64, Vec<usize>)> = (0..TURNS).into_par_iter().map(start).collect();
    starts.sort_by(|a, b| b.0.total_cmp(&a.0));
    // A start of very many places takes seconds to improve.
    starts.truncate(if side > MANY { 1 } else { IMPROVED });
    let improved = starts.into_par_iter().map(|(_, order)| improve(found, expected, order));
    improved.max_by(|a, b| a.0.total_cmp(&b.0)).expect("one start or more").1
}

/// Coordinates in the plane, scaled to a variance of 1 along both axes.
fn coordinates(correlations: &[f64], side: usize) -> Vec<(f64, f64)> {
    let squares: Vec<f64> = correlations.iter().map(|&r| r.clamp(0.01, 1.0).ln().powi(2)).collect();
    let means: Vec<f64> = squares.chunks_exact(side).map(|row| row.iter().sum::<f64>() / side as f64).collect();
    let mean = means.iter().sum::<f64>() / side as f64;
    let mut inner: Vec<f64> =
        (0..side * side).map(|at| -0.5 * (squares[at] - means[at / side] - means[at % side] + mean)).collect();
    let mut axis = || -> Vec<f64> {
        let vector = crate::matrix::leading_eigenvector(&inner, side);
        let length = vector.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-30);
        let unit: Vec<f64> = vector.iter().map(|value| value / length).collect();
        // The vector that power iteration ends with has its eigenvalue as its length.
        (0..side * side).for_each(|at| inner[at] -= length * unit[at / side] * unit[at % side]);
        unit.iter().map(|value| value * (side as f64).sqrt()).collect()
    };
    let (first, second) = (axis(), axis());
    first.into_iter().zip(second).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_shuffled_square_is_put_together_again() {
        let (block, side) = (10, 100);
        let place = |i: usize| ((i / block) as f64, (i % block) as f64);
        let near = |i: usize, j: usize| {
            let (a, b) = (place(i), place(j));
            (-(a.0 - b.0).hypot(a.1 - b.1) / 20.0).exp()
        };
        let expected: Vec<f64> = (0..side * side).map(|at| near(at / side, at % side)).collect();
        let shuffle = |i: usize| i * 37 % side;
        let found: Vec<f64> = (0..side * side).map(|at| near(shuffle(at / side), shuffle(at % side))).collect();
        let order = arrange_in_plane(&found, &expected, side);
        assert!((0..side * side).all(|at| (found[at] - near(order[at / side], order[at % side])).abs() < 1e-12));
        // Correlations that are off by a little, as of a few images, move coordinates; the ascent sets that right.
        let off = |i: usize, j: usize| ((i.min(j) * 7919 + i.max(j) * 104_729) % 97) as f64 / 97.0 - 0.5;
        let rough: Vec<f64> = found.iter().enumerate().map(|(at, r)| r + 0.16 * off(at / side, at % side)).collect();
        let order = arrange_in_plane(&rough, &expected, side);
        assert!((0..side * side).all(|at| (found[at] - near(order[at / side], order[at % side])).abs() < 1e-12));
    }
}
