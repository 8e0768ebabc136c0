//! Encryption and decryption in every form of output, their manifests and their JSON.

use crate::common::sandbox::*;
use crate::sets::{SET, npz, set, write_npz};
use serde_json::Value;
use std::collections::BTreeMap;

#[test]
fn folders_of_png_and_jpeg_come_back_exactly() {
    let schemes = [
        ("none", "none"),
        ("shuffle-flip", "shuffle-flip"),
        ("shuffle-flip --block 8 --key-scope block --scramble", "shuffle-flip"),
        ("keystream", "keystream"),
    ];
    for colour in [false, true] {
        let sandbox = Sandbox::new();
        set(&sandbox, colour);
        for (i, (options, name)) in schemes.into_iter().enumerate() {
            sandbox.does(&format!("encrypt -k k.key -s {options} in enc{i}"), 6, "0.0", name);
            sandbox.does(&format!("decrypt -k k.key enc{i} back{i}"), 6, "0.0", name);
            let written = SET.map(|(_, written)| written.to_owned());
            assert_eq!(sandbox.files(&format!("back{i}")), written);
            let mut with_manifest = written.to_vec();
            with_manifest.insert(0, "imgveil.json".into());
            assert_eq!(sandbox.files(&format!("enc{i}")), with_manifest);
            for (source, written) in SET {
                let plain = sandbox.pixels(&format!("in/{source}"));
                let encrypted = sandbox.pixels(&format!("enc{i}/{written}"));
                assert_eq!(plain.2.len(), if colour { 16 * 24 * 3 } else { 16 * 24 });
                assert_eq!(sandbox.pixels(&format!("back{i}/{written}")), plain, "{source} under {options}");
                assert_eq!((encrypted.0, encrypted.1), (16, 24));
                assert_eq!(encrypted.2 == plain.2, name == "none", "{source} under {options}");
            }
        }
    }
}

#[test]
fn the_manifest_says_what_is_documented() {
    let sandbox = Sandbox::new();
    set(&sandbox, false);
    sandbox.does("encrypt -k k.key --block 2x8 --key-scope block --scramble in enc", 6, "0.0", "shuffle-flip");
    let manifest = sandbox.manifest("enc");
    assert_eq!(manifest["format"], 2);
    assert_eq!(manifest["tool"], concat!("imgveil ", env!("CARGO_PKG_VERSION")));
    assert_eq!(manifest["key"], FINGERPRINT);
    assert_eq!(manifest["classes"], serde_json::json!(["a", "b"]));
    let stages = ["pixel-shuffling block=2x8 key=block", "sign-flip block=2x8 key=block", "block-scrambling block=2x8"];
    assert_eq!(manifest["scheme"], serde_json::json!({ "name": "shuffle-flip", "stages": stages }));
    let images = manifest["images"].as_array().unwrap();
    assert_eq!(images.len(), 6);
    for (image, (_, path)) in images.iter().zip(SET) {
        assert_eq!(image["path"], path);
        assert_eq!(image["name"], path.strip_suffix(".png").unwrap());
        assert_eq!(image["split"], path.split('/').next().unwrap());
        assert_eq!(image["label"], u32::from(path.contains("/b/")));
        assert_eq!(image["geometry"], "16x24x1");
        assert!(image.get("original").is_none());
        let hash = blake3::hash(&sandbox.read(&format!("enc/{path}"))).to_hex();
        assert_eq!(image["blake3"], hash.as_str());
        let hex = |field: &str| {
            image[field].as_str().unwrap().bytes().filter(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b)).count()
        };
        assert_eq!((hex("id"), hex("plain")), (16, 32));
    }
}

#[test]
fn a_tree_becomes_an_npz_and_a_tree_again() {
    for colour in [false, true] {
        let sandbox = Sandbox::new();
        set(&sandbox, colour);
        sandbox.does("encrypt -k k.key in enc.npz", 6, "0.0", "shuffle-flip");
        let arrays = npz(&sandbox.read("enc.npz"));
        let names =
            ["test", "train", "val"].map(|split| [format!("{split}_images.npy"), format!("{split}_labels.npy")]);
        let mut names = names.concat();
        names.insert(0, "imgveil.json".into());
        assert_eq!(arrays.keys().cloned().collect::<Vec<_>>(), names);
        let shape = |count: u64| if colour { vec![count, 16, 24, 3] } else { vec![count, 16, 24] };
        assert_eq!((&arrays["train_images.npy"].0, &arrays["val_images.npy"].0), (&shape(3), &shape(2)));
        assert_eq!(arrays["train_labels.npy"], (vec![3, 1], vec![0, 0, 1]));
        assert_eq!(arrays["val_labels.npy"], (vec![2, 1], vec![0, 1]));
        // The same pixels as in a folder.
        sandbox.does("encrypt -k k.key in enc", 6, "0.0", "shuffle-flip");
        let folder: Vec<u8> = ["a/IM-0115.1", "a/x", "b/1"]
            .iter()
            .flat_map(|name| sandbox.pixels(&format!("enc/train/{name}.png")).2)
            .collect();
        assert!(arrays["train_images.npy"].1 == folder);
        sandbox.does("decrypt -k k.key enc.npz back", 6, "0.0", "shuffle-flip");
        assert_eq!(sandbox.files("back"), SET.map(|(_, written)| written));
        for (source, written) in SET {
            assert_eq!(sandbox.pixels(&format!("back/{written}")), sandbox.pixels(&format!("in/{source}")), "{source}");
        }
    }
}

#[test]
fn an_npz_becomes_a_tree_and_the_same_npz_again() {
    let sandbox = Sandbox::new();
    let arrays = BTreeMap::from([
        ("train_images.npy".to_owned(), (vec![3, 8, 12], samples(288, 1))),
        ("train_labels.npy".to_owned(), (vec![3, 1], vec![1, 0, 2])),
        ("test_images.npy".to_owned(), (vec![2, 8, 12], samples(192, 2))),
        ("test_labels.npy".to_owned(), (vec![2, 1], vec![2, 1])),
    ]);
    sandbox.write("in.npz", &write_npz(&arrays));
    sandbox.does("encrypt -k k.key in.npz enc", 5, "0.0", "shuffle-flip");
    let written =
        ["test/1/000001.png", "test/2/000000.png", "train/0/000001.png", "train/1/000000.png", "train/2/000002.png"];
    assert_eq!(sandbox.files("enc"), [&["imgveil.json"], &written[..]].concat());
    assert_eq!(sandbox.manifest("enc")["classes"], serde_json::json!(["0", "1", "2"]));
    sandbox.does("decrypt -k k.key enc back.npz", 5, "0.0", "shuffle-flip");
    assert_eq!(npz(&sandbox.read("back.npz")), arrays);
    sandbox.does("decrypt -k k.key enc back", 5, "0.0", "shuffle-flip");
    assert_eq!(sandbox.files("back"), written);
    assert_eq!(sandbox.pixels("back/train/0/000001.png"), (8, 12, arrays["train_images.npy"].1[96..192].to_vec()));
}

#[test]
fn a_set_that_is_not_divided_is_named_images() {
    let sandbox = Sandbox::new();
    let arrays = BTreeMap::from([("images.npy".to_owned(), (vec![2, 4, 4, 3], samples(96, 1)))]);
    sandbox.write("in.npz", &write_npz(&arrays));
    sandbox.does("encrypt -k k.key in.npz enc", 2, "0.0", "shuffle-flip");
    assert_eq!(sandbox.files("enc"), ["images/000000.png", "images/000001.png", "imgveil.json"]);
    sandbox.does("decrypt -k k.key enc back.npz", 2, "0.0", "shuffle-flip");
    assert_eq!(npz(&sandbox.read("back.npz")), arrays);
}

#[test]
fn files_that_are_no_arrays_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("in.npz", b"no archive");
    let right = |words: &str| words.starts_with("error: in.npz is not a usable .npz set: ");
    sandbox.refuses_like("encrypt -k k.key in.npz out", DATASET, right);
    sandbox.write("in.npz", &write_npz(&BTreeMap::from([("x.npy".to_owned(), (vec![1], vec![1]))])));
    let words = "in.npz is not a usable .npz set: it has no array train_images, val_images, test_images or images";
    sandbox.refuses("encrypt -k k.key in.npz out", DATASET, words);
    let labels = |count: u64| {
        BTreeMap::from([
            ("train_images.npy".to_owned(), (vec![2, 4, 4], samples(32, 0))),
            ("train_labels.npy".to_owned(), (vec![count], vec![0; count as usize])),
        ])
    };
    sandbox.write("in.npz", &write_npz(&labels(3)));
    let words = "in.npz is not a usable .npz set: train_images has 2 images but 3 labels";
    sandbox.refuses("encrypt -k k.key in.npz out", DATASET, words);
    sandbox.write("in.npz", &write_npz(&labels(2)));
    sandbox.does("encrypt -k k.key in.npz out", 2, "0.0", "shuffle-flip");
}

#[test]
fn json_says_what_is_documented() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.write("in/notes.txt", b"no image");
    sandbox.write("in/c.png", b"no image");
    sandbox.write("in/d.png", b"no image");
    for (line, failed, ignored) in
        [("encrypt -k k.key --json in enc", 2, 1), ("decrypt -k k.key --json enc back", 0, 0)]
    {
        let done = sandbox.run(line);
        let mut json: Value = serde_json::from_str(&done.out).unwrap();
        let fields = json.as_object_mut().unwrap();
        assert!(fields.remove("seconds").unwrap().as_f64().unwrap() > 0.0);
        let busy = fields.remove("busy").unwrap();
        assert!(["decode", "device", "encode"].iter().all(|stage| busy[stage].as_f64().unwrap() > 0.0), "{busy}");
        let device = fields.remove("device").unwrap();
        assert!(device.as_str().unwrap().starts_with("CPU, "), "{device}");
        let names = ["c.png", "d.png"];
        let aside: Vec<Value> =
            names[..failed].iter().map(|name| serde_json::json!({ "path": name, "reason": FOREIGN })).collect();
        let passed_over: Vec<Value> =
            [serde_json::json!({ "path": "notes.txt", "reason": "no-image" })][..ignored].to_vec();
        let stages = ["pixel-shuffling block=4x4 key=shared", "sign-flip block=4x4 key=shared"];
        let expected = serde_json::json!({
            "images": 2, "resumed": 0, "encoding": { "format": "png" }, "names": null, "bytes": 128, "failed": aside,
            "ignored": ignored, "key": FINGERPRINT, "splits": { "all": 2 }, "classes": { "": 2 }, "turned": 0,
            "passed_over": passed_over,
            "scheme": { "name": "shuffle-flip", "stages": stages },
        });
        assert_eq!(json, expected, "{line}");
        // Standard output holds nothing but JSON.
        assert_eq!(
            (done.code, done.err.is_empty()),
            (if failed > 0 { PARTLY } else { 0 }, failed == 0),
            "{}",
            done.err
        );
    }
}
