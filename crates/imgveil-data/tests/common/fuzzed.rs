//! What is fuzzed: a function for every input that comes from outside, and what must hold whatever its bytes are. Each
//! function returns whether the bytes were valid. The targets in `fuzz/` and `tests/regressions.rs` both call these
//! functions, so that neither can drift from the other.
#![allow(dead_code)]

use imgveil::internal::image::{Depth, Geometry};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::{Options, PRESETS, Scheme, Secret, Stage, compile, write_out};
use imgveil_data::format::{Axis, Header, ImageFile, ReadErrorKind, ReadOptions, Window, dicom as dicom_file};
use imgveil_data::format::{nifti as nifti_file, npy as npy_file, picture as picture_file};
use imgveil_data::job::{journal, partition_of};
use imgveil_data::limits::MOST_PARTITIONS;
use imgveil_data::set::{self, Manifest, Opened, mixtures, names};
use imgveil_data::tables_file;
use std::fmt::Display;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A target and its name.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// Every target.
pub const TARGETS: [Target; 14] = [
    ("key_file", key_file),
    ("manifest", manifest),
    ("journal", journal),
    ("part_name", part_name),
    ("npz", npz),
    ("npy", npy),
    ("tar", tar),
    ("scheme_toml", scheme_toml),
    ("tables", tables),
    ("labels_csv", labels_csv),
    ("names_csv", names_csv),
    ("dicom", dicom),
    ("nifti", nifti),
    ("picture", picture),
];

/// A key that parses is the key that it states, and is written as it was.
pub fn key_file(data: &[u8]) -> bool {
    let Some(key) = accepted(Key::parse(data)) else { return false };
    let again = Key::parse(key.to_text("2026-01-01T00:00:00Z").as_bytes()).expect("it was written just now");
    assert_eq!(*again.to_bech32(), *key.to_bech32());
    true
}

/// A manifest that parses is the same after it is written.
pub fn manifest(data: &[u8]) -> bool {
    let Some(manifest) = accepted(Manifest::parse(data)) else { return false };
    let text = manifest.to_text().expect("it was parsed just now");
    assert_eq!(Manifest::parse(&text).expect("it was written just now"), manifest);
    true
}

/// The complete lines of a journal are a journal with the same contents.
pub fn journal(data: &[u8]) -> bool {
    let contents = journal::parse(data);
    let whole = usize::try_from(contents.length).ok().and_then(|length| data.get(..length));
    let whole = whole.expect("no more is whole than there is");
    assert!(whole.is_empty() || whole.ends_with(b"\n"));
    assert_eq!(journal::parse(whole), contents);
    !contents.records.is_empty()
}

/// The name of a partition's manifest gives a partition, which has that name.
pub fn part_name(data: &[u8]) -> bool {
    let Ok(name) = std::str::from_utf8(data) else { return false };
    let Some(Some(partition)) = accepted(partition_of(name)) else { return false };
    assert!((1..=partition.of()).contains(&partition.index()) && partition.of() <= MOST_PARTITIONS);
    assert_eq!(partition.to_string().parse(), Ok(partition));
    let again = format!("imgveil.part-{}.json", partition.slug());
    assert_eq!(partition_of(&again), Ok(Some(partition)));
    true
}

/// A set in an archive, plain, encrypted or of mixtures.
pub fn npz(data: &[u8]) -> bool {
    let (_folder, path) = file("set.npz", data);
    let pixels = set(&path);
    let mixed = accepted(mixtures::open(&path));
    for split in mixed.iter().flat_map(|set| set.splits.values()) {
        assert!(split.images.iter().chain(&split.labels).all(|value| !value.is_nan()));
    }
    pixels || mixed.is_some()
}

/// A set in one array.
pub fn npy(data: &[u8]) -> bool {
    let (_folder, path) = file("set.npy", data);
    set(&path)
}

/// A set in one shard.
pub fn tar(data: &[u8]) -> bool {
    let (_folder, path) = file("train-000000.tar", data);
    set(&path)
}

/// A scheme that parses is the same after it is written, and compiles or gives the reason.
pub fn scheme_toml(data: &[u8]) -> bool {
    let Some(scheme) = accepted(Scheme::from_toml(data, "mine.toml")) else { return false };
    for stage in &scheme.stages {
        assert_eq!(stage.to_string().parse::<Stage>().as_ref(), Ok(stage));
    }
    let text = serde_json::to_vec(&scheme).expect("schemes are written into manifests");
    assert_eq!(serde_json::from_slice::<Scheme>(&text).expect("it was written just now"), scheme);
    let (_, _) = (scheme.tile(), scheme.block());
    for geometry in geometries() {
        let key = Key::from_bytes([7; 32]);
        accepted(scheme.key_space(geometry));
        let written = accepted(write_out(&scheme, &key, geometry)).is_some();
        if let Some(program) = accepted(compile(&scheme, &key, geometry)) {
            assert!(written && program.geometry() == geometry);
            assert!(!scheme.has_inverse() || program.inverse().is_ok());
        }
    }
    true
}

/// Tables that load are the same after they are written, and belong to a scheme or not.
pub fn tables(data: &[u8]) -> bool {
    let (folder, path) = file("tables", data);
    let Some(loaded) = accepted(tables_file::load(&path)) else { return false };
    let fingerprint = loaded.tables.key().fingerprint();
    for name in ["again.json", "again.npz"] {
        let again = folder.path().join(name);
        if accepted(tables_file::save(&loaded.tables, &again)).is_some() {
            let again = tables_file::load(&again).expect("it was written just now");
            assert_eq!(again.tables.key().fingerprint(), fingerprint);
        }
    }
    let secret = Secret::from(loaded.tables);
    let mut compiled = false;
    for scheme in PRESETS.iter().filter_map(|preset| preset.scheme(Options::default()).ok()) {
        for geometry in geometries() {
            if let Some(program) = accepted(secret.compile(&scheme, geometry)) {
                assert_eq!(program.geometry(), geometry);
                compiled |= !scheme.stages.is_empty();
            }
        }
    }
    compiled
}

/// Labels for a set of three images give every label a class.
pub fn labels_csv(data: &[u8]) -> bool {
    let (folder, labels) = file("labels.csv", data);
    let path = folder.path().join("set.npy");
    let mut array = Vec::new();
    npy_file::write(&mut array, &[3, 1, 1], [1u8, 2, 3]).expect("memory takes it");
    std::fs::write(&path, array).expect("a folder of ours");
    let options = ReadOptions { labels: Some(labels), ..ReadOptions::default() };
    let Some(opened) = accepted(set::open_with(&path, &options)) else { return false };
    assert_eq!(opened.source.items().len(), 3);
    opened.remarks.iter().for_each(|remark| one_line(&remark.to_string()));
    look_at(&opened)
}

/// Names that are read are written as they were.
pub fn names_csv(data: &[u8]) -> bool {
    let (folder, path) = file("names.csv", data);
    let Some(read) = accepted(names::read(&path)) else { return false };
    let again = folder.path().join("again.csv");
    names::write(&again, read.clone()).expect("a folder of ours");
    assert_eq!(names::read(&again).expect("it was written just now"), read);
    !read.is_empty()
}

/// A DICOM object, with and without a window.
pub fn dicom(data: &[u8]) -> bool {
    let windows = [None, Some(Window::Auto), Some(Window::Linear { centre: 40.0, width: 400.0 })];
    let options = windows.map(|window| ReadOptions { window, ..ReadOptions::default() });
    let read = options
        .map(|options| image_file(dicom_file::header(data, &options), dicom_file::open(data.to_vec(), &options)));
    read.contains(&true)
}

/// A volume along every axis.
pub fn nifti(data: &[u8]) -> bool {
    let ways = [
        (None, Axis::Z),
        (Some(Window::Auto), Axis::X),
        (Some(Window::Linear { centre: 40.0, width: 400.0 }), Axis::Y),
    ];
    let options = ways.map(|(window, axis)| ReadOptions { window, axis, ..ReadOptions::default() });
    let read = options.map(|options| {
        let header = nifti_file::header(Cursor::new(data), &options);
        image_file(header, nifti_file::open(data.to_vec(), &options))
    });
    read.contains(&true)
}

/// A picture of any format.
pub fn picture(data: &[u8]) -> bool {
    image_file(picture_file::header(Cursor::new(data)), picture_file::open(data.to_vec()))
}

/// The header alone, the opened file and its images agree.
fn image_file(header: Result<Header, ReadErrorKind>, opened: Result<Box<dyn ImageFile>, ReadErrorKind>) -> bool {
    let (header, opened) = (accepted(header), accepted(opened));
    let Some(opened) = opened else { return false };
    let Header { count, geometry, .. } = *opened.header();
    assert_eq!(header.as_ref(), Some(opened.header()));
    let read = [0, count / 2, count.saturating_sub(1)].map(|index| {
        let image = accepted(opened.image(index));
        image.is_some_and(|image| {
            assert_eq!(image.geometry(), geometry);
            true
        })
    });
    read == [true; 3]
}

/// Opens a set and reads its first few images.
fn set(path: &Path) -> bool {
    accepted(set::open(path)).is_some_and(|opened| look_at(&opened))
}

fn look_at(opened: &Opened) -> bool {
    let source = &opened.source;
    let items = source.items();
    let mut read = !items.is_empty();
    for (index, item) in items.iter().enumerate().take(4) {
        assert!(item.label.is_none_or(|label| (label as usize) < source.classes().len()));
        let geometry = accepted(source.geometry(index));
        match accepted(source.read(index)) {
            Some(image) => assert_eq!(Some(image.geometry()), geometry),
            None => read = false,
        }
        accepted(source.members(index, &["json".into(), "txt".into()]));
        source.stamp(index);
    }
    assert!(source.geometry(items.len()).is_err() && source.read(items.len()).is_err());
    read
}

/// The value. An error's words must be one line.
fn accepted<T, E: Display>(result: Result<T, E>) -> Option<T> {
    result.inspect_err(|error| one_line(&error.to_string())).ok()
}

fn one_line(words: &impl ToString) {
    let words = words.to_string();
    assert!(!words.chars().any(char::is_control), "more than a line, or what a terminal obeys: {words:?}");
}

fn geometries() -> [Geometry; 3] {
    let [colour, grey] = [(8, 3), (16, 1)].map(|(side, channels)| Geometry::new(side, side, channels));
    let grey = grey.expect("a valid geometry");
    [colour.expect("a valid geometry"), grey, grey.with_depth(Depth::U16)]
}

/// A file in a folder of its own, in memory where the system has such a place.
fn file(name: &str, data: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for a file");
    let path = folder.path().join(name);
    std::fs::write(&path, data).expect("a folder of ours");
    (folder, path)
}
