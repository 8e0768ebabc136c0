//! Pictures: PNG, JPEG, TIFF (every page is an image), BMP, WebP and the PNM family. They are decoded to grey or RGB of
//! 8 or 16 bits, exactly or not at all. PNG and JPEG are also written. Grey of fewer than 8 bits is scaled to 8,
//! palettes become RGB, and an alpha channel is dropped if every pixel is opaque. EXIF rotation is not applied, and
//! colours are neither flattened nor converted.

mod bmp;
mod decode;
mod encode;
mod header;
mod jpeg;
mod orientation;
mod plausible;
mod tiff;

pub use encode::{encode_jpeg, encode_png};
pub use header::header;
pub use orientation::Orientation;

use super::error::{ReadError, ReadErrorKind};
use super::image_file::ImageFile;
use super::read_options::{ExifOrientation, ReadOptions};
use crate::Memory;
use crate::regular_file::{self, Retrying};
use decode::Picture;
use image::ImageFormat;
use imgveil::internal::image::{GeometryError, Image};
use std::io::{BufReader, Cursor};
use std::path::Path;

/// Whether a file's name says that it is a picture.
pub fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    matches!(
        extension.as_deref(),
        Some(
            "png"
                | "jpg"
                | "jpeg"
                | "jpe"
                | "jfif"
                | "tif"
                | "tiff"
                | "bmp"
                | "dib"
                | "webp"
                | "pbm"
                | "pgm"
                | "ppm"
                | "pnm"
                | "pam"
        )
    )
}

/// Whether a file whose name says nothing is a picture, by its first bytes. The formats whose marks are two letters are
/// left out: texts may begin with them.
pub(crate) fn is_picture(start: &[u8]) -> bool {
    let marked = !start.starts_with(b"BM") && !start.starts_with(b"P");
    marked && header::format(start).is_ok()
}

/// Opens the contents of a file.
///
/// # Errors
/// As [`header()`].
pub fn open(bytes: Vec<u8>) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
    let format = header::format(&bytes)?;
    if format == ImageFormat::Tiff {
        return tiff::open(bytes);
    }
    let header = header(Cursor::new(&bytes))?;
    Ok(Box::new(Picture { bytes, format, header }))
}

/// Decodes the one picture of a file, if `factor` times its samples fit into the memory that may be used.
///
/// # Errors
/// If it cannot be read, does not fit, is damaged, of a kind that is not supported, or holds several.
pub fn read_image(path: &Path, memory: Memory, factor: u64) -> Result<Image, ReadError> {
    let read = || {
        let file = regular_file::open(path).map_err(ReadErrorKind::Io)?;
        let length = file.metadata().map_err(ReadErrorKind::Io)?.len();
        memory.check(length)?;
        let file = open(regular_file::read_all(file).map_err(ReadErrorKind::Io)?)?;
        let samples = file.header().geometry.bytes() as u64;
        memory.check(samples.saturating_mul(factor).saturating_add(length))?;
        single(file.as_ref())
    };
    read().map_err(|kind| ReadError { path: path.display().to_string(), kind })
}

/// As [`read_image`], turned and with the number of channels that the options ask for.
///
/// # Errors
/// As [`read_image`].
pub fn read_image_with(path: &Path, options: &ReadOptions, factor: u64) -> Result<Image, ReadError> {
    let image = read_image(path, options.memory, factor)?;
    let wrong = |error: GeometryError| ReadError { path: path.display().to_string(), kind: error.into() };
    let turned = match (options.exif_orientation, regular_file::open(path)) {
        (ExifOrientation::Apply, Ok(file)) => {
            Orientation::of(BufReader::new(Retrying(file))).apply(image).map_err(wrong)?
        }
        _ => image,
    };
    match options.channels {
        Some(channels) => channels.apply(turned).map_err(wrong),
        None => Ok(turned),
    }
}

/// The only image of a file.
pub(crate) fn single(file: &dyn ImageFile) -> Result<Image, ReadErrorKind> {
    match file.header().count {
        1 => file.image(0),
        count => {
            Err(ReadErrorKind::Unsupported(format!("it holds {count} images; one is wanted here: split it first")))
        }
    }
}

#[cfg(test)]
mod tests;
