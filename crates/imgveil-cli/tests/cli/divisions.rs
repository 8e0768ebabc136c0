//! Splits and classes as `encrypt` tells them, and what looks wrong.

use crate::common::sandbox::*;
use crate::runs::{done, summary};
use image::{ExtendedColorType, ImageEncoder};
use serde_json::json;

fn tree(sandbox: &Sandbox, splits: &[&str], classes: &[&str]) {
    let paths: Vec<String> = splits
        .iter()
        .flat_map(|split| {
            classes.iter().flat_map(move |class| (0..3).map(move |i| format!("in/{split}/{class}/{i}.png")))
        })
        .collect();
    sandbox.greys(&paths.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn splits_and_classes_are_always_told() {
    let sandbox = Sandbox::new();
    tree(&sandbox, &["Training", "Testing"], &["NORMAL", "PNEUMONIA"]);
    sandbox.greys(&["in/preview.png"]);
    let told = sandbox.run("encrypt neutral -k k.key in out");
    assert_eq!(
        told.set,
        "  splits   all (1), test (6), train (6)\n  classes  none (1), 0 = NORMAL (6), 1 = PNEUMONIA (6)\n"
    );
    let words = "note: 1 image lies beside the splits and is in no split and in no class; --labels FILE says otherwise \
    (columns name, label, split)\nwhich image is which: out.names.csv (keep it with the key)\n";
    told.is(0, &did("encrypt", 13, "0.0", "shuffle-flip"), words);
    let json = summary(&sandbox, "encrypt --json -k k.key in again");
    assert_eq!(json["splits"], json!({ "all": 1, "test": 6, "train": 6 }));
    assert_eq!(json["classes"], json!({ "": 1, "NORMAL": 6, "PNEUMONIA": 6 }));
    // What is encrypted is read in the same way.
    assert_eq!(summary(&sandbox, "inspect --json again")["splits"], json["splits"]);
}

#[test]
fn folders_that_can_be_read_in_two_ways_are_refused_before_a_byte_is_written() {
    let sandbox = Sandbox::new();
    tree(&sandbox, &["train", "other"], &["a", "b"]);
    let words = "it is not clear what the folders of in mean: the folder `train` is called like a split, and lies \
    beside \
    `other`: these are neither splits nor classes; nothing was written; rename them, give the folder that holds the \
    splits, or say what is what with --labels FILE (columns name, label, split)";
    sandbox.refuses("encrypt -k k.key in out", USAGE, words);
    sandbox.refuses("encrypt -k k.key --dry-run in out", USAGE, words);
    let lines: Vec<String> = sandbox.files("in").iter().map(|name| format!("{name},{}\n", name.len() % 2)).collect();
    sandbox.write("labels.csv", format!("name,label\n{}", lines.concat()).as_bytes());
    done(&sandbox, "encrypt -k k.key --labels labels.csv in out");
}

#[test]
fn files_that_are_passed_over_are_counted_by_reason_and_named() {
    let sandbox = Sandbox::new();
    for name in ["a.JPG", "b.jfif", "c.jpe", "noext"] {
        sandbox.write(&format!("in/{name}"), &jpeg(8, 8));
    }
    for name in ["d.jpg~", "e.gif"] {
        sandbox.write(&format!("in/{name}"), &jpeg(8, 8));
    }
    sandbox.write("in/f.heic", b"....ftypheic");
    sandbox.write("in/g.txt", b"notes");
    sandbox.write("in/h.tar", b"notes");
    let told = sandbox.run("encrypt -k k.key in out");
    let words = "passed over 1 file that is no image\npassed over 2 files that hold pictures under other endings: \
    rename \
    them if they belong to the set\npassed over 1 file of a format that is not read (GIF, HEIC, AVIF, JPEG 2000): \
    convert it\npassed over 1 file that is a set of its own, among images: give it alone\n";
    told.is(0, &did("encrypt", 4, "0.0", "shuffle-flip"), words);
    assert_eq!(sandbox.files("out"), ["a.png", "b.png", "c.png", "imgveil.json", "noext.png"]);
    let told = sandbox.run("encrypt -v -k k.key --dry-run in again");
    for name in ["  d.jpg~\n", "  e.gif\n", "  f.heic\n", "  g.txt\n", "  h.tar\n"] {
        assert!(told.err.contains(name), "{}", told.err);
    }
}

/// A JPEG of 16x8 pixels that its EXIF data say to turn.
fn turned() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
    encoder.set_exif_metadata(b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec()).unwrap();
    encoder.write_image(grey(8, 16, 1).as_raw(), 16, 8, ExtendedColorType::L8).unwrap();
    bytes
}

#[test]
fn the_exif_orientation_is_told_and_applied_if_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.write("in/a.jpg", &turned());
    sandbox.picture("in/b.png", grey(8, 16, 2));
    let words = "note: 1 image is to be turned by the EXIF orientation, and is encrypted as stored; --exif-orientation \
    apply turns them\n";
    sandbox.run("encrypt -k k.key in kept").is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), words);
    assert_eq!(summary(&sandbox, "encrypt -k k.key --json --dry-run in out")["turned"], 1);
    let told = sandbox.run("encrypt -k k.key --exif-orientation apply in out");
    let words = "note: images have 2 sizes, and training takes one; --resize HEIGHTxWIDTH makes them alike\nnote: 1 \
    image \
    is turned as the EXIF orientation says\n";
    told.is(0, &did("encrypt", 2, "0.0", "shuffle-flip"), words);
    for set in ["kept", "out"] {
        done(&sandbox, &format!("decrypt -k k.key {set} {set}-back"));
    }
    let (height, width, stored) = sandbox.pixels("kept-back/a.png");
    let (turned_height, turned_width, turned) = sandbox.pixels("out-back/a.png");
    assert_eq!((height, width, turned_height, turned_width), (8, 16, 16, 8));
    // Turned clockwise: the first column from the bottom becomes the first row.
    let expected: Vec<u8> = (0..16).flat_map(|y| (0..8).map(move |x| (7 - x) * 16 + y)).map(|at| stored[at]).collect();
    assert_eq!(turned, expected);
    // A run with the other choice is another run.
    let told = sandbox.run("encrypt -k k.key in out");
    let words = "error: out is a finished set with other options (EXIF orientation was `apply` and is `keep` now)";
    assert!(told.code == USAGE && told.err.contains(words), "{}", told.err);
}

#[test]
fn arrays_that_are_not_read_are_described() {
    use imgveil_data::format::npy;
    let sandbox = Sandbox::new();
    let array = |shape: &[u64]| {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, shape, vec![7u8; shape.iter().product::<u64>() as usize]).unwrap();
        bytes
    };
    for (shape, words) in [
        (
            &[2, 3, 8, 8][..],
            "its shape is [2, 3, 8, 8]: channels first, and N x H x W x 3 is read; numpy's \
         array.transpose(0, 2, 3, 1) makes that of it",
        ),
        (&[2, 8, 8, 8], "its shape is [2, 8, 8, 8]: volumes, and images are read"),
        (&[2, 8, 8, 8, 1], "its shape is [2, 8, 8, 8, 1]: volumes, and images are read"),
        (&[0, 8, 8], "its arrays hold no image"),
    ] {
        sandbox.write("x.npy", &array(shape));
        sandbox.refuses_like("encrypt -k k.key x.npy out", DATASET, |told| told.contains(words));
    }
}
