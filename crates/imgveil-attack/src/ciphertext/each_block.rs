//! Arrangement of the samples of every block by itself, for a key for every block.

use super::arrangement::arrange;
use super::places::{Sources, signs, unsigned};
use super::prior::normalise;
use crate::elements::Elements;
use crate::{Error, Progress};
use rayon::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Random starts of the matching in each block.
const STARTS: usize = 4;

/// The correlations of all places of one block over the images.
fn correlations(elements: &Elements, block: usize) -> Vec<f64> {
    let side = elements.places;
    let mut rows: Vec<f32> = (0..side).flat_map(|place| elements.of(place, block).iter().copied()).collect();
    rows.chunks_exact_mut(elements.images.max(1)).for_each(normalise);
    let row = |place: usize| &rows[place * elements.images..(place + 1) * elements.images];
    let mut matrix = vec![1.0; side * side];
    for i in 0..side {
        for j in i + 1..side {
            let product: f32 = row(i).iter().zip(row(j)).map(|(a, b)| a * b).sum();
            (matrix[i * side + j], matrix[j * side + i]) = (f64::from(product), f64::from(product));
        }
    }
    matrix
}

/// The places that go most with others: `wanted` of `side`. Of nibbles, these are the highest of their samples.
pub(super) fn connected(correlations: &[f64], side: usize, wanted: usize) -> Vec<usize> {
    let mut strengths: Vec<(f64, usize)> = (0..side)
        .map(|place| {
            let row = &correlations[place * side..(place + 1) * side];
            let mut others: Vec<f64> =
                (0..side).filter(|&other| other != place).map(|other| row[other].abs()).collect();
            others.sort_unstable_by(|a, b| b.total_cmp(a));
            (others.iter().take(wanted / 2).sum(), place)
        })
        .collect();
    strengths.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut chosen: Vec<usize> = strengths.into_iter().take(wanted).map(|(_, place)| place).collect();
    chosen.sort_unstable();
    chosen
}

/// A square part of a matrix.
pub(super) fn part(matrix: &[f64], side: usize, chosen: &[usize]) -> Vec<f64> {
    chosen.iter().flat_map(|&i| chosen.iter().map(move |&j| matrix[i * side + j])).collect()
}

/// For every block, the sources of its places, up to a symmetry of the square and a sign.
///
/// If blocks have more values than places (nibbles), those that go most with others are taken.
pub(super) fn arranged_each(
    elements: &Elements,
    expected: &[f64],
    flipped: bool,
    progress: &dyn Progress,
) -> Result<Vec<Sources>, Error> {
    let (side, wanted, blocks) = (elements.places, elements.grid.places(), elements.grid.blocks());
    let done = AtomicUsize::new(0);
    let of_block = |block: usize| -> Result<Sources, Error> {
        progress.check()?;
        progress.report("arranging the samples of blocks", done.fetch_add(1, Ordering::Relaxed), blocks);
        let all = correlations(elements, block);
        let chosen = if side > wanted { connected(&all, side, wanted) } else { (0..side).collect() };
        let found = part(&all, side, &chosen);
        let negative = if flipped { signs(&found, wanted) } else { vec![false; wanted] };
        let order = arrange(&unsigned(&found, &negative), expected, wanted, STARTS, block as u64);
        let mut sources = vec![(0, false); wanted];
        for (k, &to) in order.iter().enumerate() {
            sources[to] = (chosen[k], negative[k]);
        }
        Ok(sources)
    };
    (0..blocks).into_par_iter().map(of_block).collect()
}

/// The values of every block in the order of its own sources.
pub(super) fn rearranged_each(elements: &Elements, sources: &[Sources]) -> Elements {
    let places = elements.grid.places();
    let mut values = vec![0.0; places * elements.row_length()];
    values.par_chunks_mut(elements.row_length().max(1)).enumerate().for_each(|(place, out)| {
        for (block, out) in out.chunks_exact_mut(elements.images).enumerate() {
            let (source, negative) = sources[block][place];
            let sign = if negative { -1.0 } else { 1.0 };
            out.iter_mut().zip(elements.of(source, block)).for_each(|(out, value)| *out = sign * value);
        }
    });
    Elements { values, places, ..elements.clone() }
}
