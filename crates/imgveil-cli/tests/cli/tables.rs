//! `imgveil key export-tables`, and tables in place of a key.

use crate::common::sandbox::*;
use crate::sets::{SET, set, write_npz};
use serde_json::Value;
use std::collections::BTreeMap;

/// The fingerprint of a file of tables.
fn fingerprint_of(sandbox: &Sandbox, tables: &str) -> String {
    imgveil_data::tables_file::load(&sandbox.path(tables)).unwrap().tables.key().fingerprint().to_string()
}

/// Writes a changed copy of a JSON file of tables.
fn change(sandbox: &Sandbox, from: &str, to: &str, change: impl FnOnce(&mut Value)) {
    let mut tables: Value = serde_json::from_slice(&sandbox.read(from)).unwrap();
    change(&mut tables);
    sandbox.key(to, &tables.to_string(), 0o600);
}

const AS_SECRET: &str =
    "These tables are as secret as the key: whoever holds them can decrypt what either has encrypted.\n";

#[test]
fn exported_tables_are_private_files_and_never_overwritten() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("key export-tables -k k.key --size 8x8x1");
    let fingerprint = fingerprint_of(&sandbox, "tables.npz");
    let arrays = "flip (16), perm (16), plan (64) of elements of 8 bits";
    done.is(0, &format!("wrote tables.npz, fingerprint {fingerprint}: {arrays}\n"), AS_SECRET);
    let done = sandbox.run("key export-tables -k k.key --size 8x8x1 -o tables.json");
    done.is(0, &format!("wrote tables.json, fingerprint {fingerprint}: {arrays}\n"), AS_SECRET);
    // A lossy scheme is no gather and has no plan.
    let done = sandbox.run("key export-tables -k k.key -s skk-filter --size 6x7x3 -o filter.npz");
    let fingerprint = fingerprint_of(&sandbox, "filter.npz");
    done.is(0, &format!("wrote filter.npz, fingerprint {fingerprint}: channel (6, 7), flip (6, 7, 3)\n"), AS_SECRET);
    assert_eq!(sandbox.files(""), ["filter.npz", "k.key", "tables.json", "tables.npz"]);
    #[cfg(unix)]
    for name in ["tables.npz", "tables.json"] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o7777, 0o600);
    }
    for name in ["tables.npz", "tables.json", "k.key.npz"] {
        sandbox.write("k.key.npz", b"mine");
        let words = format!(
            "{name} exists already; tables are never overwritten, because what they encrypted would be lost: choose \
             another name"
        );
        sandbox.refuses(&format!("key export-tables -k k.key --size 8x8x1 -o {name}"), USAGE, &words);
    }
}

#[test]
fn export_tells_json() {
    let sandbox = Sandbox::new();
    let done = sandbox.run("key export-tables -k k.key -s ele --size 8x8x3 -o t.json --json");
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let stages = ["nibble-shuffling block=4x4 key=block", "block-scrambling block=4x4"];
    let expected = serde_json::json!({
        "file": "t.json", "fingerprint": fingerprint_of(&sandbox, "t.json"), "size": "8x8x3", "plan_bits": 4,
        "scheme": { "name": "ele", "stages": stages },
        "arrays": { "keys": [4, 96], "revs": [4, 96], "perm": [4], "plan": [384], "plan_bits": [] },
    });
    assert_eq!(serde_json::from_str::<Value>(&done.out).unwrap(), expected);
}

#[test]
fn exports_that_cannot_be_are_refused() {
    let sandbox = Sandbox::new();
    let refuses = |options: &str, code: i32, words: &str| {
        sandbox.refuses(&format!("key export-tables -k k.key {options}"), code, words);
    };
    refuses(
        "-s keystream --size 8x8x1",
        USAGE,
        "scheme `keystream` has no tables: stage 0 (keystream key=image) draws a key for every image, and a table \
        would have to hold one for each; use the key file itself (-k)",
    );
    refuses(
        "-s none --size 8x8x1",
        USAGE,
        "scheme `none` has no tables: nothing that it does to images of 8x8x1 depends on a key; use the key file \
        itself (-k)",
    );
    refuses("--size 8x8x1 -o t.csv", USAGE, "cannot tell which format t.csv is to have: name it FILE.npz or FILE.json");
    refuses(
        "--size 8x8x1 -o away/t.npz",
        USAGE,
        "there is no folder away: make it first, or choose another path for the tables",
    );
    refuses(
        "--size 8x8",
        USAGE,
        "invalid value '8x8' for '--size <SIZE>': `8x8` is not a geometry; write HEIGHTxWIDTHxCHANNELS, such as \
        224x224x3, and x16 behind it for 16-bit samples\n\nFor more information, try '--help'.",
    );
    sandbox.refuses_like("key export-tables -k k.key --size 9x8x1", USAGE, |words| words.contains("do not tile"));
    sandbox
        .refuses_like("key export-tables -k no.key --size 8x8x1", USAGE, |words| words.contains("no key file no.key"));
    sandbox.refuses_like("key export-tables --size 8x8x1", USAGE, |words| words.contains("--key <FILE>"));
}

#[test]
fn tables_do_what_their_key_does() {
    let schemes = [
        "shuffle-flip",
        "shuffle-flip --block 2x4 --key-scope block --scramble",
        "le",
        "ele",
        "etc --block 4",
        "etc --block 8 --channel-table as-published",
        "skk",
        "skk-filter --statistic mean",
        "shf",
        "np",
        "vit --block 8 --sign-flip",
    ];
    for (colour, size) in [(false, "16x24x1"), (true, "16x24x3")] {
        let sandbox = Sandbox::new();
        set(&sandbox, colour);
        for (i, options) in schemes.iter().enumerate() {
            let name = options.split(' ').next().unwrap();
            let tables = format!("t{i}.{}", ["npz", "json"][i % 2]);
            assert_eq!(
                sandbox.run(&format!("key export-tables -k k.key -s {options} --size {size} -o {tables}")).code,
                0
            );
            let keyed = sandbox.run(&format!("encrypt -k k.key -s {options} in enc{i}"));
            assert_eq!((keyed.code, keyed.out), (0, did("encrypt", 6, "0.0", name)), "{}", keyed.err);
            let fingerprint = fingerprint_of(&sandbox, &tables);
            assert_ne!(fingerprint, FINGERPRINT);
            let told = |verb: &str| did(verb, 6, "0.0", name).replace(FINGERPRINT, &fingerprint);
            sandbox.run(&format!("encrypt --tables {tables} -s {options} in tab{i}")).is(
                0,
                &told("encrypt"),
                &keyed.err,
            );
            assert_eq!(sandbox.manifest(&format!("tab{i}"))["key"], fingerprint);
            for (_, written) in SET {
                assert!(
                    sandbox.read(&format!("enc{i}/{written}")) == sandbox.read(&format!("tab{i}/{written}")),
                    "{options}"
                );
            }
            if name == "skk-filter" || (colour && options.contains("as-published")) {
                let right = |words: &str| words.contains("cannot be undone");
                sandbox.refuses_like(&format!("decrypt --tables {tables} tab{i} back{i}"), USAGE, right);
                continue;
            }
            sandbox.run(&format!("decrypt --tables {tables} tab{i} back{i}")).is(0, &told("decrypt"), "");
            for (source, written) in SET {
                assert_eq!(
                    sandbox.pixels(&format!("back{i}/{written}")),
                    sandbox.pixels(&format!("in/{source}")),
                    "{options}"
                );
            }
        }
    }
}

#[test]
fn other_tables_and_keys_decrypt_nothing() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    sandbox.key("other.key", &key(1), 0o600);
    for name in ["k", "other"] {
        assert_eq!(sandbox.run(&format!("key export-tables -k {name}.key --size 8x8x1 -o {name}.npz")).code, 0);
    }
    let (ours, others) = (fingerprint_of(&sandbox, "k.npz"), fingerprint_of(&sandbox, "other.npz"));
    assert_eq!(sandbox.run("encrypt --tables k.npz in enc").code, 0);
    let words = |set: &str, given: &str| {
        format!(
            "this set was encrypted with key {set}, and the key given is {given}: nothing was written; find the right \
            key file, or the right tables"
        )
    };
    sandbox.refuses("decrypt --tables other.npz enc back", KEY, &words(&ours, &others));
    // The key would give the right pixels, but ids and hashes were made with the tables.
    sandbox.refuses("decrypt -k k.key enc back", KEY, &words(&ours, FINGERPRINT));
    sandbox.does("encrypt -k k.key in keyed", 2, "0.0", "shuffle-flip");
    sandbox.refuses("decrypt --tables k.npz keyed back", KEY, &words(FINGERPRINT, &ours));
    // The right tables decrypt, and so do the same arrays in the other format.
    assert_eq!(sandbox.run("key export-tables -k k.key --size 8x8x1 -o k.json").code, 0);
    assert_eq!(sandbox.run("decrypt --tables k.json enc back").code, 0);
    assert_eq!(sandbox.pixels("back/a.png"), sandbox.pixels("in/a.png"));
}

#[test]
fn exactly_one_of_key_and_tables_is_given() {
    let sandbox = Sandbox::new();
    let more = "\n\nFor more information, try '--help'.";
    sandbox.refuses(
        "encrypt default-scheme in out",
        USAGE,
        &format!(
            "the following required arguments were not provided:\n  <--key <FILE>|--tables <FILE>|--keys <random>>\n\n\
             Usage: imgveil encrypt --device <DEVICE> --keep-names --salt <HEX> <--key <FILE>|--tables <FILE>|--keys <random>> <IN> \
             <OUT>{more}"
        ),
    );
    let right = |words: &str| words.contains("not provided:\n  <--key <FILE>|--tables <FILE>>\n");
    sandbox.refuses_like("decrypt in out", USAGE, right);
    let both = "error: the argument '--key <FILE>' cannot be used with '--tables <FILE>'\n";
    for job in ["encrypt -k k.key --tables t.npz in out", "decrypt -k k.key --tables t.npz in out"] {
        sandbox.refuses_like(job, USAGE, |words| words.starts_with(both));
    }
    #[cfg(feature = "train")]
    sandbox.refuses_like("train -k k.key --tables t.npz --data in", USAGE, |words| words.starts_with(both));
}

#[test]
fn a_missing_tables_file_is_named() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let words = "there is no tables file no.npz: check the path, or make one with `imgveil key export-tables -k KEY`";
    sandbox.refuses("encrypt --tables no.npz in out", USAGE, words);
    sandbox.refuses("decrypt --tables no.npz in out", USAGE, words);
}

#[cfg(unix)]
#[test]
fn tables_that_others_can_read_are_used_with_a_warning() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    assert_eq!(sandbox.run("key export-tables -k k.key --size 8x8x1").code, 0);
    std::fs::set_permissions(sandbox.path("tables.npz"), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let done = sandbox.run("encrypt --tables tables.npz in out");
    let warning = "warning: tables.npz has mode 0644: other users can read the tables; run `chmod 600 tables.npz`\n";
    assert_eq!((done.code, done.err.as_str()), (0, warning));
}

#[test]
fn damaged_tables_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png"]);
    let refuses = |name: &str, words: &str| {
        let words = format!("{name} is not a usable tables file: {words}");
        sandbox.refuses(&format!("encrypt --tables {name} in out"), KEY, &words);
    };
    refuses("k.key", "it is neither an .npz file nor JSON; numpy.savez writes one, `imgveil key export-tables` both");
    sandbox.key("t.json", "{\"perm\": {\"shape\": [2], \"values\": [0, -1]}}", 0o600);
    refuses(
        "t.json",
        "array `perm`: invalid value: integer `-1`, expected u32 at line 1 column 40; expected {\"NAME\": {\"shape\": \
         [...], \"values\": [...]}, ...}",
    );
    sandbox.write("t.npz", b"no archive");
    sandbox.refuses_like("encrypt --tables t.npz in out", KEY, |words| {
        words.contains("t.npz is not a usable tables file: ")
    });
    sandbox.write("t.npz", &write_npz(&BTreeMap::from([("notes.txt".to_owned(), (vec![1], vec![1]))])));
    refuses("t.npz", "it holds `notes.txt`, which is no array: an .npz of tables has members NAME.npy alone");
}

#[test]
fn tables_that_do_not_fit_are_refused_before_anything_is_written() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["in/a.png", "in/b.png"]);
    assert_eq!(sandbox.run("key export-tables -k k.key --size 8x8x1 -o k.json").code, 0);
    let refuses = |options: &str, code: i32, words: &str| {
        sandbox.refuses(&format!("encrypt --tables {options} in out"), code, words);
    };
    change(&sandbox, "k.json", "missing.json", |tables| drop(tables.as_object_mut().unwrap().remove("flip")));
    refuses(
        "missing.json",
        KEY,
        "the tables have no array `flip` (stage 1, sign-flip block=4x4 key=shared), of shape (D) = (16), D being the \
        samples of a block: add it, or choose the scheme that they are for",
    );
    refuses(
        "k.json --block 8",
        KEY,
        "in the tables, array `perm` (stage 0, pixel-shuffling block=8x8 key=shared) has shape (16), and for images \
        of 8x8x1 it must have (D) = (64), D being the samples of a block: check that the tables were made for this \
        block and size",
    );
    refuses(
        "k.json -s shf",
        KEY,
        "the tables have no array `key` (stage 0, pixel-shuffling block=4x4 key=shared), of shape (D) = (16), D being \
        the samples of a block: add it, or choose the scheme that they are for",
    );
    change(&sandbox, "k.json", "more.json", |tables| tables["blocks"] = tables["perm"].clone());
    refuses(
        "more.json",
        KEY,
        "the tables have an array `blocks`, and those of scheme `shuffle-flip` are perm, flip: remove it, or choose \
        the scheme that the tables are for",
    );
    change(&sandbox, "k.json", "twice.json", |tables| {
        tables["perm"]["values"] = serde_json::json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 11, 12, 13, 14, 15]);
    });
    refuses(
        "twice.json",
        KEY,
        "in the tables, array `perm` (stage 0, pixel-shuffling block=4x4 key=shared) is no permutation: 3 stands at \
        [3] and again at [10]: correct it",
    );
    change(&sandbox, "k.json", "two.json", |tables| tables["flip"]["values"][5] = 2.into());
    refuses(
        "two.json",
        KEY,
        "in the tables, array `flip` (stage 1, sign-flip block=4x4 key=shared) has 2 at [5], and its values are 0 to \
        1: correct it",
    );
    let done = sandbox.run("encrypt --tables k.json -s skk --key-scope image in out");
    let words =
        "error: scheme `skk` has no tables: stage 0 (pixel-negative-positive key=image) draws a key for every image";
    assert!(done.code == USAGE && done.err.contains(words), "{}", done.err);
    refuses(
        "k.json -s keystream",
        USAGE,
        "scheme `keystream` has no tables: stage 0 (keystream key=image) draws a key for every image, and a table \
        would have to hold one for each; use the key file itself (-k)",
    );
    refuses(
        "k.json -s none",
        USAGE,
        "scheme `none` has no tables: nothing that it does to images of 8x8x1 depends on a key; use the key file \
        itself (-k)",
    );
    // The plan is not read, because it follows from the other arrays.
    change(&sandbox, "k.json", "plan.json", |tables| tables["plan"] = "not looked at".into());
    assert_eq!(sandbox.run("encrypt --tables plan.json in enc").code, 0);
    assert_eq!(sandbox.run("decrypt --tables k.json enc back").code, 0);
}
