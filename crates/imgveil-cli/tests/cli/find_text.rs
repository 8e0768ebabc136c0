//! `imgveil find-text`, `--mask` and `--mask-file`, and `imgveil schemes --for`.

use crate::common::crafted_files::dicom;
use crate::common::sandbox::*;
use image::GrayImage;

/// A grey picture of 64x64 with the letters H and L drawn `count` times at (4, 4).
fn lettered(count: u32) -> GrayImage {
    const LETTERS: [[u8; 7]; 2] = [
        [0b10001, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        [0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b10000, 0b11111],
    ];
    GrayImage::from_fn(64, 64, |x, y| {
        let (letter, column, row) = (x.wrapping_sub(4) / 6, x.wrapping_sub(4) % 6, y.wrapping_sub(4));
        let drawn = letter < count && row < 7 && column < 5;
        let on = drawn && LETTERS[letter as usize % 2][row as usize] >> (4 - column) & 1 == 1;
        image::Luma([if on { 250 } else { 30 }])
    })
}

fn there(file: &str) -> String {
    format!("{file} exists and is not empty: nothing was written; choose another output or remove it first")
}

#[test]
fn text_is_found_and_blanked() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/a.png", lettered(0));
    sandbox.picture("in/b.png", lettered(5));
    let done = sandbox.run("find-text in -o sheet.png --masks masks.csv");
    assert_eq!(done.code, 0);
    let said = "\
looked at 2 images
       0  whose header says that text is burnt in
       0  of a kind that often has text, by their header
       1  with what looks like letters near the border
          b: 2,2,33,11
";
    assert_eq!(done.out, said);
    assert!(done.err.contains("Not all text is found"), "{:?}", done.err);
    assert_eq!(sandbox.read("masks.csv"), b"name,x,y,width,height\nb,2,2,33,11\n");
    assert!(image::open(sandbox.path("sheet.png")).unwrap().width() > 200);
    sandbox.refuses("find-text in --masks masks.csv", USAGE, &there("masks.csv"));

    let left = sandbox.run("find-text in --mask-file masks.csv").out;
    assert!(left.contains("       0  with what looks like letters"), "{left}");
    assert_eq!(sandbox.run("encrypt -k k.key -s none --mask-file masks.csv --keep-names in one").code, 0);
    assert_eq!(sandbox.run("encrypt -k k.key -s none --mask 0,0,64,20 --mask 0,60,4,4 --keep-names in all").code, 0);
    let level = |set: &str, x: u32, y: u32| sandbox.pixels(set).2[(y * 64 + x) as usize];
    assert_eq!([level("one/b.png", 4, 4), level("one/b.png", 40, 4), level("one/a.png", 4, 4)], [0, 30, 30]);
    assert_eq!([level("all/b.png", 63, 19), level("all/a.png", 3, 63), level("all/a.png", 4, 63)], [0, 0, 30]);
    assert_eq!(sandbox.manifest("all")["options"], serde_json::json!(["mask=0,0,64,20;0,60,4,4", "names=kept"]));
    assert_eq!(sandbox.manifest("one")["options"], serde_json::json!(["masks=file", "names=kept"]));
}

#[test]
fn regions_that_would_leave_text_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.picture("in/a.png", lettered(5));
    sandbox.write("masks.csv", b"name,x,y,width,height\nother,0,0,9,9\n");
    let words = "masks.csv: line 2 names `other`, which is no image of the set";
    sandbox.refuses("encrypt -k k.key --mask-file masks.csv in out", DATASET, words);
    sandbox.refuses(
        "encrypt -k k.key --mask-file missing.csv in out",
        USAGE,
        "there is no missing.csv: check the path",
    );
    let done = sandbox.run("encrypt -k k.key --mask 1,2,3 in out");
    assert_eq!(done.code, USAGE);
    assert!(done.err.contains("`1,2,3` is no region: write X,Y,WIDTH,HEIGHT"), "{:?}", done.err);
    assert!(!sandbox.path("out").exists());
}

#[test]
fn headers_that_speak_of_text_are_told() {
    let sandbox = Sandbox::new();
    let frame = vec![7; 16];
    let object = |texts: &[(u32, &[u8; 2], &str)]| dicom(4, 4, std::slice::from_ref(&frame), texts);
    sandbox.write("in/us.dcm", &object(&[(0x0008_0060, b"CS", "US")]));
    sandbox.write("in/yes.dcm", &object(&[(0x0008_0060, b"CS", "CR"), (0x0028_0301, b"CS", "YES ")]));
    sandbox.write("in/no.dcm", &object(&[(0x0008_0060, b"CS", "US"), (0x0028_0301, b"CS", "NO")]));
    // A picture that was captured from something else.
    sandbox.write("in/captured.dcm", &object(&[(0x0008_0060, b"CS", "CR"), (0x0008_0064, b"CS", "WSD ")]));
    sandbox.write("in/cr.dcm", &object(&[(0x0008_0060, b"CS", "CR")]));
    let out = sandbox.run("find-text in").out;
    assert!(out.contains("looked at 5 images\n       1  whose header says that text is burnt in\n       2  of a kind"));
    let told = "note: by the DICOM header, 3 images have or may have text in the pixels; `imgveil find-text` looks for \
                it, and --mask blanks it";
    let notes = |line: &str| sandbox.run(line).err;
    let notes_told = notes("encrypt -k k.key --dry-run in out");
    assert!(notes_told.contains(told), "{notes_told}");
    let masked = notes("encrypt -k k.key --dry-run --mask 0,0,1,1 in out");
    assert!(!masked.contains("DICOM header"), "{masked}");
}

#[test]
fn a_picture_is_drawn_under_every_scheme() {
    let sandbox = Sandbox::new();
    sandbox.write("in/notes.txt", b"no picture");
    sandbox.picture("in/deep/a.png", rgb(64, 64, 3));
    let done = sandbox.run("schemes --for in -k k.key -o sheet.png");
    assert_eq!(done.code, 0);
    assert!(done.out.starts_with("wrote sheet.png: in/deep/a.png under "), "{}", done.out);
    assert!(image::open(sandbox.path("sheet.png")).unwrap().height() > 500);
    sandbox.refuses("schemes --for in -k k.key -o sheet.png", USAGE, &there("sheet.png"));
    std::fs::remove_file(sandbox.path("in/deep/a.png")).unwrap();
    let words = "there is no image in in: name one, such as a PNG file";
    sandbox.refuses("schemes --for in -o other.png", DATASET, words);
}
