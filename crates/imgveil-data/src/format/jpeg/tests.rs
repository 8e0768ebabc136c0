//! Codestreams of `tests/codestreams`, compared with the pixels that independent decoders read from them.

use super::*;
use crate::Memory;
use crate::format::{ReadErrorKind, picture};
use imgveil::internal::image::Image;

/// JPEG files of 8 bits that lose something.
const LOSSY: [&str; 20] = [
    "444",
    "422",
    "420",
    "440",
    "411",
    "wide-chroma",
    "tall-chroma",
    "large-chroma",
    "mixed-chroma",
    "one-large-chroma",
    "420-progressive",
    "420-restarts",
    "420-scans",
    "440-scans",
    "large-chroma-progressive",
    "rgb",
    "narrow-420",
    "grey",
    "grey-1x3-restarts",
    "grey-progressive",
];

/// A codestream of the folder, and the image that it must give.
pub(in crate::format) fn codestream(file: &str) -> (Vec<u8>, Image) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codestreams");
    let expected = picture::read_image(&folder.join(file).with_extension("png"), Memory::default(), 1).unwrap();
    (std::fs::read(folder.join(file)).unwrap(), expected)
}

fn jpeg(name: &str) -> (Vec<u8>, Image) {
    codestream(&format!("{name}.jpg"))
}

fn decode(bytes: &[u8]) -> Result<Image, ReadErrorKind> {
    picture::open(bytes.to_vec())?.image(0)
}

/// Where the first marker of this kind is.
fn place(bytes: &[u8], kinds: &[u8]) -> usize {
    bytes.windows(2).position(|pair| pair[0] == 0xff && kinds.contains(&pair[1])).unwrap()
}

#[test]
fn pixels_are_those_of_libjpeg_turbo() {
    for name in LOSSY {
        let (bytes, expected) = jpeg(name);
        let found = decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.geometry(), expected.geometry(), "{name}");
        let far = found.samples().iter().zip(expected.samples()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(far <= Some(1), "{name}: {far:?}");
    }
}

#[test]
fn bytes_that_belong_to_no_segment_are_skipped() {
    for name in LOSSY {
        let (bytes, expected) = jpeg(name);
        let whole = decode(&bytes).unwrap();
        assert_eq!(whole.geometry(), expected.geometry());
        for kinds in [&[0xe0, 0xee][..], &[0xdb], &[0xc0, 0xc1, 0xc2], &[0xda], &[0xd9]] {
            let (before, after) = bytes.split_at(place(&bytes, kinds));
            for junk in [&[0u8][..], &[1, 2, 3], &[0xff, 0, 7], &[0xff; 4]] {
                let found = decode(&[before, junk, after].concat());
                let found = found.unwrap_or_else(|error| panic!("{name} {kinds:x?}: {error}"));
                assert!(found == whole, "{name} {kinds:x?}");
            }
        }
        assert!(decode(&[bytes.as_slice(), b"\r\n</html>"].concat()).unwrap() == whole, "{name}");
    }
}

#[test]
fn data_that_end_early_are_refused_though_an_end_marker_follows() {
    for name in LOSSY {
        let (bytes, _) = jpeg(name);
        let start = place(&bytes, &[0xda]);
        let data = bytes.len() - start;
        for eighths in 2..8 {
            let mut end = start + data * eighths / 8;
            // The end of the data must not look like a marker of its own.
            while bytes[end - 1] == 0xff {
                end -= 1;
            }
            let cut = [&bytes[..end], &[0xff, 0xd9]].concat();
            assert!(matches!(decode(&cut), Err(ReadErrorKind::Damaged(_))), "{name}: {eighths} eighths");
            assert!(matches!(decode(&bytes[..end]), Err(ReadErrorKind::Damaged(_))), "{name}: {eighths} eighths");
        }
    }
}

#[test]
fn arithmetic_codes_are_refused_as_nobody_can_tell_whether_they_are_whole() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codestreams");
    for name in ["420-arithmetic.jpg", "420-arithmetic-progressive.jpg"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let error = picture::header(std::io::Cursor::new(&bytes)).unwrap_err();
        assert!(matches!(error, ReadErrorKind::Unsupported(_)) && error.to_string().contains("arithmetic"), "{error}");
        // Frames of DICOM come without this header.
        let head = JpegHead::read(&bytes).unwrap();
        let failed = decode_8(&bytes, &head, Colours::Marked).unwrap_err();
        assert!(matches!(failed, Failed::Unsupported(what) if what.contains("arithmetic")), "{name}");
    }
}

#[test]
fn scans_that_are_missing_are_seen() {
    for name in ["420-progressive", "420-scans", "440-scans", "grey-progressive", "large-chroma-progressive"] {
        let (bytes, _) = jpeg(name);
        let scans: Vec<usize> = (0..bytes.len() - 1).filter(|&at| bytes[at..at + 2] == [0xff, 0xda]).collect();
        assert!(scans.len() > 2, "{name}");
        for &scan in &scans[1..] {
            // Tables may stand between two scans; without the scan they say nothing.
            let error = decode(&[&bytes[..scan], &[0xff, 0xd9]].concat()).unwrap_err().to_string();
            assert!(error.contains("ends before the image does"), "{name}: {error}");
        }
    }
}

#[test]
fn a_few_changed_bytes_make_an_image_or_an_error() {
    let mut seed = 1u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for name in LOSSY {
        let (bytes, _) = jpeg(name);
        for _ in 0..40 {
            let mut changed = bytes.clone();
            for _ in 0..1 + random(3) {
                let at = 2 + random(changed.len() - 2);
                changed[at] = random(256) as u8;
            }
            if let (Ok(image), Some(head)) = (decode(&changed), JpegHead::read(&changed)) {
                assert_eq!(image.geometry().height(), usize::from(head.height), "{name}");
            }
        }
    }
}
