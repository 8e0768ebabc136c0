//! TIFF: every page is an image. Grey and RGB of 8 or 16 bits are read. Fewer bits are scaled to 8, and palettes become
//! RGB. Masks and copies of a page in another resolution are skipped. Files that store samples in any other way are
//! refused.

mod pages;
mod patched;
mod swapped;

use super::decode::{mismatch, opaque, stored};
use super::plausible::room;
use crate::format::{Header, ImageFile, ReadErrorKind};
use imgveil::internal::image::{Geometry, Image};
use pages::{Colour, Page, Pages, pages, wrong};
use patched::{Patched, TiffBytes};
use std::io::{BufRead, Cursor, Read, Seek};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::{PhotometricInterpretation, Tag};

/// Reads the header of a file.
pub(super) fn header(reader: impl BufRead + Seek, length: u64) -> Result<Header, ReadErrorKind> {
    pages(reader, length).map(|pages| pages.header)
}

/// Opens the contents of a file.
pub(super) fn open(bytes: Vec<u8>) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
    let Pages { header, pages, patches } = pages(Cursor::new(&bytes), bytes.len() as u64)?;
    Ok(Box::new(Tiff { bytes, header, pages, patches }))
}

/// An opened file.
struct Tiff {
    bytes: Vec<u8>,
    header: Header,
    pages: Vec<Page>,
    /// What makes the file readable by the decoder.
    patches: Vec<(u64, u8)>,
}

impl ImageFile for Tiff {
    fn header(&self) -> &Header {
        &self.header
    }

    fn image(&self, index: usize) -> Result<Image, ReadErrorKind> {
        let page = *self.pages.get(index).ok_or_else(mismatch)?;
        let file = TiffBytes(&self.bytes);
        let mut patches = self.patches.clone();
        patches.extend(file.first_page(page.directory));
        if !matches!(page.colour, Colour::Samples { .. }) {
            // The decoder does not support palettes. Their indices are read as grey.
            let black_is_zero = PhotometricInterpretation::BlackIsZero.to_u16();
            let at = file.value(page.directory, Tag::PhotometricInterpretation).ok_or_else(mismatch)?;
            patches.extend(file.number(at, u64::from(black_is_zero), 2));
        }
        let mut decoder = Decoder::new(Patched { inner: Cursor::new(&self.bytes), patches }).map_err(wrong)?;
        let mut limits = Limits::default();
        let room = room(page.geometry);
        (limits.decoding_buffer_size, limits.intermediate_buffer_size) = (room, room);
        decoder = decoder.with_limits(limits);
        let mut result = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut result).map_err(wrong)?;
        let planes = layout.planes;
        match (page.colour, result) {
            (Colour::Samples { alpha }, DecodingResult::U8(samples)) => {
                finish(page.geometry, interleave(samples, planes), alpha)
            }
            (Colour::Samples { alpha }, DecodingResult::U16(samples)) => {
                finish(page.geometry, interleave(samples, planes), alpha)
            }
            (Colour::Bits(bits, white_is_zero), DecodingResult::U8(packed)) => {
                let max = (1 << bits) - 1;
                let grey = |sample: u8| [(if white_is_zero { max - sample } else { sample }) * (255 / max)];
                Image::new(page.geometry, spread(&packed, bits, page.geometry.width(), grey)).ok_or_else(mismatch)
            }
            (Colour::Palette(bits), DecodingResult::U8(packed)) => {
                let palette = palette(&mut decoder, bits)?;
                // No index of `bits` bits lies beyond the palette.
                let colour = |number: u8| palette.get(usize::from(number)).copied().unwrap_or_default();
                Image::new(page.geometry, spread(&packed, bits, page.geometry.width(), colour)).ok_or_else(mismatch)
            }
            _ => Err(mismatch()),
        }
    }
}

/// 8 or 16 bits.
trait Sample: Copy + PartialEq {
    const OPAQUE: Self;
    fn stored(samples: Vec<Self>) -> Vec<u8>;
}

impl Sample for u8 {
    const OPAQUE: Self = u8::MAX;
    fn stored(samples: Vec<Self>) -> Vec<u8> {
        samples
    }
}

impl Sample for u16 {
    const OPAQUE: Self = u16::MAX;
    fn stored(samples: Vec<Self>) -> Vec<u8> {
        stored(&samples)
    }
}

fn finish<T: Sample>(geometry: Geometry, samples: Vec<T>, alpha: bool) -> Result<Image, ReadErrorKind> {
    let samples = if alpha { opaque(&samples, geometry.channels(), T::OPAQUE)? } else { samples };
    Image::new(geometry, T::stored(samples)).ok_or_else(mismatch)
}

/// Interleaves planes.
fn interleave<T: Copy>(samples: Vec<T>, planes: usize) -> Vec<T> {
    if planes < 2 {
        return samples;
    }
    let plane = samples.len() / planes;
    (0..plane).flat_map(|i| samples[i..].iter().step_by(plane).copied()).collect()
}

/// Unpacks samples of fewer than 8 bits, the first one in the highest bits. A row begins at a byte.
fn spread<const N: usize>(packed: &[u8], bits: u8, width: usize, value: impl Fn(u8) -> [u8; N]) -> Vec<u8> {
    let (bits, mask) = (usize::from(bits), u8::MAX >> (8 - bits));
    let row = (width * bits).div_ceil(8);
    let samples =
        |row: &[u8]| -> Vec<u8> { (0..width).map(|x| row[x * bits / 8] >> (8 - bits - x * bits % 8) & mask).collect() };
    packed.chunks_exact(row).flat_map(samples).flat_map(value).collect()
}

/// The palette. A file stores all reds, all greens, all blues with 16 bits each, of which the upper 8 are used. If none
/// of them is larger than 8 bits, the writer stored 8, as libtiff takes it too.
fn palette(decoder: &mut Decoder<impl Read + Seek>, bits: u8) -> Result<Vec<[u8; 3]>, ReadErrorKind> {
    let map = decoder.find_tag_unsigned_vec::<u16>(Tag::ColorMap).map_err(wrong)?.unwrap_or_default();
    let colours = 1 << bits;
    if map.len() != 3 * colours {
        let found = map.len() / 3;
        return Err(ReadErrorKind::Damaged(format!("its palette holds {found} colours instead of {colours}")));
    }
    let shift = if map.iter().all(|&colour| colour < 256) { 0 } else { 8 };
    let upper = |at: usize| (map[at] >> shift) as u8;
    Ok((0..colours).map(|i| [upper(i), upper(i + colours), upper(i + 2 * colours)]).collect())
}

#[cfg(test)]
mod tests;
