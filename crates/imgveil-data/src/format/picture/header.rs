//! The geometry of a picture, from as little of the file as its format allows.

use super::decode::wrong;
use super::plausible::{BMP_RUNS, DEFLATE, JPEG, WEBP, plausible};
use super::{bmp, jpeg, tiff};
use crate::format::{Header, ReadErrorKind};
use crate::limits::{LARGEST_PNG_HEADER, LONGEST_PNM_HEADER};
use image::codecs::bmp::BmpDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::pnm::{PnmDecoder, PnmHeader, PnmSubtype, SampleEncoding};
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder, ImageFormat, Limits};
use imgveil::internal::image::{Depth, Geometry};
use std::io::{BufRead, Read, Seek, SeekFrom};

/// The number of pictures in a file (the pages of a TIFF, else one) and their geometry, from as little of the file as
/// its format allows. A translucent picture is refused only when it is decoded.
///
/// # Errors
/// If it is not a picture, its header is damaged or promises more than the file can hold, or it is of a kind that is
/// not supported.
pub fn header(mut reader: impl BufRead + Seek) -> Result<Header, ReadErrorKind> {
    let length = reader.seek(SeekFrom::End(0)).map_err(ReadErrorKind::Io)?;
    let start = start(&mut reader).map_err(ReadErrorKind::Io)?;
    let one = |geometry| Header::new(1, geometry);
    match format(&start)? {
        ImageFormat::Tiff => tiff::header(reader, length),
        ImageFormat::Jpeg => {
            let geometry = jpeg::geometry(reader)?;
            plausible(geometry.bytes() as u64, length, JPEG)?;
            Ok(one(geometry))
        }
        ImageFormat::Png => png_geometry(reader, &start, length).map(one),
        ImageFormat::WebP => webp_geometry(reader, length).map(one),
        ImageFormat::Bmp => bmp_geometry(reader, &start, length).map(one),
        ImageFormat::Pnm => pnm_geometry(reader, length).map(one),
        _ => Err(ReadErrorKind::Foreign),
    }
}

/// The format by content, regardless of the name.
pub(super) fn format(start: &[u8]) -> Result<ImageFormat, ReadErrorKind> {
    match image::guess_format(start) {
        Ok(
            format @ (ImageFormat::Png
            | ImageFormat::Jpeg
            | ImageFormat::Tiff
            | ImageFormat::Bmp
            | ImageFormat::WebP
            | ImageFormat::Pnm),
        ) => Ok(format),
        _ if is_big_tiff(start) => Ok(ImageFormat::Tiff),
        // Behind the start marker there may be bytes that belong to no segment, which libjpeg skips.
        _ if start.starts_with(&[0xff, 0xd8]) => Ok(ImageFormat::Jpeg),
        _ => Err(ReadErrorKind::Foreign),
    }
}

/// BigTIFF, for files beyond 4 GiB, which `guess_format` does not know.
fn is_big_tiff(start: &[u8]) -> bool {
    start.starts_with(b"II+\0") || start.starts_with(b"MM\0+")
}

/// The first bytes: enough to recognise every format, and for headers that are parsed by hand. Rewinds the reader.
fn start(reader: &mut (impl BufRead + Seek)) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    reader.rewind()?;
    reader.by_ref().take(bmp::START).read_to_end(&mut start)?;
    // Relative, so that a buffer is kept.
    reader.seek_relative(-(start.len() as i64))?;
    Ok(start)
}

fn png_geometry(reader: impl BufRead + Seek, start: &[u8], length: u64) -> Result<Geometry, ReadErrorKind> {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(LARGEST_PNG_HEADER);
    let decoder = PngDecoder::with_limits(reader, limits).map_err(|e| wrong(&e))?;
    if decoder.is_apng().map_err(|e| wrong(&e))? {
        return Err(ReadErrorKind::Unsupported("an animated PNG; save its frames as images".into()));
    }
    let geometry = geometry(&decoder)?;
    // Bits of a sample and colour type, from the header chunk.
    let (bits, colour) = (start.get(24).map_or(8, |&bits| u64::from(bits)), start.get(25));
    let samples = match colour {
        Some(2) => 3,
        Some(4) => 2,
        Some(6) => 4,
        _ => 1,
    };
    let row = (geometry.width() as u64 * bits * samples).div_ceil(8) + 1;
    plausible(row * geometry.height() as u64, length, DEFLATE)?;
    Ok(geometry)
}

fn webp_geometry(reader: impl BufRead + Seek, length: u64) -> Result<Geometry, ReadErrorKind> {
    let decoder = WebPDecoder::new(reader).map_err(|e| wrong(&e))?;
    if decoder.has_animation() {
        return Err(ReadErrorKind::Unsupported("an animated WebP; save its frames as images".into()));
    }
    let geometry = geometry(&decoder)?;
    plausible(geometry.bytes() as u64, length, WEBP)?;
    Ok(geometry)
}

fn bmp_geometry(reader: impl BufRead + Seek, start: &[u8], length: u64) -> Result<Geometry, ReadErrorKind> {
    let decoder = BmpDecoder::new(reader).map_err(|e| wrong(&e))?;
    let geometry = geometry(&decoder)?;
    let Some(layout) = bmp::layout(start) else {
        return Err(ReadErrorKind::Damaged("the file ends inside of its header (truncated BMP)".into()));
    };
    if !layout.in_order {
        return Err(ReadErrorKind::Damaged("its pixels begin inside of its header or palette".into()));
    }
    match layout.length {
        Some(needed) => plausible(needed, length, 1)?,
        None => plausible(geometry.pixels() as u64, length, BMP_RUNS)?,
    }
    if layout.grey {
        return Ok(Geometry::new(geometry.height() as u32, geometry.width() as u32, 1)?);
    }
    Ok(geometry)
}

fn pnm_geometry(mut reader: impl BufRead + Seek, length: u64) -> Result<Geometry, ReadErrorKind> {
    // The decoder reads a header to its end, however long comments and numbers are.
    let decoder = PnmDecoder::new(reader.by_ref().take(LONGEST_PNM_HEADER)).map_err(|e| wrong(&e))?;
    let geometry = geometry(&decoder)?;
    if decoder.header().maximal_sample() > 255 && geometry.depth() == Depth::U8 {
        // The decoder would read one byte per sample instead of two.
        return Err(ReadErrorKind::Unsupported("a PAM of 16 bits that names no TUPLTYPE; add one".into()));
    }
    let geometry = geometry.with_depth(pnm_depth(geometry, decoder.header()));
    let samples = geometry.pixels() as u64 * u64::from(decoder.color_type().channel_count());
    let needed = match decoder.subtype() {
        PnmSubtype::Bitmap(SampleEncoding::Binary) => geometry.width().div_ceil(8) as u64 * geometry.height() as u64,
        PnmSubtype::Bitmap(SampleEncoding::Ascii) => samples,
        // A digit and a blank for each sample, without a blank after the last one.
        PnmSubtype::Graymap(SampleEncoding::Ascii) | PnmSubtype::Pixmap(SampleEncoding::Ascii) => 2 * samples - 1,
        _ => samples * geometry.depth().bytes() as u64,
    };
    drop(decoder);
    let header = reader.stream_position().map_err(ReadErrorKind::Io)?;
    plausible(needed, length.saturating_sub(header), 1)?;
    Ok(geometry)
}

/// The depth of a picture of the PNM family, by its largest sample.
fn pnm_depth(geometry: Geometry, header: &PnmHeader) -> Depth {
    match u16::try_from(header.maximal_sample()) {
        Ok(max) if geometry.depth() == Depth::U16 => Depth::holding(max),
        _ => geometry.depth(),
    }
}

/// The geometry that the decoder will give, without alpha.
fn geometry(decoder: &impl ImageDecoder) -> Result<Geometry, ReadErrorKind> {
    let (channels, depth) = match decoder.color_type() {
        ColorType::L8 | ColorType::La8 => (1, Depth::U8),
        ColorType::Rgb8 | ColorType::Rgba8 => (3, Depth::U8),
        ColorType::L16 | ColorType::La16 => (1, Depth::U16),
        ColorType::Rgb16 | ColorType::Rgba16 => (3, Depth::U16),
        other => return Err(ReadErrorKind::Samples(format!("{other:?}"))),
    };
    let (width, height) = decoder.dimensions();
    Ok(Geometry::new(height, width, channels)?.with_depth(depth))
}
