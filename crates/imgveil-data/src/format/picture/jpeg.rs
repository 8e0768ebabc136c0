//! JPEG: the frame header, and the pixels. A damaged image is refused, never filled up. JPEG has no checksum: damage
//! that leaves its codes valid cannot be detected.

use crate::format::ReadErrorKind;
use crate::text::one_line;
use imgveil::internal::image::Geometry;
use std::io::{BufRead, ErrorKind, Seek};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The geometry that the frame header states.
pub(super) fn geometry(mut reader: impl BufRead + Seek) -> Result<Geometry, ReadErrorKind> {
    let frame = frame(&mut reader).map_err(|e| match e.kind() {
        ErrorKind::UnexpectedEof => {
            ReadErrorKind::Damaged("the file ends inside of its header (truncated JPEG)".into())
        }
        _ => ReadErrorKind::Io(e),
    })?;
    let unsupported = |what: &str| Err(ReadErrorKind::Unsupported(format!("{what} JPEG; convert it to PNG")));
    let Some((kind, [precision, high, low, left, right, components])) = frame else {
        return Err(ReadErrorKind::Damaged("the JPEG has no frame header".into()));
    };
    match (kind, precision) {
        (0xc0..=0xc2, 8) => {}
        (0xc3 | 0xc7 | 0xcb | 0xcf, _) => return unsupported("lossless"),
        (0xc9..=0xca | 0xcd..=0xce, _) => return unsupported("arithmetically coded"),
        (0xc5..=0xc6, _) => return unsupported("hierarchical"),
        (_, bits) => return unsupported(&format!("{bits}-bit")),
    }
    let channels = match components {
        1 | 3 => u32::from(components),
        // CMYK has no unique conversion to RGB.
        4 => return unsupported("CMYK"),
        count => return unsupported(&format!("{count}-channel")),
    };
    let (height, width) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([left, right]));
    Ok(Geometry::new(height.into(), width.into(), channels)?)
}

/// The samples of an image whose geometry has been checked to be plausible.
pub(super) fn decode(bytes: &[u8], geometry: Geometry) -> Result<Vec<u8>, ReadErrorKind> {
    // The decoder silently fills missing pixels with grey, and a network would learn from them. In strict mode it
    // reports damage, but a truncated file may still look whole to it.
    if !has_end_of_image(bytes) {
        return Err(ReadErrorKind::Damaged("the file ends before the image does (truncated JPEG)".into()));
    }
    let colour = if geometry.channels() == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(geometry.width())
        .set_max_height(geometry.height())
        .jpeg_set_out_colorspace(colour);
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
        .decode()
        .map_err(|error| ReadErrorKind::Damaged(one_line(&error.to_string())))
}

/// The marker and the beginning of the frame header, if there is one before the pixels.
fn frame(reader: &mut (impl BufRead + Seek)) -> std::io::Result<Option<(u8, [u8; 6])>> {
    let mut pair = [0; 2];
    reader.read_exact(&mut pair)?;
    loop {
        reader.read_exact(&mut pair)?;
        let [0xff, mut kind] = pair else { return Ok(None) };
        // Fill bytes may precede a marker.
        while kind == 0xff {
            let mut byte = [0];
            reader.read_exact(&mut byte)?;
            [kind] = byte;
        }
        if matches!(kind, 0xd8..=0xda) {
            return Ok(None);
        }
        reader.read_exact(&mut pair)?;
        let length = u16::from_be_bytes(pair);
        if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
            let mut header = [0; 6];
            reader.read_exact(&mut header)?;
            return Ok(Some((kind, header)));
        }
        reader.seek_relative(i64::from(length.saturating_sub(2)))?;
    }
}

/// Whether there is an end marker after the first scan. A thumbnail in the header has an end marker of its own.
fn has_end_of_image(bytes: &[u8]) -> bool {
    // Segments after the start marker: ff, kind, length (of itself and the payload).
    let mut at = 2;
    while let [0xff, kind, high, low, ..] = bytes[at.min(bytes.len())..] {
        if kind == 0xda {
            return bytes[at..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
        }
        // A fill byte may precede a marker.
        at += if kind == 0xff { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
    }
    false
}
