//! Exit codes, on which other programs rely, and the code of each error.

mod core;
mod data;
mod own;
#[cfg(feature = "train")]
mod train;

/// Done.
pub const DONE: u8 = 0;
/// Failed: the system, the disk, the device.
pub const FAILED: u8 = 1;
/// The command line asks for something that is impossible.
pub const USAGE: u8 = 2;
/// Some files were set aside, the rest is done.
pub const PARTLY: u8 = 3;
/// Wrong key or tables, or a damaged file of one.
pub const KEY: u8 = 4;
/// Damaged or foreign data set.
pub const DATASET: u8 = 5;
/// No such device.
pub const DEVICE: u8 = 6;

/// A message for the user and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong, where, and what to do next.
    pub words: String,
    /// The exit code.
    pub code: u8,
}

/// What a command returns: its exit code.
pub type Outcome = Result<u8, Failure>;

fn failure(error: &dyn std::error::Error, code: u8) -> Failure {
    Failure { words: error.to_string(), code }
}
