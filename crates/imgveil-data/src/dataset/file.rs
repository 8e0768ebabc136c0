//! One file of a set, whatever its format: which one it is, what its header says, how it is opened. A file may hold several
//! images.

use super::image_file::{Header, ImageFile};
use super::read_options::ReadOptions;
use super::{ReadErrorKind, dicom, nifti, picture};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// The format of a file, as far as its name or its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Picture,
    Dicom,
    Nifti,
}

/// Bytes at a file's beginning that tell whether it is a DICOM object: those often have no extension, or what looks like one.
const START: u64 = 132;

impl Format {
    /// By its name, or, where that says nothing, by its first bytes. `None` for files that are no images.
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

    /// Whether files of this format may hold several images, so that their headers are needed to list a set.
    pub fn may_be_several(self, path: &Path) -> bool {
        self != Self::Picture || has_extension(path, &["tif", "tiff"])
    }

    /// What a file's header says.
    pub fn header(self, path: &Path, reading: &ReadOptions) -> Result<Header, ReadErrorKind> {
        let file = BufReader::new(File::open(path).map_err(ReadErrorKind::Io)?);
        match self {
            Self::Picture => picture::header(file),
            Self::Dicom => dicom::header(file, reading),
            Self::Nifti => nifti::header(file, reading),
        }
    }

    /// Opens a file that was read whole.
    pub fn open(self, bytes: Vec<u8>, reading: &ReadOptions) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
        match self {
            Self::Picture => picture::open(bytes),
            Self::Dicom => dicom::open(bytes, reading),
            Self::Nifti => nifti::open(bytes, reading),
        }
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| extensions.contains(&extension.as_str()))
}

/// Files with several images, kept open while their images are asked for one after the other: a volume is decompressed once, not
/// once for each slice. The last few; how large they are does not depend on the set's size.
#[derive(Default)]
pub(super) struct Opened(Mutex<VecDeque<(usize, Place)>>);

type Place = Arc<Mutex<Option<Arc<dyn ImageFile>>>>;

impl Opened {
    /// As many as threads are likely to be at the borders between two.
    const KEPT: usize = 2;

    /// The file `number`, opened by `open` unless it is open.
    pub fn get(
        &self,
        number: usize,
        open: impl FnOnce() -> Result<Box<dyn ImageFile>, ReadErrorKind>,
    ) -> Result<Arc<dyn ImageFile>, ReadErrorKind> {
        let place = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match kept.iter().find(|(of, _)| *of == number) {
                Some((_, place)) => place.clone(),
                None => {
                    let place = Place::default();
                    kept.push_back((number, place.clone()));
                    if kept.len() > Self::KEPT {
                        kept.pop_front();
                    }
                    place
                }
            }
        };
        // Who asks for the same file waits here; for another one, nobody does.
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stack) = place.as_ref() {
            return Ok(stack.clone());
        }
        let stack: Arc<dyn ImageFile> = open()?.into();
        *place = Some(stack.clone());
        Ok(stack)
    }
}
