//! What learnable image encryption leaks: metrics of images, and attacks by somebody who has no key.
//!
//! Attackers see encrypted images ([`Batch`]) and know the name and the block size of the scheme, which are public.
//! Some can have images encrypted too ([`Oracle`]). Nothing here takes a key or a plan.

mod assignment;
pub mod ciphertext;
mod elements;
mod error;
mod images;
mod matrix;
pub mod metric;
mod oracle;
mod progress;
mod symmetry;
mod variants;

pub use assignment::assign;
pub use error::Error;
pub use images::{Batch, Shape};
pub use oracle::Oracle;
pub use progress::Progress;
pub use variants::{Ambiguity, nearest_variant};
