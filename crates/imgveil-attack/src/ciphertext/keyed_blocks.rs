//! Covariance over images, and borders: shuffle-flip with a key for every block, blocks moved or in their places.
//!
//! *Knows*: encrypted images of one key and size, sixteen or more for a clear result, and the block size. *Costs*: a
//! local search in each block, and the borders of all blocks, or a jigsaw with turned pieces if blocks are moved;
//! seconds. *Gives back*: the images, up to the sign of the whole and, if blocks are moved, a turn.
//!
//! Over many images the samples of one block correlate most with their neighbours, wherever they were moved. That
//! arranges every block up to a symmetry and a sign, which the borders to other blocks show. Then samples are
//! exchanged as long as neighbouring pixels become more alike, borders included.

use super::each_block::{arranged_each, rearranged_each};
use super::jigsaw::{Assembly, Freedom, assemble};
use super::orientation::oriented;
use super::places::Sources;
use super::prior::Prior;
use super::refinement::refine;
use super::shared_blocks::Moves;
use crate::elements::Elements;
use crate::{Batch, Error, Progress};

/// Recovers images in which every block has been shuffled and flipped by a key of its own.
///
/// # Errors
///
/// Blocks that do not tile the images, no images, or plain images for the prior of another number of channels.
pub fn keyed_blocks(
    encrypted: &Batch,
    block: usize,
    moves: Moves,
    scrambled: bool,
    prior: Prior<'_>,
    progress: &dyn Progress,
) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let elements = Elements::new(encrypted, block)?;
    let expected = prior.correlations(elements.grid)?;
    let sources = arranged_each(&elements, &expected, moves.flipped, progress)?;
    let (blocks, sources) = put_together(&elements, &sources, scrambled, progress)?;
    Ok(rearranged_each(&blocks, &sources).to_images())
}

/// From blocks whose samples are arranged up to a symmetry and a sign: all values of the blocks, each block where it
/// belongs, and the sources of its samples.
pub(super) fn put_together(
    elements: &Elements,
    sources: &[Sources],
    scrambled: bool,
    progress: &dyn Progress,
) -> Result<(Elements, Vec<Sources>), Error> {
    let arranged = rearranged_each(elements, sources);
    let assembly = if scrambled {
        let freedom = Freedom { turned: true, negated: true, reordered: false };
        assemble(&arranged, freedom, progress)?.0
    } else {
        oriented(&arranged)
    };
    let blocks = moved(elements, &assembly);
    let mut sources = turned(elements, sources, &assembly);
    refine(&blocks, &mut sources, progress)?;
    Ok((blocks, sources))
}

/// All values of the blocks, each block where it belongs.
fn moved(elements: &Elements, assembly: &Assembly) -> Elements {
    let mut values = Vec::with_capacity(elements.values.len());
    for place in 0..elements.places {
        for &(block, _) in assembly {
            values.extend_from_slice(elements.of(place, block));
        }
    }
    Elements { values, ..elements.clone() }
}

/// The sources of every block, turned as the assembly says.
fn turned(elements: &Elements, sources: &[Sources], assembly: &Assembly) -> Vec<Sources> {
    let grid = elements.grid;
    let of = |&(block, state): &(usize, super::jigsaw::State)| -> Sources {
        (0..grid.places())
            .map(|place| {
                let (y, x, c) = grid.coordinates(place);
                let (y, x) = state.symmetry.source(y, x, grid.block, grid.block);
                let (source, negative) = sources[block][(y * grid.block + x) * grid.channels + c];
                (source, negative != state.negative)
            })
            .collect()
    };
    assembly.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    /// Blocks whose places are known but for two samples of one block, which the surroundings set right.
    #[test]
    fn what_the_places_of_a_block_leave_open_its_surroundings_tell() {
        let shape = Shape { height: 16, width: 16, channels: 1 };
        let slope = |image: usize| {
            let (right, down) = [(6, 5), (8, 3), (3, 9)][image];
            (0..256).map(move |pixel| (pixel % 16 * right + pixel / 16 * down) as u16)
        };
        let plain = Batch::new(shape, 255, (0..3).flat_map(slope).collect()).unwrap();
        let blocks = Elements::new(&plain, 4).unwrap();
        let mut sources: Vec<Sources> = vec![(0..16).map(|place| (place, false)).collect(); 16];
        sources[5].swap(1, 14);
        sources[5][10].1 = true;
        let (moved, sources) = put_together(&blocks, &sources, false, &()).unwrap();
        let found = rearranged_each(&moved, &sources).to_images();
        assert!(found == plain || found == plain.negative());
    }
}
