//! The folder that a set is written to. Files are written under a staged name and renamed once they are whole. Several
//! processes may write partitions of one set: each of them leaves the files of the others alone.

use super::error::SetError;
use super::manifest::MANIFEST;
use super::paths::parent;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The beginning of the names of staged files.
pub const STAGED: &str = ".imgveil-";

/// The journal's name in a folder that is being written. For a partition, the name ends in `-2-of-4`.
pub(crate) const JOURNAL: &str = ".imgveil-partial";

/// The system's own error without the name of the staged file: the user knows the file by its real name.
pub(crate) fn system_words(error: std::io::Error) -> std::io::Error {
    let inner = error.get_ref().and_then(|wrapped| wrapped.source()?.downcast_ref::<std::io::Error>());
    inner.and_then(std::io::Error::raw_os_error).map_or(error, std::io::Error::from_raw_os_error)
}

/// The folder that a set is written to.
#[derive(Clone, Debug)]
pub struct Staging {
    root: PathBuf,
    prefix: String,
    alone: bool,
}

impl Staging {
    /// A folder that this process has to itself.
    pub fn alone(root: &Path) -> Self {
        Self { root: root.to_owned(), prefix: STAGED.to_owned(), alone: true }
    }

    /// A folder to which other processes write too. `partition`, such as `2-of-4`, identifies this process.
    pub fn shared(root: &Path, partition: &str) -> Self {
        Self { root: root.to_owned(), prefix: format!("{STAGED}{partition}-"), alone: false }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Creates a file beside `path`, to be renamed to it once it is whole. Its mode is 0666 less the user's umask,
    /// because outputs are handed out.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn begin(&self, path: &Path) -> Result<tempfile::NamedTempFile, SetError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&self.prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        builder.tempfile_in(parent(path)).map_err(|e| SetError::writing(path)(system_words(e)))
    }

    /// Writes a file beside its place and renames it: the file is whole or does not exist. Creates missing folders.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), SetError> {
        let write = SetError::writing(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(&write)?;
        }
        let file = self.begin(path)?;
        file.as_file().write_all(bytes).map_err(&write)?;
        file.persist(path).map_err(|e| write(e.error))?;
        Ok(())
    }

    /// Removes what an earlier run left: its staged files, and, if no other process writes here, every file that `keep`
    /// refuses.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn tidy(&self, keep: impl Fn(&Path) -> bool) -> Result<(), SetError> {
        for entry in walkdir::WalkDir::new(&self.root).into_iter().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy();
            let stays = name.starts_with(JOURNAL) || name == MANIFEST || keep(path);
            let is_staged = name.starts_with(&self.prefix) && !name.starts_with(JOURNAL);
            if entry.file_type().is_file() && (is_staged || self.alone && !stays) {
                std::fs::remove_file(path).map_err(SetError::writing(path))?;
            }
        }
        Ok(())
    }
}
