//! `imgveil verify` on sets that were changed.

use crate::common;
use crate::common::crafted_files;
use crate::common::sandbox::*;
use crate::runs::{MANY, done, many, summary};
use serde_json::Value;

/// Runs `verify` on a changed set. Its message must contain these words.
#[track_caller]
fn finds(sandbox: &Sandbox, line: &str, words: &[&str]) {
    let found = sandbox.run(line);
    assert_eq!(found.code, DATASET, "{line}: {} {}", found.out, found.err);
    words.iter().for_each(|word| assert!(found.err.contains(word), "{line}: no `{word}` in: {}", found.err));
}

/// Changes a file for the duration of a test.
fn with(sandbox: &Sandbox, name: &str, change: impl FnOnce(&mut Vec<u8>), test: impl FnOnce()) {
    let whole = sandbox.read(name);
    let mut other = whole.clone();
    change(&mut other);
    sandbox.write(name, &other);
    test();
    sandbox.write(name, &whole);
}

#[test]
fn what_was_changed_in_a_tree_is_found() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    done(&sandbox, "encrypt neutral -k k.key in out");
    for line in ["verify out", "verify -k k.key out"] {
        assert!(done(&sandbox, line).out.starts_with(&format!("{MANY} of {MANY} images")));
    }
    let files: Vec<String> = sandbox.files("out").into_iter().filter(|name| name.ends_with("png")).collect();
    let (one, other) = (format!("out/{}", files[3]), format!("out/{}", files[7]));
    for line in ["verify out", "verify -k k.key out"] {
        let changed = format!("{}: was changed since it was encrypted", files[3]);
        with(
            &sandbox,
            &one,
            |bytes| *bytes.last_mut().unwrap() ^= 1,
            || finds(&sandbox, line, &["1 image not", &changed]),
        );
        with(&sandbox, &one, |bytes| bytes.truncate(70), || finds(&sandbox, line, &["1 image not", &changed]));
        std::fs::rename(sandbox.path(&one), sandbox.path("away")).unwrap();
        finds(&sandbox, line, &["1 image not", &format!("{}: cannot be read: ", files[3])]);
        // Two files are exchanged.
        std::fs::rename(sandbox.path(&other), sandbox.path(&one)).unwrap();
        std::fs::rename(sandbox.path("away"), sandbox.path(&other)).unwrap();
        finds(&sandbox, line, &["2 images not", &changed, &files[7]]);
        std::fs::rename(sandbox.path(&one), sandbox.path("away")).unwrap();
        std::fs::rename(sandbox.path(&other), sandbox.path(&one)).unwrap();
        std::fs::rename(sandbox.path("away"), sandbox.path(&other)).unwrap();
        sandbox.picture("out/train/0/plain.png", grey(8, 8, 1));
        sandbox.write("out/notes.txt", b"notes");
        finds(&sandbox, line, &["2 files that imgveil.json does not name:\n  notes.txt\n  train/0/plain.png\n"]);
        std::fs::remove_file(sandbox.path("out/notes.txt")).unwrap();
        std::fs::remove_file(sandbox.path("out/train/0/plain.png")).unwrap();
        done(&sandbox, line);
    }
    let sample = summary(&sandbox, "verify --json --sample 1/2 out");
    assert_eq!((&sample["images"], &sample["checked"]), (&Value::from(MANY), &Value::from(MANY / 2)));
    let words = done(&sandbox, "verify -k k.key --sample 1/3 out").out;
    assert!(words.contains(&format!("{} of {} images", MANY / 3, MANY / 3)), "{words}");
    assert!(words.contains(&format!("({} others not looked at)", MANY - MANY / 3)), "{words}");
    assert_eq!(sandbox.run("verify --sample 2/3 out").code, USAGE);
    sandbox.key("other.key", &key(1), 0o600);
    assert_eq!(sandbox.run("verify -k other.key out").code, common::sandbox::KEY);
    sandbox.refuses_like("verify in", DATASET, |words| words.contains("in is not an encrypted set"));
}

/// Nobody without the key can change a file together with its entry. A holder of the key who seals a wrong manifest is
/// found out by the images.
#[test]
fn a_manifest_that_was_changed_with_its_files_is_found_with_the_key() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    // With a key for each image, its id decides the key.
    done(&sandbox, "encrypt neutral -k k.key -s keystream in out");
    let manifest = sandbox.manifest("out");
    let value = |field: &str| manifest["images"][3][field].as_str().unwrap().to_owned();
    let exchanged = |old: &str| -> String { old.chars().map(|c| if c == '0' { '1' } else { '0' }).collect() };
    // Changes a field of the image, under the old seal and under a new one.
    let forged = |field: &str, new: &str, plain: &dyn Fn(), with_key: &[&str]| {
        let mut changed = manifest.clone();
        changed["images"][3][field] = new.into();
        let edit = |bytes: &mut Vec<u8>| *bytes = changed.to_string().into_bytes();
        with(&sandbox, "out/imgveil.json", edit, || {
            plain();
            finds(&sandbox, "verify -k k.key out", &["out/imgveil.json was changed after it was written"]);
            sandbox.seal("out");
            plain();
            finds(&sandbox, "verify -k k.key out", with_key);
        });
    };
    let right = || drop(done(&sandbox, "verify out"));
    for field in ["plain", "id"] {
        let words = format!("{}: does not decrypt to the image", value("path"));
        forged(field, &exchanged(&value(field)), &right, &["1 image not", &words]);
    }
    // The manifest has another size than the file.
    let words = ["1 image not", "is 64x64x1, and the manifest says 32x128x1"];
    forged("geometry", "32x128x1", &|| finds(&sandbox, "verify out", &words), &words);
    // Another file, and a hash that fits it.
    let path = format!("out/{}", value("path"));
    let picture = |bytes: &mut Vec<u8>| {
        let mut picture = std::io::Cursor::new(Vec::new());
        image::DynamicImage::from(grey(64, 64, 99)).write_to(&mut picture, image::ImageFormat::Png).unwrap();
        *bytes = picture.into_inner();
    };
    with(&sandbox, &path, picture, || {
        let hash = blake3::hash(&sandbox.read(&path)).to_hex().to_string();
        forged("blake3", &hash, &right, &["1 image not", &value("path")]);
    });
    done(&sandbox, "verify -k k.key out");
}

/// Training reads labels from arrays and shards, so they are checked like images.
#[test]
fn what_was_changed_in_arrays_and_shards_is_found() {
    let sandbox = Sandbox::new();
    many(&sandbox);
    for line in ["verify npy", "verify -k k.key npy"] {
        if !sandbox.path("npy").exists() {
            done(&sandbox, "encrypt neutral -k k.key --format npy in npy");
        }
        done(&sandbox, line);
        let size = sandbox.read("npy/train_images.npy").len();
        let number = MANY * 3 / 4 - 2;
        with(
            &sandbox,
            "npy/train_images.npy",
            |bytes| bytes[size - 4096 - 9] ^= 1,
            || {
                finds(&sandbox, line, &["1 image not", &format!("train_images[{number}]: was changed")]);
            },
        );
        with(
            &sandbox,
            "npy/train_labels.npy",
            |bytes| *bytes.last_mut().unwrap() ^= 1,
            || {
                finds(&sandbox, line, &["train_labels.npy"]);
            },
        );
        let labels = sandbox.read("npy/test_labels.npy");
        std::fs::remove_file(sandbox.path("npy/test_labels.npy")).unwrap();
        finds(&sandbox, line, &["test_labels.npy"]);
        sandbox.write("npy/test_labels.npy", &labels);
        sandbox.write("npy/my_labels.npy", &labels);
        sandbox.write("npy/labels.npy", &labels);
        finds(&sandbox, line, &["2 files that imgveil.json does not name:\n  labels.npy\n  my_labels.npy\n"]);
        std::fs::remove_file(sandbox.path("npy/my_labels.npy")).unwrap();
        std::fs::remove_file(sandbox.path("npy/labels.npy")).unwrap();
    }
    done(&sandbox, "encrypt neutral -k k.key in set.npz");
    done(&sandbox, "verify -k k.key set.npz");
    let at = |bytes: &[u8], text: &str| bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    with(
        &sandbox,
        "set.npz",
        |bytes| {
            let place = at(bytes, "train_labels.npy");
            bytes[place + 200] ^= 1
        },
        || {
            finds(&sandbox, "verify set.npz", &["train_labels"]);
        },
    );
    // A valid archive with one changed label and one further member.
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(sandbox.read("set.npz"))).unwrap();
    for i in 0..archive.len() {
        let mut member = archive.by_index(i).unwrap();
        let (mut bytes, name) = (Vec::new(), member.name().unwrap().into_owned());
        std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
        if name == "train_labels.npy" {
            *bytes.last_mut().unwrap() ^= 1;
        }
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, &bytes).unwrap();
    }
    zip.start_file("notes.txt", zip::write::SimpleFileOptions::default()).unwrap();
    let forged = zip.finish().unwrap().into_inner();
    with(
        &sandbox,
        "set.npz",
        |bytes| *bytes = forged,
        || {
            finds(
                &sandbox,
                "verify --sample 1/180 set.npz",
                &["1 place whose labels are not", "train_labels.npy", "notes.txt"],
            );
        },
    );
    done(&sandbox, "encrypt neutral -k k.key --format webdataset --per-shard 50 in shards");
    done(&sandbox, "verify -k k.key shards");
    let shard = "shards/train-000001.tar";
    for line in ["verify shards", "verify -k k.key shards"] {
        with(
            &sandbox,
            shard,
            |bytes| bytes[512 + 100] ^= 1,
            || finds(&sandbox, line, &["1 image not", "train-000001.tar/"]),
        );
        // The class of a sample, which is one digit behind its header.
        with(
            &sandbox,
            shard,
            |bytes| {
                let class = at(bytes, ".cls") / 512 * 512;
                bytes[class + 512] ^= 1
            },
            || {
                finds(&sandbox, line, &[".cls"]);
            },
        );
        // A further sample at the end, in front of the two empty blocks.
        with(
            &sandbox,
            shard,
            |bytes| {
                let mut tar = tar::Builder::new(Vec::new());
                crafted_files::member(&mut tar, "extra.png", "", &sandbox.read("in/train/0/000.png"));
                bytes.truncate(bytes.len() - 1024);
                bytes.extend(tar.into_inner().unwrap());
            },
            || finds(&sandbox, line, &["extra.png"]),
        );
        std::fs::rename(sandbox.path(shard), sandbox.path("away")).unwrap();
        finds(&sandbox, line, &["50 images not"]);
        std::fs::rename(sandbox.path("away"), sandbox.path(shard)).unwrap();
        sandbox.write("shards/train-000099.tar", b"");
        finds(&sandbox, line, &["1 file that imgveil.json does not name:\n  train-000099.tar\n"]);
        std::fs::remove_file(sandbox.path("shards/train-000099.tar")).unwrap();
        done(&sandbox, line);
    }
}

/// What cannot be undone is compared with the hashes for which the seal vouches, and what cannot be checked is said.
#[test]
fn sets_that_cannot_be_undone_are_verified_as_far_as_they_can() {
    let sandbox = Sandbox::new();
    (0..4).for_each(|i| sandbox.picture(&format!("in/{}/{i}.png", i % 2), grey(16, 16, i)));
    done(&sandbox, "encrypt -k k.key -s skk-filter in lossy");
    let verified = done(&sandbox, "verify -k k.key lossy");
    let words = "not checked: the scheme cannot be undone, so images cannot be compared with what was encrypted\n";
    assert!(verified.out.starts_with("4 of 4 images as they were written, in "), "{}", verified.out);
    assert_eq!(verified.err, words);
    let json: Value = serde_json::from_str(&done(&sandbox, "verify -k k.key --json lossy").out).unwrap();
    assert_eq!((&json["decrypted"], &json["unchecked"]), (&false.into(), &serde_json::json!(["lossy"])));
    let file = format!("lossy/{}", sandbox.files("lossy").into_iter().find(|name| name.ends_with("png")).unwrap());
    with(
        &sandbox,
        &file,
        |bytes| *bytes.last_mut().unwrap() ^= 1,
        || finds(&sandbox, "verify -k k.key lossy", &["1 image not", "was changed since it was encrypted"]),
    );
    let forge = |bytes: &mut Vec<u8>| {
        let text = String::from_utf8(bytes.clone()).unwrap().replace("statistic=median", "statistic=max");
        *bytes = text.into_bytes();
    };
    let changed = || assert_ne!(sandbox.run("verify -k k.key lossy").code, 0);
    with(&sandbox, "lossy/imgveil.json", forge, changed);
    sandbox.run("keygen -o other.key");
    assert_eq!(sandbox.run("verify -k other.key lossy").code, 4);
}

#[test]
fn mixtures_are_verified() {
    let sandbox = Sandbox::new();
    (0..6).for_each(|i| sandbox.picture(&format!("in/train/{}/{i}.png", i % 2), grey(16, 16, i)));
    done(&sandbox, "encrypt -k k.key -s instahide in mixed.npz");
    let shares = "not checked: labels of mixtures are not in imgveil.json: only that they are shares which add up to 1 \
                  can be checked\n";
    for (line, lossy) in [("verify mixed.npz", false), ("verify -k k.key mixed.npz", true)] {
        let verified = done(&sandbox, line);
        assert!(verified.out.starts_with("6 of 6 images as they were written, in "), "{}", verified.out);
        assert!(verified.err.contains(shares), "{}", verified.err);
        assert_eq!(verified.err.contains("the scheme cannot be undone"), lossy);
    }
    // Behind the header of an .npy member, in an archive that is stored. Its checksum is changed with it.
    let change = |name: &str, place: usize, value: f32| {
        let (folder, path) = (tempfile::tempdir().unwrap(), sandbox.path("mixed.npz"));
        let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        let other = folder.path().join("other.npz");
        let mut written = zip::ZipWriter::new(std::fs::File::create(&other).unwrap());
        for i in 0..zip.len() {
            let mut member = zip.by_index(i).unwrap();
            let member_name = member.name().unwrap().to_string();
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
            if member_name == name {
                let begin = 128 + 4 * place;
                bytes[begin..begin + 4].copy_from_slice(&value.to_le_bytes());
            }
            written.start_file(member_name, zip::write::SimpleFileOptions::default()).unwrap();
            std::io::Write::write_all(&mut written, &bytes).unwrap();
        }
        written.finish().unwrap();
        std::fs::read(&other).unwrap()
    };
    let image = change("train_images.npy", 300, 0.5);
    let label = change("train_labels.npy", 2, -0.5);
    for line in ["verify mixed.npz", "verify -k k.key mixed.npz"] {
        let words = ["1 image not", "train_images[1]", "was changed since it was encrypted"];
        with(&sandbox, "mixed.npz", |bytes| *bytes = image.clone(), || finds(&sandbox, line, &words));
        let words = ["1 place whose labels", "train_labels[1]"];
        with(&sandbox, "mixed.npz", |bytes| *bytes = label.clone(), || finds(&sandbox, line, &words));
    }
    sandbox.run("keygen -o other.key");
    assert_eq!(sandbox.run("verify -k other.key mixed.npz").code, 4);
}
