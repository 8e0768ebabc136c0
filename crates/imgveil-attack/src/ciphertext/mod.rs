//! Attacks by somebody who has encrypted images of one key and size, and nothing else.
//!
//! They know the name of the scheme and its block size. One file an attack; each says what its attacker knows, what it
//! costs and what it gives back. None of them sees plain images of the set that is attacked, a key, or a plan.

mod arrangement;
mod block_tones;
mod borders;
mod channels;
mod contraction;
mod each_block;
mod embedding;
mod filtered_pixels;
mod folded_pixels;
mod jigsaw;
mod keyed_blocks;
mod keyed_nibbles;
mod lower_nibbles;
mod nibbles;
mod orientation;
mod pixel_states;
mod places;
mod prior;
mod refinement;
mod scrambled_blocks;
mod shared_blocks;
mod shared_pixels;
mod shared_refinement;
mod structure;
mod turned_blocks;

pub use block_tones::block_tones;
pub use filtered_pixels::filtered_pixels;
pub use folded_pixels::folded_pixels;
pub use keyed_blocks::keyed_blocks;
pub use keyed_nibbles::keyed_nibbles;
pub use nibbles::nibbles;
pub use prior::Prior;
pub use scrambled_blocks::scrambled_blocks;
pub use shared_blocks::{Moves, shared_blocks};
pub use shared_pixels::shared_pixels;
pub use structure::Structure;
pub use turned_blocks::{BlockChanges, turned_blocks};

use crate::{Batch, Error};

/// Refuses batches of fewer images.
fn at_least(needed: usize, batch: &Batch) -> Result<(), Error> {
    if batch.len() < needed { Err(Error::TooFewImages { needed, given: batch.len() }) } else { Ok(()) }
}
