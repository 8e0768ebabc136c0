//! Files that are written whole or not at all.

use super::error::SetError;
use super::paths::parent;
use super::staging::{STAGED, Staging, system_words};
use crate::Error;
use crate::abandoned::{hold, prefix};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Writes a file beside its place and renames it: the file is whole or does not exist.
///
/// # Errors
/// If the operating system refuses.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Ok(Staging::named(parent(path), &prefix(path, STAGED)).write(path, bytes)?)
}

/// As [`write_atomically`]. The name of the staged file begins with `staged`, so that the caller knows its own.
///
/// # Errors
/// If the operating system refuses.
pub fn write_atomically_as(path: &Path, staged: &str, bytes: &[u8]) -> Result<(), Error> {
    Ok(Staging::named(parent(path), staged).write(path, bytes)?)
}

/// Removes the staged files in a folder whose names begin with `staged`, which a cut left.
///
/// # Errors
/// If the operating system refuses.
pub fn tidy(folder: &Path, staged: &str) -> Result<(), Error> {
    Ok(Staging::named(folder, staged).tidy(folder)?)
}

/// Writes a file that only its owner may read, beside its place, and renames it.
///
/// # Errors
/// If the operating system refuses.
pub fn write_privately(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Ok(write_privately_by(path, STAGED, |file| file.write_all(bytes))?)
}

/// As [`write_privately`], with a function that writes the contents. The name of the staged file begins with `staged`.
pub(crate) fn write_privately_by(
    path: &Path,
    staged: &str,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), SetError> {
    let failed = SetError::writing(path);
    // `tempfile` creates it with mode 0600, and removes it if it is not renamed.
    let file = tempfile::Builder::new().prefix(&prefix(path, staged)).tempfile_in(parent(path));
    let mut file = file.map_err(|e| failed(system_words(e)))?;
    hold(file.as_file());
    write(file.as_file_mut()).map_err(&failed)?;
    file.persist(path).map(drop).map_err(|e| failed(e.error))
}

/// Checks that a new file can be created: `path` must not exist, and its folder must.
///
/// # Errors
/// If the file exists or its folder does not.
pub fn check_new(path: &Path) -> Result<(), Error> {
    Ok(check_new_file(path)?)
}

/// As [`check_new`], with the error of sets.
pub(crate) fn check_new_file(path: &Path) -> Result<(), SetError> {
    // A link that leads nowhere is there too.
    if path.exists() || path.is_symlink() {
        return Err(SetError::OutputExists(path.to_owned()));
    }
    let folder = parent(path);
    if !folder.is_dir() {
        return Err(SetError::Missing(folder.to_owned()));
    }
    Ok(())
}

/// Checks that a private file can be written, with an unnamed file: another process may be writing the real one.
pub(crate) fn check_privately(path: &Path) -> Result<(), SetError> {
    tempfile::tempfile_in(parent(path)).map(drop).map_err(|e| SetError::writing(path)(system_words(e)))
}
