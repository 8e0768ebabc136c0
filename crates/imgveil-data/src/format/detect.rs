//! The format of a file, by its name or its first bytes.

use super::error::ReadErrorKind;
use super::image_file::{Header, ImageFile};
use super::passed_over::PassedOverReason;
use super::read_options::ReadOptions;
use super::{dicom, nifti, picture};
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
    /// The format by the file's name or else by its first bytes. DICOM is known by them whatever the name is, and a
    /// picture if the name has no ending.
    ///
    /// # Errors
    /// Why the file is passed over.
    pub fn of(path: &Path) -> Result<Self, PassedOverReason> {
        if picture::is_picture_name(path) {
            return Ok(Self::Picture);
        }
        if nifti::is_nifti_name(path) {
            return Ok(Self::Nifti);
        }
        if has_extension(path, &["dcm", "dicom", "ima"]) {
            return Ok(Self::Dicom);
        }
        let mut start = Vec::new();
        let read = File::open(path).and_then(|file| file.take(START).read_to_end(&mut start));
        if read.is_ok() && dicom::is_dicom(&start) {
            return Ok(Self::Dicom);
        }
        if picture::is_picture(&start) {
            return if path.extension().is_none() { Ok(Self::Picture) } else { Err(PassedOverReason::Ending) };
        }
        if has_extension(path, &["tar", "npy", "npz"]) {
            return Err(PassedOverReason::Set);
        }
        let other = has_extension(path, &["gif", "heic", "heif", "avif", "jp2", "j2k", "jxl", "exr", "psd", "svg"]);
        Err(if other { PassedOverReason::Format } else { PassedOverReason::NoImage })
    }

    /// Whether a file of this format may hold several images, so that its header must be read to list a set.
    pub fn may_be_several(self, path: &Path) -> bool {
        self != Self::Picture || has_extension(path, &["tif", "tiff"])
    }

    /// Reads a file's header.
    pub fn header(self, path: &Path, options: &ReadOptions) -> Result<Header, ReadErrorKind> {
        let file = BufReader::new(File::open(path).map_err(ReadErrorKind::Io)?);
        match self {
            Self::Picture => picture::header(file),
            Self::Dicom => dicom::header(file, options),
            Self::Nifti => nifti::header(file, options),
        }
    }

    /// Opens the contents of a file.
    pub fn open(self, bytes: Vec<u8>, options: &ReadOptions) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
        match self {
            Self::Picture => picture::open(bytes),
            Self::Dicom => dicom::open(bytes, options),
            Self::Nifti => nifti::open(bytes, options),
        }
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| extensions.contains(&extension.as_str()))
}
