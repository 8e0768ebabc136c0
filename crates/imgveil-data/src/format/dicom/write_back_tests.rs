//! Copies of DICOM files made here, read again and compared byte by byte.

use super::fields::text;
use super::tests::{EXPLICIT, Maker, frames, little};
use super::*;
use crate::format::write_back::{CopyOptions, NotWrittenBack};
use proptest::prelude::*;

const IMPLICIT: &str = "1.2.840.10008.1.2";
const BIG: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const ENCAPSULATED: &str = "1.2.840.10008.1.2.1.98";

const CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
const UID: &str = "1.2.3.4";

fn object(maker: Maker) -> Maker {
    maker.text(0x0008_0018, b"UI", UID).text(0x0008_0016, b"UI", CLASS)
}

fn options<'a>(new_uid: Option<&'a (dyn Fn(&str) -> String + Sync)>) -> CopyOptions<'a> {
    CopyOptions { new_uid, axis: crate::format::Axis::Z, rescales: &[], range: None, memory: Memory::default() }
}

fn copied(file: &[u8], images: &[Image]) -> Result<Vec<u8>, NotWrittenBack> {
    written_back(file.to_vec(), images, &options(Some(&|old: &str| format!("{old}.5678"))))
}

/// The values of an element of a copy, wherever they stand.
fn values(copy: &[u8], tag: u32) -> Vec<Vec<u8>> {
    let opening = opening(copy).unwrap();
    let mut walker = elements::Walker::new(copy, opening.start, opening.syntax.encoding, &fields::WANTED);
    let mut found = Vec::new();
    while let Some(element) = walker.whole().unwrap() {
        if element.tag == tag {
            found.push(copy[element.value].to_vec());
        }
    }
    found
}

fn number(copy: &[u8], tag: u32) -> Option<u16> {
    values(copy, tag).first().map(|value| u16::from_le_bytes([value[0], value[1]]))
}

proptest! {
    #[test]
    fn copies_hold_the_stored_words_of_their_originals(
        syntax in prop::sample::select(vec![IMPLICIT, EXPLICIT, BIG, DEFLATED]),
        (rows, columns, count) in (1u16..6, 1u16..6, 1usize..4),
        allocated in prop::sample::select(vec![1u16, 8, 16]),
        stored in 1u16..=16,
        at_the_top: bool,
        signed: bool,
        inverted: bool,
        noise in prop::collection::vec(any::<u8>(), 256),
    ) {
        let stored = stored.min(allocated);
        let high = if at_the_top { allocated - 1 } else { stored - 1 };
        let bits = usize::from(rows) * usize::from(columns) * count * usize::from(allocated);
        let length = bits.div_ceil(8).next_multiple_of(2);
        let mut pixels: Vec<u8> = noise.into_iter().cycle().take(length).collect();
        // What follows the last pixel is no part of the image.
        pixels[bits.div_ceil(8)..].fill(0);
        if allocated == 1 && bits % 8 > 0 {
            pixels[bits / 8] &= (1 << (bits % 8)) - 1;
        }
        let maker = object(Maker::new(syntax, rows, columns, allocated, stored))
            .number(0x0028_0102, high)
            .number(0x0028_0103, signed.into())
            .text(0x0028_0008, b"IS", &count.to_string())
            .text(0x0028_0004, b"CS", if inverted { "MONOCHROME1" } else { "MONOCHROME2" });
        let file = maker.pixels(&pixels);
        let images = frames(&file, &ReadOptions::default()).unwrap();
        let copy = copied(&file, &images).unwrap();
        prop_assert_eq!(frames(&copy, &ReadOptions::default()).unwrap(), images);
        prop_assert_eq!(values(&copy, 0x7fe0_0010), vec![pixels]);
        prop_assert_eq!(values(&copy, 0x0010_0010), vec![b"Nobody^At All ".to_vec()]);
        prop_assert_eq!(values(&copy, 0x0008_0018), vec![b"1.2.3.4.5678".to_vec()]);
        for tag in [0x0028_0010, 0x0028_0011, 0x0028_0100, 0x0028_0101, 0x0028_0102, 0x0028_0103, 0x0028_0004] {
            let again = |file: &[u8]| -> Vec<Vec<u8>> { values(file, tag).into_iter().take(1).collect() };
            if syntax != DEFLATED {
                prop_assert_eq!(again(&copy), again(&file));
            }
        }
    }
}

#[test]
fn meta_information_tells_syntax_class_and_identifier() {
    let file = object(Maker::new(EXPLICIT, 1, 2, 8, 8)).pixels(&[7, 8]);
    let images = frames(&file, &ReadOptions::default()).unwrap();
    let with_five = |old: &str| format!("{old}.5");
    let with_five: &(dyn Fn(&str) -> String + Sync) = &with_five;
    for (new_uid, uid) in [(Some(with_five), "1.2.3.4.5"), (None, UID)] {
        let copy = written_back(file.clone(), &images, &options(new_uid)).unwrap();
        let end = opening(&copy).unwrap().start;
        // The length of the group counts from behind itself.
        let length = u32::from_le_bytes(copy[140..144].try_into().unwrap()) as usize;
        assert_eq!(144 + length, end);
        for text in [uid, CLASS, EXPLICIT] {
            assert!(copy[..end].windows(text.len()).any(|window| window == text.as_bytes()), "{text}");
        }
        assert_eq!(text(&values(&copy, 0x0008_0018)[0]), uid);
    }
}

#[test]
fn copies_keep_the_encoding_of_their_originals() {
    for (syntax, written) in [(IMPLICIT, IMPLICIT), (EXPLICIT, EXPLICIT), (BIG, BIG), (DEFLATED, EXPLICIT)] {
        let file = object(Maker::new(syntax, 1, 2, 8, 8)).pixels(&[7, 8]);
        let images = frames(&file, &ReadOptions::default()).unwrap();
        let copy = copied(&file, &images).unwrap();
        let end = opening(&copy).unwrap().start;
        // The value of the element (0002,0010) with its length.
        let uid = [&[written.len().next_multiple_of(2) as u8, 0], written.as_bytes()].concat();
        let stated = [b"\x02\x00\x10\x00UI".as_slice(), &uid].concat();
        assert!(copy[..end].windows(stated.len()).any(|window| window == stated), "{syntax}");
    }
}

#[test]
fn an_implicit_object_that_is_called_explicit_becomes_an_implicit_one() {
    let mut file = object(Maker::new(IMPLICIT, 1, 2, 8, 8)).pixels(&[7, 8]);
    // The meta information says another syntax than the one that follows.
    let at = file.windows(2).position(|pair| pair == b"UI").unwrap();
    let named = [&[EXPLICIT.len() as u8 + 1, 0], EXPLICIT.as_bytes(), b"\0"].concat();
    file.splice(at + 2..at + 4 + IMPLICIT.len() + 1, named);
    let images = frames(&file, &ReadOptions::default()).unwrap();
    let copy = copied(&file, &images).unwrap();
    assert_eq!(opening(&copy).unwrap().syntax, Syntax::named(IMPLICIT).unwrap());
    assert_eq!(frames(&copy, &ReadOptions::default()).unwrap(), images);
    assert_eq!(values(&copy, 0x7fe0_0010), [[7, 8]]);
}

#[test]
fn decoded_samples_stand_in_the_lowest_bits() {
    let (stream, _) = crate::format::jpeg::tests::codestream("lossless-12.jpg");
    let lossless = "1.2.840.10008.1.2.4.70";
    let file = object(Maker::new(lossless, 12, 16, 16, 12)).number(0x0028_0102, 15).fragments(&[&stream]);
    let images = frames(&file, &ReadOptions::default()).unwrap();
    let copy = copied(&file, &images).unwrap();
    assert_eq!(number(&copy, 0x0028_0102), Some(11));
    assert_eq!(frames(&copy, &ReadOptions::default()).unwrap(), images);
}

#[test]
fn frames_of_fragments_become_native() {
    let file = object(Maker::new(ENCAPSULATED, 2, 3, 16, 12))
        .number(0x0028_0103, 1)
        .text(0x0028_0008, b"IS", "2")
        .element(0x7fe0_0001, b"OV", &[0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0])
        .element(0x7fe0_0002, b"OV", &[12, 0, 0, 0, 0, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0])
        .fragments(&[&little(&[1, 2, 3, 0x8ff, 0xfff, 5]), &little(&[0, 1, 2, 3, 4, 5])]);
    let images = frames(&file, &ReadOptions::default()).unwrap();
    let copy = copied(&file, &images).unwrap();
    assert_eq!(opening(&copy).unwrap().syntax, Syntax::named(EXPLICIT).unwrap());
    assert_eq!(frames(&copy, &ReadOptions::default()).unwrap(), images);
    assert_eq!(values(&copy, 0x7fe0_0010), [little(&[1, 2, 3, 0x8ff, 0xfff, 5, 0, 1, 2, 3, 4, 5])]);
    assert!(values(&copy, 0x7fe0_0001).is_empty() && values(&copy, 0x7fe0_0002).is_empty());
}

#[test]
fn the_bits_above_a_decoded_signed_sample_repeat_its_sign() {
    // Run lengths of two planes, the upper bytes first: 0x8ff and 0x7ff of 12 bits.
    let mut rle = vec![0; 64];
    rle[0] = 2;
    rle[4] = 64;
    rle[8] = 68;
    rle.extend([1, 0x08, 0x07, 0x80, 1, 0xff, 0xff, 0x80]);
    let maker = || object(Maker::new("1.2.840.10008.1.2.5", 1, 2, 16, 12)).number(0x0028_0103, 1);
    let file = maker().fragments(&[&rle]);
    let images = frames(&file, &ReadOptions::default()).unwrap();
    // Run lengths keep all bits of a word, and so does the copy.
    assert_eq!(values(&copied(&file, &images).unwrap(), 0x7fe0_0010), [little(&[0x8ff, 0x7ff])]);
    let (description, _) = described(&file, true).unwrap();
    let jpeg = Syntax::named("1.2.840.10008.1.2.4.70").unwrap();
    let decoded = Description { syntax: jpeg, ..description };
    assert_eq!(decoded.word(0x0ff, 0), u64::MAX << 12 | 0x8ff);
    assert_eq!(decoded.word(0xfff, 0), 0x7ff);
}

#[test]
fn colours_are_written_pixel_by_pixel() {
    let rgb = [1, 2, 3, 4, 5, 6];
    let file = object(Maker::new(EXPLICIT, 1, 2, 8, 8)).colour("RGB", 1).pixels(&[1, 4, 2, 5, 3, 6]);
    let images = frames(&file, &ReadOptions::default()).unwrap();
    let copy = copied(&file, &images).unwrap();
    assert_eq!(values(&copy, 0x7fe0_0010), [rgb.to_vec()]);
    assert_eq!(number(&copy, 0x0028_0006), Some(0));
    assert_eq!(frames(&copy, &ReadOptions::default()).unwrap(), images);
}

#[test]
fn differences_and_indices_become_colours() {
    let differences =
        object(Maker::new(EXPLICIT, 1, 2, 8, 8)).colour("YBR_FULL", 0).pixels(&[76, 85, 255, 9, 128, 128]);
    let mut palette = object(Maker::new(EXPLICIT, 1, 2, 16, 16)).text(0x0028_0004, b"CS", "PALETTE COLOR");
    for (table, colour) in (0u16..3).zip([[10, 20], [30, 40], [50, 60]]) {
        palette = palette.numbers(0x0028_1201 + u32::from(table), &colour);
        palette = palette.numbers(0x0028_1101 + u32::from(table), &[2, 0, 8]);
    }
    let palette = palette.number(0x0028_0107, 1).pixels(&little(&[1, 0]));
    for (file, rgb) in [(differences, [254, 0, 0, 9, 9, 9]), (palette, [20, 40, 60, 10, 30, 50])] {
        let images = frames(&file, &ReadOptions::default()).unwrap();
        let copy = copied(&file, &images).unwrap();
        assert_eq!(values(&copy, 0x7fe0_0010), [rgb.to_vec()]);
        assert_eq!(text(&values(&copy, 0x0028_0004)[0]), "RGB");
        let of = |tag| number(&copy, tag);
        let layout = [of(0x0028_0002), of(0x0028_0006), of(0x0028_0100), of(0x0028_0101), of(0x0028_0102)];
        assert_eq!(layout, [3, 0, 8, 8, 7].map(Some));
        assert!(values(&copy, 0x0028_1101).is_empty() && values(&copy, 0x0028_1201).is_empty());
        assert!(values(&copy, 0x0028_0107).is_empty());
        assert_eq!(frames(&copy, &ReadOptions::default()).unwrap(), images);
    }
}

#[test]
fn other_pixels_sizes_and_numbers_are_refused() {
    let file = object(Maker::new(EXPLICIT, 1, 2, 8, 8)).pixels(&[7, 8]);
    let images = frames(&file, &ReadOptions::default()).unwrap();
    let refused = |file: &[u8], images: &[Image]| copied(file, images).unwrap_err().to_string();
    let image = |rows, columns, samples: &[u8]| {
        Image::new(imgveil::internal::image::Geometry::new(rows, columns, 1).unwrap(), samples.to_vec()).unwrap()
    };
    let other = "is not the file that was encrypted: image 0 of it has other pixels";
    assert_eq!(refused(&file, &[image(1, 2, &[7, 9])]), other);
    assert_eq!(refused(&file, &[]), "holds 1 images, and the set has 0 of it");
    let size = "holds images of 1x2x1, and those of the set are 2x1x1";
    assert_eq!(refused(&file, &[image(2, 1, &[7, 8])]), size);
    let nameless = Maker::new(EXPLICIT, 1, 2, 8, 8).pixels(&[7, 8]);
    assert_eq!(refused(&nameless, &images), "has no SOP Instance UID");
    let wide = object(Maker::new(EXPLICIT, 1, 1, 32, 32)).pixels(&[1, 2, 3, 4]);
    assert!(refused(&wide, &[image(1, 1, &[1])]).contains("integers of 32 bits"));
    let deflated = object(Maker::new(DEFLATED, 1, 2, 8, 8)).pixels(&[7, 8]);
    for length in 0..deflated.len() {
        let _ = copied(&deflated[..length], &images);
    }
}
