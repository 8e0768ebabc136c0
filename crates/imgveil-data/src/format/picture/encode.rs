//! Pictures to write: PNG and JPEG.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder};
use imgveil::internal::image::{Depth, Geometry, Image};
use std::borrow::Cow;

/// Encodes an image as PNG. The bytes are the same on every machine. An image that does not compress is stored without
/// compression, because compressing it would take twenty times as long and save nothing. Most encrypted images do not
/// compress.
///
/// # Errors
/// The encoder's message.
pub fn encode_png(image: &Image) -> Result<Vec<u8>, String> {
    let geometry = image.geometry();
    // The encoder expects 16-bit samples in the machine's byte order.
    let samples = match geometry.depth() {
        Depth::U8 => Cow::Borrowed(image.samples()),
        _ => {
            let native = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]).to_ne_bytes();
            Cow::Owned(image.samples().chunks_exact(2).flat_map(native).collect())
        }
    };
    let compression =
        if compresses(geometry, &samples)? { CompressionType::Fast } else { CompressionType::Uncompressed };
    let png = png(geometry, geometry.height(), &samples, compression)?;
    let bits = geometry.depth().bits();
    Ok(if bits < geometry.depth().stored_bits() { with_used_bits(&png, bits as u8, geometry.channels()) } else { png })
}

/// The signature and the first chunk (IHDR) of a PNG.
const PNG_HEAD: usize = 8 + 25;

/// Adds the chunk that says how many bits of a sample are significant (sBIT, PNG specification, 11.3.2.7).
fn with_used_bits(png: &[u8], bits: u8, channels: usize) -> Vec<u8> {
    let (head, rest) = png.split_at(png.len().min(PNG_HEAD));
    let chunk = [&b"sBIT"[..], [bits, bits, bits].get(..channels).unwrap_or_default()].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&chunk);
    let length = (channels as u32).to_be_bytes();
    [head, &length, &chunk, &crc.sum().to_be_bytes(), rest].concat()
}

/// The number of rows on which compression is tried.
const TRIED: usize = 16;

/// Whether an image compresses, tried on rows around its first and its third quarter.
fn compresses(geometry: Geometry, samples: &[u8]) -> Result<bool, String> {
    let (height, row) = (geometry.height(), geometry.bytes() / geometry.height());
    let rows = |centre: usize| {
        let first = centre.saturating_sub(TRIED / 4) * row;
        samples.get(first..first + TRIED / 2 * row).unwrap_or_default()
    };
    // A small image is tried as a whole.
    let tried = if height > 2 * TRIED {
        Cow::Owned([rows(height / 4), rows(height - height / 4)].concat())
    } else {
        Cow::Borrowed(samples)
    };
    let compressed = png(geometry, tried.len() / row, &tried, CompressionType::Fast)?;
    // A gain of less than a twentieth is not worth it.
    Ok(compressed.len() + tried.len() / 20 < tried.len())
}

/// Encodes rows of an image as PNG.
fn png(geometry: Geometry, rows: usize, samples: &[u8], compression: CompressionType) -> Result<Vec<u8>, String> {
    let colour = match (geometry.channels(), geometry.depth()) {
        (1, Depth::U8) => ExtendedColorType::L8,
        (_, Depth::U8) => ExtendedColorType::Rgb8,
        (1, _) => ExtendedColorType::L16,
        (_, _) => ExtendedColorType::Rgb16,
    };
    let filter = match compression {
        CompressionType::Uncompressed => FilterType::NoFilter,
        _ => FilterType::Adaptive,
    };
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, compression, filter)
        .write_image(samples, geometry.width() as u32, rows as u32, colour)
        .map_err(|e| e.to_string())?;
    Ok(png)
}

/// Encodes an image as baseline JPEG of a quality from 1 to 100, with colour at full resolution (4:4:4): subsampling
/// would mix the pixels of neighbouring encrypted blocks, which have nothing in common. The bytes are the same on every
/// machine.
///
/// # Errors
/// For 16-bit images, which JPEG cannot hold, for sides beyond 65,535 pixels, and for other qualities.
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
