//! What a job did.

use super::progress::Busy;
use crate::format::{ReadError, ReadErrorKind};
use crate::set::{Encoding, PassedOver, Remark};
use imgveil::internal::scheme::Scheme;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::ErrorKind;
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
    /// Whether the file is not what the manifest of its encrypted set says. Otherwise the set may be right: the file
    /// may not be read, or does not fit into memory.
    #[serde(skip)]
    pub unlike_manifest: bool,
}

impl Failure {
    /// The failure of an image of an encrypted set.
    pub(super) fn of_set(error: ReadError) -> Self {
        let unlike_manifest = match &error.kind {
            ReadErrorKind::Memory(_) => false,
            ReadErrorKind::Io(error) => error.kind() != ErrorKind::PermissionDenied,
            _ => true,
        };
        Self { unlike_manifest, ..error.into() }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let needs_window = matches!(error.kind, ReadErrorKind::NeedsWindow { .. });
        Self { reason: error.kind.to_string(), path: error.path, needs_window, unlike_manifest: false }
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
    /// The number of files that were passed over.
    pub ignored: usize,
    /// The files that were passed over.
    pub passed_over: Vec<PassedOver>,
    /// The number of images in the output by split.
    pub splits: BTreeMap<String, usize>,
    /// The number of images by the class's name in the output. Images without a class are under the empty name.
    pub classes: BTreeMap<String, usize>,
    /// The number of pictures whose EXIF orientation says that they are to be turned or mirrored.
    pub turned: usize,
    /// What the user should know about how the set was read, such as the range of values that became samples.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Remark>,
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
    /// BLAKE3 of `imgveil.json`, as hex digits: that of the output, or for a decryption that of the set.
    #[serde(skip)]
    pub manifest: String,
    /// Whether the same run had been completed before, so that nothing was done.
    #[serde(skip)]
    pub was_complete: bool,
    /// The file of names that says which image is which, if names were replaced.
    pub names: Option<PathBuf>,
}

/// The failures of a job in the order of the input, from pairs of slot and failure.
pub(super) fn in_order(mut failed: Vec<(usize, Failure)>) -> Vec<Failure> {
    failed.sort_by_key(|(slot, _)| *slot);
    failed.into_iter().map(|(_, failure)| failure).collect()
}
