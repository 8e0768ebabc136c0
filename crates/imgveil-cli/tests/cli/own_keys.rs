//! Sets in which every image has a key of its own: keys that are drawn and forgotten, and several encryptions of each
//! training image.

use crate::common::sandbox::*;
use crate::runs::{cut, done, many};
use std::collections::BTreeSet;

/// The names of a set's images with their pixels.
fn pictures(sandbox: &Sandbox, set: &str) -> Vec<(String, Vec<u8>)> {
    let named = sandbox.tree(set).into_keys().filter(|name| name.ends_with(".png"));
    named.map(|name| (name.clone(), sandbox.pixels(&format!("{set}/{name}")).2)).collect()
}

#[test]
fn forgotten_keys_decrypt_nothing() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/train/a/1.png", "in/train/b/2.png", "in/test/a/3.png"]);
    done(&sandbox, "encrypt neutral random-salt --keys random -s etc-image in out");
    assert_eq!(sandbox.manifest("out")["options"][0], "keys=random");
    assert!(sandbox.run("inspect out").out.contains("drawn for this set and kept nowhere"));
    for line in ["decrypt -k k.key out back", "verify -k k.key out", "update -k k.key in out"] {
        sandbox.refuses_like(line, KEY, |words| words.contains("drawn at random and kept nowhere"));
    }
    assert!(!sandbox.path("back").exists());
    done(&sandbox, "verify out");
    // Another run draws other keys.
    done(&sandbox, "encrypt random-salt --keys random -s etc-image in again");
    done(&sandbox, "encrypt random-salt --keys random -s etc-image in third");
    for (one, other) in pictures(&sandbox, "again").into_iter().zip(pictures(&sandbox, "third")) {
        assert_eq!(one.0, other.0);
        assert_ne!(one.1, other.1);
    }
    // No file of a set, nor beside it, has anything that decrypts it: the key file of the sandbox is another one.
    let beside: Vec<String> = sandbox.tree("").into_keys().filter(|name| name.ends_with(".key")).collect();
    assert_eq!(beside, ["k.key"]);
}

#[test]
fn forgotten_keys_need_a_key_for_every_image_and_one_run() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    let shared = "has a key that all images share";
    for scheme in ["shuffle-flip", "etc", "vit"] {
        sandbox.refuses_like(&format!("encrypt random-salt --keys random -s {scheme} in out"), USAGE, |w| {
            w.contains(shared)
        });
    }
    for more in ["-k k.key", "--partition 1/2", "--salt 00112233445566778899aabbccddeeff", "--retry-failed"] {
        let salt = if more.starts_with("--salt") { "" } else { "random-salt" };
        let line = format!("encrypt {salt} --keys random -s vit-image {more} in out");
        sandbox.refuses_like(&line, USAGE, |words| words.contains("cannot be used with"));
    }
    assert!(!sandbox.path("out").exists());
    let line = "encrypt neutral random-salt --keys random -s shuffle-flip-image in out";
    cut(&sandbox, line);
    sandbox.refuses_like(line, USAGE, |words| words.contains("cannot go on") && words.contains("another output"));
    sandbox
        .refuses_like("encrypt -k k.key -s shuffle-flip-image in out", USAGE, |words| words.contains("cannot go on"));
}

#[test]
fn copies_of_training_images_are_images_of_their_own() {
    for (form, out) in [("", "out"), ("", "out.npz"), ("--format npy", "out"), ("--format webdataset", "out")] {
        let sandbox = Sandbox::new();
        // The name of a copy is taken already.
        sandbox.greys(&["in/train/a/1.png", "in/train/a/1-copy2.png", "in/val/a/4.png", "in/test/a/5.png"]);
        let line = format!("encrypt -k k.key -s etc-image --copies 3 {form} in {out}");
        done(&sandbox, &line);
        let expected = [
            "test/a/5",
            "train/a/1",
            "train/a/1-copy2",
            "train/a/1-copy2-copy2",
            "train/a/1-copy2-copy3",
            "train/a/1-copy2_",
            "train/a/1-copy3",
            "val/a/4",
        ];
        done(&sandbox, &format!("verify -k k.key {out}"));
        done(&sandbox, &format!("decrypt -k k.key {out} back"));
        let images = sandbox.files("back").into_iter().filter(|name| name.ends_with(".png")).collect::<BTreeSet<_>>();
        assert_eq!(images, expected.map(|name| format!("{name}.png")).into(), "{form} {out}");
        let plain = sandbox.pixels("in/train/a/1.png").2;
        for copy in ["1", "1-copy2_", "1-copy3"] {
            assert_eq!(sandbox.pixels(&format!("back/train/a/{copy}.png")).2, plain, "{form} {out}");
        }
        // Nothing to do: an update knows the copies.
        assert!(sandbox.run(&format!("update -k k.key in {out}")).err.contains("unchanged"), "{form} {out}");
    }
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a/1.png"]);
    let told = sandbox.run("encrypt neutral -k k.key -s etc-image --copies 4 in out");
    assert!(told.code == 0 && told.err.contains("not divided into splits"), "{}", told.err);
    let different: BTreeSet<Vec<u8>> = pictures(&sandbox, "out").into_iter().map(|(_, pixels)| pixels).collect();
    assert_eq!(different.len(), 4);
    sandbox.refuses_like("encrypt -k k.key -s etc-image --copies 0 in two", USAGE, |words| words.contains("--copies"));
}

/// Where no scheme is named, every image has a key of its own, and the network is one that learns from that.
#[test]
fn the_default_is_a_key_for_every_image() {
    let sandbox = Sandbox::new();
    let names = |split: &str| (0..4).map(move |i| format!("in/{split}/{}/{i}.png", i % 2)).collect::<Vec<_>>();
    let all: Vec<String> = ["train", "test"].into_iter().flat_map(names).collect();
    sandbox.greys(&all.iter().map(String::as_str).collect::<Vec<_>>());
    done(&sandbox, "encrypt default-scheme -k k.key in out");
    assert_eq!(sandbox.manifest("out")["scheme"]["name"], "etc-image");
    #[cfg(feature = "train")]
    for (line, network) in [
        ("--data out", "bag"),
        ("--data in -k k.key", "bag"),
        ("--data in -k k.key --model cnn", "cnn"),
        ("--data in -k k.key -s shuffle-flip", "cnn"),
        ("--data in", "cnn"),
    ] {
        let ran = sandbox.run(&format!("train {line} --batch 4 --epochs 1 -o run --json"));
        assert_eq!(ran.code, 0, "{}", ran.err);
        let summary: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(summary["config"]["model"], network, "{line}");
        std::fs::remove_dir_all(sandbox.path("run")).unwrap();
    }
}
