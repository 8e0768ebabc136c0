//! The pixels of a picture.

use super::jpeg;
use super::plausible::room;
use crate::format::{Header, ImageFile, ReadErrorKind};
use crate::text::one_line;
use image::codecs::bmp::BmpDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::pnm::{ArbitraryHeader, GraymapHeader, PixmapHeader, PnmDecoder, PnmHeader};
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, Limits};
use imgveil::internal::image::{Geometry, Image};
use std::io::{Cursor, Read};

/// A file of a format that holds one picture.
pub(super) struct Picture {
    pub(super) bytes: Vec<u8>,
    pub(super) format: ImageFormat,
    pub(super) header: Header,
}

impl ImageFile for Picture {
    fn header(&self) -> &Header {
        &self.header
    }

    fn image(&self, _: usize) -> Result<Image, ReadErrorKind> {
        let geometry = self.header.geometry;
        if self.format == ImageFormat::Jpeg {
            return Image::new(geometry, jpeg::decode(&self.bytes, geometry)?).ok_or_else(mismatch);
        }
        let samples = match self.decode(geometry)? {
            DynamicImage::ImageLuma8(image) => image.into_raw(),
            DynamicImage::ImageRgb8(image) if geometry.channels() == 1 => every_third(&image),
            DynamicImage::ImageRgb8(image) => image.into_raw(),
            DynamicImage::ImageLuma16(image) => stored(&image),
            DynamicImage::ImageRgb16(image) => stored(&image),
            DynamicImage::ImageLumaA8(image) => opaque(&image, 1, u8::MAX)?,
            DynamicImage::ImageRgba8(image) => opaque(&image, 3, u8::MAX)?,
            DynamicImage::ImageLumaA16(image) => stored(&opaque(&image, 1, u16::MAX)?),
            DynamicImage::ImageRgba16(image) => stored(&opaque(&image, 3, u16::MAX)?),
            other => return Err(ReadErrorKind::Samples(format!("{:?}", other.color()))),
        };
        Image::new(geometry, samples).ok_or_else(mismatch)
    }
}

impl Picture {
    fn decode(&self, geometry: Geometry) -> Result<DynamicImage, ReadErrorKind> {
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(room(geometry) as u64);
        let reader = Cursor::new(self.bytes.as_slice());
        match self.format {
            ImageFormat::Png => PngDecoder::with_limits(reader, limits.clone()).and_then(|d| pixels(d, limits)),
            ImageFormat::WebP => WebPDecoder::new(reader).and_then(|d| pixels(d, limits)),
            ImageFormat::Bmp => BmpDecoder::new(reader).and_then(|d| pixels(d, limits)),
            ImageFormat::Pnm => return pnm(&self.bytes, limits),
            _ => return Err(ReadErrorKind::Foreign),
        }
        .map_err(|e| wrong(&e))
    }
}

fn pixels(mut decoder: impl ImageDecoder, limits: Limits) -> Result<DynamicImage, ImageError> {
    decoder.set_limits(limits)?;
    DynamicImage::from_decoder(decoder)
}

/// Decodes a picture of the PNM family. Samples of two bytes are as they are stored, up to the largest that the header
/// allows.
fn pnm(bytes: &[u8], limits: Limits) -> Result<DynamicImage, ReadErrorKind> {
    let mut reader = Cursor::new(bytes);
    let decoder = PnmDecoder::new(&mut reader).map_err(|e| wrong(&e))?;
    let max = decoder.header().maximal_sample();
    let image = match whole_range(decoder.header()) {
        None => pixels(decoder, limits).map_err(|e| wrong(&e))?,
        Some(header) => {
            drop(decoder);
            let mut text = Vec::new();
            header.write(&mut text).map_err(ReadErrorKind::Io)?;
            let decoder = PnmDecoder::new(Cursor::new(text).chain(&mut reader)).map_err(|e| wrong(&e))?;
            within(pixels(decoder, limits).map_err(|e| wrong(&e))?, max as u16)?
        }
    };
    no_second_pnm(reader)?;
    Ok(image)
}

/// The header of samples of two bytes that may use all 16 bits, if this one has fewer. The decoder scales samples to 16
/// bits in single precision, which loses some of them: it must see no reason to.
fn whole_range(header: &PnmHeader) -> Option<PnmHeader> {
    const ALL: u32 = 65_535;
    if !(256..ALL).contains(&header.maximal_sample()) {
        return None;
    }
    let grey = header.as_graymap().map(|grey| GraymapHeader { maxwhite: ALL, ..*grey }.into());
    let colour = header.as_pixmap().map(|colour| PixmapHeader { maxval: ALL, ..*colour }.into());
    let other = || header.as_arbitrary().map(|other| ArbitraryHeader { maxval: ALL, ..other.clone() }.into());
    grey.or(colour).or_else(other)
}

/// Checks that no sample is larger than `max`. Where alpha is `max`, which says that a pixel is opaque, it becomes the
/// largest number of 16 bits.
fn within(mut image: DynamicImage, max: u16) -> Result<DynamicImage, ReadErrorKind> {
    let whole = |alpha: &mut u16| {
        if *alpha == max {
            *alpha = u16::MAX;
        }
    };
    let larger = image.as_bytes().as_chunks::<2>().0.iter().map(|&pair| u16::from_ne_bytes(pair)).find(|&s| s > max);
    if let Some(sample) = larger {
        let words = format!("a sample is {sample}, and its header says that {max} is the largest");
        return Err(ReadErrorKind::Damaged(words));
    }
    match &mut image {
        DynamicImage::ImageLumaA16(image) => image.pixels_mut().for_each(|pixel| whole(&mut pixel.0[1])),
        DynamicImage::ImageRgba16(image) => image.pixels_mut().for_each(|pixel| whole(&mut pixel.0[3])),
        _ => {}
    }
    Ok(image)
}

/// PNM files may hold several images, of which the decoder reads the first.
fn no_second_pnm(mut reader: Cursor<&[u8]>) -> Result<(), ReadErrorKind> {
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).map_err(ReadErrorKind::Io)?;
    match rest.trim_ascii_start() {
        [b'P', b'1'..=b'7', b'\t' | b'\n' | b'\r' | b' ' | b'#', ..] => {
            Err(ReadErrorKind::Unsupported("several PNM images in one file; make a file of each".into()))
        }
        _ => Ok(()),
    }
}

pub(super) fn mismatch() -> ReadErrorKind {
    ReadErrorKind::Damaged("it holds more or fewer pixels than it says".into())
}

/// Removes the alpha channel after the `channels` of every pixel, if every pixel is opaque.
pub(super) fn opaque<T: Copy + PartialEq>(samples: &[T], channels: usize, max: T) -> Result<Vec<T>, ReadErrorKind> {
    let pixels = samples.chunks_exact(channels + 1);
    if pixels.clone().any(|pixel| pixel.last() != Some(&max)) {
        let words = "it has translucent pixels; put it on a background (flatten its alpha channel) first";
        return Err(ReadErrorKind::Unsupported(words.into()));
    }
    Ok(pixels.flat_map(|pixel| pixel.iter().take(channels)).copied().collect())
}

/// The greys of an image whose red, green and blue are equal.
pub(super) fn every_third(samples: &[u8]) -> Vec<u8> {
    samples.iter().step_by(3).copied().collect()
}

/// 16-bit samples in the byte order of [`Image`], which is little-endian.
pub(super) fn stored(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// A decoder's error, with its message on one line.
pub(super) fn wrong(error: &ImageError) -> ReadErrorKind {
    match error {
        ImageError::Unsupported(what) => ReadErrorKind::Unsupported(one_line(&what.to_string())),
        ImageError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            ReadErrorKind::Damaged("the file ends before the image does (truncated)".into())
        }
        other => ReadErrorKind::Damaged(one_line(&other.to_string())),
    }
}
