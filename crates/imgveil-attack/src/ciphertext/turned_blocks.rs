//! Jigsaw of blocks that were moved, turned, mirrored, negated and recoloured: etc, and custom schemes like it.
//!
//! *Knows*: encrypted images of one key and size, and the block size. *Costs*: the comparison of all sides of all
//! blocks, a few seconds at most. *Gives back*: the images, up to a turn, the sign and the order of channels of the
//! whole. One image gives parts; a few images of the same key give all of it, because their blocks lie in the same
//! places.
//!
//! The greedy assembly follows Gallagher (CVPR 2012); the first attack of this kind is Chuman, Kurihara and Kiya, "On
//! the security of block scrambling-based EtC systems against jigsaw puzzle solver attacks", ICASSP 2017.

use super::jigsaw::{Freedom, assemble, placed};
use crate::elements::Elements;
use crate::{Batch, Error, Progress};

/// What may have been done to a block besides moving it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockChanges {
    /// Turned by quarters, and mirrored.
    pub turned: bool,
    /// Made negative.
    pub negated: bool,
    /// The order of its channels changed.
    pub reordered: bool,
}

/// Recovers images whose blocks have been moved and changed as wholes.
///
/// # Errors
///
/// Blocks that do not tile the images, or no images.
pub fn turned_blocks(
    encrypted: &Batch,
    block: usize,
    changes: BlockChanges,
    progress: &dyn Progress,
) -> Result<Batch, Error> {
    super::at_least(1, encrypted)?;
    let pieces = Elements::new(encrypted, block)?;
    let freedom = Freedom {
        turned: changes.turned,
        negated: changes.negated,
        reordered: changes.reordered && pieces.grid.channels == 3,
    };
    let (assembly, _) = assemble(&pieces, freedom, progress)?;
    Ok(placed(&pieces, &assembly).to_images())
}
