//! Covariance of nibbles: le, with a key that all blocks share.
//!
//! *Knows*: encrypted images of one key and size, one or more, and the block size. *Costs*: as
//! [`shared_blocks`](super::shared_blocks()), and some rounds of smoothing and assignment; a second. *Gives back*: the
//! images, up to the sign of all samples and, in colour, the order of the channels.
//!
//! The highest nibbles of a block correlate with each other as samples do; the lower ones correlate with next to
//! nothing. The highest are arranged first. Around a pixel they say roughly what its next nibble must be, which puts
//! that in its place, too.

use super::borders::best_symmetry;
use super::each_block::{connected, part};
use super::lower_nibbles::completed;
use super::places::{Sources, ordered, signs, unsigned};
use super::prior::{Prior, correlations};
use super::shared_refinement::refined;
use crate::elements::Elements;
use crate::{Batch, Error, Progress};

/// Recovers images whose blocks have had their nibbles shuffled and flipped by one key.
///
/// # Errors
///
/// Blocks that do not tile the images, no images, a depth that is no multiple of 4, or plain images for the prior of
/// another number of channels.
pub fn nibbles(encrypted: &Batch, block: usize, prior: Prior<'_>, progress: &dyn Progress) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let elements = Elements::nibbles(encrypted, block)?;
    let expected = prior.correlations(elements.grid)?;
    let places = elements.grid.places();
    let all = correlations(&elements);
    let chosen = connected(&all, elements.places, places);
    let found = part(&all, elements.places, &chosen);
    let negative = signs(&found, places);
    let order = ordered(&unsigned(&found, &negative), &expected, places, elements.grid.channels);
    let mut sources: Sources = vec![(0, false); places];
    for (k, &to) in order.iter().enumerate() {
        sources[to] = (chosen[k], negative[k]);
    }
    let sources = refined(&elements, &best_symmetry(&elements, &sources));
    Ok(completed(&elements, &[sources], encrypted.max(), progress)?.to_images())
}
