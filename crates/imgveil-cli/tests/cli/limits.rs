//! Small files that ask for far more memory or time than they are worth: each ends with a reason, within five seconds
//! and 512 MiB.

use crate::common::bounded::{refused, within_limits};
use crate::common::crafted_files;
use crate::common::sandbox::*;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use std::io::Write;

/// So many zeros, compressed.
pub fn zeros(count: u64, mut encoder: impl Write) {
    let block = vec![0; 1 << 20];
    let mut left = count;
    while left > 0 {
        let now = left.min(block.len() as u64);
        encoder.write_all(&block[..now as usize]).unwrap();
        left -= now;
    }
    encoder.flush().unwrap();
}

/// A grey PNG of 8 bits, all black.
fn black_png(width: u32, height: u32) -> Vec<u8> {
    let mut data = ZlibEncoder::new(Vec::new(), Compression::fast());
    zeros(u64::from(height) * (u64::from(width) + 1), &mut data);
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let named = [kind.as_slice(), data].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&named);
        [&(data.len() as u32).to_be_bytes(), named.as_slice(), &crc.sum().to_be_bytes()].concat()
    };
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        &chunk(b"IHDR", &head),
        &chunk(b"IDAT", &data.finish().unwrap()),
        &chunk(b"IEND", b""),
    ]
    .concat()
}

/// A member of an archive: its name, what it begins with, and how many zeros follow.
type Member<'a> = (&'a str, Vec<u8>, u64);

fn npz(members: &[Member<'_>]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().large_file(true);
    for (name, start, count) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(start).unwrap();
        zeros(*count, &mut zip);
    }
    zip.finish().unwrap().into_inner()
}

/// The header of an array.
fn npy(kind: &str, shape: &str) -> Vec<u8> {
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    text += &" ".repeat(117 - text.len());
    [b"\x93NUMPY\x01\x00\x76\x00".as_slice(), text.as_bytes(), b"\n"].concat()
}

/// The header of a NIfTI-1 volume of 8 bits.
fn volume(sides: [u16; 7]) -> Vec<u8> {
    let mut file = crafted_files::nifti([1, 1, 1], &[], "")[..352].to_vec();
    file[40..42].copy_from_slice(&7u16.to_le_bytes());
    sides.iter().enumerate().for_each(|(i, side)| file[42 + 2 * i..44 + 2 * i].copy_from_slice(&side.to_le_bytes()));
    file[108..112].copy_from_slice(&352f32.to_le_bytes());
    file[348] = 0;
    file
}

fn gzipped(start: &[u8], count: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(start).unwrap();
    zeros(count, &mut encoder);
    encoder.finish().unwrap()
}

/// A set of two encrypted images.
fn encrypted() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    assert_eq!(sandbox.run("encrypt -k k.key in set").code, 0);
    sandbox
}

/// Replaces a text in the manifest of `set`. The limits hold also for what has a seal.
#[track_caller]
fn edited(sandbox: &Sandbox, from: &str, to: &str) {
    sandbox.reseal("set", from, to);
}

#[test]
fn a_picture_that_does_not_fit_is_set_aside() {
    let sandbox = Sandbox::new();
    sandbox.write("in/huge.png", &black_png(12_000, 12_000));
    sandbox.greys(&["in/small.png"]);
    for scheme in ["shuffle-flip", "none", "keystream", "le"] {
        let line = format!("encrypt -k k.key -s {scheme} in out-{scheme}");
        let Some(done) = within_limits(&sandbox, &line) else { return };
        assert_eq!(done.code, PARTLY, "{}", done.err);
        assert!(done.err.contains("huge") && done.err.contains("does not fit: it needs about"), "{}", done.err);
    }
    refused(&sandbox, "encrypt -k k.key --dry-run in out", &[PARTLY], "does not fit: it needs about");
    refused(&sandbox, "preview -k k.key in/huge.png", &[1, 2, 5], "does not fit: it needs about");
    refused(&sandbox, "encrypt -k k.key --resize 40000 in out", &[5], "does not fit: it needs about");
    // With the flag, whatever the machine has.
    let done = sandbox.run("encrypt -k k.key --memory 256M in out");
    assert!(done.code == PARTLY && done.err.contains("and 256 MiB may be used"), "{}", done.err);
    refused(&sandbox, "encrypt -k k.key --memory 1 in out2", &[USAGE], "too little for any job");
    refused(&sandbox, "encrypt -k k.key --memory lots in out2", &[USAGE], "no size of memory");
}

#[test]
fn an_archive_lists_no_more_images_than_it_can_hold() {
    let sandbox = Sandbox::new();
    sandbox.write("ones.npz", &npz(&[("train_images.npy", npy("|u1", "(50000000, 1, 1)"), 50_000_000)]));
    sandbox.write("ones.npy", &npy("|u1", "(50000000, 1, 1)"));
    std::fs::OpenOptions::new().append(true).open(sandbox.path("ones.npy")).unwrap().set_len(50_000_128).unwrap();
    sandbox.write(
        "labels.npz",
        &npz(&[("train_images.npy", npy("|u1", "(2, 4, 4)"), 32), ("train_labels.npy", Vec::new(), 64 << 20)]),
    );
    let huge = npy("|u1", "(1, 46000, 46000)");
    sandbox.write("huge.npz", &npz(&[("train_images.npy", huge, 1 << 20)]));
    for line in ["inspect", "encrypt -k k.key"] {
        let out = if line == "inspect" { "" } else { "out" };
        refused(&sandbox, &format!("{line} ones.npz {out}"), &[DATASET], "it holds 50000000 images, and at most 4096");
        refused(&sandbox, &format!("{line} ones.npy {out}"), &[DATASET], "it holds 50000000 images, and at most");
        refused(&sandbox, &format!("{line} labels.npz {out}"), &[DATASET], "train_labels.npy is larger");
        refused(&sandbox, &format!("{line} huge.npz {out}"), &[DATASET], "huge.npz is not a usable .npz set");
    }
    let many: Vec<String> = (0..5000).map(|i| format!("{i}.npy")).collect();
    let members: Vec<Member<'_>> = many.iter().map(|name| (name.as_str(), Vec::new(), 0)).collect();
    sandbox.write("many.npz", &npz(&members));
    refused(&sandbox, "inspect many.npz", &[DATASET], "it has 5000 members, and 4096 are the most");
    refused(&sandbox, "encrypt --tables many.npz in out", &[KEY, USAGE], "larger than any tables");
    sandbox.write("bomb.npz", &npz(&[("a.npy", npy("|u1", "(536870912,)"), 1 << 29)]));
    refused(&sandbox, "encrypt --tables bomb.npz in out", &[KEY, USAGE], "larger than any tables");
}

#[test]
fn a_manifest_that_inflates_is_refused() {
    let sandbox = Sandbox::new();
    let images = || ("train_images.npy", npy("|u1", "(1, 4, 4)"), 16);
    // A text that begins as a manifest does, and goes on without end.
    sandbox
        .write("zeros.npz", &npz(&[images(), ("imgveil.json", b"{\"format\": 1, \"tool\": \"".to_vec(), 128 << 20)]));
    let entries = format!("{{\"format\": 1, \"classes\": [{}\"a\"]}}", "\"a\",".repeat(20_000_000));
    sandbox.write("classes.npz", &npz(&[images(), ("imgveil.json", entries.into_bytes(), 0)]));
    for set in ["zeros.npz", "classes.npz"] {
        for line in [format!("inspect {set}"), format!("verify {set}"), format!("decrypt -k k.key {set} out")] {
            refused(&sandbox, &line, &[DATASET], "imgveil.json is larger than the set needs it to be");
        }
    }
    let sandbox = encrypted();
    let list = |name: &str, element: &str, count: usize| {
        let elements = format!("{}{element}", format!("{element},").repeat(count - 1));
        format!("\"{name}\": [{elements}], \"other\": [")
    };
    for (name, element, count, words) in [
        ("stages", "\"keystream key=image\"", 20_000, "a list of more than 64 elements"),
        ("classes", "\"a\"", 3_000_000, "a list of more than 65536 elements"),
        ("whatever", "0", 3_000_000, "a list of more than 65536 elements"),
    ] {
        let before = sandbox.read("set/imgveil.json");
        let from = if name == "stages" { "\"stages\": [" } else { "\"classes\": [" };
        edited(&sandbox, from, &list(name, element, count));
        for line in ["inspect set", "verify set", "verify -k k.key set", "decrypt -k k.key set out"] {
            refused(&sandbox, line, &[DATASET], words);
        }
        sandbox.write("set/imgveil.json", &before);
    }
    edited(&sandbox, "\"tool\": \"", &format!("\"tool\": \"{}", "a".repeat(5000)));
    refused(&sandbox, "inspect set", &[DATASET], "and 4096 are the most");
    sandbox.write("set/imgveil.json", &[b"{\"format\": 1, \"a\": ".to_vec(), vec![b'['; 1 << 20]].concat());
    refused(&sandbox, "inspect set", &[DATASET], "is damaged or not imgveil's");
}

#[test]
fn a_manifest_that_lies_about_sizes_is_found_out_by_the_headers() {
    for geometry in ["46000x46000x1", "20000x20000x1", "8x12x1", "8x8x1x16"] {
        let sandbox = encrypted();
        edited(&sandbox, "8x8x1", geometry);
        let words = format!("is 8x8x1, and the manifest says {geometry}");
        for line in ["verify set", "verify -k k.key set", "decrypt -k k.key set out"] {
            refused(&sandbox, line, &[DATASET], &words);
        }
        refused(&sandbox, "inspect set", &[0], "");
    }
    // The file itself is large, and the manifest says so.
    let sandbox = encrypted();
    let name = sandbox.files("set").into_iter().find(|name| name.ends_with(".png")).unwrap();
    let huge = black_png(12_000, 12_000);
    let hash = blake3::hash(&sandbox.read(&format!("set/{name}"))).to_hex().to_string();
    sandbox.write(&format!("set/{name}"), &huge);
    refused(&sandbox, "verify set", &[DATASET], "is 12000x12000x1, and the manifest says 8x8x1");
    edited(&sandbox, "8x8x1", "12000x12000x1");
    edited(&sandbox, &hash, &blake3::hash(&huge).to_hex());
    for line in ["verify set", "verify -k k.key set", "decrypt -k k.key set out"] {
        refused(&sandbox, line, &[DATASET], "does not fit: it needs about");
    }
}

#[test]
fn volumes_have_a_bounded_number_of_slices() {
    let sandbox = Sandbox::new();
    sandbox.write("in/slices.nii.gz", &gzipped(&volume([1, 1, 16_384, 1024, 1, 1, 1]), 1 << 24));
    sandbox.write("in/endless.nii.gz", &gzipped(&volume([4, 4, 4, 1, 1, 1, 1]), 128 << 20));
    sandbox.write("in/large.nii.gz", &gzipped(&volume([700, 700, 700, 1, 1, 1, 1]), 343_000_000));
    sandbox.write("in/overflow.nii.gz", &gzipped(&volume([32_767; 7]), 1 << 20));
    sandbox.greys(&["in/small.png"]);
    let Some(done) = within_limits(&sandbox, "encrypt -k k.key -s none --dry-run in out") else { return };
    assert_eq!(done.code, PARTLY, "{}", done.err);
    assert!(done.err.contains("slices.nii.gz: holds 16777216 images, and at most 262144 are read"), "{}", done.err);
    assert!(done.err.contains("overflow.nii.gz: is damaged: its header promises"), "{}", done.err);
    // What is promised is unpacked only if it fits.
    let done = within_limits(&sandbox, "encrypt -k k.key -s none in out").unwrap();
    assert!(done.code == PARTLY && done.err.contains("does not fit: it needs about"), "{}", done.err);
    refused(&sandbox, "inspect in", &[0], "2 images cannot be read");
}

#[test]
fn dicom_objects_have_a_bounded_number_of_frames() {
    let sandbox = Sandbox::new();
    let whole = crafted_files::dicom(4, 4, &[vec![0; 16]], &[]);
    let at = whole.windows(8).position(|window| window == b"\x28\0\x08\0IS\x02\0").unwrap();
    for frames in ["2147483647", "5000      ", "1000000000"] {
        let mut file = whole.clone();
        file[at + 6] = frames.len() as u8;
        file.splice(at + 8..at + 10, frames.bytes());
        sandbox.write("in/a.dcm", &file);
        refused(&sandbox, "encrypt -k k.key -s none in out", &[DATASET], "but it holds 16");
    }
    let at = whole.windows(8).position(|window| window == b"\x28\0\x10\0US\x02\0").unwrap();
    let mut file = whole.clone();
    file[at + 8..at + 10].fill(0xff);
    file[at + 18..at + 20].fill(0x7f);
    sandbox.write("in/a.dcm", &file);
    refused(&sandbox, "encrypt -k k.key -s none in out", &[DATASET], "");
    // A deflated object that inflates to what its header states.
    let syntax = b"1.2.840.10008.1.2.1.99";
    let start = [vec![0; 128], b"DICM\x02\0\x10\0UI\x16\0".to_vec(), syntax.to_vec()].concat();
    let mut file = DeflateEncoder::new(start, Compression::fast());
    let body = whole.windows(8).position(|window| window == b"\x28\0\x02\0US\x02\0").unwrap();
    let mut body = whole[body..].to_vec();
    let at = body.windows(4).position(|window| window == b"\x28\0\x10\0").unwrap();
    body[at + 8..at + 10].copy_from_slice(&40_000u16.to_le_bytes());
    body[at + 18..at + 20].copy_from_slice(&40_000u16.to_le_bytes());
    let at = body.windows(6).position(|window| window == b"\xe0\x7f\x10\0OB").unwrap();
    body.truncate(at + 8);
    body.extend(1_600_000_000u32.to_le_bytes());
    file.write_all(&body).unwrap();
    zeros(100 << 20, &mut file);
    sandbox.write("in/a.dcm", &file.finish().unwrap());
    refused(&sandbox, "encrypt -k k.key -s none in out", &[DATASET], "does not fit: it needs about");
}

#[test]
fn pages_of_a_tiff_do_not_share_a_long_list() {
    // A classic TIFF: one list of 200,000 strips, and 20,000 pages that all name it.
    let (strips, pages) = (200_000u32, 20_000u32);
    let mut file = b"II*\0".to_vec();
    let first = 8 + 4 * strips;
    file.extend(first.to_le_bytes());
    (0..strips).for_each(|_| file.extend(8u32.to_le_bytes()));
    let size = 2 + 12 * 8 + 4;
    for page in 0..pages {
        let here = first + page * size;
        file.extend(8u16.to_le_bytes());
        let mut entry = |tag: u16, kind: u16, count: u32, value: u32| {
            file.extend(tag.to_le_bytes());
            file.extend(kind.to_le_bytes());
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        };
        entry(256, 4, 1, 1);
        entry(257, 4, 1, strips);
        entry(258, 3, 1, 8);
        entry(259, 3, 1, 1);
        entry(262, 3, 1, 1);
        entry(273, 4, strips, 8);
        entry(278, 4, 1, 1);
        entry(279, 4, strips, 8);
        let next = if page + 1 < pages { here + size } else { 0 };
        file.extend(next.to_le_bytes());
    }
    let sandbox = Sandbox::new();
    sandbox.write("in/a.tif", &file);
    for line in ["inspect in", "encrypt -k k.key -s none in out"] {
        refused(&sandbox, line, &[0, DATASET], if line.starts_with('i') { "cannot be read" } else { "a.tif" });
    }
}

#[test]
fn partitions_are_bounded_on_the_command_line_and_in_names() {
    let sandbox = encrypted();
    refused(&sandbox, "encrypt -k k.key --partition 1/4000000000 in out", &[USAGE], "65536 are the most");
    refused(&sandbox, "encrypt -k k.key --partition 1/65537 in out", &[USAGE], "65536 are the most");
    for of in ["4000000000", "65537", "99999999999999999999999"] {
        sandbox.write(&format!("parts{of}/imgveil.part-1-of-{of}.json"), b"{}");
        refused(&sandbox, &format!("merge parts{of}"), &[USAGE], "partitions, and 65536 are the most");
    }
    sandbox.write("parts/imgveil.part-1-of-65536.json", b"{}");
    refused(&sandbox, "merge parts", &[USAGE], "partition 2/65536, 3/65536");
    let Some(done) = within_limits(&sandbox, "merge parts") else { return };
    assert!(done.err.contains("11/65536, and 65525 more is missing") && done.err.len() < 400, "{}", done.err);
}

#[test]
fn lists_schemes_and_keys_are_bounded() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let field = "a".repeat(5000);
    sandbox.write("long.csv", format!("name,label\na,{field}\n").as_bytes());
    refused(&sandbox, "encrypt -k k.key --labels long.csv in out", &[USAGE], "line 2 has a field of 5000 bytes");
    let lines: String = (0..70_000).map(|i| format!("{i},c{i}\n")).collect();
    sandbox.write("classes.csv", format!("name,label\na,x\n{lines}").as_bytes());
    refused(&sandbox, "encrypt -k k.key --labels classes.csv in out", &[USAGE], "classes, and 65536 are the most");
    let lines = "a,b\n".repeat(8_000_000);
    sandbox.write("lines.csv", format!("name,label\n{lines}").as_bytes());
    refused(&sandbox, "encrypt -k k.key --labels lines.csv in out", &[1], "does not fit: it needs about");
    let stages = "[[stage]]\nstage='np'\n".repeat(2000);
    sandbox.write("many.toml", format!("stage = [{}]", "{stage='keystream'},".repeat(2500)).as_bytes());
    refused(&sandbox, "encrypt -k k.key -s many.toml in out", &[USAGE], "at most 64 stages");
    sandbox.write("many2.toml", stages.as_bytes());
    refused(&sandbox, "encrypt -k k.key -s many2.toml in out", &[USAGE], "many2.toml:");
    let key = std::fs::File::create(sandbox.path("huge.key")).unwrap();
    key.set_len(10 << 30).unwrap();
    refused(&sandbox, "encrypt -k huge.key in out", &[KEY], "huge.key");
    refused(&sandbox, "encrypt --tables huge.key in out", &[KEY], "huge.key");
}

#[test]
fn the_members_of_a_shard_are_listed_within_the_memory() {
    let sandbox = Sandbox::new();
    // Members without contents, of one block each.
    let mut header = tar::Header::new_gnu();
    let mut file = std::io::BufWriter::new(std::fs::File::create(sandbox.path("train-0.tar")).unwrap());
    for number in 0..400_000 {
        header.set_path(format!("{number}.png")).unwrap();
        header.set_size(0);
        header.set_cksum();
        file.write_all(header.as_bytes()).unwrap();
    }
    file.write_all(&[0; 1024]).unwrap();
    drop(file);
    for line in ["inspect train-0.tar", "encrypt -k k.key train-0.tar out"] {
        refused(&sandbox, line, &[1], "does not fit: it needs about");
    }
}
