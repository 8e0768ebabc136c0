//! The folder that a set is written to. Files are written under a staged name and renamed once they are whole. Nothing
//! is replaced or removed that imgveil did not write, and no link inside the folder is followed. Several processes may
//! write partitions of one set: each of them has staged names of its own.

use super::error::SetError;
use super::ledger::Ledger;
use super::paths::{is_inside, parent};
use crate::abandoned::hold;
use crate::regular_file::{self, kind};
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::NamedTempFile;

/// The beginning of the names of staged files.
pub const STAGED: &str = ".imgveil-";

/// The journal's name in a folder that is being written. For a partition, the name ends in `-2-of-4`.
pub(crate) const JOURNAL: &str = ".imgveil-partial";

/// The folder in a set in which an update is written until it takes the place of the set.
pub(crate) const UPDATE: &str = ".imgveil-update";

/// The system's own error without the name of the staged file: the user knows the file by its real name.
pub(crate) fn system_words(error: std::io::Error) -> std::io::Error {
    let inner = error.get_ref().and_then(|wrapped| wrapped.source()?.downcast_ref::<std::io::Error>());
    inner.and_then(std::io::Error::raw_os_error).map_or(error, std::io::Error::from_raw_os_error)
}

/// What is at a path, without following a link. `None` if there is nothing.
fn there(path: &Path) -> Result<Option<Metadata>, SetError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(SetError::writing(path)(error)),
    }
}

fn in_the_way(path: &Path, what: &Metadata) -> SetError {
    SetError::InTheWay { path: path.to_owned(), what: kind(what.file_type()) }
}

/// BLAKE3 of a file.
fn hash_of(file: File) -> Option<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut std::io::BufReader::new(file), &mut hasher).ok()?;
    Some(hasher.finalize())
}

/// Whether two files have the same bytes.
fn same_bytes(a: &mut File, b: &mut File) -> std::io::Result<bool> {
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let length = a.take(left.len() as u64).read_to_end_of(&mut left)?;
        if b.take(length as u64).read_to_end_of(&mut right)? != length || left[..length] != right[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
    }
}

/// Filling a buffer as far as the reader goes.
trait Fill: Read {
    fn read_to_end_of(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl<R: Read> Fill for R {}

/// The folder that a set is written to.
#[derive(Clone, Debug)]
pub struct Staging {
    root: PathBuf,
    prefix: String,
    private: bool,
    /// Without a ledger, every file that the caller names is taken to be its own.
    ledger: Option<Arc<Ledger>>,
}

impl Staging {
    /// A folder in which the caller owns the files that it names.
    pub fn alone(root: &Path) -> Self {
        Self { root: root.to_owned(), prefix: STAGED.to_owned(), private: false, ledger: None }
    }

    /// As [`Staging::alone`], with this beginning of the names of staged files.
    pub(crate) fn named(root: &Path, prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..Self::alone(root) }
    }

    /// The folder of a run. `owner` identifies the run: all of its staged files have names that begin with it. Files
    /// that are not in the ledger belong to others.
    pub(crate) fn of_run(root: &Path, owner: &str, ledger: Ledger) -> Self {
        let prefix = format!("{STAGED}{owner}-");
        Self { root: root.to_owned(), prefix, private: false, ledger: Some(Arc::new(ledger)) }
    }

    /// With `private`, files get mode 0600. Otherwise their mode is 0666 less the user's umask, because outputs are
    /// handed out.
    #[must_use]
    pub(crate) fn private(self, private: bool) -> Self {
        Self { private, ..self }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The beginning of the names of staged files.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The mode of new files, before the umask.
    pub(crate) fn mode(&self) -> u32 {
        if self.private { 0o600 } else { 0o666 }
    }

    fn staged(&self, folder: &Path, path: &Path) -> Result<NamedTempFile, SetError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&self.prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(self.mode()));
        }
        builder.tempfile_in(folder).map_err(|e| SetError::writing(path)(system_words(e)))
    }

    /// Creates a staged file for `path`, a path in the folder.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn begin(&self, path: &str) -> Result<NamedTempFile, SetError> {
        self.staged(&self.root, &self.root.join(path))
    }

    /// Creates a staged file beside `path`.
    pub(crate) fn begin_beside(&self, path: &Path) -> Result<NamedTempFile, SetError> {
        self.staged(parent(path), path)
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
        let file = self.begin_beside(path)?;
        hold(file.as_file());
        file.as_file().write_all(bytes).map_err(&write)?;
        file.persist(path).map_err(|e| write(e.error))?;
        Ok(())
    }

    /// Writes a file of the set, whole or not at all. Creates missing folders. Returns the hash of its bytes.
    ///
    /// # Errors
    /// If something of another's is at its place, or the operating system refuses.
    pub fn put(&self, path: &str, bytes: &[u8]) -> Result<blake3::Hash, SetError> {
        let target = self.enter(path)?;
        let file = self.begin(path)?;
        file.as_file().write_all(bytes).map_err(SetError::writing(&target))?;
        let hash = blake3::hash(bytes);
        self.publish(file, path, &target, Some(hash))?;
        Ok(hash)
    }

    /// Writes a file that is not there yet, whole or not at all. Creates missing folders. The same bytes may be there.
    ///
    /// # Errors
    /// If something else is at its place, or the operating system refuses.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn put_new(&self, path: &str, bytes: &[u8]) -> Result<(), SetError> {
        let target = self.enter(path)?;
        if let Some(found) = there(&target)? {
            let same = || regular_file::open_no_link(&target).and_then(regular_file::read_all);
            let is_same =
                found.is_file() && found.len() == bytes.len() as u64 && same().is_ok_and(|there| there == bytes);
            return if is_same { Ok(()) } else { Err(in_the_way(&target, &found)) };
        }
        let write = SetError::writing(&target);
        let file = self.begin(path)?;
        file.as_file().write_all(bytes).map_err(&write)?;
        match file.persist_noclobber(&target) {
            Ok(_) => Ok(()),
            Err(e) if e.error.kind() == ErrorKind::AlreadyExists => {
                Err(SetError::InTheWay { path: target.clone(), what: "a file" })
            }
            // Not every file system can rename without replacing.
            Err(e) => e.file.persist(&target).map(drop).map_err(|e| write(e.error)),
        }
    }

    /// Gives a staged file its name in the folder.
    ///
    /// # Errors
    /// As [`Staging::put`].
    pub fn finish(&self, file: NamedTempFile, path: &str) -> Result<(), SetError> {
        let target = self.enter(path)?;
        self.publish(file, path, &target, None)
    }

    /// Gives a staged file the name `target`, which the ledger knows as `path`.
    pub(crate) fn publish(
        &self,
        mut file: NamedTempFile,
        path: &str,
        target: &Path,
        hash: Option<blake3::Hash>,
    ) -> Result<(), SetError> {
        let write = SetError::writing(target);
        let renamed = |result: Result<File, tempfile::PersistError>| result.map(drop).map_err(|e| write(e.error));
        let Some(ledger) = &self.ledger else { return renamed(file.persist(target)) };
        match there(target)? {
            None => {
                ledger.enter(path, hash).map_err(&write)?;
                match file.persist_noclobber(target) {
                    Ok(_) => Ok(()),
                    // Somebody was quicker.
                    Err(e) if e.error.kind() == ErrorKind::AlreadyExists => {
                        Err(SetError::InTheWay { path: target.to_owned(), what: "a file" })
                    }
                    // Not every file system can rename without replacing.
                    Err(e) => renamed(e.file.persist(target)),
                }
            }
            Some(found) if !found.is_file() => Err(in_the_way(target, &found)),
            Some(_) if ledger.knows(path) => {
                ledger.enter(path, hash).map_err(&write)?;
                renamed(file.persist(target))
            }
            Some(found) => {
                // The same bytes are what this run would write.
                let same = |mut there: File| {
                    std::io::Seek::rewind(file.as_file_mut())?;
                    same_bytes(&mut there, file.as_file_mut())
                };
                match regular_file::open_no_link(target).and_then(same) {
                    Ok(true) => Ok(()),
                    _ => Err(in_the_way(target, &found)),
                }
            }
        }
    }

    /// Replaces a file that this run claimed.
    pub(crate) fn replace(&self, file: NamedTempFile, path: &str, target: &Path) -> Result<(), SetError> {
        if let Some(found) = there(target)?.filter(|found| !found.is_file()) {
            return Err(in_the_way(target, &found));
        }
        let write = SetError::writing(target);
        if let Some(ledger) = &self.ledger {
            ledger.enter(path, None).map_err(&write)?;
        }
        file.persist(target).map(drop).map_err(|e| write(e.error))
    }

    /// Makes sure that a path may be written in place, and enters it in the ledger.
    ///
    /// # Errors
    /// If something of another's is there, or the operating system refuses.
    pub(crate) fn claim(&self, path: &str) -> Result<PathBuf, SetError> {
        let target = self.enter(path)?;
        self.check(path)?;
        if let Some(ledger) = &self.ledger {
            ledger.enter(path, None).map_err(SetError::writing(&target))?;
        }
        Ok(target)
    }

    /// Checks that a path is free, or holds a file that imgveil wrote.
    ///
    /// # Errors
    /// If something else is there.
    pub(crate) fn check(&self, path: &str) -> Result<(), SetError> {
        let target = self.root.join(path);
        match there(&target)? {
            None => Ok(()),
            Some(found) if found.is_file() && self.ledger.as_ref().is_none_or(|ledger| ledger.knows(path)) => Ok(()),
            Some(found) => Err(in_the_way(&target, &found)),
        }
    }

    /// As [`Staging::check`], for a file that is written whole: a file with other contents than imgveil may write is
    /// found only then.
    pub(crate) fn check_kind(&self, path: &str) -> Result<(), SetError> {
        let target = self.root.join(path);
        match there(&target) {
            Ok(Some(found)) if !found.is_file() => Err(in_the_way(&target, &found)),
            _ => Ok(()),
        }
    }

    /// The place of a file of the set. Creates missing folders.
    fn enter(&self, path: &str) -> Result<PathBuf, SetError> {
        let target = self.root.join(path);
        if !is_inside(path) {
            return Err(SetError::encoding(&target, "it lies outside of the set"));
        }
        let mut at = self.root.clone();
        for part in Path::new(path).parent().into_iter().flat_map(Path::components) {
            at.push(part);
            match there(&at)? {
                Some(found) if found.is_dir() => {}
                Some(found) => return Err(in_the_way(&at, &found)),
                None => match std::fs::create_dir(&at) {
                    Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(SetError::writing(&target)(e)),
                    _ => {}
                },
            }
        }
        Ok(target)
    }

    /// Opens a file of the set for reading, without following a link.
    ///
    /// # Errors
    /// If it is not there, or one part of its path is a link.
    pub(crate) fn open(&self, path: &str) -> std::io::Result<File> {
        let mut at = self.root.clone();
        for part in Path::new(path).parent().into_iter().flat_map(Path::components) {
            at.push(part);
            if !std::fs::symlink_metadata(&at)?.is_dir() {
                return Err(ErrorKind::NotADirectory.into());
            }
        }
        regular_file::open_no_link(&self.root.join(path))
    }

    /// Removes a file of an earlier run, if it is there with the contents that the run wrote.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(crate) fn discard(&self, path: &str) -> Result<(), SetError> {
        let Ok(file) = self.open(path) else { return Ok(()) };
        let ours = match &self.ledger {
            Some(ledger) => ledger.wrote(path, || hash_of(file)),
            None => true,
        };
        let target = self.root.join(path);
        if ours { super::remove(&target).map_err(SetError::writing(&target)) } else { Ok(()) }
    }

    /// Removes the files of earlier runs that `keep` refuses.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(crate) fn discard_others(&self, keep: impl Fn(&str) -> bool) -> Result<(), SetError> {
        let paths = self.ledger.iter().flat_map(|ledger| ledger.paths()).filter(|path| !keep(path));
        paths.into_iter().try_for_each(|path| self.discard(path))
    }

    /// Removes the files of this run and of earlier ones.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(crate) fn discard_all(&self) -> Result<(), SetError> {
        self.discard_others(|_| false)?;
        let Some(ledger) = &self.ledger else { return Ok(()) };
        // What this run entered.
        let ledger = ledger.reopened().map_err(SetError::writing(ledger.path()))?;
        Self { ledger: Some(Arc::new(ledger)), ..self.clone() }.discard_others(|_| false)
    }

    /// Removes the staged files in a folder whose names begin with this run's prefix, which a cut left.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(crate) fn tidy(&self, folder: &Path) -> Result<(), SetError> {
        let ledger = self.ledger.as_ref().map(|ledger| ledger.path());
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let staged = name.to_string_lossy().starts_with(&self.prefix) && Some(path.as_path()) != ledger;
            if staged && entry.file_type().is_ok_and(|kind| kind.is_file()) {
                super::remove(&path).map_err(SetError::writing(&path))?;
            }
        }
        Ok(())
    }

    /// Removes the ledger, because the run is complete.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(crate) fn close(&self) -> Result<(), SetError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        ledger.close().map_err(SetError::writing(ledger.path()))
    }

    /// The files and folders in the folder that are not the set's, folders with a slash. `ours` says which files are.
    pub(crate) fn strangers(&self, ours: impl Fn(&str) -> bool, folder: impl Fn(&str) -> bool) -> Vec<String> {
        let mut strangers = Vec::new();
        let mut walk = walkdir::WalkDir::new(&self.root).min_depth(1).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            let Ok(entry) = entry else { continue };
            let relative = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            let name: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
            let name = name.join("/");
            match entry.file_type().is_dir() {
                true if folder(&name) => {}
                true => {
                    strangers.push(name + "/");
                    walk.skip_current_dir();
                }
                false if entry.file_type().is_file() && ours(&name) => {}
                false => strangers.push(name),
            }
        }
        strangers
    }
}
