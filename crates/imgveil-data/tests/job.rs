//! Whole sets through the library, on both engines: equal trees, and exact pixels back. Also on real X-rays, if they
//! exist.

mod common;

use common::phantom::{PhantomClass, phantom};
use common::{open_gpu, say_skipped, shared_data, tree, write_tree};
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{KeyScope, Options, Preset, Scheme};
use imgveil::internal::sealed::Salt;
use imgveil_data::set::names::Naming;
use imgveil_data::set::{self, Resize};
use imgveil_data::{DecryptOptions, DecryptRequest, DecryptRun, EncryptOptions, EncryptRequest, EncryptRun, Progress};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the progress of a job.
#[derive(Default)]
struct Count {
    announced: AtomicUsize,
    done: AtomicUsize,
}

impl Progress for Count {
    fn start(&self, images: usize) {
        self.announced.store(images, Ordering::Relaxed);
    }
    fn advance(&self, images: usize, _: u64) {
        self.done.fetch_add(images, Ordering::Relaxed);
    }
}

fn key() -> Key {
    Key::from_bytes([3; 32])
}

fn schemes() -> Vec<Scheme> {
    let block = Some("8x4".parse().unwrap());
    let per_block = Options { block, key_scope: Some(KeyScope::Block), scramble: true, ..Options::default() };
    vec![
        Preset::None.scheme(Options::default()).unwrap(),
        Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
        Preset::ShuffleFlip.scheme(per_block).unwrap(),
        Preset::Keystream.scheme(Options::default()).unwrap(),
    ]
}

/// Encrypts `input` on every device, compares the trees, decrypts on every device, compares with what `input` decodes
/// to.
fn there_and_back(input: &Path, scheme: &Scheme, resize: Resize, devices: &[Device]) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, i: usize| folder.path().join(format!("{name}{i}"));
    for (i, device) in devices.iter().enumerate() {
        let output = at("encrypted", i);
        let count = Arc::new(Count::default());
        // One salt, because two sets of different salts have different bytes.
        let salt = Some(Salt([5; 16]));
        let options = EncryptOptions { resize, naming: Naming::Kept, salt, ..EncryptOptions::default() };
        let (scheme, secret) = (scheme.clone(), key().into());
        let request = EncryptRequest { input: input.to_owned(), output: output.clone(), secret, scheme, options };
        let scheme = request.scheme.clone();
        let summary = EncryptRun::new(request, device.clone()).with_progress(count.clone()).run().unwrap();
        assert_eq!((summary.failed.len(), &summary.scheme), (0, &scheme));
        assert_eq!(count.announced.load(Ordering::Relaxed), summary.images);
        assert_eq!(count.done.load(Ordering::Relaxed), summary.images);
        assert!(tree(&output) == tree(&at("encrypted", 0)), "{scheme}: {} differs", device.name());
    }
    let plain = set::open(input).unwrap().source;
    for (i, device) in devices.iter().enumerate() {
        let back = at("back", i);
        let (secret, options) = (key().into(), DecryptOptions::default());
        let request = DecryptRequest { input: at("encrypted", 0), output: back.clone(), secret, options };
        DecryptRun::new(request, device.clone()).run().unwrap();
        let back = set::open(&back).unwrap().source;
        assert_eq!(back.items(), plain.items());
        for index in 0..plain.items().len() {
            assert!(back.read(index).unwrap() == plain.read(index).unwrap(), "{scheme}: {}", plain.items()[index].name);
        }
    }
}

fn devices(test: &str) -> Vec<Device> {
    let mut devices = vec![Device::open(&DeviceChoice::Cpu).unwrap()];
    match open_gpu() {
        Some(gpu) => devices.push(gpu),
        None => say_skipped(&format!("{test}: IMGVEIL_SKIP_GPU=1")),
    }
    devices
}

#[test]
fn sets_are_equal_on_both_engines_and_come_back_exactly() {
    let devices = devices("sets_are_equal_on_both_engines_and_come_back_exactly");
    // 30 x 30: only padding makes blocks of 4 tile it.
    for (channels, size) in [(1u32, 32usize), (3, 32), (3, 30)] {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("input");
        let geometry = Geometry::new(size as u32, size as u32, channels).unwrap();
        let image = |i: usize| {
            let grey = phantom(i as u64, PhantomClass::ALL[i % 2], size);
            let samples = grey.iter().flat_map(|&p| (0..channels as u8).map(move |c| p.wrapping_add(c * 9))).collect();
            let name = format!("{}/{}/{i:02}", if i < 30 { "train" } else { "test" }, PhantomClass::ALL[i % 2].name());
            (name, Image::new(geometry, samples).unwrap())
        };
        write_tree(&input, (0..40).map(image));
        for scheme in schemes() {
            there_and_back(&input, &scheme, Resize { pad: true, ..Resize::default() }, &devices);
        }
    }
}

#[test]
fn real_chest_x_rays_are_equal_on_both_engines_and_come_back_exactly() {
    let Some(input) = shared_data("chest-xray/val") else { return };
    let devices = devices("real_chest_x_rays_are_equal_on_both_engines_and_come_back_exactly");
    for scheme in schemes() {
        there_and_back(&input, &scheme, Resize::default(), &devices);
    }
    assert_eq!(set::open(&input).unwrap().source.items().len(), 280);
}

/// What the samples of a DICOM object mean.
#[derive(Clone, Copy)]
enum Meaning {
    Intercept(&'static str),
    /// The entries of a Modality LUT for the values from 0.
    Table([u8; 2]),
}

impl Meaning {
    fn element(self) -> Vec<u8> {
        match self {
            Self::Intercept(text) => element([0x28, 0], [0x52, 0x10], b"DS", text.as_bytes()),
            Self::Table([one, two]) => {
                let item = [
                    element([0x28, 0], [2, 0x30], b"US", &[2, 0, 0, 0, 16, 0]),
                    element([0x28, 0], [6, 0x30], b"US", &[one, 0, two, 0]),
                ]
                .concat();
                let length = item.len() as u8;
                let head = [0x28, 0, 0, 0x30, b'S', b'Q', 0, 0, length + 8, 0, 0, 0];
                [&head[..], &[0xfe, 0xff, 0, 0xe0, length, 0, 0, 0], &item].concat()
            }
        }
    }
}

/// An element of a DICOM object, with an explicit kind.
fn element(group: [u8; 2], place: [u8; 2], kind: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let length = (value.len() as u16).to_le_bytes();
    [group.as_slice(), &place, kind, &length, value].concat()
}

/// A set of grey DICOM objects of 16 bits with these meanings.
fn scans(folder: &Path, meanings: &[Meaning]) {
    for (number, meaning) in meanings.iter().enumerate() {
        let word = |place, value: u8| element([0x28, 0], place, b"US", &[value, 0]);
        let file = [
            vec![0; 128],
            b"DICM".to_vec(),
            element([2, 0], [0x10, 0], b"UI", b"1.2.840.10008.1.2.1\0"),
            element([0x28, 0], [4, 0], b"CS", b"MONOCHROME2 "),
            word([0x10, 0], 1),
            word([0x11, 0], 2),
            word([0, 1], 16),
            word([1, 1], 16),
            word([3, 1], 0),
            meaning.element(),
            [&[0xe0, 0x7f, 0x10, 0, b'O', b'W', 0, 0, 4, 0, 0, 0][..], &[1, 2, 3, 4]].concat(),
        ];
        std::fs::write(folder.join(format!("{number}.dcm")), file.concat()).unwrap();
    }
}

#[test]
fn values_that_cannot_be_compared_are_told_before_anything_is_written() {
    let notes = |meanings: &[Meaning], window: Option<&str>| {
        let folder = tempfile::tempdir().unwrap();
        scans(folder.path(), meanings);
        let window = window.map(|window| window.parse().unwrap());
        let read = imgveil_data::format::ReadOptions { window, ..Default::default() };
        imgveil_data::preflight(&EncryptRequest {
            input: folder.path().to_owned(),
            output: folder.path().with_extension("out"),
            secret: key().into(),
            scheme: Preset::None.scheme(Options::default()).unwrap(),
            options: EncryptOptions { read, ..EncryptOptions::default() },
        })
        .unwrap()
        .notes
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
    };
    let (zero, hounsfield) = (Meaning::Intercept("0 "), Meaning::Intercept("-1024 "));
    let told = notes(&[zero, zero, hounsfield], None);
    let words = "in `0` a value is 1 x sample + 0, in `2` a value is 1 x sample - 1024";
    let is_told = |note: &String| note.contains("cannot be compared") && note.contains(words);
    assert!(told.iter().any(is_told), "{told:?}");
    assert!(notes(&[hounsfield, hounsfield], None).is_empty());
    assert!(notes(&[zero, hounsfield], Some("40,400")).is_empty());

    let (table, other) = (Meaning::Table([1, 2]), Meaning::Table([1, 3]));
    assert!(notes(&[table, table], None).is_empty());
    for (meanings, words) in [
        ([zero, table], "in `0` a value is 1 x sample + 0, in `1` a value is an entry of table "),
        ([table, other], "in `0` a value is an entry of table "),
    ] {
        let told = notes(&meanings, None);
        assert!(told.iter().any(|note| note.contains("cannot be compared") && note.contains(words)), "{told:?}");
    }
}

#[test]
fn pages_that_are_left_out_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("in"), folder.path().join("out"));
    std::fs::create_dir(&input).unwrap();
    let mut encoder = tiff::encoder::TiffEncoder::new(std::fs::File::create(input.join("scan.tif")).unwrap()).unwrap();
    for (side, kind) in [(4, 1u32), (16, 0)] {
        let mut page = encoder.new_image::<tiff::encoder::colortype::Gray8>(side, side).unwrap();
        page.encoder().write_tag(tiff::tags::Tag::NewSubfileType, kind).unwrap();
        page.write_data(&vec![7; (side * side) as usize]).unwrap();
    }
    let request = EncryptRequest {
        input,
        output,
        secret: key().into(),
        scheme: Preset::None.scheme(Options::default()).unwrap(),
        options: EncryptOptions::default(),
    };
    let before = imgveil_data::preflight(&request).unwrap();
    assert!(
        before
            .notes
            .iter()
            .map(ToString::to_string)
            .any(|note| note.starts_with("TIFF files that hold smaller copies") && note.ends_with(": 1")),
        "{:?}",
        before.notes
    );
    let summary = EncryptRun::new(request, Device::cpu()).run().unwrap();
    assert_eq!((summary.images, summary.notes), (1, before.notes));
}
