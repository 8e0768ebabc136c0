//! The work of `imgveil evaluate`: every attack on every scheme, what follows for each attacker, and the report.
//!
//! A *cell* is one attack on one scheme. Finished cells are files, so that a run that was cut goes on.

mod attacker;
mod bench;
mod cell;
#[cfg(feature = "train")]
mod frontier;
#[cfg(feature = "train")]
mod learn;
mod options;
mod page;
mod phantoms;
mod pictures;
mod report;
mod run;
mod store;
mod study;
mod subject;
mod tried;
mod verdict;

pub use attacker::ATTACKERS;
pub use bench::Bench;
#[cfg(feature = "train")]
pub use frontier::frontier;
#[cfg(feature = "train")]
pub use learn::Learn;
pub use options::{Options, quoted};
pub use page::page;
pub use phantoms::draw;
pub use report::{Evaluation, Provenance};
pub use run::{Run, key_of, run};
pub use store::Store;
pub use study::Study;
pub use subject::{joint, subjects};
pub use tried::attacks;
