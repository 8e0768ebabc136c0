//! Blocks that were moved, and perhaps turned, mirrored, negated or recoloured, put together over several images at
//! once.
//!
//! All images of one key have their blocks in the same places, so that a block of all images together is one piece. Two
//! sides that continue each other in all images are much more certain than in one.

mod candidates;
mod clusters;
mod fill;
mod joint;
mod sides;

pub(crate) use joint::{Freedom, State};

use crate::elements::Elements;
use crate::symmetry::Symmetry;
use crate::variants::ORDERS;
use crate::{Error, Progress};
use clusters::Frame;
use rayon::prelude::*;

/// Which piece belongs where, and what is to be done to it: one entry for each block of the image, row by row.
pub(crate) type Assembly = Vec<(usize, State)>;

/// Puts pieces together.
///
/// Returns the assembly, up to a turn, sign and order of channels of the whole, and the share of pieces that the
/// largest cluster had before the rest was filled in.
pub(crate) fn assemble(pieces: &Elements, freedom: Freedom, progress: &dyn Progress) -> Result<(Assembly, f64), Error> {
    let grid = pieces.grid;
    let frame = Frame { rows: grid.rows as i32, columns: grid.columns as i32, either_way: freedom.turned };
    progress.report("reading the sides of blocks", 0, 1);
    let sides = sides::Sides::new(pieces);
    let found = candidates::candidates(pieces, &sides, freedom, progress)?;
    progress.report("joining blocks", 0, 1);
    let (mut cluster, mut states) = clusters::joined(&found, grid.blocks(), frame);
    let share = cluster.cells.len() as f64 / grid.blocks() as f64;
    progress.check()?;
    progress.report("filling in blocks that are left", 0, 1);
    fill::fill(&mut cluster, &mut states, &sides, freedom, frame);
    // A cluster that lies on its side is turned.
    let height = cluster.high.0 - cluster.low.0 + 1;
    let lies = height > frame.rows || cluster.high.1 - cluster.low.1 + 1 > frame.columns;
    let turn = State { symmetry: if lies { Symmetry::ALL[5] } else { Symmetry::IDENTITY }, ..State::UNCHANGED };
    let mut assembly = vec![(usize::MAX, State::UNCHANGED); grid.blocks()];
    for (&(row, column), &piece) in &cluster.cells {
        let cell = (row - cluster.low.0, column - cluster.low.1);
        let (row, column) = turn.symmetry.apply(cell);
        assembly[row as usize * grid.columns + column as usize] = (piece, turn.after(states[piece]));
    }
    debug_assert!(assembly.iter().all(|&(piece, _)| piece != usize::MAX));
    Ok((assembly, share))
}

/// The pieces in their places.
pub(crate) fn placed(pieces: &Elements, assembly: &Assembly) -> Elements {
    let grid = pieces.grid;
    let mut values = vec![0.0; pieces.values.len()];
    values.par_chunks_mut(pieces.row_length().max(1)).enumerate().for_each(|(place, out)| {
        let (y, x, channel) = grid.coordinates(place);
        for (&(piece, state), out) in assembly.iter().zip(out.chunks_exact_mut(pieces.images)) {
            let (y, x) = state.symmetry.source(y, x, grid.block, grid.block);
            let channel = if grid.channels == 3 { ORDERS[state.order][channel] } else { channel };
            let source = pieces.of((y * grid.block + x) * grid.channels + channel, piece);
            let sign = if state.negative { -1.0 } else { 1.0 };
            out.iter_mut().zip(source).for_each(|(out, value)| *out = sign * value);
        }
    });
    Elements { values, ..pieces.clone() }
}
