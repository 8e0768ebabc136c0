//! A signed set in hostile hands: thousands of single edits of its manifest, its image files, shards and arrays, and of
//! its file of names. Each is refused by a verification and a decryption with the key, or changes nothing. Edits of the
//! journal and the ledger of a run that was cut do not change what the next run writes, and what it leaves.

mod common;

use common::tree;
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Options, Preset};
use imgveil::internal::sealed::Salt;
use imgveil_data::format::picture;
use imgveil_data::job::{DecryptOptions, EncryptOptions, NoProgress, Progress, VerifyRequest};
use imgveil_data::{
    DecryptRequest, DecryptRun, Encoding, EncryptRequest, EncryptRun, ErrorKind, Memory, VerifyRun, merge,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Edits of every set.
const EDITS: usize = 400;

fn key() -> Key {
    Key::from_bytes([9; 32])
}

fn cpu() -> Device {
    Device::open(&DeviceChoice::Cpu).unwrap()
}

/// Eight grey images in two splits and two classes.
fn input(folder: &Path) -> PathBuf {
    let input = folder.join("in");
    for i in 0..8u8 {
        let samples = (0..64u8).map(|p| p.wrapping_mul(i * 2 + 3).wrapping_add(i)).collect();
        let image = Image::new(Geometry::new(8, 8, 1).unwrap(), samples).unwrap();
        let class = input.join(["train", "test"][usize::from(i % 4 == 3)]).join(["ill", "well"][usize::from(i % 2)]);
        std::fs::create_dir_all(&class).unwrap();
        std::fs::write(class.join(format!("patient{i}.png")), picture::encode_png(&image).unwrap()).unwrap();
    }
    input
}

fn encrypt(input: &Path, output: &Path, encoding: Encoding, partition: Option<&str>) {
    let options = EncryptOptions {
        encoding: Some(encoding),
        partition: partition.map(|text| text.parse().unwrap()),
        ..EncryptOptions::default()
    };
    let request = EncryptRequest {
        input: input.to_owned(),
        output: output.to_owned(),
        secret: key().into(),
        scheme: Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
        options,
    };
    EncryptRun::new(request, cpu()).run().unwrap();
}

/// The decrypted images that a decryption with names writes, and how many it set aside.
fn decrypt(set: &Path, names: &Path) -> Result<(BTreeMap<String, Vec<u8>>, usize), ErrorKind> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("back");
    let (encoding, names) = (Some(Encoding::Png), Some(names.to_owned()));
    let options = DecryptOptions { encoding, names, ..DecryptOptions::default() };
    let request = DecryptRequest { input: set.to_owned(), output: output.clone(), secret: key().into(), options };
    let summary = DecryptRun::new(request, cpu()).run().map_err(|error| error.kind())?;
    Ok((tree(&output), summary.failed.len()))
}

/// How many faults a verification with the key finds.
fn verify(set: &Path) -> Result<usize, ErrorKind> {
    let (secret, memory) = (Some(key().into()), Memory::default());
    let request = VerifyRequest { input: set.to_owned(), secret, spot_check: None, memory };
    let found = VerifyRun::new(request, cpu()).run().map_err(|error| error.kind())?;
    Ok(found.failed.len() + found.labels.len() + found.members.len() + found.strangers.len())
}

struct Draw(ChaCha20Rng);

impl Draw {
    fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n.max(1)
    }

    /// One edit of bytes.
    fn bytes(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = self.below(256) as u8,
            2 => bytes.insert(at, self.below(256) as u8),
            3 => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            _ => {
                let (end, other) = ((at + 16).min(bytes.len()), self.below(bytes.len()));
                let chunk = bytes[at..end].to_vec();
                bytes.splice(other..other, chunk);
            }
        }
    }

    /// One edit of a manifest by somebody who knows what it is.
    fn manifest(&mut self, text: &mut Vec<u8>) {
        let Ok(mut manifest) = serde_json::from_slice::<Value>(text) else { return };
        let count = manifest["images"].as_array().map_or(0, Vec::len);
        let (i, j) = (self.below(count), self.below(count));
        let fields = ["name", "path", "split", "label", "geometry", "id", "plain", "blake3"];
        let field = fields[self.below(fields.len())];
        let images = manifest["images"].as_array_mut().unwrap();
        match self.below(12) {
            0 | 1 => {
                let (one, other) = (images[i][field].clone(), images[j][field].clone());
                (images[i][field], images[j][field]) = (other, one);
            }
            2 => images[i][field] = images[j][field].clone(),
            3 => images.swap(i, j),
            4 => drop(images.remove(i)),
            5 => images.insert(i, images[j].clone()),
            6 => drop(images[i].as_object_mut().unwrap().remove(field)),
            7 => {
                let formats = [r#"{"format":"png"}"#, r#"{"format":"npz"}"#, r#"{"format":"jpeg","quality":90}"#];
                manifest["encoding"] = serde_json::from_str(formats[self.below(formats.len())]).unwrap();
            }
            8 => {
                let stages: [&[&str]; 3] = [&[], &["keystream key=image"], &["sign-flip block=4x4 key=shared"]];
                manifest["scheme"]["stages"] = serde_json::json!(stages[self.below(stages.len())]);
            }
            9 => manifest["format"] = 1.into(),
            10 => {
                let names = ["seal", "salt", "run", "part", "parts", "classes", "tool"];
                drop(manifest.as_object_mut().unwrap().remove(names[self.below(names.len())]));
            }
            _ => manifest["classes"] = serde_json::json!(["1", "0"]),
        }
        *text = serde_json::to_vec_pretty(&manifest).unwrap();
    }
}

/// Copies the files of a set.
fn copy(files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in files {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

fn edited(name: &str, encoding: Encoding, merged: bool) {
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let set = folder.path().join(name);
    if merged {
        ["1/2", "2/2"].iter().for_each(|part| encrypt(&input, &set, encoding, Some(part)));
        merge(&set).unwrap();
    } else {
        encrypt(&input, &set, encoding, None);
    }
    let names = folder.path().join(format!("{name}.names.csv"));
    let mut whole: BTreeMap<PathBuf, Vec<u8>> = if set.is_dir() {
        let files = tree(&set).into_iter().filter(|(name, _)| !set.join(name).is_dir());
        files.map(|(name, bytes)| (set.join(name), bytes)).collect()
    } else {
        BTreeMap::from([(set.clone(), std::fs::read(&set).unwrap())])
    };
    whole.insert(names.clone(), std::fs::read(&names).unwrap());
    let (right, failed) = decrypt(&set, &names).unwrap();
    assert_eq!((failed, verify(&set)), (0, Ok(0)));
    let manifest = set.join("imgveil.json");
    let others: Vec<PathBuf> = whole.keys().filter(|path| **path != manifest).cloned().collect();
    let mut draw = Draw(ChaCha20Rng::seed_from_u64(name.bytes().map(u64::from).sum()));
    let mut refused = 0;
    for number in 0..EDITS {
        // Half of the edits are of the manifest, half of these by somebody who knows what it is.
        let path = match (whole.get(&manifest), number % 2) {
            (Some(_), 0) => manifest.clone(),
            _ => others[draw.below(others.len())].clone(),
        };
        let mut bytes = whole[&path].clone();
        if path == manifest && number % 4 == 0 {
            draw.manifest(&mut bytes)
        } else {
            draw.bytes(&mut bytes)
        };
        std::fs::write(&path, &bytes).unwrap();
        let what = format!("edit {number} of {}", path.display());
        // A fingerprint that was changed looks like a wrong key.
        let says_so = |kind: ErrorKind| [ErrorKind::InvalidSet, ErrorKind::WrongKey].contains(&kind);
        let decrypted = decrypt(&set, &names);
        let verified = verify(&set);
        match &decrypted {
            Ok((images, failed)) => {
                for (name, bytes) in images {
                    assert!(right.get(name) == Some(bytes), "{what}: {name} came back as another image");
                }
                let pictures =
                    |images: &BTreeMap<String, Vec<u8>>| images.keys().filter(|n| n.ends_with("png")).count();
                assert_eq!(pictures(images) + failed, pictures(&right), "{what}: images are lost in silence");
                refused += usize::from(*failed > 0);
                // A verification does not look at the file of names.
                if *failed > 0 {
                    assert!(verified.as_ref().map_or_else(|&kind| says_so(kind), |&faults| faults > 0), "{what}");
                }
            }
            Err(kind) => {
                refused += 1;
                assert!(says_so(*kind), "{what}: {kind:?}");
                if path != names {
                    assert!(verified.as_ref().map_or_else(|&kind| says_so(kind), |&faults| faults > 0), "{what}");
                }
            }
        }
        if let Err(kind) = verified {
            assert!(says_so(kind), "{what}: {kind:?}");
        }
        copy(&BTreeMap::from([(path.clone(), whole[&path].clone())]));
    }
    // Most edits must hit something, or the test tells nothing.
    assert!(refused * 3 > EDITS, "{refused} of {EDITS} edits were refused");
}

#[test]
fn edits_of_a_folder_are_refused_or_change_nothing() {
    edited("folder", Encoding::Png, false);
}

#[test]
fn edits_of_jpeg_files_are_refused_or_change_nothing() {
    edited("jpeg", Encoding::Jpeg { quality: 90 }, false);
}

#[test]
fn edits_of_a_merged_set_are_refused_or_change_nothing() {
    edited("merged", Encoding::Png, true);
}

#[test]
fn edits_of_shards_are_refused_or_change_nothing() {
    edited("shards", Encoding::WebDataset { per_shard: 3 }, false);
}

#[test]
fn edits_of_arrays_are_refused_or_change_nothing() {
    edited("arrays", Encoding::Npy, false);
}

#[test]
fn edits_of_an_archive_are_refused_or_change_nothing() {
    edited("set.npz", Encoding::Npz, false);
}

/// Somebody makes a folder once the run has begun.
struct Obstacle(PathBuf);

impl Progress for Obstacle {
    fn start(&self, _: usize) {
        std::fs::create_dir_all(self.0.join("theirs")).unwrap();
    }

    fn advance(&self, _: usize, _: u64) {}
}

/// A run that was cut goes on behind its journal and its ledger, or refuses to. It never writes anything else, and
/// never touches what others put into its output.
#[test]
fn edits_of_a_journal_and_a_ledger_change_nothing() {
    const MINE: &str = "mine";
    let folder = tempfile::tempdir().unwrap();
    let input = input(folder.path());
    let run = |output: &Path, progress: Arc<dyn Progress>| {
        let options = EncryptOptions { salt: Some(Salt([5; 16])), ..EncryptOptions::default() };
        let scheme = Preset::ShuffleFlip.scheme(Options::default()).unwrap();
        let (input, output) = (input.clone(), output.to_owned());
        let request = EncryptRequest { input, output, secret: key().into(), scheme, options };
        EncryptRun::new(request, cpu()).with_progress(progress).run()
    };
    let right = folder.path().join("right");
    run(&right, Arc::new(NoProgress)).unwrap();
    let right = tree(&right);
    // The run ends where somebody's folder has the name of one of its files.
    let cut = folder.path().join("cut");
    let obstacle = right.keys().rfind(|name| name.ends_with("png")).unwrap();
    assert_eq!(run(&cut, Arc::new(Obstacle(cut.join(obstacle)))).unwrap_err().kind(), ErrorKind::AlreadyExists);
    std::fs::remove_dir_all(cut.join(obstacle)).unwrap();
    std::fs::write(cut.join("notes.txt"), MINE).unwrap();
    let files = |folder: &Path| -> BTreeMap<String, Vec<u8>> {
        tree(folder).into_iter().filter(|(name, _)| !folder.join(name).is_dir()).collect()
    };
    let left = files(&cut);
    let journals: Vec<&String> = left.keys().filter(|name| name.starts_with(".imgveil-")).collect();
    assert_eq!(journals.len(), 2, "{journals:?}");
    assert!(left.keys().any(|name| name.ends_with("png")), "{left:?}");
    let mut draw = Draw(ChaCha20Rng::seed_from_u64(7));
    let (mut refused, mut done) = (0, 0);
    for number in 0..EDITS {
        std::fs::remove_dir_all(&cut).unwrap();
        copy(&left.iter().map(|(name, bytes)| (cut.join(name), bytes.clone())).collect());
        let name = journals[number % 2];
        let mut bytes = left[name].clone();
        match number % 5 {
            // Somebody who knows what it is names the user's file as one of the run's.
            0 => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let files: Vec<&String> = left.keys().filter(|name| name.ends_with("png")).collect();
                bytes = text.replace(files[draw.below(files.len())].as_str(), "notes.txt").into_bytes();
            }
            1 => bytes.extend(b"[\"notes.txt\",\"\",\"\"]\n[\"notes.txt\",\"\"]\n"),
            _ => draw.bytes(&mut bytes),
        }
        std::fs::write(cut.join(name), &bytes).unwrap();
        let what = format!("edit {number} of {name}");
        let outcome = run(&cut, Arc::new(NoProgress));
        assert_eq!(std::fs::read_to_string(cut.join("notes.txt")).unwrap(), MINE, "{what}");
        match outcome {
            Ok(_) => {
                done += 1;
                let mut found = files(&cut);
                found.remove("notes.txt");
                for (name, bytes) in &right {
                    if !name.ends_with('/') {
                        assert!(found.get(name) == Some(bytes), "{what}: {name} is another file");
                    }
                }
            }
            Err(error) => {
                refused += 1;
                let kinds = [ErrorKind::InvalidSet, ErrorKind::AlreadyExists, ErrorKind::InvalidRequest];
                assert!(kinds.contains(&error.kind()), "{what}: {error}");
            }
        }
    }
    assert!(refused > 0 && done > 10, "{refused} refused, {done} done");
}
