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

/// Decodes the one picture of a file.
///
/// # Errors
/// If it cannot be read, is damaged, of a kind that is not supported, or holds several.
pub fn read_image(path: &Path) -> Result<Image, ReadError> {
    let wrong = |kind| ReadError { path: path.display().to_string(), kind };
    let bytes = std::fs::read(path).map_err(|error| wrong(ReadErrorKind::Io(error)))?;
    open(bytes).and_then(|file| single(file.as_ref())).map_err(wrong)
}

/// As [`read_image`], turned and with the number of channels that the options ask for.
///
/// # Errors
/// As [`read_image`].
pub fn read_image_with(path: &Path, options: &ReadOptions) -> Result<Image, ReadError> {
    let image = read_image(path)?;
    let wrong = |error: GeometryError| ReadError { path: path.display().to_string(), kind: error.into() };
    let turned = match (options.exif_orientation, std::fs::File::open(path)) {
        (ExifOrientation::Apply, Ok(file)) => Orientation::of(BufReader::new(file)).apply(image).map_err(wrong)?,
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
