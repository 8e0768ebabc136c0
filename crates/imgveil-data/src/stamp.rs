//! Stamps of files: texts that change if a file is written again.

use std::fs::Metadata;
use std::path::Path;

/// The stamp of the file at a path.
pub(crate) fn stamp_of(path: &Path) -> String {
    std::fs::metadata(path).map_or(String::new(), |metadata| stamp(&metadata))
}

/// A file's size and modification time. Empty if the system does not know the time.
pub(crate) fn stamp(metadata: &Metadata) -> String {
    let written = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    written.map_or(String::new(), |since| format!("{} {}", metadata.len(), since.as_nanos()))
}
