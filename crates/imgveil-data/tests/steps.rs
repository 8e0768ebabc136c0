//! Jobs that a caller drives step by step, with files that the caller holds: they write and read what the jobs on a
//! disk do.

use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Options, Preset};
use imgveil::internal::sealed::Salt;
use imgveil_data::format::picture::encode_png;
use imgveil_data::job::{DecryptSteps, EncryptOptions, EncryptRequest, EncryptRun, EncryptSteps, StepSize};
use imgveil_data::set::{Content, Contents, Encoding, Given, Resize, open_given};
use imgveil_data::{ErrorKind, Memory};
use std::collections::BTreeMap;
use std::io::{Cursor, Error, ErrorKind as IoErrorKind, Result};
use std::path::{Path, PathBuf};

/// Files in memory.
#[derive(Clone, Default)]
struct Held(BTreeMap<PathBuf, Vec<u8>>);

impl Contents for Held {
    fn open(&self, path: &Path) -> Result<Content> {
        let bytes = self.0.get(path).ok_or_else(|| Error::from(IoErrorKind::NotFound))?.clone();
        let length = bytes.len() as u64;
        Ok(Content::new(Cursor::new(bytes), length))
    }
}

impl Held {
    fn given(&self) -> Given {
        Given { name: "held".into(), paths: self.0.keys().cloned().collect(), contents: Box::new(self.clone()) }
    }

    /// The files of a folder.
    fn of(folder: &Path) -> Self {
        let files = walkdir::WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file());
        let read = |entry: walkdir::DirEntry| {
            let path = entry.path().strip_prefix(folder).unwrap().to_owned();
            (path, std::fs::read(entry.path()).unwrap())
        };
        Self(files.map(read).collect())
    }
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn image(seed: u32, height: u32, width: u32, channels: u32) -> Vec<u8> {
    let geometry = Geometry::new(height, width, channels).unwrap();
    let samples = (0..geometry.samples() as u32).map(|i| (i.wrapping_mul(seed * 2 + 7) >> 3) as u8).collect();
    encode_png(&Image::new(geometry, samples).unwrap()).unwrap()
}

/// Images of several sizes in class folders and splits, a broken one, a hidden one and a text.
fn folder(root: &Path) -> PathBuf {
    let input = root.join("images");
    for (number, class) in (0..).zip(["train/b", "train/a", "val/a", "val/b", "train/b/deep"]) {
        write(&input.join(class).join(format!("{number}.png")), &image(number, 12 + number % 2, 16, 3));
        write(&input.join(class).join(format!("{number}-grey.png")), &image(number, 8, 8, 1));
    }
    write(&input.join("train/a/broken.png"), b"broken");
    write(&input.join("train/a/.hidden.png"), &image(1, 8, 8, 1));
    write(&input.join("notes.txt"), b"notes");
    input
}

fn request(input: &Path, output: &Path, preset: Preset) -> EncryptRequest {
    let resize = Resize { pad: true, ..Resize::default() };
    let (encoding, salt) = (Some(Encoding::Png), Some(Salt([5; 16])));
    let options = EncryptOptions { resize, encoding, salt, ..EncryptOptions::default() };
    let scheme = preset.scheme(Options::default()).unwrap();
    let (input, output) = (input.canonicalize().unwrap(), output.to_owned());
    EncryptRequest { input, output, secret: Key::from_bytes([9; 32]).into(), scheme, options }
}

/// Encrypts held files. Returns the set, and the text of its file of names.
fn encrypted(held: &Held, request: EncryptRequest, size: StepSize) -> (Held, Option<Vec<u8>>, usize) {
    let opened = open_given(held.given(), &request.options.read, None).unwrap();
    let mut steps = EncryptSteps::new(request, opened, &Device::cpu(), size).unwrap();
    let (mut set, mut images) = (Held::default(), 0);
    while let Some(step) = pollster::block_on(steps.step()).unwrap() {
        images += step.files.len();
        set.0.extend(step.files.into_iter().map(|file| (file.path.into(), file.bytes)));
    }
    let texts = steps.finish().unwrap();
    assert_eq!(texts.images, images);
    set.0.insert("imgveil.json".into(), texts.manifest);
    (set, texts.names, texts.failed.len())
}

#[test]
fn steps_write_the_bytes_of_a_run() {
    let root = tempfile::tempdir().unwrap();
    let input = folder(root.path());
    for (preset, size) in [
        (Preset::ShuffleFlip, StepSize::default()),
        (Preset::Ele, StepSize { images: 1, bytes: 1 }),
        (Preset::Keystream, StepSize { images: 2, bytes: 1 << 20 }),
    ] {
        let output = root.path().join(preset.name());
        let request = request(&input, &output, preset);
        let device = Device::open(&DeviceChoice::Cpu).unwrap();
        let summary = EncryptRun::new(request.clone(), device).run().unwrap();
        let (set, names, failed) = encrypted(&Held::of(&input), request, size);
        let there = Held::of(&output);
        assert_eq!(set.0.keys().collect::<Vec<_>>(), there.0.keys().collect::<Vec<_>>());
        assert!(set.0 == there.0, "{}", preset.name());
        assert_eq!(names.unwrap(), std::fs::read(summary.names.unwrap()).unwrap());
        assert_eq!((failed, summary.failed.len(), summary.images), (1, 1, 10));
    }
}

#[test]
fn steps_give_the_images_back_and_notice_what_was_changed() {
    let root = tempfile::tempdir().unwrap();
    let input = folder(root.path());
    let (mut set, names, _) =
        encrypted(&Held::of(&input), request(&input, &root.path().join("out"), Preset::Vit), StepSize::default());
    let path = Path::new("out.names.csv");
    let decrypt = |set: &Held, key: u8| {
        let secret = Key::from_bytes([key; 32]).into();
        let names = names.as_deref().map(|text| (path, text));
        let (memory, size) = (Memory::default(), StepSize { images: 3, bytes: 1 << 20 });
        let mut steps = DecryptSteps::new(set.given(), names, secret, &Device::cpu(), memory, size)?;
        let mut files = BTreeMap::new();
        while let Some(step) = pollster::block_on(steps.step())? {
            files.extend(step.files.into_iter().map(|file| (PathBuf::from(file.path), file.bytes)));
        }
        steps.finish().map(|failed| (files, failed))
    };
    let (files, failed) = decrypt(&set, 9).unwrap();
    assert!(failed.is_empty() && files.len() == 10);
    for (path, bytes) in &files {
        // Both were written by the same encoder.
        assert!(*bytes == std::fs::read(input.join(path)).unwrap(), "{}", path.display());
    }
    assert_eq!(decrypt(&set, 8).unwrap_err().kind(), ErrorKind::WrongKey);
    let (first, _) = set.0.iter().find(|(path, _)| path.extension().is_some_and(|end| end == "png")).unwrap();
    let first = first.clone();
    *set.0.get_mut(&first).unwrap().last_mut().unwrap() ^= 1;
    let (files, failed) = decrypt(&set, 9).unwrap();
    assert_eq!((files.len(), failed.len()), (9, 1));
    assert!(failed[0].unlike_manifest && Path::new(&failed[0].path) == first);
    set.0.insert("imgveil.json".into(), b"{}".to_vec());
    assert_eq!(decrypt(&set, 9).unwrap_err().kind(), ErrorKind::InvalidSet);
}

#[test]
fn what_steps_cannot_write_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let input = folder(root.path());
    let open = |request: EncryptRequest| {
        let opened = open_given(Held::of(&input).given(), &request.options.read, None).unwrap();
        EncryptSteps::new(request, opened, &Device::cpu(), StepSize::default()).err().unwrap().kind()
    };
    let right = request(&input, &root.path().join("out"), Preset::ShuffleFlip);
    let mut mixed = right.clone();
    mixed.scheme = Preset::InstaHide.scheme(Options::default()).unwrap();
    assert_eq!(open(mixed), ErrorKind::InvalidRequest);
    let mut arrays = right.clone();
    arrays.options.encoding = Some(Encoding::WebDataset { per_shard: 10 });
    assert_eq!(open(arrays), ErrorKind::InvalidRequest);
    let mut unpadded = right;
    unpadded.options.resize.pad = false;
    assert_eq!(open(unpadded), ErrorKind::Scheme);
    // Steps that were not all made give no set.
    let request = request(&input, &root.path().join("out"), Preset::ShuffleFlip);
    let opened = open_given(Held::of(&input).given(), &request.options.read, None).unwrap();
    let steps = EncryptSteps::new(request, opened, &Device::cpu(), StepSize::default()).unwrap();
    assert_eq!(steps.finish().err().unwrap().kind(), ErrorKind::Internal);
}
