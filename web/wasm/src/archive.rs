//! Zip files: one that is written piece by piece, and the files of one that is read.

use imgveil_data::set::{Content, Contents, ReadSeek};
use std::cell::RefCell;
use std::io::{Cursor, Error, Read, Result, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The most bytes that one file of a zip may unpack to. A few bytes can claim to be terabytes.
const LONGEST_FILE: u64 = 1 << 30;

/// A zip file under construction. What is written is taken away in pieces, so that memory does not grow with the set.
pub struct ZipOut {
    zip: ZipWriter<StreamWriter<Piece>>,
    piece: Piece,
}

#[derive(Clone, Default)]
struct Piece(Rc<RefCell<Vec<u8>>>);

impl Write for Piece {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

impl Default for ZipOut {
    fn default() -> Self {
        let piece = Piece::default();
        Self { zip: ZipWriter::new_stream(piece.clone()), piece }
    }
}

impl ZipOut {
    /// Adds a file. PNGs are compressed already, so nothing is compressed again.
    ///
    /// # Errors
    /// If a file of this path is there already, or the zip grows beyond what the format can say.
    pub fn add(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        self.zip.start_file(path, options).map_err(Error::other)?;
        self.zip.write_all(bytes)
    }

    /// Takes away what was written since the last call.
    pub fn take(&mut self) -> Vec<u8> {
        self.piece.0.take()
    }

    /// Completes the zip, and takes away the rest of it.
    ///
    /// # Errors
    /// As [`ZipOut::add`].
    pub fn finish(mut self) -> Result<Vec<u8>> {
        let Self { zip, .. } = &mut self;
        let taken = std::mem::replace(zip, ZipWriter::new_stream(Piece::default()));
        taken.finish().map_err(Error::other)?;
        Ok(self.take())
    }
}

/// The files of a zip.
pub struct ZipIn<R>(Mutex<ZipArchive<R>>);

impl<R: ReadSeek> ZipIn<R> {
    /// Reads the list of files. Returns it with what opens them. Folders and paths that lead out are left out.
    ///
    /// # Errors
    /// If it is damaged, or not a zip file.
    pub fn open(reader: R) -> Result<(Self, Vec<PathBuf>)> {
        let zip = ZipArchive::new(reader).map_err(|error| Error::other(format!("it is no zip file: {error}")))?;
        let inside = |name: &String| {
            let names_a_file = !name.ends_with('/') && !name.starts_with('/') && !name.contains('\\');
            names_a_file && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        };
        // A name that is no text belongs to no image.
        let names: Vec<String> = zip.file_names().filter_map(|name| Some(name.ok()?.into_owned())).collect();
        let paths = names.into_iter().filter(inside).map(PathBuf::from).collect();
        Ok((Self(Mutex::new(zip)), paths))
    }
}

impl<R: ReadSeek + Send> Contents for ZipIn<R> {
    fn open(&self, path: &Path) -> Result<Content> {
        let mut zip = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = path.to_str().ok_or_else(|| Error::other("its name is no text"))?;
        let file = zip.by_name(name).map_err(Error::other)?;
        let length = file.size();
        if length > LONGEST_FILE {
            return Err(Error::other(format!("it unpacks to {length} bytes, and at most {LONGEST_FILE} are read")));
        }
        let mut bytes = Vec::new();
        file.take(length.saturating_add(1)).read_to_end(&mut bytes)?;
        let length = bytes.len() as u64;
        Ok(Content::new(Cursor::new(bytes), length))
    }

    fn length(&self, path: &Path) -> Result<u64> {
        let mut zip = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = path.to_str().ok_or_else(|| Error::other("its name is no text"))?;
        let file = zip.by_name(name).map_err(Error::other)?;
        Ok(file.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_in_pieces_is_read_again() {
        let mut zip = ZipOut::default();
        zip.add("OUT/a.png", b"first").unwrap();
        let mut bytes = zip.take();
        assert!(!bytes.is_empty());
        zip.add("OUT/b.png", b"second").unwrap();
        assert!(zip.add("OUT/b.png", b"again").is_err());
        bytes.extend(zip.take());
        bytes.extend(zip.finish().unwrap());
        let (files, mut paths) = ZipIn::open(Cursor::new(bytes)).unwrap();
        paths.sort();
        assert_eq!(paths, [Path::new("OUT/a.png"), Path::new("OUT/b.png")]);
        assert_eq!(files.open(&paths[1]).unwrap().read_all().unwrap(), b"second");
        assert_eq!(files.length(&paths[0]).unwrap(), 5);
        assert!(files.open(Path::new("OUT/c.png")).is_err());
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        let refused = ZipIn::open(Cursor::new(b"PK no zip".to_vec())).err().unwrap();
        assert!(refused.to_string().starts_with("it is no zip file"), "{refused}");
    }

    #[test]
    fn paths_that_lead_out_are_left_out() {
        let mut zip = ZipOut::default();
        for path in ["../a.png", "/b.png", "c/../../d.png", "e\\f.png", "g.png"] {
            zip.add(path, b"x").unwrap();
        }
        let mut bytes = zip.take();
        bytes.extend(zip.finish().unwrap());
        let (_, paths) = ZipIn::open(Cursor::new(bytes)).unwrap();
        assert_eq!(paths, [Path::new("g.png")]);
    }
}
