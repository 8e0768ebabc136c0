//! Reads a manifest within the memory that may be used.

use super::error::SetError;
use super::manifest::Manifest;
use crate::{Memory, OutOfMemory, regular_file};
use std::io::{ErrorKind, Read};
use std::path::Path;

/// A manifest of one byte takes at most so many bytes while it is parsed: its text, and the values made of it.
const PARSED: u64 = 3;

/// The most bytes that the text of a manifest may have.
pub(crate) fn longest(memory: Memory) -> u64 {
    memory.room() / PARSED
}

/// The manifest at `path`. `None` if there is no such file.
///
/// # Errors
/// If it cannot be read, is damaged, or does not fit into memory.
pub(crate) fn read(path: &Path, memory: Memory) -> Result<Option<Manifest>, SetError> {
    let file = match regular_file::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SetError::reading(path)(source)),
    };
    let length = file.metadata().map_err(SetError::reading(path))?.len();
    let large = |source: OutOfMemory| SetError::Memory { path: path.to_owned(), source };
    check_length(length, memory).map_err(large)?;
    let mut text = Vec::new();
    // The file may grow while it is read.
    file.take(longest(memory)).read_to_end(&mut text).map_err(SetError::reading(path))?;
    parse(&text, path, memory).map(Some)
}

/// Checks that a manifest of so many bytes can be parsed.
///
/// # Errors
/// If it does not fit into memory.
pub(crate) fn check_length(length: u64, memory: Memory) -> Result<(), OutOfMemory> {
    memory.check(length.saturating_mul(PARSED))
}

/// Parses the text of the manifest at `path`.
///
/// # Errors
/// If it is damaged, or the set that it lists does not fit into memory.
pub(crate) fn parse(text: &[u8], path: &Path, memory: Memory) -> Result<Manifest, SetError> {
    let wrong = |source| SetError::Manifest { path: path.to_owned(), source };
    let manifest = Manifest::parse(text).map_err(wrong)?;
    let listed = memory.check_list(manifest.images.len() as u64);
    listed.map_err(|source| SetError::Memory { path: path.to_owned(), source })?;
    Ok(manifest)
}
