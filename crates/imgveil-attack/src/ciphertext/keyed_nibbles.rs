//! Covariance of nibbles over images, and a jigsaw: ele, with a key for every block.
//!
//! *Knows*: encrypted images of one key and size, some dozens for a clear result, and the block size. *Costs*: as
//! [`keyed_blocks`](super::keyed_blocks()). *Gives back*: the images, up to the sign of the whole and a turn.
//!
//! As [`keyed_blocks`](super::keyed_blocks()), with the nibbles of every block that go most with others as its highest,
//! and lower ones as in [`nibbles`](super::nibbles()).

use super::each_block::arranged_each;
use super::keyed_blocks::put_together;
use super::lower_nibbles::completed;
use super::prior::Prior;
use crate::elements::Elements;
use crate::{Batch, Error, Progress};

/// Recovers images in which the nibbles of every block have been shuffled and flipped by a key of its own, and blocks
/// perhaps moved.
///
/// # Errors
///
/// Blocks that do not tile the images, no images, a depth that is no multiple of 4, or plain images for the prior of
/// another number of channels.
pub fn keyed_nibbles(
    encrypted: &Batch,
    block: usize,
    scrambled: bool,
    prior: Prior<'_>,
    progress: &dyn Progress,
) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let elements = Elements::nibbles(encrypted, block)?;
    let expected = prior.correlations(elements.grid)?;
    let sources = arranged_each(&elements, &expected, true, progress)?;
    let (blocks, sources) = put_together(&elements, &sources, scrambled, progress)?;
    Ok(completed(&blocks, &sources, encrypted.max(), progress)?.to_images())
}
