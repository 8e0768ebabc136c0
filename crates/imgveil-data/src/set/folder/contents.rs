//! What opens the files of a folder: the disk, or a caller that holds the files, such as a page in a browser.

use crate::regular_file;
use crate::stamp::stamp_of;
use std::io::{Read, Result, Seek};
use std::path::{Path, PathBuf};

/// The files of a folder, by their paths relative to it.
pub trait Contents: Send + Sync {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// If there is no such file, or it cannot be read.
    fn open(&self, path: &Path) -> Result<Content>;

    /// The length of a file in bytes.
    ///
    /// # Errors
    /// As [`Contents::open`].
    fn length(&self, path: &Path) -> Result<u64> {
        self.open(path).map(|file| file.length)
    }

    /// A text that changes if the file is written again. Empty if that is not known.
    fn stamp(&self, _path: &Path) -> String {
        String::new()
    }
}

/// What can be read from any position.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek> ReadSeek for T {}

/// An opened file.
pub struct Content {
    /// Its bytes.
    pub reader: Box<dyn ReadSeek>,
    /// How many there are.
    pub length: u64,
}

impl Content {
    /// A file.
    pub fn new(reader: impl Read + Seek + 'static, length: u64) -> Self {
        Self { reader: Box::new(reader), length }
    }

    /// Reads the file to its end. The caller has compared its length with the memory that may be used.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_all(mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.length).unwrap_or_default());
        self.reader.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// A folder on the disk.
pub(super) struct Disk(pub PathBuf);

impl Contents for Disk {
    fn open(&self, path: &Path) -> Result<Content> {
        let file = regular_file::open(&self.0.join(path))?;
        let length = file.metadata()?.len();
        Ok(Content::new(file, length))
    }

    fn length(&self, path: &Path) -> Result<u64> {
        std::fs::metadata(self.0.join(path)).map(|metadata| metadata.len())
    }

    fn stamp(&self, path: &Path) -> String {
        stamp_of(&self.0.join(path))
    }
}
