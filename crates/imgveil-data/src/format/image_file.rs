//! The trait of a file that holds images of one geometry: a picture (one image, or the pages of a TIFF), a DICOM object
//! (its frames), a volume (its slices).

use super::error::ReadErrorKind;
use imgveil::internal::image::{Geometry, Image};

/// What a file's header says, before a pixel is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The number of images.
    pub count: usize,
    /// The geometry of every image.
    pub geometry: Geometry,
}

/// An opened file.
pub trait ImageFile: Send + Sync {
    /// The file's header.
    fn header(&self) -> Header;

    /// Decodes image `index`. May be called from many threads.
    ///
    /// # Errors
    /// If the image is damaged, or of a kind that is not supported.
    fn image(&self, index: usize) -> Result<Image, ReadErrorKind>;
}
