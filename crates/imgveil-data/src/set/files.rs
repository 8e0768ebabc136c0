//! Files that are written whole or not at all.

use super::error::SetError;
use super::paths::parent;
use super::staging::{STAGED, Staging, system_words};
use crate::Error;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Writes a file beside its place and renames it: the file is whole or does not exist.
///
/// # Errors
/// If the operating system refuses.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Ok(Staging::alone(path.parent().unwrap_or(Path::new(""))).write(path, bytes)?)
}

/// Writes a file that only its owner may read, beside its place, and renames it.
///
/// # Errors
/// If the operating system refuses.
pub fn write_privately(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    Ok(write_privately_by(path, |file| file.write_all(bytes))?)
}

/// As [`write_privately`], with a function that writes the contents.
pub(crate) fn write_privately_by(
    path: &Path,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), SetError> {
    let (staged, mut file) = begin_privately(path)?;
    let written = write(&mut file).and_then(|()| {
        drop(file);
        std::fs::rename(&staged, path)
    });
    written.map_err(|source| {
        let _ = std::fs::remove_file(&staged);
        SetError::Write { path: path.to_owned(), source }
    })
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
    if path.exists() {
        return Err(SetError::OutputExists(path.to_owned()));
    }
    let folder = parent(path);
    if !folder.is_dir() {
        return Err(SetError::Missing(folder.to_owned()));
    }
    Ok(())
}

/// The file that is renamed to a private one. Its name is always the same, so that the next run removes what an
/// interrupted one left.
fn begin_privately(path: &Path) -> Result<(PathBuf, File), SetError> {
    let mut name = std::ffi::OsString::from(STAGED);
    name.push(path.file_name().unwrap_or_default());
    let staged = path.with_file_name(name);
    match std::fs::remove_file(&staged) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(SetError::writing(path)(e)),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    // `create_new` does not follow a symbolic link that somebody put there.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&staged).map_err(SetError::writing(path))?;
    Ok((staged, file))
}

/// Checks that a private file can be written, with an unnamed file: another process may be writing the real one.
pub(crate) fn check_privately(path: &Path) -> Result<(), SetError> {
    tempfile::tempfile_in(parent(path)).map(drop).map_err(|e| SetError::writing(path)(system_words(e)))
}
