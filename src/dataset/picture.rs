//! Pictures: files that a picture viewer opens, PNG and JPEG. Decoded to grey or RGB of 8 or 16 bits, losslessly or not at all;
//! written as PNG or JPEG. Never turns a picture as its EXIF data asks (pixels are taken as they are stored) and never
//! knows where a file lies in a set.

use super::stack::{Header, Stack};
use super::{ReadError, ReadErrorKind};
use crate::image::{Depth, Geometry, Image};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader};
use std::borrow::Cow;
use std::io::{BufRead, Cursor, Read, Seek};
use std::path::Path;

/// Whether a file's name says that it is a picture.
pub fn is_picture_name(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}

/// The geometry of a picture and how many there are in its file, from as little of it as the format allows.
///
/// # Errors
/// When it is no picture, its header is damaged, or it is of a kind that is not supported.
pub fn header(mut reader: impl BufRead + Seek) -> Result<Header, ReadErrorKind> {
    let format = format(&mut reader)?;
    let decoder = ImageReader::with_format(reader, format).into_decoder().map_err(|e| damaged(&e))?;
    Ok(Header { count: 1, geometry: geometry(&decoder)? })
}

/// Opens a picture that was read whole.
///
/// # Errors
/// As [`header`], and when it can be seen without decoding that the file is cut.
pub fn open(bytes: Vec<u8>) -> Result<Box<dyn Stack>, ReadErrorKind> {
    let format = format(&mut Cursor::new(&bytes))?;
    let header = header(Cursor::new(&bytes))?;
    // The JPEG decoder fills what is missing with grey and says nothing; a network would learn from it.
    if format == ImageFormat::Jpeg && !has_end_of_image(&bytes) {
        return Err(ReadErrorKind::Damaged("the file ends before the image does (truncated JPEG)".into()));
    }
    Ok(Box::new(Picture { bytes, format, header }))
}

/// Decodes the one picture of a file.
///
/// # Errors
/// When it cannot be read, is damaged, of a kind that is not supported, or holds several.
pub fn read_image(path: &Path) -> Result<Image, ReadError> {
    let wrong = |kind| ReadError { path: path.display().to_string(), kind };
    let bytes = std::fs::read(path).map_err(|error| wrong(ReadErrorKind::Io(error)))?;
    open(bytes).and_then(|stack| single(stack.as_ref())).map_err(wrong)
}

/// The one image of a file that stands for one image.
pub(super) fn single(stack: &dyn Stack) -> Result<Image, ReadErrorKind> {
    match stack.header().count {
        1 => stack.image(0),
        count => {
            Err(ReadErrorKind::Unsupported(format!("it holds {count} images; one is wanted here: split it first")))
        }
    }
}

/// A picture of a format that holds one in a file.
struct Picture {
    bytes: Vec<u8>,
    format: ImageFormat,
    header: Header,
}

impl Stack for Picture {
    fn header(&self) -> Header {
        self.header
    }

    fn image(&self, _: usize) -> Result<Image, ReadErrorKind> {
        let decoded = ImageReader::with_format(Cursor::new(&self.bytes), self.format).decode();
        let samples = match decoded.map_err(|e| damaged(&e))? {
            DynamicImage::ImageLuma8(image) => image.into_raw(),
            DynamicImage::ImageRgb8(image) => image.into_raw(),
            DynamicImage::ImageLuma16(image) => stored(&image),
            DynamicImage::ImageRgb16(image) => stored(&image),
            other => return Err(ReadErrorKind::Samples(format!("{:?}", other.color()))),
        };
        Image::new(self.header.geometry, samples)
            .ok_or_else(|| ReadErrorKind::Damaged("it holds more or fewer pixels than it says".into()))
    }
}

/// The format by content, whatever the name says.
fn format(reader: &mut (impl BufRead + Seek)) -> Result<ImageFormat, ReadErrorKind> {
    let start = start(reader).map_err(ReadErrorKind::Io)?;
    match image::guess_format(&start) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => Ok(format),
        _ => Err(ReadErrorKind::Foreign),
    }
}

/// The first bytes, as many as tell every format apart; the reader goes back.
fn start(reader: &mut (impl BufRead + Seek)) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(64);
    reader.by_ref().take(64).read_to_end(&mut start)?;
    reader.rewind()?;
    Ok(start)
}

fn geometry(decoder: &impl ImageDecoder) -> Result<Geometry, ReadErrorKind> {
    let (channels, depth) = match decoder.color_type() {
        ColorType::L8 => (1, Depth::U8),
        ColorType::Rgb8 => (3, Depth::U8),
        ColorType::L16 => (1, Depth::U16),
        ColorType::Rgb16 => (3, Depth::U16),
        other => return Err(ReadErrorKind::Samples(format!("{other:?}"))),
    };
    let (width, height) = decoder.dimensions();
    Ok(Geometry::new(height, width, channels)?.with_depth(depth))
}

/// A decoder's words on one line: they end up in lists.
fn damaged(error: &image::ImageError) -> ReadErrorKind {
    let words = error.to_string();
    ReadErrorKind::Damaged(words.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// 16-bit samples as an [`Image`] holds them, whatever the machine's own order of bytes.
fn stored(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Whether a JPEG's end marker is there, somewhere behind its first scan: a thumbnail in the header has one of its own.
fn has_end_of_image(bytes: &[u8]) -> bool {
    // Segments after the start marker: ff, kind, length (of itself and the payload).
    let mut at = 2;
    while let [0xff, kind, high, low, ..] = bytes[at.min(bytes.len())..] {
        if kind == 0xda {
            return bytes[at..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
        }
        // A fill byte may stand before a marker.
        at += if kind == 0xff { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
    }
    false
}

/// An image as PNG. The same bytes for the same image, whatever the machine.
///
/// # Errors
/// The encoder's words.
pub fn encode_png(image: &Image) -> Result<Vec<u8>, String> {
    let geometry = image.geometry();
    let colour = match (geometry.channels(), geometry.depth()) {
        (1, Depth::U8) => ExtendedColorType::L8,
        (_, Depth::U8) => ExtendedColorType::Rgb8,
        (1, Depth::U16) => ExtendedColorType::L16,
        (_, Depth::U16) => ExtendedColorType::Rgb16,
    };
    // The encoder wants 16-bit samples in the machine's own order of bytes.
    let samples = match geometry.depth() {
        Depth::U8 => Cow::Borrowed(image.samples()),
        Depth::U16 => {
            let native = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]).to_ne_bytes();
            Cow::Owned(image.samples().chunks_exact(2).flat_map(native).collect())
        }
    };
    let mut png = Vec::new();
    // Encrypted pixels hardly compress: do not spend time on trying.
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(&samples, geometry.width() as u32, geometry.height() as u32, colour)
        .map_err(|e| e.to_string())?;
    Ok(png)
}

/// An image as baseline JPEG of a quality from 1 to 100, colour at full resolution (4:4:4): halving it would mix pixels of
/// neighbouring blocks, which encrypted ones have nothing in common with. The same bytes for the same image.
///
/// # Errors
/// For 16-bit images, which JPEG does not hold, sides beyond 65,535 pixels, and qualities that there are not.
pub fn encode_jpeg(image: &Image, quality: u8) -> Result<Vec<u8>, String> {
    let geometry = image.geometry();
    if geometry.depth() != Depth::U8 {
        return Err(
            "JPEG holds 8 bits a sample and this image has 16: write PNG, or choose a window of grey values".into()
        );
    }
    if !(1..=100).contains(&quality) {
        return Err(format!("{quality} is no JPEG quality: choose one from 1 to 100"));
    }
    let colour = if geometry.channels() == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .write_image(image.samples(), geometry.width() as u32, geometry.height() as u32, colour)
        .map_err(|e| e.to_string())?;
    Ok(jpeg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: u32, width: u32, channels: u32) -> Image {
        let geometry = Geometry::new(height, width, channels).unwrap();
        Image::new(geometry, (0..geometry.samples()).map(|i| (i * 7) as u8).collect()).unwrap()
    }

    fn decode(bytes: &[u8]) -> Result<Image, ReadErrorKind> {
        open(bytes.to_vec())?.image(0)
    }

    #[test]
    fn pngs_round_trip() {
        for image in [image(5, 7, 1), image(5, 7, 3)] {
            assert_eq!(decode(&encode_png(&image).unwrap()).unwrap(), image);
        }
    }

    #[test]
    fn every_truncation_of_a_png_or_jpeg_is_an_error_or_exact() {
        let plain = image(24, 24, 3);
        for whole in [encode_png(&plain).unwrap(), encode_jpeg(&plain, 75).unwrap()] {
            let exact = decode(&whole).unwrap();
            for length in 0..whole.len() {
                if let Ok(image) = decode(&whole[..length]) {
                    assert_eq!(image, exact, "cut to {length} of {}", whole.len());
                }
            }
        }
    }

    #[test]
    fn jpegs_hold_8_bits_at_a_quality_that_there_is() {
        let grey = image(16, 16, 1);
        assert_eq!(decode(&encode_jpeg(&grey, 90).unwrap()).unwrap().geometry(), grey.geometry());
        assert!(encode_jpeg(&grey, 0).unwrap_err().contains("1 to 100"));
        let deep = grey.geometry().with_depth(Depth::U16);
        let deep = Image::new(deep, vec![1; deep.bytes()]).unwrap();
        assert!(encode_jpeg(&deep, 90).unwrap_err().contains("16"));
    }

    #[test]
    fn a_thumbnail_does_not_hide_a_truncated_jpeg() {
        let jpeg = encode_jpeg(&image(16, 16, 1), 75).unwrap();
        // An application segment whose payload is a whole JPEG.
        let mut with_thumbnail = jpeg[..2].to_vec();
        with_thumbnail.extend([0xff, 0xe1]);
        with_thumbnail.extend(((jpeg.len() + 2) as u16).to_be_bytes());
        with_thumbnail.extend(&jpeg);
        with_thumbnail.extend(&jpeg[2..]);
        assert!(decode(&with_thumbnail).is_ok());
        assert!(matches!(decode(&with_thumbnail[..with_thumbnail.len() - 2]), Err(ReadErrorKind::Damaged(_))));
    }
}
