//! Frames of JPEG and JPEG 2000, from the codestreams in `tests/codestreams`.

use super::tests::{Maker, frames, plain, refused};
use crate::format::ReadOptions;
use crate::format::jpeg::tests::codestream;

const BASELINE: &str = "1.2.840.10008.1.2.4.50";
const EXTENDED: &str = "1.2.840.10008.1.2.4.51";
const LOSSLESS: &str = "1.2.840.10008.1.2.4.70";
const JPEG_2000: &str = "1.2.840.10008.1.2.4.90";

fn furthest(found: &[u8], expected: &[u8]) -> u8 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// A codestream without its JFIF marker, with its components named so.
fn named(stream: &[u8], ids: [u8; 3]) -> Vec<u8> {
    let mut stream = [&stream[..2], &stream[20..]].concat();
    let frame = stream.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let scan = stream.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    for (number, id) in ids.into_iter().enumerate() {
        (stream[frame + 10 + 3 * number], stream[scan + 5 + 2 * number]) = (id, id);
    }
    stream
}

#[test]
fn markers_and_names_of_components_go_before_the_photometric_interpretation() {
    let read = |photometric, stream: &[u8]| {
        plain(&Maker::new(BASELINE, 21, 35, 8, 8).colour(photometric, 0).fragments(&[stream]))
    };
    let (differences, expected) = codestream("422.jpg");
    assert_eq!(&differences[6..10], b"JFIF");
    let (rgb, red_green_blue) = codestream("rgb.jpg");
    let adobe = rgb.windows(5).position(|five| five == b"Adobe").unwrap();
    assert_eq!(rgb[adobe + 11], 0);
    for photometric in ["RGB", "YBR_FULL", "YBR_FULL_422"] {
        assert!(furthest(&read(photometric, &differences), expected.samples()) <= 1, "{photometric}");
        assert!(furthest(&read(photometric, &rgb), red_green_blue.samples()) <= 1, "{photometric}");
    }
    // Without markers, the names R, G and B tell, and then the photometric interpretation.
    let unnamed = named(&differences, [1, 2, 3]);
    assert!(furthest(&read("YBR_FULL_422", &unnamed), expected.samples()) <= 1);
    let stored = read("RGB", &unnamed);
    assert!(furthest(&stored, expected.samples()) > 30);
    for letters in [*b"RGB", *b"rgb"] {
        assert_eq!(read("YBR_FULL_422", &named(&differences, letters)), stored);
    }
}

#[test]
fn frames_that_end_early_are_refused_though_an_end_marker_follows() {
    let (stream, _) = codestream("grey.jpg");
    let cut = [&stream[..stream.len() * 4 / 5], &[0xff, 0xd9]].concat();
    assert!(refused(&Maker::new(BASELINE, 21, 35, 8, 8).fragments(&[&cut])).contains("ends before its pixels do"));
    let (stream, _) = codestream("lossless-restarts.jpg");
    let cut = [&stream[..stream.len() * 4 / 5], &[0xff, 0xd9]].concat();
    assert!(refused(&Maker::new(LOSSLESS, 12, 16, 16, 12).fragments(&[&cut])).contains("ends before its pixels do"));
}

#[test]
fn lossless_frames_are_exact() {
    for (name, stored) in [
        ("lossless-12", 12),
        ("lossless-restarts", 12),
        ("lossless-restarts-4", 12),
        ("lossless-16", 16),
        ("lossless-shift", 12),
    ] {
        let (stream, expected) = codestream(&format!("{name}.jpg"));
        let file = Maker::new(LOSSLESS, 12, 16, 16, stored).fragments(&[&stream]);
        assert_eq!(plain(&file), expected.samples(), "{name}");
    }
    let (stream, expected) = codestream("lossless-rgb.jpg");
    let colour = Maker::new(LOSSLESS, 12, 16, 8, 8).colour("RGB", 0);
    assert_eq!(plain(&colour.fragments(&[&stream])), expected.samples());
}

#[test]
fn twelve_bits_of_extended_jpeg_are_decoded() {
    let (stream, expected) = codestream("extended-12.jpg");
    let images = frames(&Maker::new(EXTENDED, 12, 16, 16, 12).fragments(&[&stream]), &ReadOptions::default()).unwrap();
    let words = |samples: &[u8]| -> Vec<u16> { samples.as_chunks().0.iter().map(|s| u16::from_le_bytes(*s)).collect() };
    let (found, expected) = (words(images[0].samples()), words(expected.samples()));
    assert!(found.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 1), "{found:?} {expected:?}");
    assert!(expected.iter().any(|&sample| sample > 3000));
    // The factors of an only component mean nothing.
    let frame = stream.windows(2).position(|pair| pair == [0xff, 0xc1]).unwrap();
    let mut odd = stream.clone();
    odd[frame + 11] = 0x22;
    let again = plain(&Maker::new(EXTENDED, 12, 16, 16, 12).fragments(&[&odd]));
    assert_eq!(again, images[0].samples());
}

#[test]
fn an_overlay_above_the_samples_of_jpeg_2000_is_masked() {
    let (stream, expected) = codestream("overlay.j2k");
    assert_eq!(plain(&Maker::new(JPEG_2000, 40, 48, 16, 12).fragments(&[&stream])), expected.samples());
}
