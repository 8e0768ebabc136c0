//! The files that the images of a set were read from, to find the file of an image by the image's name.

use super::source::{FolderSource, Located};
use crate::format::write_back::{self, CopyOptions, NotWrittenBack};
use crate::format::{Format, ReadErrorKind, ReadOptions};
use crate::memory::Memory;
use crate::regular_file;
use crate::set::SetError;
use imgveil::internal::image::Image;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The files of a folder of plain images.
pub struct Originals {
    root: PathBuf,
    files: Vec<Original>,
    /// The file of every image, and its place there.
    by_name: HashMap<String, (usize, usize)>,
    /// The range of values of its volumes, if one of them needs it.
    range: Option<(f64, f64)>,
}

/// A file, which holds one or more images.
pub struct Original {
    /// Relative to the folder.
    pub path: PathBuf,
    /// The number of its images.
    pub images: usize,
    format: Format,
}

impl Originals {
    /// Lists a folder as an encryption of it would.
    ///
    /// # Errors
    /// If the folder cannot be read, or holds no images.
    pub fn open(root: &Path, options: &ReadOptions) -> Result<Self, SetError> {
        let mut files: Vec<Original> = Vec::new();
        let mut by_name = HashMap::new();
        let Located { images, range } = FolderSource::located(root, options)?;
        for (name, path, format) in images {
            if files.last().is_none_or(|last| last.path != path) {
                files.push(Original { path, images: 0, format });
            }
            let number = files.len() - 1;
            by_name.insert(name, (number, files[number].images));
            files[number].images += 1;
        }
        // A single file is named with its folder left out.
        let root = if root.is_file() { root.parent().unwrap_or(Path::new("")) } else { root };
        Ok(Self { root: root.to_owned(), files, by_name, range })
    }

    /// The number of the file that holds an image, and the image's place there.
    pub fn of(&self, name: &str) -> Option<(usize, usize)> {
        self.by_name.get(name).copied()
    }

    /// The files, by their numbers.
    pub fn files(&self) -> &[Original] {
        &self.files
    }

    /// A copy of a file with other images in place of its own: see [`write_back`].
    ///
    /// # Errors
    /// If the file cannot be read, or is not the file of these images.
    pub fn copy(&self, file: usize, images: &[Image], options: &CopyOptions<'_>) -> Result<Vec<u8>, NotWrittenBack> {
        let Some(original) = self.files.get(file) else { return Err(NotWrittenBack::OtherFormat) };
        let bytes = read(&self.root.join(&original.path), options.memory)?;
        write_back::copy(original.format, bytes, images, &CopyOptions { range: self.range, ..*options })
    }
}

/// Reads a file, if there is memory for it, its images, and its copy.
fn read(path: &Path, memory: Memory) -> Result<Vec<u8>, ReadErrorKind> {
    let mut file = regular_file::open(path).map_err(ReadErrorKind::Io)?;
    regular_file::read_within(&mut file, memory, 4).map_err(ReadErrorKind::Io)
}
