//! The trait of a file that holds images of one geometry: a picture (one image, or the pages of a TIFF), a DICOM object
//! (its frames), a volume (its slices).

use super::burnt_in::BurntIn;
use super::error::ReadErrorKind;
use super::scale::{Rescales, Scale};
use imgveil::internal::image::{Geometry, Image};

/// What a file's header says, before a pixel is decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// The number of images.
    pub count: usize,
    /// The geometry of every image.
    pub geometry: Geometry,
    /// What the samples mean, to be compared with other files.
    pub scale: Scale,
    /// How values follow from samples.
    pub rescales: Rescales,
    /// The bits of a sample that may differ from 0. Fewer than the geometry's depth where a file states that it uses
    /// fewer.
    pub used_bits: u32,
    /// How many pages are no images of their own: copies of another page in a lower resolution, and masks.
    pub left_out: usize,
    /// What it says about text in the pixels.
    pub burnt_in: BurntIn,
}

impl Header {
    /// A header of images whose samples have no stated meaning and use all of their bits.
    pub(super) fn new(count: usize, geometry: Geometry) -> Self {
        let used_bits = 8 * geometry.depth().bytes() as u32;
        let (scale, rescales) = (Scale::Unknown, Rescales::default());
        Self { count, geometry, scale, rescales, used_bits, left_out: 0, burnt_in: BurntIn::Unsaid }
    }
}

/// An opened file.
pub trait ImageFile: Send + Sync {
    /// The file's header.
    fn header(&self) -> &Header;

    /// Decodes image `index`. May be called from many threads.
    ///
    /// # Errors
    /// If the image is damaged, or of a kind that is not supported.
    fn image(&self, index: usize) -> Result<Image, ReadErrorKind>;
}
