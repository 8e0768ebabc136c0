//! The pages of a TIFF file, from their directories. Pages that the decoder would misread are refused here.

use super::patched::Patched;
use super::swapped;
use crate::format::picture::plausible::{DEFLATE, plausible};
use crate::format::{Header, ReadErrorKind};
use crate::limits::most_pages;
use crate::text::one_line;
use imgveil::internal::image::{Depth, Geometry};
use std::collections::HashSet;
use std::io::{Read, Seek};
use tiff::decoder::{ChunkType, Decoder};
use tiff::tags::{CompressionMethod, PhotometricInterpretation, PlanarConfiguration, SampleFormat, Tag};
use tiff::{ColorType, TiffError};

/// How the samples of a page are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// Grey of 1, 2 or 4 bits, and whether 0 is white.
    Bits(u8, bool),
    /// Palette indices of 1 to 8 bits.
    Palette(u8),
    /// Grey or RGB of 8 or 16 bits, with or without alpha.
    Samples {
        /// Whether an alpha channel follows.
        alpha: bool,
    },
}

/// One page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The offset of its directory.
    pub(super) directory: u64,
    pub(super) geometry: Geometry,
    pub(super) colour: Colour,
}

/// The pages of a file: at least one, and all of one geometry.
pub(super) struct Pages {
    pub(super) header: Header,
    pub(super) pages: Vec<Page>,
    /// The bytes that the decoder must read instead of those of the file.
    pub(super) patches: Vec<(u64, u8)>,
}

pub(super) fn pages(mut reader: impl Read + Seek, length: u64) -> Result<Pages, ReadErrorKind> {
    let patches = swapped::patches(&mut reader);
    let mut decoder = Decoder::new(Patched { inner: reader, patches: patches.clone() }).map_err(wrong)?;
    // The first page that is a copy of another one, which counts only if the file holds nothing else.
    let (mut copy, mut copies) = (None, 0);
    let mut pages: Vec<Page> = Vec::new();
    let (mut directories, most) = (HashSet::new(), most_pages(length));
    let mut strips = Strips { left: length.max(FREE_STRIPS) };
    loop {
        let directory = decoder.ifd_pointer().map_or(0, |pointer| pointer.0);
        if !directories.insert(directory) {
            return Err(ReadErrorKind::Damaged("its pages lead in a circle".into()));
        }
        if directories.len() > most {
            return Err(ReadErrorKind::ManyImages { count: directories.len(), most });
        }
        if is_own_page(&mut decoder)? {
            pages.push(page(&mut decoder, directory, length, &mut strips)?);
        } else {
            copies += 1;
            if copy.is_none() {
                copy = Some(page(&mut decoder, directory, length, &mut strips));
            }
        }
        if let [first, .., last] = pages[..]
            && first.geometry != last.geometry
        {
            return Err(ReadErrorKind::Unsupported(format!(
                "it has pages of several sizes (page 1 is {}, page {} is {}); make a file of each",
                first.geometry,
                pages.len(),
                last.geometry
            )));
        }
        if !decoder.more_images() {
            break;
        }
        decoder.next_image().map_err(wrong)?;
    }
    if let (true, Some(copy)) = (pages.is_empty(), copy) {
        pages.push(copy?);
        copies -= 1;
    }
    let Some(first) = pages.first() else { return Err(ReadErrorKind::Damaged("it has no page".into())) };
    let header = Header { left_out: copies, ..Header::new(pages.len(), first.geometry) };
    unlisted(&mut decoder, pages.len())?;
    Ok(Pages { header, pages, patches })
}

/// Whether a page is neither the same page in a lower resolution, such as a thumbnail, nor a mask.
fn is_own_page(decoder: &mut Decoder<impl Read + Seek>) -> Result<bool, ReadErrorKind> {
    let kind: Option<u32> = decoder.find_tag_unsigned(Tag::NewSubfileType).map_err(wrong)?;
    // The tag of older files, in which 2 is a lower resolution.
    let old: Option<u32> = decoder.find_tag_unsigned(Tag::SubfileType).map_err(wrong)?;
    Ok(kind.map_or(old != Some(2), |kind| kind & 0b101 == 0))
}

/// Refuses large stacks of ImageJ. They list only their first image and state the number of images in the description.
fn unlisted(decoder: &mut Decoder<impl Read + Seek>, listed: usize) -> Result<(), ReadErrorKind> {
    decoder.seek_to_image(0).map_err(wrong)?;
    let description = decoder.find_tag(Tag::ImageDescription).ok().flatten().and_then(|v| v.into_string().ok());
    let Some(text) = description.filter(|text| text.starts_with("ImageJ=")) else { return Ok(()) };
    let stated: Option<u64> =
        text.lines().find_map(|line| line.strip_prefix("images=")).and_then(|n| n.trim().parse().ok());
    match stated {
        Some(images) if images > listed as u64 => Err(ReadErrorKind::Unsupported(format!(
            "an ImageJ stack that lists {listed} of its {images} images; save it as an image sequence"
        ))),
        _ => Ok(()),
    }
}

/// Describes the decoder's current page.
fn page(
    decoder: &mut Decoder<impl Read + Seek>,
    directory: u64,
    length: u64,
    strips: &mut Strips,
) -> Result<Page, ReadErrorKind> {
    let number = |decoder: &mut Decoder<_>, tag| decoder.find_tag_unsigned::<u16>(tag).map_err(wrong);
    let (width, height) = decoder.dimensions().map_err(wrong)?;
    let stored_as =
        number(decoder, Tag::Compression)?.map_or(CompressionMethod::None, CompressionMethod::from_u16_exhaustive);
    let Some(ratio) = largest_ratio(stored_as) else {
        return Err(ReadErrorKind::Unsupported(format!("a TIFF compressed by {stored_as:?}; save it uncompressed")));
    };
    if number(decoder, Tag::FillOrder)? == Some(2) {
        // The decoder ignores the fill order and would give wrong samples.
        return Err(ReadErrorKind::Unsupported(
            "a TIFF whose bytes begin at their lowest bit (fill order 2); save it anew".into(),
        ));
    }
    let planar = number(decoder, Tag::PlanarConfiguration)? == Some(PlanarConfiguration::Planar.to_u16());
    if planar && decoder.get_chunk_type() == ChunkType::Tile {
        // The decoder panics at the last tiles of every plane but the first.
        return Err(ReadErrorKind::Unsupported("a TIFF of tiles in planes; save it in strips".into()));
    }
    let kinds = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).map_err(wrong)?.unwrap_or_default();
    if let Some(&kind) = kinds.iter().find(|&&kind| kind != SampleFormat::Uint.to_u16()) {
        return Err(ReadErrorKind::Samples(match SampleFormat::from_u16(kind) {
            Some(SampleFormat::IEEEFP) => "floating-point".into(),
            Some(SampleFormat::Int) => "signed".into(),
            _ => "unnamed".into(),
        }));
    }
    let samples = number(decoder, Tag::SamplesPerPixel)?.unwrap_or(1);
    let bits = decoder.find_tag_unsigned_vec::<u16>(Tag::BitsPerSample).map_err(wrong)?;
    let bits = bits.and_then(|bits| bits.first().copied()).unwrap_or(1);
    let interpretation = number(decoder, Tag::PhotometricInterpretation)?.and_then(PhotometricInterpretation::from_u16);
    let (colour, channels, depth) = match (interpretation, samples) {
        (Some(PhotometricInterpretation::RGBPalette), 1) if matches!(bits, 1 | 2 | 4 | 8) => {
            (Colour::Palette(bits as u8), 3, Depth::U8)
        }
        (Some(PhotometricInterpretation::RGBPalette), _) => {
            return Err(ReadErrorKind::Samples(format!("{bits}-bit palette")));
        }
        (Some(grey), 1) if matches!(bits, 1 | 2 | 4) => {
            (Colour::Bits(bits as u8, grey == PhotometricInterpretation::WhiteIsZero), 1, Depth::U8)
        }
        _ => whole_samples(decoder, samples)?,
    };
    let geometry = Geometry::new(height, width, channels)?.with_depth(depth);
    let row = (u64::from(width) * u64::from(bits) * u64::from(samples)).div_ceil(8);
    plausible(row * u64::from(height), stored_bytes(decoder, length, strips)?, ratio)?;
    Ok(Page { directory, geometry, colour })
}

/// Grey or RGB of whole bytes.
fn whole_samples(decoder: &mut Decoder<impl Read + Seek>, samples: u16) -> Result<(Colour, u32, Depth), ReadErrorKind> {
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(wrong)?.unwrap_or_default();
    let (channels, bits, alpha) = match (decoder.colortype().map_err(wrong)?, samples) {
        (ColorType::Gray(bits), 1) => (1, bits, false),
        (ColorType::RGB(bits), 3) => (3, bits, false),
        (ColorType::Multiband { bit_depth, num_samples: 2 }, 2) if matches!(extra[..], [1 | 2]) => (1, bit_depth, true),
        (ColorType::RGBA(bits), 4) => (3, bits, true),
        (other, samples) => return Err(ReadErrorKind::Samples(format!("{samples} ({other:?})"))),
    };
    let depth = match bits {
        8 => Depth::U8,
        16 => Depth::U16,
        other => return Err(ReadErrorKind::Samples(format!("{other}-bit"))),
    };
    Ok((Colour::Samples { alpha }, channels, depth))
}

/// The largest expansion of a compression method. `None` if the method is not supported.
fn largest_ratio(method: CompressionMethod) -> Option<u64> {
    match method {
        CompressionMethod::None => Some(1),
        // A run of 128 bytes in two bytes.
        CompressionMethod::PackBits => Some(64),
        CompressionMethod::Deflate | CompressionMethod::OldDeflate => Some(DEFLATE),
        // The longest string of a full table of 4096, in 12 bits.
        CompressionMethod::LZW => Some(4096 * 8 / 12),
        // A white row takes one bit, and few rows are wider than this.
        CompressionMethod::Fax4 => Some(1 << 16),
        _ => None,
    }
}

/// As many strips as this may be read, however short the file is.
const FREE_STRIPS: u64 = 1 << 16;

/// How many strips and tiles the pages may still list. Each is listed by bytes of the file, so that they are fewer than
/// its bytes. Pages that share one long list would take the square of its length.
struct Strips {
    left: u64,
}

impl Strips {
    fn take(&mut self, count: usize) -> Result<(), ReadErrorKind> {
        let shared = || ReadErrorKind::Damaged("its pages list more strips than the file has bytes".into());
        self.left = self.left.checked_sub(count as u64).ok_or_else(shared)?;
        Ok(())
    }
}

/// The number of bytes that the page's strips or tiles take in the file.
fn stored_bytes(
    decoder: &mut Decoder<impl Read + Seek>,
    length: u64,
    strips: &mut Strips,
) -> Result<u64, ReadErrorKind> {
    let (offsets, counts) = match decoder.get_chunk_type() {
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
        ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
    };
    let offsets = decoder.find_tag_unsigned_vec::<u64>(offsets).map_err(wrong)?.unwrap_or_default();
    let counts = decoder.find_tag_unsigned_vec::<u64>(counts).map_err(wrong)?.unwrap_or_default();
    strips.take(offsets.len().max(counts.len()))?;
    let here = offsets.iter().zip(&counts).map(|(&at, &count)| count.min(length.saturating_sub(at)));
    Ok(here.fold(0, u64::saturating_add))
}

/// The decoder's error, with its message on one line.
pub(super) fn wrong(error: TiffError) -> ReadErrorKind {
    match error {
        TiffError::UnsupportedError(what) => ReadErrorKind::Unsupported(one_line(&what.to_string())),
        TiffError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            ReadErrorKind::Damaged("the file ends before the image does (truncated TIFF)".into())
        }
        other => ReadErrorKind::Damaged(one_line(&other.to_string())),
    }
}
