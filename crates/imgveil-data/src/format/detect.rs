//! The format of a file, by its name or its first bytes.

use super::error::ReadErrorKind;
use super::image_file::{Header, ImageFile};
use super::read_options::ReadOptions;
use super::{dicom, nifti, picture};
use crate::limits::check_images_of_a_file;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Picture,
    Dicom,
    Nifti,
}

/// The number of bytes at the start of a file that tell whether it is DICOM. Names of DICOM files often have no
/// extension, or end in something that looks like one.
const START: u64 = 132;

impl Format {
    /// The format by the file's name or else by its first bytes. `None` for files that are not images.
    pub fn of(path: &Path) -> Option<Self> {
        if picture::is_picture_name(path) {
            return Some(Self::Picture);
        }
        if nifti::is_nifti_name(path) {
            return Some(Self::Nifti);
        }
        if has_extension(path, &["dcm", "dicom", "ima"]) {
            return Some(Self::Dicom);
        }
        let mut start = Vec::new();
        File::open(path).ok()?.take(START).read_to_end(&mut start).ok()?;
        dicom::is_dicom(&start).then_some(Self::Dicom)
    }

    /// Whether a file of this format may hold several images, so that its header must be read to list a set.
    pub fn may_be_several(self, path: &Path) -> bool {
        self != Self::Picture || has_extension(path, &["tif", "tiff"])
    }

    /// Reads a file's header.
    pub fn header(self, path: &Path, options: &ReadOptions) -> Result<Header, ReadErrorKind> {
        let file = File::open(path).map_err(ReadErrorKind::Io)?;
        let length = file.metadata().map_err(ReadErrorKind::Io)?.len();
        let file = BufReader::new(file);
        let header = match self {
            Self::Picture => picture::header(file),
            Self::Dicom => dicom::header(file, options),
            Self::Nifti => nifti::header(file, options),
        }?;
        check_images_of_a_file(header.count, length)?;
        Ok(header)
    }

    /// Opens the contents of a file.
    pub fn open(self, bytes: Vec<u8>, options: &ReadOptions) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
        let length = bytes.len() as u64;
        let file = match self {
            Self::Picture => picture::open(bytes),
            Self::Dicom => dicom::open(bytes, options),
            Self::Nifti => nifti::open(bytes, options),
        }?;
        check_images_of_a_file(file.header().count, length)?;
        Ok(file)
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| extensions.contains(&extension.as_str()))
}
