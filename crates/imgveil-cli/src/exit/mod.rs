//! Exit codes, which other programs rely on, and the code of each error.

mod attack;
mod core;
mod data;
mod own;
mod remark;
#[cfg(feature = "train")]
mod train;

pub use remark::advice;

/// Finished.
pub const DONE: u8 = 0;
/// Failed, because of the system, the disk or the device.
pub const FAILED: u8 = 1;
/// The command line asks for something that is impossible.
pub const USAGE: u8 = 2;
/// Some files were set aside; everything else is done.
pub const PARTLY: u8 = 3;
/// Wrong key or tables, or a damaged file of a key or tables.
pub const KEY: u8 = 4;
/// The data set is damaged or not a data set, or a file of it is not what its manifest says.
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

/// The beginning of words that have several lines. No text of others begins so: names of files have no NUL.
const LINES: char = '\0';

impl Failure {
    /// A message of several lines. What others wrote in them must be on one line already.
    pub fn of_lines(lines: &str, code: u8) -> Self {
        Self { words: format!("{LINES}{lines}"), code }
    }

    /// The message, if it may have several lines.
    pub fn lines(&self) -> Option<&str> {
        self.words.strip_prefix(LINES)
    }
}

/// What a command returns: its exit code.
pub type Outcome = Result<u8, Failure>;

fn failure(error: &dyn std::error::Error, code: u8) -> Failure {
    Failure { words: error.to_string(), code }
}
