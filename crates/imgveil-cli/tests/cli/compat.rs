//! Sets that version 0.1.0 made are read as before, and the same options encrypt the same pixels as then.
//!
//! The sets lie in `assets/compat-0.1` with the commands that made them. They are never made again.

use image::DynamicImage;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A set of version 0.1.0: its name, the plain images, and the options that made it.
struct Made {
    set: &'static str,
    plain: &'static str,
    options: &'static [&'static str],
    names: bool,
    scheme: &'static str,
    images: usize,
}

const SETS: [Made; 4] = [
    Made {
        set: "shuffle-flip",
        plain: "plain",
        options: &["-s", "shuffle-flip", "--block", "4"],
        names: true,
        scheme: "shuffle-flip",
        images: 4,
    },
    Made {
        set: "skk",
        plain: "plain",
        options: &["-s", "skk", "--key-scope", "image", "--keep-names"],
        names: false,
        scheme: "skk",
        images: 4,
    },
    Made {
        set: "ele",
        plain: "plain-mixed",
        options: &["-s", "ele", "--block", "4", "--pad"],
        names: true,
        scheme: "ele",
        images: 2,
    },
    Made {
        set: "keystream.npz",
        plain: "plain",
        options: &["-s", "keystream", "--format", "npz"],
        names: true,
        scheme: "keystream",
        images: 4,
    },
];

const FINGERPRINT: &str = "324ea5f0f753f05b";

/// A copy of `assets/compat-0.1`, with a key file that only its owner can read.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/compat-0.1");
    for (name, bytes) in files(&from) {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    #[cfg(unix)]
    for private in ["example.key", "shuffle-flip.names.csv", "ele.names.csv", "keystream.npz.names.csv"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.path().join(private), mode).unwrap();
    }
    folder
}

/// Every file below `folder`, by its path in it; a single file has the empty path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// What a command may say of these sets: their splits and classes, which splits lack a class, which images differ in
/// depth, and where the names are.
const SAID: [&str; 5] =
    ["  splits ", "  classes ", "note: split ", "note: images differ in depth ", "which image is which: "];

/// Runs the command in `folder` and returns what it printed. It must succeed and say nothing else than [`SAID`].
#[track_caller]
fn run(folder: &Path, words: &[&str]) -> String {
    let (out, said) = run_saying(folder, words);
    let expected = |line: &str| SAID.iter().any(|begin| line.starts_with(begin));
    assert!(said.lines().all(expected), "{words:?}: {said}");
    out
}

/// As [`run`], for a set of format 1: exactly one line says that nothing vouches for its manifest.
#[track_caller]
fn run_format_1(folder: &Path, words: &[&str]) -> String {
    let (out, said) = run_saying(folder, words);
    assert!(said.lines().count() == 1 && said.contains("of format 1"), "{words:?}: {said}");
    out
}

#[track_caller]
fn run_saying(folder: &Path, words: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_imgveil")).args(words).current_dir(folder).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{words:?}: {said}");
    (String::from_utf8(output.stdout).unwrap(), said)
}

/// The files of a set: those of a folder, or the members of an `.npz`.
fn members(set: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    if set.is_dir() {
        return files(set);
    }
    let mut archive = zip::ZipArchive::new(std::fs::File::open(set).unwrap()).unwrap();
    let mut found = BTreeMap::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        found.insert(PathBuf::from(member.name().unwrap().into_owned()), bytes);
    }
    found
}

/// The pictures of a folder, by their paths.
fn pixels(folder: &Path, set: &str) -> BTreeMap<PathBuf, DynamicImage> {
    let pictures = files(&folder.join(set)).into_iter().filter(|(name, _)| name.extension().unwrap() == "png");
    pictures.map(|(name, bytes)| (name, image::load_from_memory(&bytes).unwrap())).collect()
}

/// The encrypted pictures of a set, whatever they are called.
fn pictures(set: &Path) -> BTreeSet<Vec<u8>> {
    members(set).into_iter().filter(|(name, _)| !name.ends_with("imgveil.json")).map(|(_, bytes)| bytes).collect()
}

#[test]
fn a_set_of_0_1_fails_where_its_manifest_must_be_vouched_for() {
    let folder = copy();
    for key in [&["-k", "example.key"][..], &[]] {
        let words = [&["verify", "--strict"], key, &["ele"]].concat();
        let output =
            Command::new(env!("CARGO_BIN_EXE_imgveil")).args(&words).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(5) && said.contains("--strict"), "{words:?}: {said}");
    }
}

#[test]
fn sets_of_0_1_are_verified_and_described() {
    let folder = copy();
    let folder = folder.path();
    for made in &SETS {
        let verified = run_format_1(folder, &["verify", "-k", "example.key", made.set]);
        let (images, set) = (made.images, made.set);
        assert!(verified.starts_with(&format!("{images} of {images} images decrypted")), "{set}: {verified}");
        let inspected: Value = serde_json::from_str(&run(folder, &["inspect", "--json", made.set])).unwrap();
        let text = inspected.to_string();
        assert!(text.contains(FINGERPRINT) && text.contains(made.scheme), "{set}: {text}");
    }
}

#[test]
fn sets_of_0_1_are_decrypted() {
    let folder = copy();
    let folder = folder.path();
    for made in &SETS {
        let names = format!("{}.names.csv", made.set);
        let mut words = vec!["decrypt", "--device", "cpu", "-k", "example.key"];
        if made.names {
            words.extend(["--names", &names]);
        }
        if made.set.ends_with(".npz") {
            words.extend(["--format", "png"]);
        }
        let back = format!("back-{}", made.scheme);
        words.extend([made.set, &back]);
        run_format_1(folder, &words);
        assert_eq!(pixels(folder, &back), pixels(folder, made.plain), "{}", made.set);
    }
}

/// Names, ids and manifests are of format 2 now. Where all images share a key, the encrypted pictures are still the
/// same.
#[test]
fn the_same_options_encrypt_the_same_pixels_as_0_1() {
    let folder = copy();
    let folder = folder.path();
    for made in &SETS {
        let (again, back) = (format!("again-{}", made.set), format!("again-back-{}", made.scheme));
        let mut words = vec!["encrypt", "--device", "cpu", "-k", "example.key"];
        words.extend(made.options);
        words.extend([made.plain, &again]);
        assert!(run(folder, &words).contains(FINGERPRINT));
        let (before, after) = (folder.join(made.set), folder.join(&again));
        if ["shuffle-flip", "ele"].contains(&made.scheme) {
            assert!(pictures(&before) == pictures(&after), "{}", made.set);
        } else {
            assert_eq!(members(&before).len(), members(&after).len(), "{}", made.set);
        }
        let names = format!("{again}.names.csv");
        let mut words = vec!["decrypt", "--device", "cpu", "-k", "example.key"];
        if made.names {
            words.extend(["--names", &names]);
        }
        if made.set.ends_with(".npz") {
            words.extend(["--format", "png"]);
        }
        words.extend([again.as_str(), &back]);
        run(folder, &words);
        assert_eq!(pixels(folder, &back), pixels(folder, made.plain), "{}", made.set);
    }
}
