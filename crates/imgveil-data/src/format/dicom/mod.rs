//! DICOM files: the frames of an image object, uncompressed or compressed, as grey or RGB images. Reads pixels only: no
//! name, date or identifier is ever read from a file.
//!
//! Elements are parsed by hand, because every length must be compared with the bytes that exist. The reader of
//! `dicom-object` 0.10.1 allocates and fills the claimed length: 4 GB for a damaged file of 40 kB.

mod codec;
mod codestream;
mod colour;
mod description;
mod element_writer;
mod elements;
mod fields;
mod frames;
mod grey;
mod interleave;
mod opening;
mod stored_pixels;
mod syntax;
mod voi;
mod write_back;

use crate::Memory;
use crate::format::ReadErrorKind;
use crate::format::ReadOptions;
use crate::format::{Header, ImageFile};
use description::{Description, Photometric};
use frames::Frames;
use imgveil::internal::image::Image;
use opening::{Problem, describe, has_preamble, opening};
use std::io::Read;
use syntax::Syntax;
pub use write_back::written_back;

/// Whether a file is DICOM, from its first bytes (132 are enough). A file without the preamble is recognised by its
/// first element, which must belong to the meta information or the identifying information (groups 2 and 8).
pub fn is_dicom(start: &[u8]) -> bool {
    let Some(&[group, high, element, zero, a, b, c, d]) = start.first_chunk() else { return false };
    // The value representations of the first elements of these groups.
    let typed = [*b"UL", *b"OB", *b"UI", *b"CS", *b"DA", *b"LO", *b"SH"].contains(&[a, b]);
    let first = match (group, high, element, zero) {
        (2 | 8, 0, 0..=0x20, 0) => typed || (c, d) == (0, 0) && b == 0 && (1..=64).contains(&a) && a % 2 == 0,
        (0, 8, 0, 0..=0x20) => typed,
        _ => false,
    };
    has_preamble(start) || first
}

/// Reads a file's header, up to the pixels.
///
/// # Errors
/// If the header cannot be read, or the pixels are of a kind that is not supported.
pub fn header(mut file: impl Read, reading: &ReadOptions) -> Result<Header, ReadErrorKind> {
    let (mut bytes, mut step) = (Vec::new(), 1 << 14);
    loop {
        let read = file.by_ref().take(step).read_to_end(&mut bytes).map_err(ReadErrorKind::Io)?;
        let whole = (read as u64) < step;
        match described(&bytes, whole) {
            Ok((description, _)) => return description.header(reading),
            Err(Problem::Short) if !whole => step *= 2,
            Err(problem) => return Err(words(problem)),
        }
    }
}

/// Opens the contents of a file. Each frame is decoded when it is read.
///
/// Without a window, samples keep their stored bits: half of the range is added to signed samples, and samples are
/// inverted if the smallest value is white. With a window, grey frames become 8 bits: first the modality rescale, then
/// the window. `Auto` takes the file's first window or look-up table, or else the range from the smallest to the
/// largest value of each frame. A window does not apply to colours.
///
/// # Errors
/// If the header cannot be read, pixels are missing, or they are of a kind that is not supported.
pub fn open(bytes: Vec<u8>, reading: &ReadOptions) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
    let (description, inflated) = described(&bytes, true).map_err(words)?;
    let header = description.header(reading)?;
    let bytes = match inflated {
        Some(start) => inflated_pixels(&bytes, start, &description, reading.memory)?,
        None => bytes,
    };
    let frames = Frames::locate(&description, &bytes)?;
    Ok(Box::new(Dicom { bytes, description, header, frames, reading: reading.clone() }))
}

/// The error for a header that cannot be used.
fn words(problem: Problem) -> ReadErrorKind {
    match problem {
        Problem::Refused(kind) => kind,
        Problem::Short => ReadErrorKind::Damaged("it ends in the middle of its header".into()),
    }
}

/// Deflate expands one byte to at most so many bytes.
const LARGEST_EXPANSION: u64 = 1032;

/// Far larger than any header, even with thousands of frames.
const LARGEST_INFLATED_HEADER: u64 = 1 << 26;

/// A file's header. For a deflated data set also its offset: offsets in the description then refer to the inflated data
/// set.
fn described(bytes: &[u8], whole: bool) -> Result<(Description, Option<usize>), Problem> {
    if !is_dicom(bytes) {
        let words = "it does not begin as a DICOM file does: check whether it is one".to_owned();
        return Err(Problem::Refused(ReadErrorKind::Damaged(words)));
    }
    let opening = opening(bytes)?;
    let Syntax { deflated: true, .. } = opening.syntax else {
        return Ok((describe(bytes, opening.start, opening.syntax, whole)?, None));
    };
    let mut limit = 1 << 14;
    loop {
        let (inflated, ended) = inflate(bytes.get(opening.start..).unwrap_or_default(), limit);
        match describe(&inflated, 0, opening.syntax, whole && ended) {
            Err(Problem::Short) if !ended && limit < LARGEST_INFLATED_HEADER => limit *= 4,
            other => return Ok((other?, Some(opening.start))),
        }
    }
}

/// At most `limit` bytes of a deflate stream, and whether these are the whole stream. A damaged stream ends at the
/// damage.
fn inflate(stream: &[u8], limit: u64) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let ended = flate2::read::DeflateDecoder::new(stream).take(limit).read_to_end(&mut bytes).is_err();
    let ended = ended || (bytes.len() as u64) < limit;
    (bytes, ended)
}

/// A deflated data set up to the end of its pixels.
fn inflated_pixels(
    bytes: &[u8],
    start: usize,
    description: &Description,
    memory: Memory,
) -> Result<Vec<u8>, ReadErrorKind> {
    let pixels = (u128::from(description.frame_bits()) * description.frames as u128).div_ceil(8);
    let needed = u64::try_from(pixels + description.pixels.start as u128).unwrap_or(u64::MAX);
    // Two files are open at a time. A stream gives no more than deflate can expand it to.
    let possible = (bytes.len() as u64).saturating_mul(LARGEST_EXPANSION);
    memory.check(needed.min(possible).saturating_add(bytes.len() as u64).saturating_mul(2))?;
    Ok(inflate(bytes.get(start..).unwrap_or_default(), needed).0)
}

/// An opened file.
struct Dicom {
    bytes: Vec<u8>,
    description: Description,
    header: Header,
    frames: Frames,
    reading: ReadOptions,
}

impl ImageFile for Dicom {
    fn header(&self) -> &Header {
        &self.header
    }

    fn image(&self, index: usize) -> Result<Image, ReadErrorKind> {
        let (description, geometry) = (&self.description, self.header.geometry);
        if index >= self.header.count {
            return Err(ReadErrorKind::Damaged(format!("it has no frame {index}")));
        }
        let frame = self.frames.bytes(description, &self.bytes, index)?;
        let frame = description.decode(frame)?;
        let samples = match (description.photometric, self.reading.window) {
            (Photometric::Grey { .. }, Some(window)) => description.windowed(index, &frame.samples, window),
            (Photometric::Grey { .. }, None) => description.full_depth(&frame.samples, geometry.depth()),
            _ => description.rgb(frame, geometry.depth()),
        };
        Image::new(geometry, samples)
            .ok_or_else(|| ReadErrorKind::Damaged("it holds more or fewer pixels than it says".into()))
    }
}

#[cfg(test)]
mod codestream_tests;
#[cfg(test)]
mod frame_value_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod write_back_tests;
