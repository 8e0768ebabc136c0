//! DICOM files made here, byte by byte, compared with pixels computed by hand or by very simple code.

use super::*;
use crate::format::{ReadOptions, Window};
use imgveil::internal::image::Depth;
use proptest::prelude::*;

const IMPLICIT: &str = "1.2.840.10008.1.2";
pub(super) const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const BIG: &str = "1.2.840.10008.1.2.2";
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
const RLE: &str = "1.2.840.10008.1.2.5";
const ENCAPSULATED: &str = "1.2.840.10008.1.2.1.98";

/// A file that is being made.
pub(super) struct Maker {
    pub(super) syntax: &'static str,
    pub(super) body: Vec<u8>,
}

impl Maker {
    /// A grey image of unsigned samples.
    pub(super) fn new(syntax: &'static str, rows: u16, columns: u16, allocated: u16, stored: u16) -> Self {
        let maker = Self { syntax, body: Vec::new() };
        maker
            .text(0x0008_0060, b"CS", "OT")
            .text(0x0010_0010, b"PN", "Nobody^At All")
            .number(0x0028_0002, 1)
            .text(0x0028_0004, b"CS", "MONOCHROME2")
            .number(0x0028_0010, rows)
            .number(0x0028_0011, columns)
            .number(0x0028_0100, allocated)
            .number(0x0028_0101, stored)
            .number(0x0028_0102, stored - 1)
            .number(0x0028_0103, 0)
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.syntax == BIG { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.syntax == BIG { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    pub(super) fn header(&mut self, tag: u32, kind: &[u8; 2], length: u32) {
        let (group, element) = (self.u16((tag >> 16) as u16), self.u16(tag as u16));
        self.body.extend([group, element].concat());
        if self.syntax == IMPLICIT || tag >> 16 == 0xfffe {
            self.body.extend(self.u32(length));
        } else if [b"OB", b"OW", b"OV", b"SQ", b"UN"].contains(&kind) {
            self.body.extend(kind);
            self.body.extend([0, 0]);
            self.body.extend(self.u32(length));
        } else {
            self.body.extend(kind);
            self.body.extend(self.u16(length as u16));
        }
    }

    /// Adds an element in front of the others. An element that is already there is overridden, because the first one
    /// counts.
    pub(super) fn element(mut self, tag: u32, kind: &[u8; 2], value: &[u8]) -> Self {
        let before = std::mem::take(&mut self.body);
        self.header(tag, kind, value.len() as u32);
        self.body.extend(value);
        self.body.extend(before);
        self
    }

    pub(super) fn number(self, tag: u32, value: u16) -> Self {
        let bytes = self.u16(value);
        self.element(tag, b"US", &bytes)
    }

    pub(super) fn numbers(self, tag: u32, values: &[u16]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|v| self.u16(*v)).collect();
        self.element(tag, b"OW", &bytes)
    }

    pub(super) fn text(self, tag: u32, kind: &[u8; 2], value: &str) -> Self {
        let padding = if value.len() % 2 == 1 { " " } else { "" };
        self.element(tag, kind, format!("{value}{padding}").as_bytes())
    }

    pub(super) fn colour(self, photometric: &str, planar: u16) -> Self {
        self.text(0x0028_0004, b"CS", photometric).number(0x0028_0002, 3).number(0x0028_0006, planar)
    }

    /// The file with native pixels.
    pub(super) fn pixels(mut self, samples: &[u8]) -> Vec<u8> {
        self.header(0x7fe0_0010, if self.syntax == BIG { b"OB" } else { b"OW" }, samples.len() as u32);
        self.body.extend(samples);
        self.file()
    }

    /// The file with fragments.
    pub(super) fn fragments(mut self, parts: &[&[u8]]) -> Vec<u8> {
        self.header(0x7fe0_0010, b"OB", u32::MAX);
        self.header(0xfffe_e000, b"  ", 0);
        for part in parts {
            self.header(0xfffe_e000, b"  ", part.len() as u32);
            self.body.extend(*part);
        }
        self.header(0xfffe_e0dd, b"  ", 0);
        self.file()
    }

    fn file(self) -> Vec<u8> {
        let mut file = vec![0; 128];
        file.extend(b"DICM");
        let padding = if self.syntax.len() % 2 == 1 { "\0" } else { "" };
        let uid = format!("{}{padding}", self.syntax);
        file.extend([2, 0, 0x10, 0, b'U', b'I', uid.len() as u8, 0]);
        file.extend(uid.as_bytes());
        if self.syntax == DEFLATED {
            use std::io::Write;
            let mut encoder = flate2::write::DeflateEncoder::new(&mut file, flate2::Compression::default());
            encoder.write_all(&self.body).unwrap();
            encoder.finish().unwrap();
        } else {
            file.extend(self.body);
        }
        file
    }
}

pub(super) fn windowed(window: Window) -> ReadOptions {
    ReadOptions { window: Some(window), ..ReadOptions::default() }
}

/// All frames of a file. A reader that reads only the header must get the same header.
pub(super) fn frames(file: &[u8], reading: &ReadOptions) -> Result<Vec<Image>, String> {
    let stack = open(file.to_vec(), reading).map_err(|e| e.to_string())?;
    assert_eq!(&header(file, reading).unwrap(), stack.header());
    let images: Vec<Image> =
        (0..stack.header().count).map(|i| stack.image(i)).collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    assert!(images.iter().all(|image| image.geometry() == stack.header().geometry));
    assert!(stack.image(stack.header().count).is_err());
    Ok(images)
}

pub(super) fn samples(file: &[u8], reading: &ReadOptions) -> Vec<u8> {
    let mut images = frames(file, reading).unwrap();
    assert_eq!(images.len(), 1);
    images.remove(0).into_samples()
}

pub(super) fn plain(file: &[u8]) -> Vec<u8> {
    samples(file, &ReadOptions::default())
}

pub(super) fn refused(file: &[u8]) -> String {
    let words = frames(file, &ReadOptions::default()).unwrap_err();
    assert!(!words.contains('\n') && !words.contains("Nobody"), "{words}");
    words
}

pub(super) fn little(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).collect()
}

#[test]
fn samples_of_every_plain_syntax_are_those_that_are_stored() {
    let words = [0, 1, 4095, 2048, 7, 300];
    for syntax in [IMPLICIT, EXPLICIT, BIG, DEFLATED] {
        let maker = Maker::new(syntax, 2, 3, 16, 12);
        let bytes: Vec<u8> = words.iter().flat_map(|w| maker.u16(*w)).collect();
        let file = maker.pixels(&bytes);
        assert_eq!(plain(&file), little(&words), "{syntax}");
        assert_eq!(frames(&file, &ReadOptions::default()).unwrap()[0].geometry().to_string(), "2x3x1x12");
        let file = Maker::new(syntax, 2, 3, 8, 8).pixels(&[9, 8, 7, 6, 5, 4]);
        assert_eq!(plain(&file), [9, 8, 7, 6, 5, 4], "{syntax}");
    }
    let file = Maker::new(ENCAPSULATED, 2, 3, 8, 8).fragments(&[&[9, 8, 7], &[6, 5, 4]]);
    assert_eq!(plain(&file), [9, 8, 7, 6, 5, 4]);
}

#[test]
fn bytes_in_words_of_the_other_order_are_turned() {
    let mut maker = Maker::new(BIG, 1, 3, 8, 8).text(0x0028_0008, b"IS", "2");
    maker.header(0x7fe0_0010, b"OW", 6);
    maker.body.extend([2, 1, 4, 3, 6, 5]);
    let images = frames(&maker.file(), &ReadOptions::default()).unwrap();
    assert_eq!((images[0].samples(), images[1].samples()), ([1, 2, 3].as_slice(), [4, 5, 6].as_slice()));
}

#[test]
fn what_is_no_bit_of_a_sample_is_masked_and_the_high_bit_counts() {
    let file = Maker::new(EXPLICIT, 1, 2, 16, 12).pixels(&little(&[0xf123, 0x0fff]));
    assert_eq!(plain(&file), little(&[0x123, 0xfff]));
    let file = Maker::new(EXPLICIT, 1, 2, 16, 12).number(0x0028_0102, 15).pixels(&little(&[0x123f, 0xfff0]));
    assert_eq!(plain(&file), little(&[0x123, 0xfff]));
}

#[test]
fn single_bits_are_black_and_white_across_the_bytes_of_frames() {
    let file = Maker::new(EXPLICIT, 1, 3, 1, 1).text(0x0028_0008, b"IS", "3").pixels(&[0b1010_0101, 0b1]);
    let images = frames(&file, &ReadOptions::default()).unwrap();
    let found: Vec<&[u8]> = images.iter().map(Image::samples).collect();
    assert_eq!(found, [[255, 0, 255], [0, 0, 255], [0, 255, 255]]);
}

#[test]
fn colours_come_out_as_rgb() {
    let rgb = [1, 2, 3, 4, 5, 6];
    assert_eq!(plain(&Maker::new(EXPLICIT, 1, 2, 8, 8).colour("RGB", 0).pixels(&rgb)), rgb);
    assert_eq!(plain(&Maker::new(EXPLICIT, 1, 2, 8, 8).colour("RGB", 1).pixels(&[1, 4, 2, 5, 3, 6])), rgb);
    let wide = little(&[1000, 2, 3, 4, 5, 60_000]);
    assert_eq!(plain(&Maker::new(EXPLICIT, 1, 2, 16, 16).colour("RGB", 0).pixels(&wide)), wide);
    let ybr = Maker::new(EXPLICIT, 1, 2, 8, 8).colour("YBR_FULL", 0).pixels(&[76, 85, 255, 9, 128, 128]);
    assert_eq!(plain(&ybr), [254, 0, 0, 9, 9, 9]);
    let pair = Maker::new(EXPLICIT, 1, 2, 8, 8).colour("YBR_FULL_422", 0).pixels(&[50, 60, 128, 128]);
    assert_eq!(plain(&pair), [50, 50, 50, 60, 60, 60]);
    assert!(refused(&Maker::new(EXPLICIT, 1, 2, 8, 8).colour("YBR_PARTIAL_420", 0).pixels(&rgb)).contains("convert"));
    assert!(refused(&Maker::new(EXPLICIT, 1, 1, 8, 8).colour("CMYK", 0).pixels(&rgb)).contains("CMYK"));
}

#[test]
fn palettes_are_looked_up() {
    let palette = |bits, red: &[u16]| {
        let layout = [red.len() as u16, 1, bits];
        let mut maker = Maker::new(EXPLICIT, 1, 4, 8, 8).text(0x0028_0004, b"CS", "PALETTE COLOR");
        for colour in 0..3 {
            let table: Vec<u16> = red.iter().map(|entry| entry + colour).collect();
            maker = maker.numbers(0x0028_1101 + u32::from(colour), &layout);
            maker = maker.numbers(0x0028_1201 + u32::from(colour), &table);
        }
        maker.pixels(&[0, 1, 2, 9])
    };
    // 8 bits under a statement of 16, and 16 under a statement of 8.
    assert_eq!(plain(&palette(16, &[10, 20])), [10, 11, 12, 10, 11, 12, 20, 21, 22, 20, 21, 22]);
    assert_eq!(plain(&palette(8, &[0x1000, 0x20ff])), [16, 16, 16, 16, 16, 16, 32, 33, 33, 32, 33, 33]);
    // Indices below the first entry give the first entry, indices above the last one the last entry.
    assert_eq!(plain(&palette(8, &[10, 20])), [10, 11, 12, 10, 11, 12, 20, 21, 22, 20, 21, 22]);
    assert_eq!(plain(&palette(16, &[0x1000, 0x20ff])), [16, 16, 16, 16, 16, 16, 32, 33, 33, 32, 33, 33]);
    let none = Maker::new(EXPLICIT, 1, 2, 8, 8).text(0x0028_0004, b"CS", "PALETTE COLOR").pixels(&[0, 1]);
    assert!(refused(&none).contains("palette"));
}

/// Annex G's format in its simplest form: literal runs only.
fn run_lengths(planes: &[&[u8]]) -> Vec<u8> {
    let (mut header, mut body) = (vec![planes.len() as u32], Vec::new());
    for plane in planes {
        header.push(64 + body.len() as u32);
        for run in plane.chunks(128) {
            body.push(run.len() as u8 - 1);
            body.extend(run);
        }
    }
    header.resize(16, 0);
    header.iter().flat_map(|n| n.to_le_bytes()).chain(body).collect()
}

#[test]
fn run_lengths_are_unpacked() {
    let file = Maker::new(RLE, 2, 2, 16, 16).fragments(&[&run_lengths(&[&[1, 2, 3, 4], &[5, 6, 7, 8]])]);
    assert_eq!(plain(&file), little(&[0x105, 0x206, 0x307, 0x408]));
    let colour = Maker::new(RLE, 1, 2, 8, 8).colour("RGB", 1);
    assert_eq!(plain(&colour.fragments(&[&run_lengths(&[&[1, 2], &[3, 4], &[5, 6]])])), [1, 3, 5, 2, 4, 6]);
    // A repeated run, a run that does nothing, and a literal run.
    let mut frame = run_lengths(&[&[]]);
    frame.extend([0xfe, 9, 0x80, 0, 4]);
    assert_eq!(plain(&Maker::new(RLE, 2, 2, 8, 8).fragments(&[&frame])), [9, 9, 9, 4]);
    // Segments that are outside the frame, too few, or too short.
    let mut outside = frame.clone();
    outside[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut many = frame.clone();
    many[0..4].copy_from_slice(&u32::MAX.to_le_bytes());
    for broken in [&outside, &many, &frame[..63].to_vec(), &frame[..66].to_vec()] {
        assert!(refused(&Maker::new(RLE, 2, 2, 8, 8).fragments(&[broken])).contains("RLE"));
    }
}

/// A baseline JPEG of the best quality, without subsampling.
fn jpeg(samples: &[u8], width: u32, height: u32, colour: image::ExtendedColorType) -> Vec<u8> {
    let mut codestream = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut codestream, 100);
    encoder.encode(samples, width, height, colour).unwrap();
    codestream
}

fn close(found: &[u8], expected: &[u8]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 3)
}

#[test]
fn jpeg_frames_come_out_as_grey_and_rgb() {
    const BASELINE: &str = "1.2.840.10008.1.2.4.50";
    let grey: Vec<u8> = (0..19 * 11).collect();
    let stream = jpeg(&grey, 19, 11, image::ExtendedColorType::L8);
    let maker = || Maker::new(BASELINE, 11, 19, 8, 8);
    assert!(close(&plain(&maker().fragments(&[&stream])), &grey));
    // In several fragments, and two frames of two fragments each.
    let (one, two) = stream.split_at(stream.len() / 2);
    assert!(close(&plain(&maker().fragments(&[one, two])), &grey));
    let both = maker().text(0x0028_0008, b"IS", "2").fragments(&[one, two, one, two]);
    assert!(frames(&both, &ReadOptions::default()).unwrap().iter().all(|image| close(image.samples(), &grey)));
    let rgb: Vec<u8> = (0..19 * 11).flat_map(|_| [200, 40, 90]).collect();
    let stream = jpeg(&rgb, 19, 11, image::ExtendedColorType::Rgb8);
    assert!(close(&plain(&maker().colour("YBR_FULL_422", 0).fragments(&[&stream])), &rgb));
    // A size that differs from the header's, other colours, and a truncated picture.
    assert!(refused(&Maker::new(BASELINE, 11, 18, 8, 8).fragments(&[&stream])).contains("11x19x3 where"));
    assert!(refused(&maker().fragments(&[&stream])).contains("11x19x3 where"));
    assert!(refused(&maker().colour("RGB", 0).fragments(&[&stream[..stream.len() - 9]])).contains("ends before"));
}

#[test]
fn jpeg_ls_frames_are_what_was_encoded() {
    let words: Vec<u16> = (0..19 * 11).map(|i| i * i % 4096).collect();
    let mut stream = Vec::new();
    jpegls::encode(&words, 19, 11, &mut stream).unwrap();
    let maker = || Maker::new("1.2.840.10008.1.2.4.80", 11, 19, 16, 12);
    assert_eq!(plain(&maker().fragments(&[&stream])), little(&words));
    for length in 0..stream.len() - 2 {
        assert!(!refused(&maker().fragments(&[&stream[..length]])).is_empty());
    }
    assert!(refused(&maker().colour("RGB", 0).fragments(&[&stream])).contains("JPEG-LS in colour"));
}

#[test]
fn windows_follow_the_standard() {
    let reading = |text: &str| windowed(text.parse().unwrap());
    let ct = || Maker::new(EXPLICIT, 1, 6, 16, 16).text(0x0028_1053, b"DS", "2").text(0x0028_1052, b"DS", "-100");
    let file = ct().pixels(&little(&[0, 45, 50, 55, 60, 999]));
    // The values are -100, -10, 0, 10, 20, 1898. Centre 10 and width 21 cover -0.5 to 19.5.
    assert_eq!(samples(&file, &reading("10,21")), [0, 0, 6, 134, 255, 255]);
    assert_eq!(samples(&file, &reading("10,1")), [0, 0, 0, 255, 255, 255]);
    // Without a window in the file, from the smallest to the largest value.
    assert_eq!(samples(&file, &reading("auto")), [0, 11, 13, 14, 15, 255]);
    let own = ct().text(0x0028_1050, b"DS", "10\\50").text(0x0028_1051, b"DS", "21\\400");
    assert_eq!(samples(&own.pixels(&little(&[0, 45, 50, 55, 60, 999])), &reading("auto")), [0, 0, 6, 134, 255, 255]);
    let exact =
        ct().text(0x0028_1050, b"DS", "10").text(0x0028_1051, b"DS", "20").text(0x0028_1056, b"CS", "LINEAR_EXACT");
    assert_eq!(samples(&exact.pixels(&little(&[0, 45, 50, 55, 60, 999])), &reading("auto")), [0, 0, 0, 128, 255, 255]);
    let curve = ct().text(0x0028_1050, b"DS", "10").text(0x0028_1051, b"DS", "20").text(0x0028_1056, b"CS", "SIGMOID");
    assert_eq!(samples(&curve.pixels(&little(&[0, 45, 50, 55, 60, 999])), &reading("auto")), [0, 5, 30, 128, 225, 255]);
    let one = Maker::new(EXPLICIT, 1, 2, 16, 16).pixels(&little(&[7, 7]));
    assert_eq!(samples(&one, &reading("auto")), [0, 0]);
    assert_eq!(frames(&one, &reading("auto")).unwrap()[0].geometry().depth(), Depth::U8);
}

#[test]
fn where_small_is_bright_the_grey_is_turned_round() {
    let maker = || Maker::new(EXPLICIT, 1, 3, 16, 12).text(0x0028_0004, b"CS", "MONOCHROME1");
    let file = maker().pixels(&little(&[0, 4095, 100]));
    assert_eq!(plain(&file), little(&[4095, 0, 3995]));
    assert_eq!(samples(&file, &windowed(Window::Auto)), [255, 0, 249]);
    let file = maker().number(0x0028_0103, 1).pixels(&little(&[0x800, 0x7ff, 0]));
    assert_eq!(plain(&file), little(&[4095, 0, 2047]));
}

#[test]
fn tables_stand_for_functions() {
    let item = |tag: u32, first: u16| {
        let inner = Maker { syntax: EXPLICIT, body: Vec::new() };
        let inner = inner.numbers(0x0028_3006, &[0, 64, 255]).numbers(0x0028_3002, &[3, first, 8]);
        let mut maker = Maker { syntax: EXPLICIT, body: Vec::new() };
        maker.header(0xfffe_e000, b"  ", inner.body.len() as u32);
        maker.body.extend(inner.body);
        Maker::new(EXPLICIT, 1, 4, 8, 8).element(tag, b"SQ", &maker.body)
    };
    let file = item(0x0028_3010, 5).pixels(&[0, 5, 6, 9]);
    assert_eq!(samples(&file, &windowed(Window::Auto)), [0, 0, 64, 255]);
    assert_eq!(plain(&file), [0, 5, 6, 9]);
    let file = item(0x0028_3000, 0xffff).number(0x0028_0103, 1).pixels(&[0xff, 0, 1, 0x80]);
    assert_eq!(samples(&file, &windowed(Window::Linear { centre: 128.0, width: 256.0 })), [0, 64, 255, 0]);
}

#[test]
fn enhanced_objects_say_it_in_groups() {
    let nothing = || Maker { syntax: EXPLICIT, body: Vec::new() };
    // Sequences and items without a length, as most programs write them.
    let wrapped = |tag: u32, inside: Maker| {
        let mut maker = nothing();
        maker.header(tag, b"SQ", u32::MAX);
        maker.header(0xfffe_e000, b"  ", u32::MAX);
        maker.body.extend(inside.body);
        maker.header(0xfffe_e00d, b"  ", 0);
        maker.header(0xfffe_e0dd, b"  ", 0);
        maker
    };
    let voi = nothing().text(0x0028_1050, b"DS", "10").text(0x0028_1051, b"DS", "21");
    let rescale = nothing().text(0x0028_1053, b"DS", "2").text(0x0028_1052, b"DS", "-100");
    let mut shared = wrapped(0x0028_9145, rescale);
    shared.body.extend(wrapped(0x0028_9132, voi).body);
    let mut maker = Maker::new(EXPLICIT, 1, 3, 16, 16);
    maker.body.extend(wrapped(0x5200_9229, shared).body);
    assert_eq!(samples(&maker.pixels(&little(&[45, 50, 55])), &windowed(Window::Auto)), [0, 6, 134]);
}

#[test]
fn deep_integers_and_floats_need_a_window() {
    let file = Maker::new(EXPLICIT, 1, 2, 32, 32).pixels(&[0, 0, 0, 0, 0, 0, 0, 128]);
    assert!(refused(&file).contains("integers of 32 bits; read it with a window"));
    assert_eq!(samples(&file, &windowed(Window::Auto)), [0, 255]);
    let mut maker = Maker::new(EXPLICIT, 1, 3, 32, 32);
    let floats: Vec<u8> = [-1.5f32, f32::NAN, 1.5].iter().flat_map(|f| f.to_le_bytes()).collect();
    maker.header(0x7fe0_0008, b"OW", 12);
    maker.body.extend(floats);
    let file = maker.file();
    assert!(refused(&file).contains("floats of 32 bits"));
    assert_eq!(samples(&file, &windowed(Window::Auto)), [0, 0, 255]);
}

#[test]
fn headers_that_lie_are_refused_and_nothing_is_made_for_them() {
    let lying = |tag, value| refused(&Maker::new(EXPLICIT, 2, 2, 8, 8).number(tag, value).pixels(&[1, 2, 3, 4]));
    assert!(lying(0x0028_0010, 65_535).contains("need 131070 bytes, but it holds 4"));
    assert!(lying(0x0028_0011, 0).contains("no pixels"));
    assert!(lying(0x0028_0100, 12).contains("12 bits"));
    assert!(lying(0x0028_0002, 3).contains("3 samples"));
    let frames = |count| Maker::new(EXPLICIT, 2, 2, 8, 8).text(0x0028_0008, b"IS", count);
    assert!(refused(&frames("2147483647").pixels(&[1, 2, 3, 4])).contains("need 8589934588 bytes"));
    for garbage in ["", "0", "-3", "many", "99999999999"] {
        assert_eq!(plain(&frames(garbage).pixels(&[1, 2, 3, 4])), [1, 2, 3, 4], "{garbage}");
    }
    let few = Maker::new(RLE, 2, 2, 8, 8).text(0x0028_0008, b"IS", "2147483647");
    assert!(refused(&few.fragments(&[&[0; 64]])).contains("says that it has 2147483647 frames, but holds 1"));
    let mut huge = Maker::new(EXPLICIT, 2, 2, 8, 8);
    huge.header(0x0009_0001, b"UN", 0xf000_0000);
    assert!(refused(&huge.pixels(&[1, 2, 3, 4])).contains("middle of its header"));
    let big = Maker::new(RLE, 65_535, 65_535, 8, 8).fragments(&[&[0; 64]]);
    assert!(refused(&big).contains("too large"));
}

#[test]
fn what_no_decoder_reads_is_named_with_a_way_out() {
    for (uid, name) in [
        ("1.2.840.10008.1.2.4.110", "JPEG XL"),
        ("1.2.840.10008.1.2.4.201", "High-Throughput"),
        ("1.2.840.10008.1.2.4.102", "video"),
        ("1.2.3", "unknown"),
    ] {
        let words = refused(&Maker::new(uid, 2, 2, 8, 8).fragments(&[&[0; 64]]));
        assert!(words.contains(uid) && words.contains(name) && words.contains("gdcmconv"), "{words}");
    }
    assert!(refused(&Maker::new(EXPLICIT, 2, 2, 8, 8).file()).contains("no pixels"));
    assert!(refused(b"neither this nor that").contains("does not begin as a DICOM file does"));
}

#[test]
fn files_without_a_preamble_are_known_by_their_first_element() {
    for syntax in [IMPLICIT, EXPLICIT, BIG] {
        let mut maker = Maker { syntax, body: Vec::new() }.text(0x0008_0060, b"CS", "OT");
        maker.body = Maker::new(syntax, 1, 2, 8, 8).body.into_iter().collect();
        let first = Maker { syntax, body: Vec::new() }.text(0x0008_0060, b"CS", "OT").body;
        maker.header(0x7fe0_0010, b"OB", 2);
        maker.body.extend([3, 4]);
        let file = [first, maker.body].concat();
        // Modality is not the first element of a real file; only the group and the kind are compared.
        let file = if syntax == IMPLICIT { [vec![8, 0, 5, 0, 2, 0, 0, 0, b'I', b'R'], file].concat() } else { file };
        let file = match syntax {
            EXPLICIT => [b"\x08\x00\x05\x00CS\x02\x00IR".to_vec(), file].concat(),
            BIG => [b"\x00\x08\x00\x05CS\x00\x02IR".to_vec(), file].concat(),
            _ => file,
        };
        assert!(is_dicom(&file[..132]), "{syntax}");
        assert_eq!(plain(&file), [3, 4], "{syntax}");
    }
    for other in
        [b"\x89PNG\r\n\x1a\n".as_slice(), b"\xff\xd8\xff\xe0\0\x10JFIF", b"", b"DICM", &[0; 200], b"PK\x03\x04\0\0\0\0"]
    {
        assert!(!is_dicom(other));
    }
}

/// Files with every way of storing pixels.
fn various() -> Vec<Vec<u8>> {
    let rle = run_lengths(&[&[1, 2, 3, 4]]);
    vec![
        Maker::new(EXPLICIT, 2, 2, 16, 12).pixels(&[1; 8]),
        Maker::new(IMPLICIT, 2, 2, 8, 8).text(0x0028_0008, b"IS", "2").pixels(&[1; 8]),
        Maker::new(BIG, 2, 2, 8, 8).colour("RGB", 1).pixels(&[1; 12]),
        Maker::new(DEFLATED, 2, 2, 8, 8).pixels(&[1; 4]),
        Maker::new(RLE, 2, 2, 8, 8).text(0x0028_0008, b"IS", "2").fragments(&[&rle, &rle]),
    ]
}

#[test]
fn a_file_that_was_cut_anywhere_is_refused() {
    for file in various() {
        let whole = frames(&file, &ReadOptions::default()).unwrap();
        for length in 0..file.len() {
            // The mark behind the last fragment adds nothing: the end of the file also ends the fragments.
            match frames(&file[..length], &ReadOptions::default()) {
                Ok(images) => assert!(images == whole && length + 8 >= file.len(), "{length} of {}", file.len()),
                Err(words) => assert!(!words.is_empty()),
            }
        }
    }
}

proptest! {
    /// No content of a file causes a panic.
    #[test]
    fn damage_is_an_error_or_an_image(
        which in 0usize..5,
        places in prop::collection::vec((0usize..400, any::<u8>()), 1..6),
        auto in any::<bool>(),
    ) {
        let mut file = various().swap_remove(which);
        for (at, byte) in places {
            let at = at % file.len();
            file[at] = byte;
        }
        let reading = if auto { windowed(Window::Auto) } else { ReadOptions::default() };
        if let Ok(stack) = open(file, &reading) {
            for index in 0..stack.header().count.min(4) {
                if let Ok(image) = stack.image(index) {
                    prop_assert_eq!(image.geometry(), stack.header().geometry);
                }
            }
        }
    }

    /// Half of the range is added to signed samples of any width.
    #[test]
    fn signed_values_are_raised(stored in 2u16..=16, values in prop::collection::vec(any::<i16>(), 4)) {
        let half = 1i32 << (stored - 1);
        let values: Vec<i32> = values.iter().map(|v| i32::from(*v).rem_euclid(2 * half) - half).collect();
        let words: Vec<u16> = values.iter().map(|v| *v as u16).collect();
        let file = Maker::new(EXPLICIT, 2, 2, 16, stored).number(0x0028_0103, 1).pixels(&little(&words));
        let raised: Vec<u16> = values.iter().map(|v| (v + half) as u16).collect();
        let expected = if stored > 8 { little(&raised) } else { raised.iter().map(|v| *v as u8).collect() };
        prop_assert_eq!(plain(&file), expected);
    }
}
