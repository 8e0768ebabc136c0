//! The seal of `imgveil.json`: what is refused once anything of it was changed.

use crate::common::sandbox::*;
use crate::runs::{cut, done, many, remove};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};

const FORGED: &str = "was changed after it was written: its seal does not fit. Nothing of it was used; restore it from \
                      the copy that you were given";

/// Two splits, two classes.
fn pictures(sandbox: &Sandbox) {
    sandbox.greys(&[
        "in/train/ill/Doe.png",
        "in/train/ill/Roe.png",
        "in/train/well/Poe.png",
        "in/test/ill/Coe.png",
        "in/test/well/Moe.png",
    ]);
}

fn exchange(images: &mut Value, field: &str) {
    let (one, two) = (images[0][field].clone(), images[1][field].clone());
    (images[0][field], images[1][field]) = (two, one);
}

type Edit = (&'static str, fn(&mut Value));

const EDITS: [Edit; 14] = [
    ("names exchanged", |m| exchange(&mut m["images"], "name")),
    ("files exchanged", |m| {
        exchange(&mut m["images"], "path");
        exchange(&mut m["images"], "blake3");
    }),
    ("a label flipped", |m| m["images"][0]["label"] = json!(1 - m["images"][0]["label"].as_u64().unwrap())),
    ("a split moved", |m| m["images"][0]["split"] = "val".into()),
    ("an entry dropped", |m| drop(m["images"].as_array_mut().unwrap().pop())),
    ("all entries dropped", |m| m["images"] = json!([])),
    ("entries reordered", |m| m["images"].as_array_mut().unwrap().swap(0, 1)),
    ("an entry added", |m| {
        let mut entry = m["images"][0].clone();
        (entry["name"], entry["path"]) = ("new".into(), "new.png".into());
        m["images"].as_array_mut().unwrap().push(entry);
    }),
    ("another encoding", |m| m["encoding"] = json!({"format": "jpeg", "quality": 90})),
    ("no scheme", |m| m["scheme"] = json!({"name": "none", "stages": []})),
    ("another scheme", |m| m["scheme"]["stages"] = json!(["keystream key=image"])),
    ("another size", |m| m["images"][0]["geometry"] = "4x16x1".into()),
    ("class names exchanged", |m| m["classes"] = json!(["1", "0"])),
    ("another seal", |m| m["seal"] = "0".repeat(64).into()),
];

#[test]
fn every_change_of_the_manifest_is_refused_before_anything_is_used() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    let whole = sandbox.manifest("out");
    for (what, edit) in EDITS {
        let mut changed = whole.clone();
        edit(&mut changed);
        assert_ne!(changed, whole, "{what}");
        sandbox.write("out/imgveil.json", changed.to_string().as_bytes());
        for line in
            ["decrypt -k k.key out back", "decrypt -k k.key --names out.names.csv out back", "verify -k k.key out"]
        {
            let before = sandbox.tree("");
            let done = sandbox.run(line);
            let right = format!("error: out/imgveil.json {FORGED}\n");
            assert_eq!(
                (done.code, done.out.as_str(), done.err.as_str()),
                (DATASET, "", right.as_str()),
                "{what}: {line}"
            );
            assert_same(&before, &sandbox.tree(""));
        }
        // The run that wrote the set does not add to it either.
        let again = sandbox.run("encrypt neutral -k k.key --retry-failed in out");
        assert_eq!(again.code, DATASET, "{what}: {}", again.err);
    }
    // The same facts in another layout are the same manifest.
    sandbox.write("out/imgveil.json", whole.to_string().as_bytes());
    done(&sandbox, "verify -k k.key out");
}

#[test]
fn fields_that_are_not_known_or_come_twice_are_refused() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    let whole = String::from_utf8(sandbox.read("out/imgveil.json")).unwrap();
    for (from, to, words) in [
        ("\"tool\"", "\"note\": 1, \"tool\"", "unknown field `note`"),
        ("\"split\"", "\"note\": 1, \"split\"", "unknown field `note`"),
        ("\"split\"", "\"plain\": \"\", \"split\"", "duplicate field `plain`"),
        ("\"format\": 2", "\"format\": 1", "has format 1, but it has a salt or a seal"),
        ("\"seal\"", "\"run\"", "duplicate field `run`"),
    ] {
        assert!(whole.contains(from));
        sandbox.write("out/imgveil.json", whole.replacen(from, to, 1).as_bytes());
        for line in ["decrypt -k k.key out back", "verify -k k.key out", "verify out", "inspect out"] {
            sandbox.refuses_like(line, DATASET, |said| said.contains(words));
        }
    }
}

#[test]
fn a_changed_fingerprint_is_told_from_a_wrong_key() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    let mut manifest = sandbox.manifest("out");
    manifest["key"] = "0123456789abcdef".into();
    sandbox.write("out/imgveil.json", manifest.to_string().as_bytes());
    // The seal still fits: the key is right.
    for line in ["decrypt -k k.key out back", "verify -k k.key out"] {
        sandbox.refuses(line, DATASET, &format!("out/imgveil.json {FORGED}"));
    }
    sandbox.key("other.key", &key(1), 0o600);
    sandbox.refuses_like("decrypt -k other.key out back", KEY, |said| said.contains("with key 0123456789abcdef"));
}

#[test]
fn the_file_of_names_is_checked_with_the_key() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    let names = String::from_utf8(sandbox.read("out.names.csv")).unwrap();
    let line = "decrypt -k k.key --names changed.csv out back";
    let exchanged = names.replace("Doe", "*").replace("Roe", "Doe").replace('*', "Roe");
    sandbox.write("changed.csv", exchanged.as_bytes());
    sandbox.refuses_like(line, DATASET, |said| said.contains("and the key says that it is not: the file was changed"));
    let shorter: Vec<&str> = names.lines().filter(|line| !line.contains("Poe")).collect();
    sandbox.write("changed.csv", shorter.join("\n").as_bytes());
    sandbox.refuses_like(line, DATASET, |said| said.contains("changed.csv has no line for `"));
    let twice = format!("{names}{}\n", names.lines().last().unwrap());
    sandbox.write("changed.csv", twice.as_bytes());
    sandbox.refuses_like(line, DATASET, |said| said.contains("two lines for `"));
    // The names of another set with the same images.
    done(&sandbox, "encrypt random-salt neutral -k k.key in other");
    let line = "decrypt -k k.key --names other.names.csv out back";
    sandbox.refuses_like(line, DATASET, |said| said.contains("has no line for `"));
    // The order of the lines means nothing.
    let mut lines: Vec<&str> = names.lines().skip(1).collect();
    lines.reverse();
    sandbox.write("changed.csv", format!("id,name,class\n{}\n", lines.join("\n")).as_bytes());
    done(&sandbox, "decrypt -k k.key --names changed.csv out back");
    assert_eq!(sandbox.pixels("back/train/ill/Doe.png"), sandbox.pixels("in/train/ill/Doe.png"));
}

#[test]
fn without_the_key_nothing_is_said_about_the_manifest() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    let vouched = "Without the key this vouches for the files, and not for imgveil.json";
    assert!(done(&sandbox, "verify out").err.contains(vouched));
    assert!(done(&sandbox, "inspect out").err.contains("for which nothing vouches without the key"));
    assert_eq!(done(&sandbox, "verify -k k.key out").err, "");
    assert_eq!(done(&sandbox, "verify --strict -k k.key out").err, "");
    let told = |line: &str| serde_json::from_str::<Value>(&done(&sandbox, line).out).unwrap();
    assert_eq!(told("verify --json out")["manifest"], "no-key");
    assert_eq!(told("verify --json -k k.key out")["manifest"], "sealed");
    assert_eq!(told("inspect --json out")["encrypted"]["manifest"], "no-key");
}

/// Two sets of the same images under one key have nothing in common that tells so.
#[test]
fn two_sets_of_the_same_images_cannot_be_linked() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    // The same picture again, under another name.
    sandbox.write("in/train/ill/Zoe.png", &sandbox.read("in/train/ill/Doe.png"));
    for set in ["one", "two"] {
        done(&sandbox, &format!("encrypt random-salt neutral -k k.key -s keystream in {set}"));
    }
    let values = |set: &str, field: &str| -> Vec<String> {
        let images = sandbox.manifest(set)["images"].as_array().unwrap().clone();
        images.iter().map(|entry| entry[field].as_str().unwrap().to_owned()).collect()
    };
    for field in ["name", "path", "id", "plain", "blake3"] {
        let (one, mut both) = (values("one", field), values("one", field));
        both.extend(values("two", field));
        let count = both.len();
        both.sort_unstable();
        both.dedup();
        assert_eq!(both.len(), count, "{field}");
        // Within a set, too, nothing shows that two images are the same.
        assert_eq!(one.len() * 2, count);
    }
    // The order is that of the neutral ids, which says nothing about the names.
    let ids: Vec<String> = values("one", "name").iter().map(|n| n.rsplit('/').next().unwrap().to_owned()).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    assert_eq!(ids, sorted);
}

#[test]
fn arrays_come_back_in_their_own_order_with_the_names() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    done(&sandbox, "encrypt -s none -k k.key in plain.npz");
    done(&sandbox, "decrypt -k k.key plain.npz arrays.npz");
    done(&sandbox, "encrypt random-salt neutral -k k.key arrays.npz out.npz");
    done(&sandbox, "decrypt -k k.key --names out.npz.names.csv out.npz back.npz");
    assert!(sandbox.read("back.npz") == sandbox.read("arrays.npz"));
}

/// Tables of few bits: nothing in the set can be computed from the tables alone.
#[test]
fn tables_without_a_salt_get_one_beside_them() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let flips: Vec<u32> = (0..16).map(|i| i % 2).collect();
    sandbox.key("t.json", &json!({"flip": {"shape": [16], "values": flips}}).to_string(), 0o600);
    let bare = imgveil_data::tables_file::load(&sandbox.path("t.json")).unwrap().tables.key().fingerprint();
    done(&sandbox, "encrypt --dry-run --tables t.json -s np in out");
    assert!(!sandbox.path("t.json.salt").exists());
    let said = done(&sandbox, "encrypt --tables t.json -s np in out").err;
    assert!(said.contains("the salt of these tables: t.json.salt (keep it with them"), "{said}");
    assert_ne!(sandbox.manifest("out")["key"], bare.to_string());
    assert_eq!(done(&sandbox, "encrypt --tables t.json -s np in again").err, "");
    assert_eq!(sandbox.manifest("again")["key"], sandbox.manifest("out")["key"]);
    done(&sandbox, "verify --tables t.json out");
    done(&sandbox, "decrypt --tables t.json out back");
    std::fs::rename(sandbox.path("t.json.salt"), sandbox.path("lost")).unwrap();
    sandbox.refuses_like("decrypt --tables t.json out lost", KEY, |said| said.contains("was encrypted with key"));
    // Another salt is another secret.
    done(&sandbox, "encrypt --tables t.json -s np in other");
    assert_ne!(sandbox.manifest("other")["key"], sandbox.manifest("out")["key"]);
}

/// One edit of bytes.
fn edit(draw: &mut ChaCha20Rng, bytes: &mut Vec<u8>) {
    let mut below = |n: usize| draw.next_u32() as usize % n.max(1);
    let at = below(bytes.len());
    match below(4) {
        0 => bytes[at] ^= 1 << below(8),
        1 => bytes.insert(at, below(256) as u8),
        2 => drop(bytes.remove(at)),
        _ => bytes[at] = b"0123456789abcdef\"{},\n"[below(21)],
    }
}

/// `tests/mutations.rs` of the crate `imgveil-data` draws thousands; here, some go through the command.
#[test]
fn edits_end_with_the_exit_code_of_a_changed_set_or_change_nothing() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    let mut draw = ChaCha20Rng::seed_from_u64(14);
    for (format, set) in [("png", "out"), ("webdataset", "shards"), ("npz", "out.npz")] {
        done(&sandbox, &format!("encrypt neutral -k k.key --format {format} in {set}"));
        let line = format!("decrypt -k k.key --names {set}.names.csv {set} back");
        done(&sandbox, &line);
        let right = sandbox.tree("back");
        std::fs::remove_dir_all(sandbox.path("back")).unwrap();
        let all: Vec<String> = sandbox.files("").into_iter().filter(|name| name.starts_with(set)).collect();
        for number in 0..24 {
            let name = &all[draw.next_u32() as usize % all.len()];
            let whole = sandbox.read(name);
            let mut bytes = whole.clone();
            edit(&mut draw, &mut bytes);
            sandbox.write(name, &bytes);
            let decrypted = sandbox.run(&line);
            let what = format!("edit {number} of {name}: {} {}", decrypted.code, decrypted.err);
            assert!([0, DATASET].contains(&decrypted.code), "{what}");
            if decrypted.code == 0 {
                assert_same(&right, &sandbox.tree("back"));
            }
            let verified = sandbox.run(&format!("verify -k k.key {set}"));
            assert!([0, DATASET].contains(&verified.code), "{what}: {}", verified.err);
            // A verification does not look at the file of names.
            let refused = !name.ends_with(".csv") && decrypted.code != 0;
            assert!(!refused || verified.code == DATASET, "{what}: {}", verified.err);
            sandbox.write(name, &whole);
            for left in ["back", "back.failed.csv"] {
                let path = sandbox.path(left);
                let _ = std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path));
            }
        }
    }
}

/// A run that goes on behind an edited journal refuses it and touches nothing, or makes the set that it would have
/// made.
#[test]
fn edits_of_a_journal_are_refused_or_change_nothing() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in enc");
    let mut draw = ChaCha20Rng::seed_from_u64(15);
    let (mut refused, mut forged) = (0, 0);
    for line in ["encrypt neutral -k k.key in out", "decrypt -k k.key --names enc.names.csv enc back"] {
        let out = line.rsplit(' ').next().unwrap();
        done(&sandbox, line);
        let right = sandbox.tree(out);
        remove(&sandbox, line);
        cut(&sandbox, line);
        let started = sandbox.tree("");
        let name = format!("{out}/.imgveil-partial");
        let head = sandbox.read(&name).iter().position(|&byte| byte == b'\n').unwrap();
        for number in 0..16 {
            let mut bytes = sandbox.read(&name);
            if number % 2 == 0 {
                // The first line decides what the others are worth.
                let mut first = bytes.drain(..head).collect();
                edit(&mut draw, &mut first);
                bytes.splice(..0, first);
            } else {
                edit(&mut draw, &mut bytes);
            }
            sandbox.write(&name, &bytes);
            let before = sandbox.tree("");
            let again = sandbox.run(line);
            let what = format!("edit {number}: {} {}", again.code, again.err);
            match again.code {
                0 => assert_same(&right, &sandbox.tree(out)),
                // Of another run, or of another version.
                USAGE | DATASET => assert_same(&before, &sandbox.tree("")),
                _ => panic!("{what}"),
            }
            refused += usize::from(again.code != 0);
            forged += usize::from(again.code == DATASET);
            remove(&sandbox, line);
            for (name, bytes) in started.iter().filter(|(name, _)| name.starts_with(out)) {
                match name.strip_suffix('/') {
                    Some(folder) => std::fs::create_dir_all(sandbox.path(folder)).unwrap(),
                    None => sandbox.write(name, bytes),
                }
            }
        }
        remove(&sandbox, line);
    }
    assert!(refused > 4 && forged > 0, "{refused} were refused, {forged} of them as forged");
}

/// A member of a sample: its extension and its bytes.
type Member<'a> = (&'a str, &'a [u8]);

/// A shard with a picture, its class and what else the sample has.
fn shard(samples: &[(&str, &[Member<'_>])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (key, members) in samples {
        for (kind, bytes) in *members {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, format!("{key}.{kind}"), *bytes).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

/// Members that `--keep-members` carries over have a hash, which the seal covers.
#[test]
fn members_that_are_carried_over_are_under_the_seal() {
    let sandbox = Sandbox::new();
    sandbox.greys(&["a.png", "b.png"]);
    let (a, b) = (sandbox.read("a.png"), sandbox.read("b.png"));
    let plain = shard(&[
        ("a", &[("png", &a), ("cls", b"0"), ("json", b"{}"), ("txt", b"one")]),
        ("b", &[("png", &b), ("cls", b"1")]),
    ]);
    sandbox.write("in.tar", &plain);
    done(&sandbox, "encrypt -k k.key --keep-names --keep-members txt,json --format webdataset in.tar out");
    let whole = sandbox.read("out/images-000000.tar");
    let mut archive = tar::Archive::new(whole.as_slice());
    let members: Vec<(String, Vec<u8>)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
            (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
        })
        .collect();
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a.png", "a.cls", "a.json", "a.txt", "b.png", "b.cls"]);
    let manifest = sandbox.manifest("out");
    assert!(manifest["images"][0]["members"].is_string() && manifest["images"][1].get("members").is_none());
    let check = |what: &str, members: &[(String, Vec<u8>)], code: i32| {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in members {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes.as_slice()).unwrap();
        }
        sandbox.write("out/images-000000.tar", &tar.into_inner().unwrap());
        for line in ["verify out", "verify -k k.key --device cpu out"] {
            let run = sandbox.run(line);
            assert_eq!(run.code, code, "{what}: {line}: {}", run.err);
            let words = "1 sample whose members beside the image are not those that were carried over";
            assert_eq!(run.err.contains(words), code == DATASET, "{what}: {}", run.err);
        }
    };
    check("nothing", &members, 0);
    let edited = |edit: fn(&mut Vec<(String, Vec<u8>)>)| {
        let mut members = members.clone();
        edit(&mut members);
        members
    };
    check("contents", &edited(|m| m[2].1 = b"[]".to_vec()), DATASET);
    check("longer", &edited(|m| m[3].1.push(b'!')), DATASET);
    check("gone", &edited(|m| drop(m.remove(3))), DATASET);
    check("all gone", &edited(|m| drop(m.drain(2..4))), DATASET);
    check("exchanged", &edited(|m| (m[2].1, m[3].1) = (b"one".to_vec(), b"{}".to_vec())), DATASET);
    check("another kind", &edited(|m| m[3].0 = "a.xml".into()), DATASET);
    check("one more", &edited(|m| m.insert(4, ("a.xml".into(), b"x".to_vec()))), DATASET);
    check("moved", &edited(|m| m.push(("b.txt".into(), b"x".to_vec()))), DATASET);
    // The hash itself is under the seal.
    sandbox.write("out/images-000000.tar", &whole);
    let mut changed = manifest.clone();
    changed["images"][0]["members"] = "0".repeat(64).into();
    sandbox.write("out/imgveil.json", changed.to_string().as_bytes());
    assert_eq!(sandbox.run("verify -k k.key --device cpu out").code, DATASET);
    changed["images"][0].as_object_mut().unwrap().remove("members");
    sandbox.write("out/imgveil.json", changed.to_string().as_bytes());
    let run = sandbox.run("verify -k k.key --device cpu out");
    assert!(run.code == DATASET && run.err.contains(FORGED), "{}", run.err);
}

/// A set that is rewritten as one of format 1 has no seal, but its keyed checks are those of format 2.
#[test]
fn a_set_that_is_rewritten_as_an_older_one_is_refused() {
    let sandbox = Sandbox::new();
    pictures(&sandbox);
    for (format, set) in [("png", "out"), ("npy", "arrays"), ("webdataset", "shards")] {
        done(&sandbox, &format!("encrypt neutral -k k.key --format {format} in {set}"));
        let mut manifest = sandbox.manifest(set);
        let fields = manifest.as_object_mut().unwrap();
        fields.remove("salt");
        fields.remove("seal");
        manifest["format"] = 1.into();
        exchange(&mut manifest["images"], "name");
        sandbox.write(&format!("{set}/imgveil.json"), manifest.to_string().as_bytes());
        for line in [format!("verify -k k.key --device cpu {set}"), format!("decrypt -k k.key {set} back")] {
            let run = sandbox.run(&line);
            assert_eq!(run.code, DATASET, "{line}: {}", run.err);
            assert!(run.err.contains("does not decrypt to the image that was encrypted"), "{line}: {}", run.err);
            assert!(!sandbox.path("back").exists(), "{line}");
        }
    }
}
