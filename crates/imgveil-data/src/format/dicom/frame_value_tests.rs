//! Objects whose frames differ in what their values mean.

use super::tests::{EXPLICIT, Maker, frames, little, plain, windowed};
use super::{header, open};
use crate::format::{ReadOptions, Rescale, Scale, Window};
use proptest::prelude::*;

/// A sequence of these items.
fn sequence(tag: u32, items: impl IntoIterator<Item = Maker>) -> Maker {
    let mut maker = nothing();
    maker.header(tag, b"SQ", u32::MAX);
    for item in items {
        maker.header(0xfffe_e000, b"  ", item.body.len() as u32);
        maker.body.extend(item.body);
    }
    maker.header(0xfffe_e0dd, b"  ", 0);
    maker
}

fn nothing() -> Maker {
    Maker { syntax: EXPLICIT, body: Vec::new() }
}

/// A group of a frame, or of all frames.
fn group(slope: &str, intercept: &str, window: Option<(&str, &str)>) -> Maker {
    let rescale = nothing().text(0x0028_1053, b"DS", slope).text(0x0028_1052, b"DS", intercept);
    let mut group = sequence(0x0028_9145, [rescale]);
    if let Some((centre, width)) = window {
        let voi = nothing().text(0x0028_1050, b"DS", centre).text(0x0028_1051, b"DS", width);
        group.body.extend(sequence(0x0028_9132, [voi]).body);
    }
    group
}

fn enhanced(shared: Option<Maker>, each: Vec<Maker>) -> Vec<u8> {
    let mut maker = Maker::new(EXPLICIT, 1, 3, 16, 16).text(0x0028_0008, b"IS", "3");
    maker.body.extend(sequence(0x5200_9229, shared).body);
    maker.body.extend(sequence(0x5200_9230, each).body);
    maker.pixels(&little(&[0, 10, 20, 0, 10, 20, 0, 10, 20]))
}

#[test]
fn each_frame_has_its_own_slope_and_window() {
    let each = vec![group("1", "0", None), group("2", "-10", Some(("10", "21"))), group("1", "90", None)];
    let file = enhanced(Some(group("7", "7", Some(("100", "21")))), each);
    let found = frames(&file, &windowed(Window::Linear { centre: 10.0, width: 21.0 })).unwrap();
    let found: Vec<&[u8]> = found.iter().map(|image| image.samples()).collect();
    // The values are 0, 10, 20; -10, 10, 30; 90, 100, 110. The window covers -0.5 to 19.5.
    assert_eq!(found, [[6, 134, 255], [0, 134, 255], [255, 255, 255]]);
    // Frame 2 has a window of its own; the others have that of all frames.
    let found = frames(&file, &windowed(Window::Auto)).unwrap();
    let found: Vec<&[u8]> = found.iter().map(|image| image.samples()).collect();
    assert_eq!(found, [[0, 0, 0], [0, 134, 255], [6, 134, 255]]);
    let header = header(file.as_slice(), &ReadOptions::default()).unwrap();
    assert_eq!(header.scale, Scale::Several);
    let rescales = [(1.0, 0.0), (2.0, -10.0), (1.0, 90.0)].map(|(slope, offset)| Some(Rescale { slope, offset }));
    assert_eq!([0, 1, 2].map(|frame| header.rescales.of(frame)), rescales);
    assert_eq!(header.rescales.of(3), None);
}

proptest! {
    /// Compares with the definition (PS3.3 C.11.1.1.2): the stored value times the slope, plus the intercept.
    #[test]
    fn values_follow_from_samples(
        allocated in prop::sample::select(vec![1u16, 8, 16]),
        stored in 1u16..=16,
        (signed, inverted) in any::<(bool, bool)>(),
        words: [u16; 4],
        (slope, intercept) in (prop::sample::select(vec![1, 2, -3]), -2000..2000i32),
    ) {
        let stored = stored.min(allocated);
        let words = words.map(|word| word & (u16::MAX >> (16 - stored)));
        let pixels: Vec<u8> = match allocated {
            1 => vec![words.iter().rev().fold(0, |bits, &word| bits << 1 | word as u8), 0],
            8 => words.map(|word| word as u8).to_vec(),
            _ => little(&words),
        };
        let file = Maker::new(EXPLICIT, 1, 4, allocated, stored)
            .number(0x0028_0103, signed.into())
            .text(0x0028_0004, b"CS", if inverted { "MONOCHROME1" } else { "MONOCHROME2" })
            .text(0x0028_1053, b"DS", &slope.to_string())
            .text(0x0028_1052, b"DS", &intercept.to_string())
            .pixels(&pixels);
        let opened = open(file, &ReadOptions::default()).unwrap();
        let image = opened.image(0).unwrap();
        let samples: Vec<f64> = match image.geometry().depth().bytes() {
            1 => image.samples().iter().map(|&sample| sample.into()).collect(),
            _ => image.samples().as_chunks().0.iter().map(|word| u16::from_le_bytes(*word).into()).collect(),
        };
        let rescale = opened.header().rescales.of(0).unwrap();
        for (word, sample) in words.into_iter().zip(samples) {
            let is_negative = signed && word >> (stored - 1) == 1;
            let value = i32::from(word) - if is_negative { 1 << stored } else { 0 };
            let expected = f64::from(value * slope + intercept);
            prop_assert!((rescale.slope * sample + rescale.offset - expected).abs() < 1e-6, "{rescale} of {sample}");
        }
    }
}

#[test]
fn headers_that_other_readers_understand_are_understood() {
    // The implicit syntax is stated, and the explicit one written.
    let mut file = Maker::new(EXPLICIT, 1, 2, 8, 8).pixels(&[5, 6]);
    let uid = file.windows(19).position(|text| text == EXPLICIT.as_bytes()).unwrap();
    file[uid..uid + 20].copy_from_slice(b"1.2.840.10008.1.2\0\0\0");
    assert_eq!(plain(&file), [5, 6]);
    let lower = Maker::new(EXPLICIT, 1, 2, 8, 8).text(0x0028_0004, b"CS", "monochrome1").pixels(&[5, 6]);
    assert_eq!(plain(&lower), [250, 249]);
}

#[test]
fn what_samples_mean_is_told() {
    let scale = |file: &[u8]| header(file, &ReadOptions::default()).unwrap().scale;
    let linear = |slope, offset| Scale::Linear(Rescale { slope, offset });
    let ct = |signed, intercept: &str| {
        let maker = Maker::new(EXPLICIT, 1, 2, 16, 12).number(0x0028_0103, signed);
        maker.text(0x0028_1053, b"DS", "1").text(0x0028_1052, b"DS", intercept).pixels(&[0; 4])
    };
    assert_eq!(scale(&ct(0, "-1024")), linear(1.0, -1024.0));
    assert_eq!(scale(&ct(1, "0")), linear(1.0, -2048.0));
    let same = || vec![group("2", "5", None), group("2", "5", None), group("2", "5", None)];
    assert_eq!(scale(&enhanced(None, same())), linear(2.0, 5.0));
    assert_eq!(scale(&enhanced(Some(group("2", "5", None)), Vec::new())), linear(2.0, 5.0));
    let file = ct(1, "0");
    let shown = header(file.as_slice(), &windowed(Window::Auto)).unwrap();
    assert_eq!((shown.scale, shown.rescales.of(0)), (Scale::Unknown, None));
    let lut = nothing().numbers(0x0028_3006, &[7, 9]).numbers(0x0028_3002, &[2, 0, 16]);
    let mut table = Maker::new(EXPLICIT, 1, 2, 16, 12);
    table.body.extend(sequence(0x0028_3000, [lut]).body);
    let table = header(table.pixels(&[0; 4]).as_slice(), &ReadOptions::default()).unwrap();
    assert!(matches!((table.scale, table.rescales.of(0)), (Scale::Table(_), None)), "{:?}", table.scale);
    let opened = open(file, &ReadOptions::default()).unwrap();
    assert_eq!(opened.header().used_bits, 12);
}
