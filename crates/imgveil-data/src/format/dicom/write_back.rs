//! Writes pixels back into a copy of the DICOM object that they were read from. Pixels are written uncompressed. The
//! elements of the object that do not describe pixels are copied byte for byte, unread.

use super::description::Description;
use super::element_writer::{Edits, put, text_value, uid_value};
use super::elements::{Encoding, Tag, Walker, Whole};
use super::fields::{TRANSFER_SYNTAX, WANTED, text};
use super::opening::{is_typed, opening};
use super::stored_pixels::StoredPixels;
use super::syntax::{Coding, Syntax};
use super::{LARGEST_EXPANSION, described, inflate, words};
use crate::format::write_back::{CopyOptions, NotWrittenBack, check_scales, check_shape};
use crate::format::{ReadErrorKind, ReadOptions};
use imgveil::internal::image::Image;

const META_LENGTH: Tag = 0x0002_0000;
const META_VERSION: Tag = 0x0002_0001;
const META_CLASS: Tag = 0x0002_0002;
const META_INSTANCE: Tag = 0x0002_0003;
const WRITER: Tag = 0x0002_0012;
const WRITER_NAME: Tag = 0x0002_0013;
const CLASS: Tag = 0x0008_0016;
const INSTANCE: Tag = 0x0008_0018;
const SAMPLES: Tag = 0x0028_0002;
const PHOTOMETRIC: Tag = 0x0028_0004;
const PLANAR: Tag = 0x0028_0006;
const ALLOCATED: Tag = 0x0028_0100;
const STORED: Tag = 0x0028_0101;
const HIGH_BIT: Tag = 0x0028_0102;
const SIGNED: Tag = 0x0028_0103;
/// What no longer holds once indices or colour differences are colours: the smallest and largest values, and palettes.
const OF_OTHER_VALUES: [Tag; 11] = [
    0x0028_0106,
    0x0028_0107,
    0x0028_1101,
    0x0028_1102,
    0x0028_1103,
    0x0028_1201,
    0x0028_1202,
    0x0028_1203,
    0x0028_1221,
    0x0028_1222,
    0x0028_1223,
];
/// Offsets and lengths of fragments.
const OF_FRAGMENTS: [Tag; 2] = [0x7fe0_0001, 0x7fe0_0002];
const PIXEL_DATA: Tag = 0x7fe0_0010;

/// Names this program as the writer of a file: a UUID as an identifier (PS3.5 Annex B.2).
const WRITER_UID: &str = "2.25.325954916800587653461571912434406225930";

/// The most that may follow the pixels of a deflated object, in bytes.
const TAIL: u64 = 1 << 20;

/// The bytes of an object with the pixels of `images` in place of its own.
///
/// # Errors
/// If the object cannot be read at full depth, or its pixels are not those of `images`.
pub fn written_back(original: Vec<u8>, images: &[Image], options: &CopyOptions<'_>) -> Result<Vec<u8>, NotWrittenBack> {
    let reading = ReadOptions { memory: options.memory, ..ReadOptions::default() };
    let (description, deflated) = described(&original, true).map_err(words)?;
    let header = description.header(&reading)?;
    check_shape(header.count, header.geometry, images)?;
    check_scales(&header.rescales, options.rescales)?;
    let inflated = deflated.map(|start| inflated(&original, start, &description, &reading)).transpose()?;
    let start = opening(&original).map_err(words)?.start;
    let (object, start) = inflated.as_ref().map_or((&original, start), |object| (object, 0));
    let pixels = StoredPixels::of(&description, object, images, header.geometry.depth())?;
    let elements = elements(object, start, description.syntax.encoding)?;
    let encoding = found_encoding(object, &elements, description.syntax.encoding)?;
    let syntax = Syntax { encoding, ..description.syntax };
    copy(&original, object, &elements, &Description { syntax, ..description }, pixels, options)
}

/// The encoding that the elements have. Some writers state an explicit syntax and write the implicit one.
fn found_encoding(object: &[u8], elements: &[Whole], stated: Encoding) -> Result<Encoding, NotWrittenBack> {
    let typed = |element: &&Whole| object.get(element.range.clone()).is_some_and(is_typed);
    match elements.iter().filter(typed).count() {
        _ if stated.implicit => Ok(stated),
        count if count == elements.len() => Ok(stated),
        0 if !stated.big_endian => Ok(Encoding::IMPLICIT_LITTLE),
        _ => Err(ReadErrorKind::Unsupported("an object of explicit and implicit elements".into()).into()),
    }
}

/// The whole of a deflated data set.
fn inflated(
    bytes: &[u8],
    start: usize,
    description: &Description,
    reading: &ReadOptions,
) -> Result<Vec<u8>, NotWrittenBack> {
    let pixels = (u128::from(description.frame_bits()) * description.frames as u128).div_ceil(8);
    let most = u64::try_from(pixels + description.pixels.start as u128).unwrap_or(u64::MAX).saturating_add(TAIL);
    let possible = (bytes.len() as u64).saturating_mul(LARGEST_EXPANSION);
    let needed = most.min(possible).saturating_add(bytes.len() as u64).saturating_mul(2);
    reading.memory.check(needed).map_err(ReadErrorKind::from)?;
    match inflate(bytes.get(start..).unwrap_or_default(), most) {
        (object, true) => Ok(object),
        (_, false) => Err(ReadErrorKind::Unsupported("a deflated object with more than its pixels".into()).into()),
    }
}

/// The elements of a data set, without those inside of sequences.
fn elements(bytes: &[u8], start: usize, encoding: Encoding) -> Result<Vec<Whole>, NotWrittenBack> {
    let mut walker = Walker::new(bytes, start, encoding, &WANTED);
    let mut elements = Vec::new();
    while let Some(element) = walker.whole().map_err(|stop| words(stop.into()))? {
        elements.push(element);
    }
    Ok(elements)
}

/// The file: meta information, and the object with its changes.
fn copy(
    original: &[u8],
    object: &[u8],
    elements: &[Whole],
    description: &Description,
    pixels: StoredPixels,
    options: &CopyOptions<'_>,
) -> Result<Vec<u8>, NotWrittenBack> {
    let encoding = description.syntax.encoding;
    let stated = |tag| {
        let element = elements.iter().find(|element| element.tag == tag);
        element.and_then(|element| object.get(element.value.clone())).map(text).unwrap_or_default()
    };
    let old = stated(INSTANCE);
    if old.is_empty() {
        return Err(NotWrittenBack::NoUid);
    }
    let uid = options.new_uid.map_or_else(|| old.clone(), |new_uid| new_uid(&old));
    let mut edits = Edits::new(encoding);
    edits.put(INSTANCE, b"UI", uid_value(&uid));
    OF_FRAGMENTS.iter().for_each(|&tag| edits.remove(tag));
    if description.samples == 3 || pixels.converted {
        edits.put(PHOTOMETRIC, b"CS", text_value("RGB"));
        edits.number(PLANAR, 0);
    }
    if pixels.converted {
        edits.number(SAMPLES, 3);
        [(ALLOCATED, 8), (STORED, 8), (HIGH_BIT, 7), (SIGNED, 0)].iter().for_each(|&(tag, n)| edits.number(tag, n));
        OF_OTHER_VALUES.iter().for_each(|&tag| edits.remove(tag));
    } else if !description.syntax.coding.keeps_bits() {
        edits.number(HIGH_BIT, (description.stored - 1) as u16);
    }
    let in_words = pixels.in_words(description.pixels.words && description.syntax.coding == Coding::Native);
    let kind = if in_words { b"OW" } else { b"OB" };
    edits.put(PIXEL_DATA, kind, pixels.into_value(encoding.big_endian, in_words));
    let mut file = meta_information(original, &stated(CLASS), &uid, encoding)?;
    edits.copy(object, elements, &mut file)?;
    Ok(file)
}

/// The beginning of a file, up to its object.
fn meta_information(original: &[u8], class: &str, uid: &str, encoding: Encoding) -> Result<Vec<u8>, NotWrittenBack> {
    let syntax = match encoding {
        Encoding::IMPLICIT_LITTLE => "1.2.840.10008.1.2",
        Encoding::EXPLICIT_BIG => "1.2.840.10008.1.2.2",
        _ => "1.2.840.10008.1.2.1",
    };
    let meta = Encoding::EXPLICIT_LITTLE;
    let mut elements = Vec::new();
    put(&mut elements, meta, META_VERSION, *b"OB", &[0, 1])?;
    for (tag, uid) in [(META_CLASS, class), (META_INSTANCE, uid), (TRANSFER_SYNTAX, syntax), (WRITER, WRITER_UID)] {
        put(&mut elements, meta, tag, *b"UI", &uid_value(uid))?;
    }
    put(&mut elements, meta, WRITER_NAME, *b"SH", &text_value("IMGVEIL"))?;
    let preamble = original.get(..128).filter(|_| super::opening::has_preamble(original)).unwrap_or(&[0; 128]);
    let mut file = [preamble, b"DICM"].concat();
    put(&mut file, meta, META_LENGTH, *b"UL", &(elements.len() as u32).to_le_bytes())?;
    file.extend(elements);
    Ok(file)
}
