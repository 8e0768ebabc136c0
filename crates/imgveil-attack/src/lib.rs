//! What learnable image encryption leaks: metrics of images, and attacks by somebody who has no key.
//!
//! Attackers see encrypted images ([`Batch`]) and know the name and the block size of the scheme, which are public.
//! Some can have images encrypted too ([`Oracle`]). Nothing here takes a key or a plan.

mod another_export;
mod assembly_scores;
mod assignment;
mod auc;
pub mod chosen;
pub mod ciphertext;
mod elements;
mod error;
mod images;
pub mod key_space;
pub mod known;
pub mod labels;
mod layout;
mod matrix;
pub mod metric;
mod oracle;
mod progress;
pub mod reidentify;
mod shuffled;
mod statistics;
mod symmetry;
mod table;
mod turns;
mod variants;

pub use another_export::another_export;
pub use assembly_scores::{AssemblyScores, assembly_scores};
pub use assignment::assign;
pub use auc::auc;
pub use error::Error;
pub use images::{Batch, Shape};
pub use layout::{Layout, Level, Within};
pub use oracle::Oracle;
pub use progress::Progress;
pub use statistics::Statistics;
pub use table::Table;
pub use variants::{Ambiguity, nearest_variant};
