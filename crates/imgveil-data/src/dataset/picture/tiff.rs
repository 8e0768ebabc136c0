//! TIFF: every page is an image of its own. Grey and RGB of 8 or 16 bits; fewer bits are spread to 8, palettes become RGB.
//! Versions of a page in another resolution and masks are no images and are passed over. Never guesses: what stores samples in
//! any other way is refused.

use super::super::ReadErrorKind;
use super::super::image_file::{Header, ImageFile};
use super::{mismatch, opaque, plausible, room, stored};
use imgveil::internal::image::{Depth, Geometry, Image};
use std::collections::HashSet;
use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::{CompressionMethod, PhotometricInterpretation, PlanarConfiguration, SampleFormat, Tag};
use tiff::{ColorType, TiffError};

/// What a page is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    /// Grey of 1, 2 or 4 bits, and whether 0 is white.
    Bits(u8, bool),
    /// Numbers of colours, of 1 to 8 bits.
    Palette(u8),
    /// Grey or RGB of 8 or 16 bits, perhaps with alpha behind it.
    Samples {
        /// Whether there is alpha.
        alpha: bool,
    },
}

/// One page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    /// Where its directory lies.
    directory: u64,
    geometry: Geometry,
    colour: Colour,
}

/// What the pages say.
pub(super) fn header(reader: impl BufRead + Seek, length: u64) -> Result<Header, ReadErrorKind> {
    pages(reader, length).map(|pages| pages.header)
}

/// Opens a file that was read whole.
pub(super) fn open(bytes: Vec<u8>) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
    let Pages { header, pages } = pages(Cursor::new(&bytes), bytes.len() as u64)?;
    Ok(Box::new(Tiff { bytes, header, pages }))
}

/// The pages of a file, at least one, all of one geometry.
struct Pages {
    header: Header,
    pages: Vec<Page>,
}

fn pages(reader: impl Read + Seek, length: u64) -> Result<Pages, ReadErrorKind> {
    let mut decoder = Decoder::new(reader).map_err(wrong)?;
    let mut pages: Vec<Page> = Vec::new();
    let mut directories = HashSet::new();
    loop {
        let directory = decoder.ifd_pointer().map_or(0, |pointer| pointer.0);
        if !directories.insert(directory) {
            return Err(ReadErrorKind::Damaged("its pages lead in a circle".into()));
        }
        // Bit 0: the same page in a lower resolution; bit 2: a mask.
        let kind: u32 = decoder.find_tag_unsigned(Tag::NewSubfileType).map_err(wrong)?.unwrap_or(0);
        if pages.is_empty() || kind & 0b101 == 0 {
            pages.push(page(&mut decoder, directory, length)?);
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
    let Some(first) = pages.first() else { return Err(ReadErrorKind::Damaged("it has no page".into())) };
    let header = Header { count: pages.len(), geometry: first.geometry };
    unlisted(&mut decoder, pages.len())?;
    Ok(Pages { header, pages })
}

/// ImageJ lists only the first of the images of a large stack, and says in words how many there are.
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

/// What the decoder's current page is.
fn page(decoder: &mut Decoder<impl Read + Seek>, directory: u64, length: u64) -> Result<Page, ReadErrorKind> {
    let number = |decoder: &mut Decoder<_>, tag| decoder.find_tag_unsigned::<u16>(tag).map_err(wrong);
    let (width, height) = decoder.dimensions().map_err(wrong)?;
    let stored_as =
        number(decoder, Tag::Compression)?.map_or(CompressionMethod::None, CompressionMethod::from_u16_exhaustive);
    let Some(ratio) = largest_ratio(stored_as) else {
        return Err(ReadErrorKind::Unsupported(format!("a TIFF compressed by {stored_as:?}; save it uncompressed")));
    };
    if number(decoder, Tag::FillOrder)? == Some(2) {
        // The decoder takes no notice of it and gives other samples.
        return Err(ReadErrorKind::Unsupported(
            "a TIFF whose bytes begin at their lowest bit (fill order 2); save it anew".into(),
        ));
    }
    let planar = number(decoder, Tag::PlanarConfiguration)? == Some(PlanarConfiguration::Planar.to_u16());
    if planar && decoder.get_chunk_type() == ChunkType::Tile {
        // The decoder takes the last tiles of every plane but the first for whole ones, and panics.
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
    plausible(row * u64::from(height), stored_bytes(decoder, length)?, ratio)?;
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

/// How many bytes a byte of the file can become: nothing that is read here can exceed that.
fn largest_ratio(method: CompressionMethod) -> Option<u64> {
    match method {
        CompressionMethod::None => Some(1),
        // A run of 128 in two bytes.
        CompressionMethod::PackBits => Some(64),
        CompressionMethod::Deflate | CompressionMethod::OldDeflate => Some(super::DEFLATE),
        // The longest string of a full table of 4096, in 12 bits.
        CompressionMethod::LZW => Some(4096 * 8 / 12),
        // A white row is one bit; few are as wide as this allows.
        CompressionMethod::Fax4 => Some(1 << 16),
        _ => None,
    }
}

/// How many bytes of the file the page's strips or tiles take.
fn stored_bytes(decoder: &mut Decoder<impl Read + Seek>, length: u64) -> Result<u64, ReadErrorKind> {
    let (offsets, counts) = match decoder.get_chunk_type() {
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
        ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
    };
    let offsets = decoder.find_tag_unsigned_vec::<u64>(offsets).map_err(wrong)?.unwrap_or_default();
    let counts = decoder.find_tag_unsigned_vec::<u64>(counts).map_err(wrong)?.unwrap_or_default();
    let here = offsets.iter().zip(&counts).map(|(&at, &count)| count.min(length.saturating_sub(at)));
    Ok(here.fold(0, u64::saturating_add))
}

/// An opened file.
struct Tiff {
    bytes: Vec<u8>,
    header: Header,
    pages: Vec<Page>,
}

impl ImageFile for Tiff {
    fn header(&self) -> Header {
        self.header
    }

    fn image(&self, index: usize) -> Result<Image, ReadErrorKind> {
        let page = *self.pages.get(index).ok_or_else(mismatch)?;
        let mut patches = self.first_page(page.directory);
        if !matches!(page.colour, Colour::Samples { .. }) {
            // The decoder reads no palettes: to it, their numbers are grey.
            let black_is_zero = PhotometricInterpretation::BlackIsZero.to_u16();
            let at = self.value(page.directory, Tag::PhotometricInterpretation).ok_or_else(mismatch)?;
            patches.extend(self.number(at, u64::from(black_is_zero), 2));
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
                // No number of `bits` bits lies beyond the palette.
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

/// Planes one behind the other become samples side by side.
fn interleave<T: Copy>(samples: Vec<T>, planes: usize) -> Vec<T> {
    if planes < 2 {
        return samples;
    }
    let plane = samples.len() / planes;
    (0..plane).flat_map(|i| samples[i..].iter().step_by(plane).copied()).collect()
}

/// Samples of fewer than 8 bits, the first in the highest; a row begins at a byte.
fn spread<const N: usize>(packed: &[u8], bits: u8, width: usize, value: impl Fn(u8) -> [u8; N]) -> Vec<u8> {
    let (bits, mask) = (usize::from(bits), u8::MAX >> (8 - bits));
    let row = (width * bits).div_ceil(8);
    let samples =
        |row: &[u8]| -> Vec<u8> { (0..width).map(|x| row[x * bits / 8] >> (8 - bits - x * bits % 8) & mask).collect() };
    packed.chunks_exact(row).flat_map(samples).flat_map(value).collect()
}

/// The colours: all reds, all greens, all blues, of 16 bits, of which the upper 8 count.
fn palette(decoder: &mut Decoder<impl Read + Seek>, bits: u8) -> Result<Vec<[u8; 3]>, ReadErrorKind> {
    let map = decoder.find_tag_unsigned_vec::<u16>(Tag::ColorMap).map_err(wrong)?.unwrap_or_default();
    let colours = 1 << bits;
    if map.len() != 3 * colours {
        let found = map.len() / 3;
        return Err(ReadErrorKind::Damaged(format!("its palette holds {found} colours instead of {colours}")));
    }
    let upper = |at: usize| (map[at] >> 8) as u8;
    Ok((0..colours).map(|i| [upper(i), upper(i + colours), upper(i + 2 * colours)]).collect())
}

impl Tiff {
    fn is_big_endian(&self) -> bool {
        self.bytes.starts_with(b"M")
    }

    /// BigTIFF has offsets of 8 bytes.
    fn is_big(&self) -> bool {
        let number = self.bytes.get(2..4);
        number == Some([43, 0].as_slice()) || number == Some([0, 43].as_slice())
    }

    /// A number in the file's order of bytes, byte by byte with its place.
    fn number(&self, at: u64, number: u64, bytes: usize) -> Vec<(u64, u8)> {
        let mut digits = number.to_le_bytes()[..bytes].to_vec();
        if self.is_big_endian() {
            digits.reverse();
        }
        (at..).zip(digits).collect()
    }

    /// The file's beginning, changed so that this page is its first one.
    fn first_page(&self, directory: u64) -> Vec<(u64, u8)> {
        if self.is_big() { self.number(8, directory, 8) } else { self.number(4, directory, 4) }
    }

    /// The number that lies in the file at a place, of 2 or 8 bytes.
    fn at(&self, at: usize, bytes: usize) -> Option<u64> {
        let digits = self.bytes.get(at..at.checked_add(bytes)?)?;
        let fold = |number: u64, &digit: &u8| number << 8 | u64::from(digit);
        Some(if self.is_big_endian() { digits.iter().fold(0, fold) } else { digits.iter().rev().fold(0, fold) })
    }

    /// Where the (short) value of a tag lies.
    fn value(&self, directory: u64, tag: Tag) -> Option<u64> {
        let (count, entry, value) = if self.is_big() { (8, 20, 12) } else { (2, 12, 8) };
        let directory = usize::try_from(directory).ok()?;
        let entries = usize::try_from(self.at(directory, count)?).ok()?;
        let mut places = (0..entries).map_while(|i| directory.checked_add(count)?.checked_add(i.checked_mul(entry)?));
        let place = places.find(|&at| self.at(at, 2).is_none_or(|number| number == u64::from(tag.to_u16())))?;
        Some((place + value) as u64)
    }
}

/// A file some bytes of which read as others.
struct Patched<R> {
    inner: R,
    patches: Vec<(u64, u8)>,
}

impl<R: Read + Seek> Read for Patched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let start = self.inner.stream_position()?;
        let read = self.inner.read(buffer)?;
        for &(at, byte) in &self.patches {
            let place = at.checked_sub(start).and_then(|place| usize::try_from(place).ok());
            if let Some(place) = place.and_then(|place| buffer[..read].get_mut(place)) {
                *place = byte;
            }
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Patched<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}

/// The decoder's words on one line.
fn wrong(error: TiffError) -> ReadErrorKind {
    let line = |words: String| words.split_whitespace().collect::<Vec<_>>().join(" ");
    match error {
        TiffError::UnsupportedError(what) => ReadErrorKind::Unsupported(line(what.to_string())),
        TiffError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            ReadErrorKind::Damaged("the file ends before the image does (truncated TIFF)".into())
        }
        other => ReadErrorKind::Damaged(line(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tiff::encoder::{Compression, TiffEncoder, colortype};

    fn samples(count: usize) -> Vec<u16> {
        (0..count).map(|i| (i * 2611) as u16).collect()
    }

    fn written(pages: &[(u32, u32)], compression: Compression) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap().with_compression(compression);
        for (number, &(width, height)) in pages.iter().enumerate() {
            let page: Vec<u16> = samples((3 * width * height) as usize).iter().map(|s| s ^ number as u16).collect();
            encoder.write_image::<colortype::RGB16>(width, height, &page).unwrap();
        }
        bytes.into_inner()
    }

    #[test]
    fn every_page_is_an_image() {
        let file = written(&[(5, 4), (5, 4), (5, 4)], Compression::Lzw);
        let stack = open(file.clone()).unwrap();
        let geometry = Geometry::new(4, 5, 3).unwrap().with_depth(Depth::U16);
        assert_eq!(stack.header(), Header { count: 3, geometry });
        assert_eq!(header(Cursor::new(&file), file.len() as u64).unwrap(), stack.header());
        for number in 0..3 {
            let page: Vec<u8> = samples(60).iter().flat_map(|s| (s ^ number).to_le_bytes()).collect();
            assert_eq!(stack.image(number.into()).unwrap().samples(), page);
        }
        assert!(stack.image(3).is_err());
        let mixed = open(written(&[(5, 4), (4, 5)], Compression::Uncompressed)).map(|_| ()).unwrap_err();
        assert!(mixed.to_string().contains("page 1 is 4x5x3x16, page 2 is 5x4x3x16"), "{mixed}");
    }

    /// A file of one page by hand: entries of (tag, type 3 or 4, values), pixels behind them.
    fn by_hand(big: bool, entries: &[(u16, Vec<u16>)], pixels: &[u8]) -> Vec<u8> {
        let mut entries = entries.to_vec();
        entries.extend([(273, vec![0]), (279, vec![pixels.len() as u16])]);
        entries.sort_by_key(|entry| entry.0);
        let number = |n: u64, bytes: usize| n.to_be_bytes()[8 - bytes..].to_vec();
        let (word, count) = if big { (8, 8) } else { (4, 2) };
        let mut file = b"MM\0".to_vec();
        file.extend(if big { vec![43, 0, 8, 0, 0] } else { vec![42] });
        let start = file.len() + word;
        file.extend(number(start as u64, word));
        let mut after = start + count + entries.len() * (4 + 2 * word) + word;
        let mut tail = Vec::new();
        file.extend(number(entries.len() as u64, count));
        for (tag, values) in &entries {
            file.extend([number(u64::from(*tag), 2), number(3, 2), number(values.len() as u64, word)].concat());
            let mut value: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
            if *tag == 273 {
                let long = entries.iter().filter(|(_, v)| 2 * v.len() > word).map(|(_, v)| 2 * v.len()).sum::<usize>();
                let base = start + count + entries.len() * (4 + 2 * word) + word;
                value = ((base + long) as u16).to_be_bytes().to_vec();
            }
            if value.len() <= word {
                value.resize(word, 0);
                file.extend(value);
            } else {
                file.extend(number(after as u64, word));
                after += value.len();
                tail.extend(value);
            }
        }
        file.extend(number(0, word));
        file.extend(tail);
        file.extend(pixels);
        file
    }

    fn grey(bits: u16, interpretation: u16) -> Vec<(u16, Vec<u16>)> {
        vec![(256, vec![3]), (257, vec![2]), (258, vec![bits]), (262, vec![interpretation]), (277, vec![1])]
    }

    #[test]
    fn few_bits_are_spread_and_palettes_become_colours() {
        for big in [false, true] {
            let decoded = |entries: &[_], pixels: &[u8]| open(by_hand(big, entries, pixels)).unwrap().image(0).unwrap();
            assert_eq!(decoded(&grey(1, 1), &[0b1010_0000, 0b0110_0000]).samples(), [255, 0, 255, 0, 255, 255]);
            assert_eq!(decoded(&grey(1, 0), &[0b1010_0000, 0b0110_0000]).samples(), [0, 255, 0, 255, 0, 0]);
            assert_eq!(decoded(&grey(4, 1), &[0x0f, 0x10, 0x23, 0x40]).samples(), [0, 255, 17, 34, 51, 68]);
            assert_eq!(decoded(&grey(8, 0), &[0, 1, 2, 3, 4, 255]).samples(), [255, 254, 253, 252, 251, 0]);
            let mut palette = grey(2, 3);
            palette.push((320, [1u16, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(|c| c << 8 | c).to_vec()));
            let image = decoded(&palette, &[0b0001_1000, 0b1100_0100]);
            assert_eq!(image.samples(), [1, 5, 9, 2, 6, 10, 3, 7, 11, 4, 8, 12, 1, 5, 9, 2, 6, 10]);
        }
    }

    #[test]
    fn planes_are_interleaved_and_alpha_is_dropped_where_it_says_nothing() {
        let colour = |samples: u16, more: &[(u16, Vec<u16>)]| {
            let mut entries = vec![(256, vec![2]), (257, vec![1]), (258, vec![8; samples.into()]), (262, vec![2])];
            entries.push((277, vec![samples]));
            entries.extend_from_slice(more);
            entries
        };
        let image = |entries: &[_], pixels: &[u8]| open(by_hand(false, entries, pixels)).and_then(|s| s.image(0));
        assert_eq!(image(&colour(3, &[]), &[1, 2, 3, 4, 5, 6]).unwrap().samples(), [1, 2, 3, 4, 5, 6]);
        let alpha = colour(4, &[(338, vec![2])]);
        assert_eq!(image(&alpha, &[1, 2, 3, 255, 4, 5, 6, 255]).unwrap().samples(), [1, 2, 3, 4, 5, 6]);
        let translucent = image(&alpha, &[1, 2, 3, 255, 4, 5, 6, 254]).unwrap_err();
        assert!(translucent.to_string().contains("translucent"), "{translucent}");
        // A fourth sample of unknown meaning is not dropped in silence.
        assert!(matches!(image(&colour(4, &[(338, vec![0])]), &[0; 8]), Err(ReadErrorKind::Samples(_))));
        assert_eq!(interleave(vec![1, 2, 3, 4, 5, 6], 3), [1, 3, 5, 2, 4, 6]);
    }

    #[test]
    fn what_the_file_cannot_hold_is_refused_before_memory_is_taken() {
        let mut entries = grey(16, 1);
        entries[0].1 = vec![30_000];
        entries[1].1 = vec![30_000];
        let error = open(by_hand(false, &entries, &[0; 12])).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("promises 1800000000 bytes"), "{error}");
    }

    #[test]
    fn what_the_decoder_would_misread_is_refused() {
        let refused = |more: (u16, Vec<u16>)| {
            let mut entries = grey(8, 1);
            entries.push(more);
            open(by_hand(false, &entries, &[0; 6])).map(|_| ()).unwrap_err().to_string()
        };
        assert!(refused((266, vec![2])).contains("fill order 2"));
        assert!(refused((339, vec![3])).contains("floating-point"));
        assert!(refused((339, vec![2])).contains("signed"));
        assert!(refused((259, vec![7])).contains("compressed by ModernJPEG"));
    }

    #[test]
    fn imagej_stacks_that_list_one_image_are_refused() {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
        let mut page = encoder.new_image::<colortype::Gray8>(2, 1).unwrap();
        page.encoder().write_tag(Tag::ImageDescription, "ImageJ=1.53\nimages=70\nslices=70\n").unwrap();
        page.write_data(&[1, 2]).unwrap();
        let error = open(bytes.into_inner()).map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("lists 1 of its 70 images"), "{error}");
    }
}
