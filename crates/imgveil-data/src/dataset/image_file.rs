//! A file that holds images of one geometry: a picture (one image), a DICOM object (its frames), a volume (its slices). What a
//! format has to give so that folders and shards of it can be read; never knows where the file lies.

use super::ReadErrorKind;
use imgveil::internal::image::{Geometry, Image};

/// What a file's header says, before a pixel is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How many images there are.
    pub count: usize,
    /// The geometry of every one.
    pub geometry: Geometry,
}

/// An opened file.
pub trait ImageFile: Send + Sync {
    /// What its header says.
    fn header(&self) -> Header;

    /// Decodes image `index`; may be called from many threads.
    ///
    /// # Errors
    /// When it is damaged, or of a kind that is not supported.
    fn image(&self, index: usize) -> Result<Image, ReadErrorKind>;
}
