//! Samples of more than 8 bits are flipped within the bits that they use.

use crate::common::crafted_files::png_chunks;
use crate::common::sandbox::*;
use image::{ImageBuffer, Luma};

/// A picture of 16-bit samples, of which the first is the largest.
fn deep(max: u16, seed: u32) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    ImageBuffer::from_fn(16, 8, |x, y| {
        let any = (x * 31 + y * 977 + seed * 7919).wrapping_mul(2_654_435_761) >> 8;
        Luma([if (x, y) == (0, 0) { max } else { (any % (u32::from(max) + 1)) as u16 }])
    })
}

fn samples(bytes: &[u8]) -> Vec<u16> {
    bytes.as_chunks().0.iter().map(|&pair| u16::from_ne_bytes(pair)).collect()
}

/// The sandbox with pictures of these largest samples.
fn with(largest: &[u16]) -> Sandbox {
    let sandbox = Sandbox::new();
    for (number, &max) in largest.iter().enumerate() {
        sandbox.picture(&format!("in/{number}.png"), deep(max, number as u32));
    }
    sandbox
}

fn geometries(sandbox: &Sandbox, set: &str) -> Vec<String> {
    let manifest = sandbox.manifest(set);
    manifest["images"].as_array().unwrap().iter().map(|i| i["geometry"].as_str().unwrap().to_owned()).collect()
}

const TWELVE: &str = "note: 16-bit samples use 12 bits: flips stay within 4095; --depth 16 for the whole range\n";

#[test]
fn flips_stay_within_the_bits_of_the_set_and_come_back() {
    for scheme in ["np", "shuffle-flip", "le", "ele", "etc --block 2", "skk", "skk --key-scope image", "keystream"] {
        for format in ["png", "npy", "webdataset", "npz"] {
            let sandbox = with(&[4095, 1000]);
            let out = if format == "npz" { "out.npz" } else { "out" };
            let line = format!("encrypt -k k.key --keep-names -s {scheme} --format {format} in {out}");
            let line = line.replace(" --format npz", "");
            let told = sandbox.run(&line);
            assert!(told.code == 0 && told.err.ends_with(TWELVE), "{line}: {}", told.err);
            if format == "png" {
                assert_eq!(geometries(&sandbox, out), ["8x16x1x12", "8x16x1x12"]);
                for name in ["out/0.png", "out/1.png"] {
                    let hidden = samples(&sandbox.pixels(name).2);
                    assert!(hidden.iter().all(|&sample| sample <= 4095), "{line}");
                    // The second picture has none above 1000.
                    assert!(hidden.iter().any(|&sample| sample > 3095), "{line}");
                    assert!(png_chunks(&sandbox.read(name)).iter().any(|chunk| chunk == "sBIT"), "{line}");
                }
            }
            let verified = sandbox.run(&format!("verify -k k.key {out}"));
            assert_eq!(verified.code, 0, "{line}: {}", verified.err);
            assert_eq!(sandbox.run(&format!("decrypt -k k.key --format png {out} back")).code, 0, "{line}");
            for name in ["0.png", "1.png"] {
                let file = sandbox.files("back").into_iter().find(|file| file.ends_with(name)).unwrap();
                assert_eq!(sandbox.pixels(&format!("in/{name}")), sandbox.pixels(&format!("back/{file}")), "{line}");
            }
        }
    }
}

#[test]
fn a_given_depth_sets_larger_samples_aside() {
    let sandbox = with(&[4095, 1000]);
    let told = sandbox.run("encrypt -k k.key --depth 10 --keep-names in out");
    let words = "0: has a sample of 4095, and those of this set go up to 1023";
    assert!(told.code == PARTLY && told.err.contains(words), "{}", told.err);
    assert_eq!(geometries(&sandbox, "out"), ["8x16x1x10"]);
    // The whole range, without a look at the samples.
    assert_eq!(sandbox.run("encrypt -k k.key --depth 16 in whole").err, "");
    assert_eq!(geometries(&sandbox, "whole"), ["8x16x1x16", "8x16x1x16"]);
    for wrong in ["8", "17", "twelve"] {
        let told = sandbox.run(&format!("encrypt -k k.key --depth {wrong} in other"));
        assert_eq!(told.code, USAGE);
        assert!(told.err.contains("write a number of bits from 9 to 16"), "{}", told.err);
    }
}

#[test]
fn samples_that_use_all_bits_or_8_are_as_before() {
    let sandbox = with(&[65_535, 4]);
    assert_eq!(sandbox.run("encrypt -k k.key in out").err, "");
    assert_eq!(geometries(&sandbox, "out"), ["8x16x1x16", "8x16x1x16"]);
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    assert_eq!(sandbox.run("encrypt -k k.key --depth 12 in out").err, "");
    assert!(!geometries(&sandbox, "out")[0].ends_with("x12"));
}

#[test]
fn nibbles_need_whole_ones() {
    let sandbox = with(&[1000]);
    let told = sandbox.run("encrypt -k k.key -s le in out");
    let words = "note: 16-bit samples use 10 bits, and this scheme cuts samples into nibbles of 4: flips stay within \
                 4095, 12 bits; --depth 16 for the whole range\n";
    assert_eq!((told.code, told.err.as_str()), (0, words));
    assert_eq!(geometries(&sandbox, "out"), ["8x16x1x12"]);
    // Rounded up to the whole range, there is nothing to tell.
    let sandbox = with(&[20_000]);
    assert_eq!(sandbox.run("encrypt -k k.key -s le in out").err, "");
    assert_eq!(geometries(&sandbox, "out"), ["8x16x1x16"]);
}

#[test]
fn a_set_that_grows_keeps_its_depth() {
    let sandbox = with(&[4095, 1000]);
    let line = "encrypt -k k.key --keep-names --retry-failed in out";
    assert_eq!(sandbox.run(line).code, 0);
    sandbox.picture("in/2.png", deep(300, 2));
    sandbox.picture("in/3.png", deep(5000, 3));
    let told = sandbox.run(line);
    let words = "3: has a sample of 5000, and those of this set go up to 4095";
    assert!(told.code == PARTLY && told.err.contains(words), "{}", told.err);
    assert_eq!(geometries(&sandbox, "out"), ["8x16x1x12", "8x16x1x12", "8x16x1x12"]);
    assert_eq!(sandbox.run("verify -k k.key out").code, 0);
}

#[test]
fn partitions_agree_on_a_depth() {
    let sandbox = with(&[4095, 1000]);
    sandbox.refuses(
        "encrypt -k k.key --partition 1/2 in out",
        USAGE,
        "the header of 0 does not say how many of its 16 bits are used, and all partitions must use the same: give the \
         depth with --depth, the same for every partition",
    );
    for partition in ["1/2", "2/2"] {
        let line = format!("encrypt -k k.key --depth 12 --partition {partition} in out");
        assert_eq!(sandbox.run(&line).code, 0);
    }
    assert_eq!(sandbox.run("merge out").code, 0);
    assert_eq!(geometries(&sandbox, "out"), ["8x16x1x12", "8x16x1x12"]);
    // A header that says it: of all images, also those of the other partition.
    let pgm = |max: u16| [format!("P5 8 4 {max}\n").as_bytes(), &[0, 9].repeat(32)].concat();
    sandbox.write("pgm/0.pgm", &pgm(1023));
    sandbox.write("pgm/1.pgm", &pgm(3000));
    for partition in ["1/2", "2/2"] {
        assert_eq!(sandbox.run(&format!("encrypt -k k.key --partition {partition} pgm both")).code, 0);
    }
    assert_eq!(sandbox.run("merge both").code, 0);
    assert_eq!(geometries(&sandbox, "both"), ["4x8x1x12", "4x8x1x12"]);
}

#[test]
fn a_dry_run_says_the_depth() {
    let sandbox = with(&[4095, 1000]);
    let told = sandbox.run("encrypt -k k.key --dry-run in out");
    assert!(told.out.contains("8x16x1x12") && told.err == TWELVE, "{told:?}");
    let told = sandbox.run("encrypt -k k.key --dry-run --json in out");
    let json: serde_json::Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!(json["depth"], 12);
}
