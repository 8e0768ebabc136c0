//! Whether the set in a folder is complete.

use super::error::SetError;
use super::manifest::{MANIFEST, Manifest};
use super::manifest_file;
use super::staging::{JOURNAL, UPDATE};
use crate::Memory;
use std::path::Path;

/// The beginning of the names of the manifests of partitions.
pub(crate) const PARTITION_MANIFEST: &str = "imgveil.part-";

/// Whether a file of this name is a manifest, of a set or of a partition.
pub(crate) fn is_manifest(name: &str) -> bool {
    name == MANIFEST || name.starts_with(PARTITION_MANIFEST)
}

/// Whether a run is still writing to a folder, or was interrupted.
pub(crate) fn is_unfinished(root: &Path) -> bool {
    let entries = root.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(JOURNAL))
}

/// The manifest of a folder, if it has one.
///
/// # Errors
/// If the set is not complete, or the manifest is damaged.
pub(crate) fn manifest(root: &Path, memory: Memory) -> Result<Option<Manifest>, SetError> {
    let path = root.join(MANIFEST);
    let mut waiting = false;
    for entry in root.read_dir().map_err(SetError::reading(root))?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(JOURNAL) {
            return Err(SetError::Unfinished(root.to_owned()));
        }
        // An update is decided, and its files are on their way to their places.
        if name == UPDATE && root.join(UPDATE).join(MANIFEST).exists() {
            return Err(SetError::Unfinished(root.to_owned()));
        }
        waiting |= name.starts_with(PARTITION_MANIFEST);
    }
    match manifest_file::read(&path, memory)? {
        Some(manifest) => Ok(Some(manifest)),
        None if waiting => Err(SetError::Unmerged(root.to_owned())),
        None => Ok(None),
    }
}
