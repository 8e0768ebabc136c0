//! Covariance of block places: shuffle-flip, shf and np with a key that all blocks share, blocks in their places.
//!
//! *Knows*: encrypted images of one key and size, one or more, and the block size. *Costs*: one product of matrices and
//! a local search; a fraction of a second. *Gives back*: the images, up to the sign of all samples and, in colour, the
//! order of the channels.
//!
//! Places of a block that were neighbours correlate most. The leading eigenvector of their correlations shows which
//! were flipped; matching the correlations to expected ones shows where each belongs, up to a symmetry of the square;
//! the borders of neighbouring blocks show which symmetry. Then places are exchanged as long as neighbouring pixels
//! become more alike.

use super::borders::best_symmetry;
use super::places::arranged;
use super::prior::Prior;
use super::shared_refinement::refined;
use crate::elements::Elements;
use crate::{Batch, Error};

/// What the scheme does to the samples of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moves {
    /// Samples are moved inside their block.
    pub shuffled: bool,
    /// Some samples p are `max - p`.
    pub flipped: bool,
}

/// Recovers images whose blocks have been shuffled and flipped by one key.
///
/// # Errors
///
/// Blocks that do not tile the images, no images, or plain images for the prior of another number of channels.
pub fn shared_blocks(encrypted: &Batch, block: usize, moves: Moves, prior: Prior<'_>) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let elements = Elements::new(encrypted, block)?;
    let expected = prior.correlations(elements.grid)?;
    let sources = arranged(&elements, &expected, moves.shuffled, moves.flipped);
    let sources = if moves.shuffled { refined(&elements, &best_symmetry(&elements, &sources)) } else { sources };
    Ok(elements.rearranged(&sources).to_images())
}
