//! Pictures: files that a picture viewer opens. PNG, JPEG, TIFF (every page an image), BMP, WebP and the PNM family are decoded to
//! grey or RGB of 8 or 16 bits, losslessly or not at all; PNG and JPEG are written. Grey of fewer bits is spread to 8, palettes
//! become RGB, alpha is dropped where every pixel is opaque. Never turns a picture as its EXIF data asks (pixels are taken as they
//! are stored), never flattens or converts colours, and never knows where a file lies in a set.

mod bmp;
mod decode;
mod encode;
mod header;
mod jpeg;
mod plausible;
mod tiff;

pub use encode::{encode_jpeg, encode_png};
pub use header::header;

use super::error::{ReadError, ReadErrorKind};
use super::image_file::ImageFile;
use decode::Picture;
use image::ImageFormat;
use imgveil::internal::image::Image;
use std::io::Cursor;
use std::path::Path;

/// Whether a file's name says that it is a picture.
pub fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    matches!(
        extension.as_deref(),
        Some("png" | "jpg" | "jpeg" | "tif" | "tiff" | "bmp" | "dib" | "webp" | "pbm" | "pgm" | "ppm" | "pnm" | "pam")
    )
}

/// Opens a file that was read whole.
///
/// # Errors
/// As [`header`].
pub fn open(bytes: Vec<u8>) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
    let format = header::format(&bytes)?;
    if format == ImageFormat::Tiff {
        return tiff::open(bytes);
    }
    let header = header(Cursor::new(&bytes))?;
    Ok(Box::new(Picture { bytes, format, header }))
}

/// Decodes the one picture of a file.
///
/// # Errors
/// When it cannot be read, is damaged, of a kind that is not supported, or holds several.
pub fn read_image(path: &Path) -> Result<Image, ReadError> {
    let wrong = |kind| ReadError { path: path.display().to_string(), kind };
    let bytes = std::fs::read(path).map_err(|error| wrong(ReadErrorKind::Io(error)))?;
    open(bytes).and_then(|file| single(file.as_ref())).map_err(wrong)
}

/// The one image of a file that stands for one image.
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
