//! The work of `imgveil attack`: what is attacked, what is public about it, and sheets of what came of it.

mod black_box;
mod pairing;
mod reading;
mod recovery;
mod sheet;
mod structure;
mod target;

pub use recovery::recovery;
pub use sheet::{Column, write_report};
pub use target::{Attacked, DataArgs, ElsewhereArgs, KeyArgs, Target, prior_images};
