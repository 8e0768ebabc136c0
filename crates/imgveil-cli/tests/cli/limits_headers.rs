//! Headers and lists that go on for as long as their file does: each is refused early, within five seconds and 512 MiB.

use crate::common::bounded::{refused, within_limits};
use crate::common::crafted_files;
use crate::common::sandbox::*;
use crate::limits::zeros;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write;

fn encrypts(sandbox: &Sandbox, codes: &[i32], words: &str) {
    refused(sandbox, "inspect in", &[0, DATASET], "");
    refused(sandbox, "encrypt -k k.key -s none in out", codes, words);
}

#[test]
fn a_colour_profile_that_inflates_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["a.png"]);
    for kind in [b"iCCP", b"zTXt"] {
        let mut profile = ZlibEncoder::new(b"profile\0\0".to_vec(), Compression::fast());
        zeros(400 << 20, &mut profile);
        sandbox.write("in/a.png", &crafted_files::png(&sandbox.read("a.png"), &[(kind, profile.finish().unwrap())]));
        let out = String::from_utf8_lossy(kind);
        refused(&sandbox, &format!("encrypt -k k.key -s none in out-{out}"), &[0], "");
        refused(&sandbox, &format!("preview -k k.key -s none in/a.png -o {out}.png"), &[0], "");
    }
}

#[test]
fn the_header_of_a_pnm_file_has_an_end() {
    let sandbox = Sandbox::new();
    let pixels = [7; 16];
    let file = |header: Vec<u8>| [header, pixels.to_vec()].concat();
    let long = |text: &[u8], count: usize| file([b"P5 ", text.repeat(count).as_slice(), b"4 4 255\n"].concat());
    for (what, bytes) in [("a comment", long(b"#aaa\n", 40 << 20)), ("blanks", long(b" ", 200 << 20))] {
        sandbox.write("in/a.pgm", &bytes);
        println!("{what}");
        encrypts(&sandbox, &[DATASET], "a");
    }
    sandbox.write("in/a.pgm", &file([b"P7\n".as_slice(), &b"WIDTH 4\n".repeat(4 << 20), b"ENDHDR\n"].concat()));
    encrypts(&sandbox, &[DATASET], "a");
    // As long as a person may write it.
    sandbox.write("in/a.pgm", &long(b"#aaa\n", 5000));
    encrypts(&sandbox, &[0], "");
}

#[test]
fn a_small_tiff_has_few_pages() {
    let sandbox = Sandbox::new();
    let pages: Vec<Vec<u8>> = (0..4097u32).map(|i| i.to_le_bytes().to_vec()).collect();
    sandbox.write("in/a.tif", &crafted_files::tiff(2, 2, &pages, ""));
    encrypts(&sandbox, &[DATASET], "holds 4097 images, and at most 4096 are read");
    sandbox.write("in/a.tif", &crafted_files::tiff(2, 2, &pages[1..], ""));
    refused(&sandbox, "inspect in", &[0], "");
}

#[test]
fn a_compressed_volume_is_not_cut_into_empty_members() {
    let sandbox = Sandbox::new();
    let volume = crafted_files::nifti([4, 4, 4], &[9; 64], "");
    let members = |parts: &[&[u8]]| -> Vec<u8> {
        let packed = |part: &&[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(part).unwrap();
            encoder.finish().unwrap()
        };
        parts.iter().flat_map(packed).collect()
    };
    let empty = members(&[b""]).repeat(1_000_000);
    for bytes in [[empty.as_slice(), &members(&[&volume])].concat(), empty] {
        sandbox.write("in/a.nii.gz", &bytes);
        encrypts(&sandbox, &[DATASET], "a.nii.gz: is ");
    }
    // One member for each byte is no more than small files have.
    let bytes: Vec<&[u8]> = volume.chunks(1).collect();
    sandbox.write("in/a.nii.gz", &members(&bytes));
    encrypts(&sandbox, &[0], "");
}

#[test]
fn the_header_of_a_dicom_object_has_a_bounded_number_of_elements() {
    const TOO_MANY: &str = "its header holds more elements than any object has";
    let sandbox = Sandbox::new();
    let whole = crafted_files::dicom(4, 4, &[vec![0; 16]], &[]);
    let body = whole.windows(8).position(|window| window == b"\x28\0\x02\0US\x02\0").unwrap();
    let element = b"\x09\0\x01\0LO\0\0".repeat(3_000_000);
    sandbox.write("in/a.dcm", &[&whole[..body], &element, &whole[body..]].concat());
    encrypts(&sandbox, &[DATASET], TOO_MANY);
    // In items of a sequence.
    let items = [b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff".as_slice(), &b"\xfe\xff\0\xe0\0\0\0\0".repeat(3_000_000)];
    let sequence = [&items.concat(), b"\xfe\xff\xdd\xe0\0\0\0\0".as_slice()].concat();
    sandbox.write("in/a.dcm", &[&whole[..body], &sequence, &whole[body..]].concat());
    encrypts(&sandbox, &[DATASET], TOO_MANY);
    // In a data set that inflates.
    let syntax = b"1.2.840.10008.1.2.1.99";
    let start = [vec![0; 128], b"DICM\x02\0\x10\0UI\x16\0".to_vec(), syntax.to_vec()].concat();
    let mut file = DeflateEncoder::new(start, Compression::fast());
    zeros(1 << 30, &mut file);
    sandbox.write("in/a.dcm", &file.finish().unwrap());
    encrypts(&sandbox, &[DATASET], TOO_MANY);
    // Fragments of pixels.
    let rle = whole.windows(20).position(|window| window == b"1.2.840.10008.1.2.1\0");
    let pixels = whole.windows(4).position(|window| window == b"\xe0\x7f\x10\0").unwrap();
    let mut file = whole[..pixels].to_vec();
    let rle = rle.expect("it is of the explicit syntax");
    file[rle..rle + 20].copy_from_slice(b"1.2.840.10008.1.2.5\0");
    file.extend(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff");
    file.extend(b"\xfe\xff\0\xe0\0\0\0\0".repeat(1_500_000));
    file.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    sandbox.write("in/a.dcm", &file);
    encrypts(&sandbox, &[DATASET], "its pixels are in more fragments than any object has");
}

#[test]
fn a_line_of_a_csv_file_has_an_end() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    assert_eq!(sandbox.run("encrypt -k k.key in set").code, 0);
    let fields = ",x".repeat(5_000_000);
    for (name, text) in [
        ("header", format!("name,label{fields}\na,0\n")),
        ("commas", ",".repeat(20_000_000)),
        ("line", format!("name,label\na,0{fields}\n")),
        ("quoted", format!("name,label\na,{}\n", "\"\n some words\",".repeat(100_000))),
    ] {
        sandbox.write(&format!("{name}.csv"), text.as_bytes());
        refused(&sandbox, &format!("encrypt -k k.key --labels {name}.csv in out"), &[USAGE], "a line has more than");
        refused(&sandbox, &format!("inspect --labels {name}.csv in"), &[USAGE], "a line has more than");
        refused(&sandbox, &format!("decrypt -k k.key --names {name}.csv set out"), &[USAGE, DATASET], "names");
    }
    // Many lines, each of which is short, and one that has many columns.
    let wide = (0..10_000).map(|i| format!(",c{i}")).collect::<String>();
    let lines: String = (0..100_000).map(|i| format!("b{i},1\n")).collect();
    sandbox.write("good.csv", format!("name,label{wide}\na,0\n{lines}").as_bytes());
    refused(&sandbox, "encrypt -k k.key --labels good.csv in good", &[0], "");
}

#[test]
fn tables_are_made_only_if_they_fit() {
    let sandbox = Sandbox::new();
    for scheme in ["ele", "le --block 8", "np", "shuffle-flip --key-scope block", "vit"] {
        for file in ["a.npz", "a.json"] {
            let line = format!("key export-tables -k k.key -s {scheme} --size 8000x8000x3 -o {file}");
            refused(&sandbox, &line, &[1], "the tables of images of 8000x8000x3 do not fit: it needs about");
        }
    }
    let Some(done) = within_limits(&sandbox, "key export-tables -k k.key -s ele --size 224x224x3 -o a.json") else {
        return;
    };
    assert_eq!(done.code, 0, "{}", done.err);
    refused(&sandbox, "bench --device cpu --no-disk --seconds 1e30", &[USAGE], "is no time from 0 to 3600");
}
