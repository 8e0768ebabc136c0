//! What a job did.

use super::progress::Busy;
use crate::format::{ReadError, ReadErrorKind};
use crate::set::Encoding;
use imgveil::internal::scheme::Scheme;
use serde::Serialize;
use std::path::PathBuf;

/// An image that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Failure {
    /// The file, or the position in an array.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
    /// Whether the image can be read through a window of grey values: see [`ReadErrorKind::NeedsWindow`].
    #[serde(skip)]
    pub needs_window: bool,
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let needs_window = matches!(error.kind, ReadErrorKind::NeedsWindow { .. });
        Self { reason: error.kind.to_string(), path: error.path, needs_window }
    }
}

/// What a job did.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// The number of images in the output.
    pub images: usize,
    /// How many of them an earlier run had already written.
    pub resumed: usize,
    /// Bytes of their samples.
    pub bytes: u64,
    /// The images that were set aside.
    pub failed: Vec<Failure>,
    /// The number of files that were skipped because they are not images.
    pub ignored: usize,
    /// What the user should know about how the set was read, such as the range of values that became samples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The scheme.
    pub scheme: Scheme,
    /// The key's fingerprint.
    pub key: String,
    /// The device that ran the scheme.
    pub device: String,
    /// Seconds from the first file to the last.
    pub seconds: f64,
    /// How long each stage worked.
    pub busy: Busy,
    /// How the output is stored.
    pub encoding: Encoding,
    /// The file of names that says which image is which, if names were replaced.
    pub names: Option<PathBuf>,
}

/// The failures of a job in the order of the input, from pairs of slot and failure.
pub(super) fn in_order(mut failed: Vec<(usize, Failure)>) -> Vec<Failure> {
    failed.sort_by_key(|(slot, _)| *slot);
    failed.into_iter().map(|(_, failure)| failure).collect()
}
