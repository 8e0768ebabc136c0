//! Files that hold a secret: mode 0600, written whole or not at all, never over another file unless it is replaced.

use crate::abandoned::{hold, prefix};
use crate::set::parent;
use crate::set::staging::STAGED;
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Why a secret was not written.
pub(crate) enum NotWritten {
    /// The file exists.
    Exists,
    /// The file's folder does not exist.
    NoFolder(PathBuf),
    /// The operating system refused.
    Io(Error),
}

/// Writes a secret to a new file of mode 0600, whole or not at all.
pub(crate) fn write_private(path: &Path, secret: &[u8]) -> Result<(), NotWritten> {
    let folder = parent(path);
    if !folder.is_dir() {
        return Err(NotWritten::NoFolder(folder.to_owned()));
    }
    // `persist_noclobber` neither overwrites a file nor leaves half a secret.
    let file = staged(folder, path, secret).map_err(NotWritten::Io)?;
    file.persist_noclobber(path).map_err(|e| match e.error.kind() {
        ErrorKind::AlreadyExists => NotWritten::Exists,
        _ => NotWritten::Io(e.error),
    })?;
    Ok(())
}

/// Replaces a file by a secret of mode 0600, whole or not at all. A link stays, and the file behind it is replaced.
pub(crate) fn replace_private(path: &Path, secret: &[u8]) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    staged(folder, &path, secret)?.persist(&path).map_err(|e| e.error)?;
    // On a disk that loses power, the new name counts once its folder is written.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// A new file for a place without its name, which `tempfile` creates with mode 0600. What a process left that was
/// killed while it wrote to this place is removed.
fn staged(folder: &Path, path: &Path, secret: &[u8]) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix(&prefix(path, STAGED)).tempfile_in(folder)?;
    hold(file.as_file());
    file.write_all(secret)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// A warning if other users can read the file that holds this `secret`.
#[cfg(unix)]
pub(crate) fn others_can_read(path: &Path, secret: &str) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let path = path.display();
    (mode & 0o077 != 0)
        .then(|| format!("{path} has mode {mode:04o}: other users can read the {secret}; run `chmod 600 {path}`"))
}

#[cfg(not(unix))]
pub(crate) fn others_can_read(_: &Path, _: &str) -> Option<String> {
    None
}
