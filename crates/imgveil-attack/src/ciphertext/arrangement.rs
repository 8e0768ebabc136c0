//! Matching of correlations to expected ones: which place of a block is which.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

/// Steps of an ascent for each place, at most.
const STEPS: usize = 6;

/// The arrangement p that makes `sum found[i][j] * expected[p[i]][p[j]]` large.
///
/// Both matrices are symmetric with ones on the diagonal. From each of several random starts, the exchange of two
/// entries that helps most is made until none helps. The sums that say how much an exchange helps are kept up to date,
/// so that a step costs O(side^2).
///
/// It is the quadratic assignment problem of Koopmans and Beckmann, "Assignment problems and the location of economic
/// activities", Econometrica 25, 1957.
pub(crate) fn arrange(found: &[f64], expected: &[f64], side: usize, starts: usize, seed: u64) -> Vec<usize> {
    let tried = (0..starts.max(1)).into_par_iter().map(|start| {
        let mut order: Vec<usize> = (0..side).collect();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(start as u64);
        for last in (1..side).rev() {
            order.swap(last, random.next_u32() as usize % (last + 1));
        }
        improve(found, expected, order)
    });
    tried.max_by(|a, b| a.0.total_cmp(&b.0)).expect("one start or more").1
}

/// The end of the ascent from one start, and its sum.
pub(crate) fn improve(found: &[f64], expected: &[f64], mut order: Vec<usize>) -> (f64, Vec<usize>) {
    let side = order.len();
    // `arranged[i][j]` is expected[p[i]][p[j]], and `sums` is found * arranged.
    let mut arranged = vec![0.0; side * side];
    for i in 0..side {
        for j in 0..side {
            arranged[i * side + j] = expected[order[i] * side + order[j]];
        }
    }
    let mut sums = vec![0.0; side * side];
    for i in 0..side {
        let out = &mut sums[i * side..(i + 1) * side];
        for k in 0..side {
            let weight = found[i * side + k];
            out.iter_mut().zip(&arranged[k * side..(k + 1) * side]).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    for _ in 0..STEPS * side {
        let Some((i, j)) = best_exchange(found, &arranged, &sums, side) else { break };
        exchange(found, &mut arranged, &mut sums, side, i, j);
        order.swap(i, j);
    }
    (found.iter().zip(&arranged).map(|(a, b)| a * b).sum(), order)
}

fn best_exchange(found: &[f64], arranged: &[f64], sums: &[f64], side: usize) -> Option<(usize, usize)> {
    let diagonal: Vec<f64> = (0..side).map(|i| sums[i * (side + 1)]).collect();
    let mut best = (1e-9, None);
    for i in 0..side {
        for j in i + 1..side {
            let at = i * side + j;
            let gain = sums[at] + sums[j * side + i]
                - diagonal[i]
                - diagonal[j]
                - 2.0 * (found[at] - 1.0) * (1.0 - arranged[at]);
            if gain > best.0 {
                best = (gain, Some((i, j)));
            }
        }
    }
    best.1
}

/// Exchanges rows and columns i and j of `arranged`, and what follows in `sums`.
fn exchange(found: &[f64], arranged: &mut [f64], sums: &mut [f64], side: usize, i: usize, j: usize) {
    let change: Vec<f64> = (0..side).map(|k| arranged[j * side + k] - arranged[i * side + k]).collect();
    for k in (0..side).filter(|&k| k != i && k != j) {
        arranged.swap(i * side + k, j * side + k);
        arranged.swap(k * side + i, k * side + j);
    }
    for row in 0..side {
        let (a, b) = (found[row * side + i], found[row * side + j]);
        let out = &mut sums[row * side..(row + 1) * side];
        out.iter_mut().zip(&change).for_each(|(sum, change)| *sum += (a - b) * change);
        // Columns i and j changed as a whole. Both matrices are symmetric, so that columns are rows.
        let of_row = &found[row * side..(row + 1) * side];
        let products = |column: usize| -> f64 {
            of_row.iter().zip(&arranged[column * side..(column + 1) * side]).map(|(a, b)| a * b).sum()
        };
        (out[i], out[j]) = (products(i), products(j));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `exp(-d / 20)` on a square.
    fn square(block: usize) -> Vec<f64> {
        let places: Vec<(f64, f64)> = (0..block * block).map(|i| ((i / block) as f64, (i % block) as f64)).collect();
        places.iter().flat_map(|a| places.iter().map(|b| (-(a.0 - b.0).hypot(a.1 - b.1) / 20.0).exp())).collect()
    }

    #[test]
    fn the_kept_sums_are_those_of_the_definition() {
        let expected = square(3);
        let found: Vec<f64> = (0..81).map(|i| 1.0 / (1.0 + (i / 9_usize).abs_diff(i % 9) as f64)).collect();
        let (mut arranged, mut sums) = (expected, vec![0.0; 81]);
        let product =
            |arranged: &[f64], at: usize| (0..9).map(|k| found[at / 9 * 9 + k] * arranged[k * 9 + at % 9]).sum::<f64>();
        (0..81).for_each(|at| sums[at] = product(&arranged, at));
        for (i, j) in [(0, 5), (2, 3), (5, 8), (0, 5)] {
            exchange(&found, &mut arranged, &mut sums, 9, i, j);
            assert!((0..81).all(|at| (sums[at] - product(&arranged, at)).abs() < 1e-9));
        }
    }

    #[test]
    fn a_shuffled_square_is_put_together_again() {
        let (block, side) = (4, 16);
        let expected = square(block);
        let shuffle: Vec<usize> = (0..side).map(|i| i * 7 % side).collect();
        let found: Vec<f64> =
            (0..side * side).map(|at| expected[shuffle[at / side] * side + shuffle[at % side]]).collect();
        let order = arrange(&found, &expected, side, 20, 1);
        // Up to a symmetry of the square, which leaves all distances as they are.
        assert!(
            (0..side * side)
                .all(|at| { (found[at] - expected[order[at / side] * side + order[at % side]]).abs() < 1e-12 })
        );
    }
}
