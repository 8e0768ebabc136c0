//! The place where a set is written, and what one process may do there. Several may write parts of one set: then each keeps
//! away from the others' files.

use super::DatasetError;
use std::io::Write;
use std::path::{Path, PathBuf};

/// How the names of half-written files begin.
pub const TEMPORARY: &str = ".imgveil-";

/// The journal's name in a folder that is being written; of a part of a set, `-2-of-4` follows.
pub(crate) const PARTIAL: &str = ".imgveil-partial";

/// The system's own error, where a half-written file's name was put around it: who reads it knows the file by its real name.
pub(crate) fn system_words(error: std::io::Error) -> std::io::Error {
    let inner = error.get_ref().and_then(|wrapped| wrapped.source()?.downcast_ref::<std::io::Error>());
    inner.and_then(std::io::Error::raw_os_error).map_or(error, std::io::Error::from_raw_os_error)
}

/// The place where a set is written.
#[derive(Clone, Debug)]
pub struct Work {
    root: PathBuf,
    prefix: String,
    alone: bool,
}

impl Work {
    /// A folder that this process has to itself.
    pub fn alone(root: &Path) -> Self {
        Self { root: root.to_owned(), prefix: TEMPORARY.to_owned(), alone: true }
    }

    /// A folder to which other processes write too; `part`, such as `2-of-4`, is what this one is called.
    pub fn shared(root: &Path, part: &str) -> Self {
        Self { root: root.to_owned(), prefix: format!("{TEMPORARY}{part}-"), alone: false }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A new file beside `path`, to be renamed to it once it is whole. As readable as any other file, by the user's umask:
    /// outputs are handed out.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn begin(&self, path: &Path) -> Result<tempfile::NamedTempFile, DatasetError> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(&self.prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let failed = |e| DatasetError::Write { path: path.to_owned(), source: system_words(e) };
        builder.tempfile_in(folder).map_err(failed)
    }

    /// Writes a file beside its place and renames it: it is there whole or not at all. Folders on the way are made.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
        let write = |source| DatasetError::Write { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(write)?;
        }
        let file = self.begin(path)?;
        file.as_file().write_all(bytes).map_err(write)?;
        file.persist(path).map_err(|e| write(e.error))?;
        Ok(())
    }

    /// Removes what an earlier run left: its half-written files, and, where no other process writes here, every file that is
    /// not to be kept.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn tidy(&self, keep: impl Fn(&Path) -> bool) -> Result<(), DatasetError> {
        for entry in walkdir::WalkDir::new(&self.root).into_iter().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy();
            let stays = name.starts_with(PARTIAL) || name == super::MANIFEST || keep(path);
            let half_written = name.starts_with(&self.prefix) && !name.starts_with(PARTIAL);
            if entry.file_type().is_file() && (half_written || self.alone && !stays) {
                std::fs::remove_file(path).map_err(|source| DatasetError::Write { path: path.to_owned(), source })?;
            }
        }
        Ok(())
    }
}
