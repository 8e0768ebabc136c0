//! The lower nibbles of samples whose highest ones are in their places.

use super::places::Sources;
use crate::assignment::assign;
use crate::elements::Elements;
use crate::{Error, Progress};
use rayon::prelude::*;

/// Rounds for each level of nibbles; from the second on, predictions use the nibbles found before.
const ROUNDS: usize = 3;

/// How many standard errors a correlation must have. Of some thousand candidates none gets there by chance.
const CERTAIN: f64 = 4.5;

/// Which nibbles are known, by place: a list from the highest level down.
type Known = Vec<Vec<Option<(usize, bool)>>>;

/// The samples, from nibbles of which the highest are arranged: `high` has the sources of every block, or one entry for
/// all blocks.
///
/// A pixel is near the mean of those around it, so that this mean says roughly what the next nibble must be. The
/// nibbles of each block, or of all blocks, are assigned to places by their correlation with that. What is not certain
/// stays out, as half of its range.
pub(super) fn completed(
    nibbles: &Elements,
    high: &[Sources],
    max: u16,
    progress: &dyn Progress,
) -> Result<Elements, Error> {
    let places = nibbles.grid.places();
    let levels = nibbles.places / places;
    let mut known: Vec<Known> = high
        .iter()
        .map(|sources| {
            sources
                .iter()
                .map(|&source| {
                    let mut levels = vec![None; levels];
                    levels[0] = Some(source);
                    levels
                })
                .collect()
        })
        .collect();
    let mut samples = estimate(nibbles, &known, levels, max);
    for level in 1..levels {
        for round in 0..ROUNDS {
            progress.check()?;
            progress.report("finding the lower nibbles", (level - 1) * ROUNDS + round, (levels - 1) * ROUNDS);
            // Half the range of the next nibble and all below.
            let range = 16_f32.powi((levels - level) as i32) / 2.0;
            let expected = predicted(&samples, &nibbles.rearranged_known(&known, level, levels), range, round == 0);
            known = known
                .into_par_iter()
                .enumerate()
                .map(|(group, known)| assigned(nibbles, &expected, group, high.len() == 1, known, level))
                .collect();
            samples = estimate(nibbles, &known, levels, max);
        }
    }
    Ok(samples)
}

impl Elements {
    /// The samples as far as the levels above `level` are known.
    fn rearranged_known(&self, known: &[Known], level: usize, levels: usize) -> Self {
        let cut: Vec<Known> = known
            .iter()
            .map(|known| {
                known
                    .iter()
                    .map(|of_place| {
                        let keep =
                            |(number, source): (usize, &Option<(usize, bool)>)| source.filter(|_| number < level);
                        of_place.iter().enumerate().map(keep).collect()
                    })
                    .collect()
            })
            .collect();
        estimate(self, &cut, levels, self.max)
    }
}

/// The samples from all nibbles known, the others counting as half of their range.
fn estimate(nibbles: &Elements, known: &[Known], levels: usize, max: u16) -> Elements {
    let (places, images) = (nibbles.grid.places(), nibbles.images);
    let mut values = vec![0.0; places * nibbles.row_length()];
    values.par_chunks_mut(nibbles.row_length().max(1)).enumerate().for_each(|(place, out)| {
        for (block, out) in out.chunks_exact_mut(images).enumerate() {
            for (level, source) in known[block.min(known.len() - 1)][place].iter().enumerate() {
                if let &Some((source, negative)) = source {
                    let weight = 16_f32.powi((levels - 1 - level) as i32) * if negative { -1.0 } else { 1.0 };
                    out.iter_mut().zip(nibbles.of(source, block)).for_each(|(out, value)| *out += weight * value);
                }
            }
        }
    });
    Elements { values, places, max, ..nibbles.clone() }
}

/// What the mean of the surroundings expects above a sample that is known down to some level, within half its range.
/// Nothing where it is farther away: edges.
fn predicted(samples: &Elements, known: &Elements, range: f32, coarse: bool) -> Elements {
    let shape = samples.grid.shape();
    let (around, whole) = if coarse { (2, true) } else { (1, false) };
    let mut planes = samples.to_planes();
    planes.par_chunks_mut(shape.samples()).for_each(|image| {
        for channel in 0..shape.channels {
            let plane: Vec<f32> = image.iter().skip(channel).step_by(shape.channels).copied().collect();
            let means = means(&plane, shape.height, shape.width, around, whole);
            image.iter_mut().skip(channel).step_by(shape.channels).zip(means).for_each(|(out, mean)| *out = mean);
        }
    });
    let mut expected = samples.with_planes(&planes);
    expected.values.par_iter_mut().zip(&known.values).for_each(|(mean, known)| {
        let above = *mean - known;
        *mean = if above.abs() > 2.0 * range { 0.0 } else { above.clamp(-range, range) };
    });
    expected
}

/// The mean of the pixels at most `around` rows and columns away, with or without the pixel itself.
fn means(plane: &[f32], height: usize, width: usize, around: usize, whole: bool) -> Vec<f32> {
    let mut means = Vec::with_capacity(plane.len());
    for y in 0..height {
        for x in 0..width {
            let (mut sum, mut count) = (0.0, 0.0);
            for row in y.saturating_sub(around)..(y + around + 1).min(height) {
                for column in x.saturating_sub(around)..(x + around + 1).min(width) {
                    if whole || (row, column) != (y, x) {
                        (sum, count) = (sum + plane[row * width + column], count + 1.0);
                    }
                }
            }
            means.push(sum / count);
        }
    }
    means
}

/// The nibbles of one level of a block, or of all blocks, at the places where they are expected most.
fn assigned(
    nibbles: &Elements,
    expected: &Elements,
    group: usize,
    shared: bool,
    mut known: Known,
    level: usize,
) -> Known {
    let blocks = if shared { 0..nibbles.grid.blocks() } else { group..group + 1 };
    let (start, end) = (blocks.start * nibbles.images, blocks.end * nibbles.images);
    let used: Vec<usize> =
        known.iter().flat_map(|levels| levels[..level].iter().flatten().map(|&(at, _)| at)).collect();
    let free: Vec<usize> = (0..nibbles.places).filter(|place| !used.contains(place)).collect();
    let normal = |row: &[f32]| {
        let mut row = row[start..end].to_vec();
        super::prior::normalise(&mut row);
        row
    };
    let wanted: Vec<Vec<f32>> = (0..expected.places).map(|place| normal(expected.row(place))).collect();
    let given: Vec<Vec<f32>> = free.iter().map(|&place| normal(nibbles.row(place))).collect();
    let side = free.len().max(wanted.len());
    let mut correlations = vec![0.0_f32; side * side];
    for (i, given) in given.iter().enumerate() {
        for (j, wanted) in wanted.iter().enumerate() {
            correlations[i * side + j] = given.iter().zip(wanted).map(|(a, b)| a * b).sum();
        }
    }
    let cost: Vec<f32> = correlations.iter().map(|value| -value.abs()).collect();
    let columns = assign(&cost, side);
    let error = 1.0 / ((end - start) as f64).sqrt();
    known.iter_mut().for_each(|levels| levels[level] = None);
    for (i, &nibble) in free.iter().enumerate() {
        let value = correlations[i * side + columns[i]];
        if columns[i] < known.len() && f64::from(value.abs()) > CERTAIN * error {
            known[columns[i]][level] = Some((nibble, value < 0.0));
        }
    }
    known
}
