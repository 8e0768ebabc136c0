//! Pixels written back into a copy of the file that they were read from: a DICOM object or a NIfTI volume.

#[cfg(not(target_family = "wasm"))]
use super::detect::Format;
use super::error::ReadErrorKind;
use super::read_options::Axis;
use super::scale::{Rescale, Rescales, Scale};
#[cfg(not(target_family = "wasm"))]
use super::{dicom, nifti};
use crate::Memory;
use imgveil::internal::image::{Geometry, Image};

/// Why images cannot be written back into a copy of a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotWrittenBack {
    /// The file cannot be read at its full depth.
    #[error("{0}")]
    Unreadable(#[from] ReadErrorKind),
    /// The file is no DICOM object and no volume.
    #[error("is neither a DICOM object nor a NIfTI volume: decrypt it without originals")]
    OtherFormat,
    /// The file has another number of images than the set.
    #[error("holds {found} images, and the set has {expected} of it")]
    Count {
        /// Images of the file.
        found: usize,
        /// Images of the set.
        expected: usize,
    },
    /// The file's images have another size than those of the set.
    #[error("holds images of {found}, and those of the set are {expected}")]
    Size {
        /// The geometry in the file.
        found: Geometry,
        /// The geometry in the set.
        expected: Geometry,
    },
    /// The file has other pixels than those that were encrypted.
    #[error("is not the file that was encrypted: image {0} of it has other pixels")]
    OtherPixels(usize),
    /// The file's values do not fit into samples, so that they were rounded.
    #[error("holds values that were rounded to samples of 16 bits when they were encrypted")]
    Rounded,
    /// The file's pixels in the range of values of all originals are other ones than those that were encrypted.
    #[error(
        "is not the file that was encrypted, or the volumes beside it are others: in the range of values of all of \
         them, image {0} has other pixels"
    )]
    OtherRange(usize),
    /// The file states another scale of values than when it was encrypted.
    #[error("is not the file that was encrypted: in image {image} a value is {found}, and it was {expected}")]
    OtherScale {
        /// The first such image.
        image: usize,
        /// What the file states.
        found: Scale,
        /// What the set states.
        expected: Rescale,
    },
    /// A DICOM object without an identifier to replace.
    #[error("has no SOP Instance UID")]
    NoUid,
    /// The pixels are longer than an element may be.
    #[error("has more pixels than an uncompressed DICOM object can hold")]
    TooLong,
}

/// How a copy is made.
pub struct CopyOptions<'a> {
    /// The SOP Instance UID of a copy, from that of its original. `None` keeps it.
    pub new_uid: Option<&'a (dyn Fn(&str) -> String + Sync)>,
    /// The axis along which volumes were cut.
    pub axis: Axis,
    /// How the values of each image follow from its samples, as the set states it. Sets of earlier versions do not.
    pub rescales: &'a [Option<Rescale>],
    /// The range of values that all volumes of the originals would be read with, if there is one
    /// ([`ReadOptions::range`](super::ReadOptions::range)). Volumes whose scale the set does not state were read with
    /// it if nothing beside them changed.
    pub range: Option<(f64, f64)>,
    /// How much memory may be used.
    pub memory: Memory,
}

/// A copy of a file with the pixels of `images`, which must be those that are read from it at full depth, all of them
/// and in their order.
///
/// # Errors
/// See [`NotWrittenBack`].
#[cfg(not(target_family = "wasm"))]
pub(crate) fn copy(
    format: Format,
    original: Vec<u8>,
    images: &[Image],
    options: &CopyOptions<'_>,
) -> Result<Vec<u8>, NotWrittenBack> {
    match format {
        Format::Dicom => dicom::written_back(original, images, options),
        Format::Nifti => nifti::written_back(original, images, options),
        Format::Picture => Err(NotWrittenBack::OtherFormat),
    }
}

/// Compares the scales of values that a set states with those of a file.
pub(super) fn check_scales(found: &Rescales, stated: &[Option<Rescale>]) -> Result<(), NotWrittenBack> {
    for (image, expected) in stated.iter().enumerate() {
        let (Some(expected), found) = (*expected, found.of(image)) else { continue };
        if found != Some(expected) {
            return Err(NotWrittenBack::OtherScale { image, found: found.into(), expected });
        }
    }
    Ok(())
}

/// Compares the images of a set with what a file's header promises.
pub(super) fn check_shape(count: usize, geometry: Geometry, images: &[Image]) -> Result<(), NotWrittenBack> {
    if count != images.len() {
        return Err(NotWrittenBack::Count { found: count, expected: images.len() });
    }
    let shape = |of: Geometry| (of.height(), of.width(), of.channels(), of.depth().bytes());
    match images.iter().map(Image::geometry).find(|&of| shape(of) != shape(geometry)) {
        Some(expected) => Err(NotWrittenBack::Size { found: geometry, expected }),
        None => Ok(()),
    }
}
