//! JPEG files: the frame header from as little of the file as possible, and the pixels.

use crate::format::ReadErrorKind;
use crate::format::jpeg::{Colours, Failed, JpegHead, decode_8};
use imgveil::internal::image::Geometry;
use std::io::{BufRead, ErrorKind, Seek};

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
        // Data that were cut look like a whole image.
        (0xc9 | 0xca, _) => return unsupported("arithmetic"),
        (0xc3 | 0xc7 | 0xcb | 0xcf, _) => return unsupported("lossless"),
        (0xc5..=0xc6 | 0xcd..=0xce, _) => return unsupported("hierarchical"),
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
    let head = JpegHead::read(bytes).ok_or_else(|| ReadErrorKind::Damaged("the JPEG has no usable header".into()))?;
    let stated = (usize::from(head.height), usize::from(head.width), usize::from(head.components));
    if stated != (geometry.height(), geometry.width(), geometry.channels()) {
        return Err(ReadErrorKind::Damaged("the JPEG has two frame headers".into()));
    }
    decode_8(bytes, &head, Colours::Marked).map_err(|failed| match failed {
        Failed::Short => ReadErrorKind::Damaged("the file ends before the image does (truncated JPEG)".into()),
        Failed::Damaged(words) => ReadErrorKind::Damaged(words),
        Failed::Unsupported(what) => ReadErrorKind::Unsupported(format!("a JPEG with {what}; convert it to PNG")),
    })
}

/// The marker and the beginning of the frame header, if there is one before the pixels. Bytes that belong to no segment
/// are skipped, as libjpeg does.
fn frame(reader: &mut (impl BufRead + Seek)) -> std::io::Result<Option<(u8, [u8; 6])>> {
    let mut pair = [0; 2];
    reader.read_exact(&mut pair)?;
    loop {
        let kind = marker(reader)?;
        match kind {
            0xd8..=0xda => return Ok(None),
            0x01 | 0xd0..=0xd7 => continue,
            _ => {}
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

/// The next marker.
fn marker(reader: &mut impl BufRead) -> std::io::Result<u8> {
    let mut byte = || -> std::io::Result<u8> {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        Ok(byte[0])
    };
    loop {
        while byte()? != 0xff {}
        let mut kind = byte()?;
        // Fill bytes may precede a marker.
        while kind == 0xff {
            kind = byte()?;
        }
        if kind != 0 {
            return Ok(kind);
        }
    }
}
