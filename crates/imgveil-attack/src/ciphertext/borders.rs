//! How well neighbouring blocks fit.

use super::places::Sources;
use crate::elements::Elements;
use crate::symmetry::Symmetry;
use rayon::prelude::*;

/// Images whose borders are compared, at most.
const COMPARED: usize = 16;

/// The mean absolute difference across all borders of neighbouring blocks, with the places of blocks rearranged.
pub(crate) fn roughness(elements: &Elements, sources: &Sources) -> f64 {
    let grid = elements.grid;
    let (block, channels) = (grid.block, grid.channels);
    let images = elements.images.min(COMPARED);
    let place = |y: usize, x: usize, c: usize| sources[(y * block + x) * channels + c];
    let across = |(a, a_negative): (usize, bool), (b, b_negative): (usize, bool), step: usize, inside: bool| -> f64 {
        let sign = if a_negative == b_negative { 1.0 } else { -1.0 };
        let blocks = (0..grid.blocks()).filter(|&index| {
            if inside { index % grid.columns + 1 < grid.columns } else { index / grid.columns + 1 < grid.rows }
        });
        let of = |index: usize| {
            let (a, b) = (&elements.of(a, index)[..images], &elements.of(b, index + step)[..images]);
            a.iter().zip(b).map(|(a, b)| (a - sign * b).abs()).sum::<f32>()
        };
        blocks.map(|index| f64::from(of(index))).sum()
    };
    let lines: Vec<(usize, usize)> = (0..block).flat_map(|at| (0..channels).map(move |c| (at, c))).collect();
    let sum: f64 = lines
        .par_iter()
        .map(|&(at, c)| {
            across(place(at, block - 1, c), place(at, 0, c), 1, true)
                + across(place(block - 1, at, c), place(0, at, c), grid.columns, false)
        })
        .sum();
    let borders = grid.rows * (grid.columns - 1) + (grid.rows - 1) * grid.columns;
    sum / (borders * lines.len() * images).max(1) as f64
}

/// The arrangement, turned or mirrored inside all blocks, whose borders fit best.
pub(crate) fn best_symmetry(elements: &Elements, sources: &Sources) -> Sources {
    let grid = elements.grid;
    let turned = |symmetry: Symmetry| -> Sources {
        (0..sources.len())
            .map(|place| {
                let (y, x, c) = grid.coordinates(place);
                let (y, x) = symmetry.source(y, x, grid.block, grid.block);
                sources[(y * grid.block + x) * grid.channels + c]
            })
            .collect()
    };
    let all = Symmetry::ALL.map(turned);
    let best = all.into_iter().map(|sources| (roughness(elements, &sources), sources));
    best.min_by(|a, b| a.0.total_cmp(&b.0)).expect("eight symmetries").1
}
