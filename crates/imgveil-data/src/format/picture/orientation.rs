//! The EXIF orientation of a picture: how its rows and columns are to be turned or mirrored to show it upright.

use image::ImageFormat;
use image::metadata::Orientation as Exif;
use imgveil::internal::image::{Geometry, GeometryError, Image};
use std::io::{BufRead, Read, Seek};

/// The longest EXIF block that is read.
const LONGEST: u64 = 1 << 20;

/// The largest number of segments or chunks that are looked through for EXIF data.
const MOST_CHUNKS: usize = 10_000;

/// How a picture is to be turned or mirrored: the EXIF orientation, 1 to 8. The default is 1, upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Orientation(u8);

impl Default for Orientation {
    fn default() -> Self {
        Self(1)
    }
}

impl Orientation {
    /// Whether nothing is to be done.
    pub fn is_upright(self) -> bool {
        self.0 == 1
    }

    /// The orientation that a picture's file states. Upright if it states none, or cannot be read.
    pub fn of(mut reader: impl BufRead + Seek) -> Self {
        Self::stated(&mut reader).unwrap_or_default()
    }

    fn stated(reader: &mut (impl BufRead + Seek)) -> Option<Self> {
        let mut start = Vec::new();
        reader.rewind().ok()?;
        reader.by_ref().take(16).read_to_end(&mut start).ok()?;
        // Relative, here and below, because a buffer is then kept: other ways of seeking read it anew every time.
        reader.seek_relative(-(start.len() as i64)).ok()?;
        let block = match super::header::format(&start).ok()? {
            ImageFormat::Jpeg => in_jpeg(reader)?,
            ImageFormat::Png => in_png(reader)?,
            ImageFormat::WebP => in_webp(reader)?,
            ImageFormat::Tiff => {
                let tag = tiff::tags::Tag::Orientation;
                let value: Option<u16> = tiff::decoder::Decoder::new(reader).ok()?.find_tag_unsigned(tag).ok()?;
                return value.and_then(|value| u8::try_from(value).ok()).and_then(Exif::from_exif).map(Self::from);
            }
            _ => return None,
        };
        Exif::from_exif_chunk(block.strip_prefix(b"Exif\0\0").unwrap_or(&block)).map(Self::from)
    }

    /// The geometry of the turned picture.
    ///
    /// # Errors
    /// If it has too many samples, which a picture that was read has not.
    pub fn geometry(self, geometry: Geometry) -> Result<Geometry, GeometryError> {
        let (height, width) = (geometry.height() as u32, geometry.width() as u32);
        let (height, width) = if self.0 > 4 { (width, height) } else { (height, width) };
        Ok(Geometry::new(height, width, geometry.channels() as u32)?.with_depth(geometry.depth()))
    }

    /// The picture, turned upright.
    ///
    /// # Errors
    /// As [`Orientation::geometry`].
    pub fn apply(self, image: Image) -> Result<Image, GeometryError> {
        if self.is_upright() {
            return Ok(image);
        }
        let (from, target) = (image.geometry(), self.geometry(image.geometry())?);
        let (bottom, right, pixel) = (from.height() - 1, from.width() - 1, from.bytes() / from.pixels());
        let mut samples = Vec::with_capacity(target.bytes());
        for y in 0..target.height() {
            for x in 0..target.width() {
                let (row, column) = match self.0 {
                    2 => (y, right - x),
                    3 => (bottom - y, right - x),
                    4 => (bottom - y, x),
                    5 => (x, y),
                    6 => (bottom - x, y),
                    7 => (bottom - x, right - y),
                    8 => (x, right - y),
                    _ => (y, x),
                };
                let at = (row * from.width() + column) * pixel;
                samples.extend_from_slice(&image.samples()[at..at + pixel]);
            }
        }
        // The number of samples matches the target by construction.
        Ok(Image::new(target, samples).unwrap_or(image))
    }
}

impl From<Exif> for Orientation {
    fn from(exif: Exif) -> Self {
        Self(exif.to_exif())
    }
}

/// The EXIF block of a JPEG, whose start the reader is at.
fn in_jpeg(reader: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    reader.seek_relative(2).ok()?;
    for _ in 0..MOST_CHUNKS {
        let mut marker = [0; 2];
        reader.read_exact(&mut marker).ok()?;
        while marker == [0xff, 0xff] {
            reader.read_exact(&mut marker[1..]).ok()?;
        }
        match marker {
            // Markers without a length.
            [0xff, 0x01 | 0xd0..=0xd8] => continue,
            // The pixels begin, or the file ends.
            [0xff, 0xd9 | 0xda] => return None,
            [0xff, _] => {}
            _ => return None,
        }
        let mut length = [0; 2];
        reader.read_exact(&mut length).ok()?;
        let length = u64::from(u16::from_be_bytes(length)).checked_sub(2)?;
        if marker[1] != 0xe1 {
            reader.seek_relative(length as i64).ok()?;
            continue;
        }
        let block = bytes(reader, length)?;
        // XMP data have the same marker.
        if block.starts_with(b"Exif\0") {
            return Some(block);
        }
    }
    None
}

/// The EXIF block of a PNG, whose start the reader is at.
fn in_png(reader: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    reader.seek_relative(8).ok()?;
    for _ in 0..MOST_CHUNKS {
        let mut head = [0; 8];
        reader.read_exact(&mut head).ok()?;
        let length = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
        match &head[4..] {
            b"eXIf" => return bytes(reader, length),
            b"IEND" => return None,
            _ => reader.seek_relative(length as i64 + 4).ok()?,
        };
    }
    None
}

/// The EXIF block of a WebP, whose start the reader is at.
fn in_webp(reader: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    reader.seek_relative(12).ok()?;
    for _ in 0..MOST_CHUNKS {
        let mut head = [0; 8];
        reader.read_exact(&mut head).ok()?;
        let length = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        if &head[..4] == b"EXIF" {
            return bytes(reader, length);
        }
        // Chunks have an even length.
        reader.seek_relative((length + length % 2) as i64).ok()?;
    }
    None
}

fn bytes(reader: &mut impl Read, length: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(length.min(LONGEST)).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageEncoder, RgbImage};
    use std::io::Cursor;

    /// A block of EXIF data with an orientation.
    fn block(orientation: u8) -> Vec<u8> {
        let mut block = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
        block.extend([orientation, 0, 0, 0, 0, 0, 0]);
        block
    }

    fn picture() -> RgbImage {
        RgbImage::from_raw(3, 2, (0..18).collect()).unwrap()
    }

    /// The picture as PNG, JPEG and WebP with the orientation.
    fn files(orientation: u8) -> Vec<Vec<u8>> {
        let (picture, mut files) = (picture(), Vec::new());
        let exif = block(orientation);
        let (pixels, colour) = (picture.as_raw(), image::ExtendedColorType::Rgb8);
        let mut png = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif.clone()).unwrap();
        encoder.write_image(pixels, 3, 2, colour).unwrap();
        files.push(png);
        let mut jpeg = Vec::new();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut jpeg);
        encoder.set_exif_metadata(exif.clone()).unwrap();
        encoder.write_image(pixels, 3, 2, colour).unwrap();
        files.push(jpeg);
        let mut webp = Vec::new();
        let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.write_image(pixels, 3, 2, colour).unwrap();
        files.push(webp);
        files
    }

    #[test]
    fn the_orientation_of_every_format_is_found() {
        for orientation in 1..=8 {
            for file in files(orientation) {
                assert_eq!(Orientation::of(Cursor::new(&file)), Orientation(orientation));
                // A file that is cut, or another one, is upright.
                for length in 0..file.len().min(60) {
                    let _ = Orientation::of(Cursor::new(&file[..length]));
                }
            }
        }
        let mut plain = Cursor::new(Vec::new());
        DynamicImage::from(picture()).write_to(&mut plain, ImageFormat::Jpeg).unwrap();
        assert!(Orientation::of(plain).is_upright());
        assert!(Orientation::of(Cursor::new(b"text")).is_upright());
        for wrong in [0, 9, 255] {
            assert!(Orientation::of(Cursor::new(&files(wrong)[0])).is_upright(), "{wrong}");
        }
    }

    /// Against the crate `image`.
    #[test]
    fn pictures_are_turned_upright() {
        let geometry = "2x3x3".parse().unwrap();
        for orientation in 1..=8 {
            let turned = Orientation(orientation).apply(Image::new(geometry, (0..18).collect()).unwrap()).unwrap();
            let mut expected = DynamicImage::from(picture());
            expected.apply_orientation(Exif::from_exif(orientation).unwrap());
            assert_eq!(turned.samples(), expected.as_bytes(), "{orientation}");
            assert_eq!(turned.geometry().height() as u32, expected.height(), "{orientation}");
        }
        let deep = Image::new("1x2x1x16".parse().unwrap(), vec![1, 2, 3, 4]).unwrap();
        assert_eq!(Orientation(2).apply(deep).unwrap().samples(), [3, 4, 1, 2]);
    }
}
