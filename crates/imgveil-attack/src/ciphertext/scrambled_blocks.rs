//! Covariance of block places, and a jigsaw: vit, and shuffle-flip with scrambled blocks, with a key for the samples of
//! all blocks.
//!
//! *Knows*: encrypted images of one key and size, and the block size. *Costs*: as
//! [`shared_blocks`](super::shared_blocks()) and a jigsaw of blocks that are not turned; seconds. *Gives back*: the
//! images, up to a turn and the sign of the whole and, in colour, the order of the channels.
//!
//! The covariance arranges the samples of all blocks up to one symmetry of the square, which then is that of the whole
//! image.

use super::jigsaw::{Freedom, assemble, placed};
use super::places::arranged;
use super::prior::Prior;
use super::shared_blocks::Moves;
use crate::elements::Elements;
use crate::{Batch, Error, Progress};

/// Recovers images whose blocks have been moved, and shuffled and flipped inside by one key.
///
/// # Errors
///
/// Blocks that do not tile the images, no images, or plain images for the prior of another number of channels.
pub fn scrambled_blocks(
    encrypted: &Batch,
    block: usize,
    moves: Moves,
    prior: Prior<'_>,
    progress: &dyn Progress,
) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let elements = Elements::new(encrypted, block)?;
    let expected = prior.correlations(elements.grid)?;
    let sources = arranged(&elements, &expected, moves.shuffled, moves.flipped);
    let pieces = elements.rearranged(&sources);
    let freedom = Freedom { turned: false, negated: false, reordered: false };
    let (assembly, _) = assemble(&pieces, freedom, progress)?;
    Ok(placed(&pieces, &assembly).to_images())
}
