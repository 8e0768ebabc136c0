//! Sets of mixtures: MedMNIST's `.npz` layout with `{train,val,test}_images` as 32-bit floats (N x H x W or N x H x W x 3, in
//! [-1, 1]) and `{train,val,test}_labels` as soft labels (N x classes, 32-bit floats that add up to 1). Only what mixes
//! images makes them; they can be trained on and not undone. Held in memory whole.

use super::arrays::{file_name, images_name, labels_name};
use super::npz::{bad, member, read_manifest};
use super::{DatasetError, Manifest, SPLITS, Split, write_atomically};
use crate::npy::{self, TypeChar};
use imgveil::internal::image::Geometry;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

/// Mixtures of one part of a set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FloatPart {
    /// Image after image, each H x W x C as it is stored.
    pub images: Vec<f32>,
    /// A share of every class for every image; empty where the set has no labels.
    pub labels: Vec<f32>,
}

/// A set of mixtures, opened.
pub struct FloatSet {
    /// The images' geometry.
    pub geometry: Geometry,
    /// What was written about them.
    pub manifest: Manifest,
    /// The parts that there are.
    pub parts: BTreeMap<Split, FloatPart>,
}

/// Opens a set of mixtures, every image checked against the manifest's hash.
///
/// # Errors
/// When it is none, is damaged, or was changed since it was written.
pub fn open(path: &Path) -> Result<FloatSet, DatasetError> {
    let bad = |reason: String| bad(path, reason);
    let mut zip = super::npz::archive(path)?;
    let manifest = read_manifest(&mut zip, path)?.ok_or_else(|| bad("it has no imgveil.json".into()))?;
    let geometry = match manifest.images.first() {
        Some(entry) => entry.geometry,
        None => return Err(bad("its imgveil.json names no image".into())),
    };
    let mut parts = BTreeMap::new();
    for split in SPLITS {
        let entries: Vec<_> = manifest.images.iter().filter(|entry| entry.split == split).collect();
        if entries.is_empty() {
            continue;
        }
        let count = entries.len();
        let name = images_name(split);
        let member_of = |name: &str| format!("array {name} of {count} images is not there");
        let expected = count * geometry.samples();
        let bytes = member(&mut zip, &file_name(&name), longest(expected)).map_err(&bad)?;
        let images = floats(&bytes.ok_or_else(|| bad(member_of(&name)))?, expected)
            .map_err(|reason| bad(format!("array {name}: {reason}")))?;
        for (i, (entry, image)) in entries.iter().zip(images.chunks_exact(geometry.samples())).enumerate() {
            if entry.geometry != geometry || hash(image).to_hex().as_str() != entry.blake3 {
                return Err(bad(format!(
                    "{name}[{i}] was changed since it was written: its hash is not the one in imgveil.json"
                )));
            }
        }
        let name = labels_name(split);
        let expected = count * manifest.classes.len();
        let labels = match member(&mut zip, &file_name(&name), longest(expected)).map_err(&bad)? {
            Some(bytes) => floats(&bytes, expected).map_err(|reason| bad(format!("array {name}: {reason}")))?,
            None => Vec::new(),
        };
        parts.insert(split, FloatPart { images, labels });
    }
    Ok(FloatSet { geometry, manifest, parts })
}

/// The BLAKE3 of one image's floats, least significant byte first.
pub(crate) fn hash(image: &[f32]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    image.iter().for_each(|value| {
        hasher.update(&value.to_le_bytes());
    });
    hasher.finalize()
}

/// The longest array of that many floats, its header included.
fn longest(expected: usize) -> u64 {
    expected as u64 * 4 + (1 << 17)
}

/// An array of `expected` 32-bit floats, all of them numbers.
fn floats(bytes: &[u8], expected: usize) -> Result<Vec<f32>, String> {
    let (header, data) = npy::parse(bytes).map_err(|e| e.to_string())?;
    if header.kind() != (TypeChar::Float, 4) {
        return Err(format!("it holds {}, and 32-bit floats were expected", header.described()));
    }
    let shape = header.shape_text();
    let values: Vec<f32> = header.values(data).map_err(|e| e.to_string())?;
    if values.len() != expected {
        return Err(format!("its shape {shape} has {} values, and imgveil.json needs {expected}", values.len()));
    }
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(values),
        false => Err("it holds values that are no numbers".into()),
    }
}

/// Writes a set of mixtures, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write(
    path: &Path,
    geometry: Geometry,
    parts: &BTreeMap<Split, FloatPart>,
    manifest: &Manifest,
) -> Result<(), DatasetError> {
    let encode = |reason: String| DatasetError::Encode { path: path.to_owned(), reason };
    let bytes = pack(geometry, parts, manifest).map_err(encode)?;
    write_atomically(path, &bytes)
}

fn pack(geometry: Geometry, parts: &BTreeMap<Split, FloatPart>, manifest: &Manifest) -> Result<Vec<u8>, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = super::npz::stored();
    for (&split, part) in parts {
        let count = part.images.len() / geometry.samples();
        let mut shape = vec![count as u64, geometry.height() as u64, geometry.width() as u64];
        if geometry.channels() == 3 {
            shape.push(3);
        }
        zip.start_file(file_name(&images_name(split)), options.large_file(true)).map_err(|e| text(&e))?;
        npy::write(&mut zip, &shape, part.images.iter().copied()).map_err(|e| text(&e))?;
        if !part.labels.is_empty() {
            let shape = [count as u64, (part.labels.len() / count) as u64];
            zip.start_file(file_name(&labels_name(split)), options).map_err(|e| text(&e))?;
            npy::write(&mut zip, &shape, part.labels.iter().copied()).map_err(|e| text(&e))?;
        }
    }
    super::npz::write_manifest(&mut zip, manifest)?;
    Ok(zip.finish().map_err(|e| text(&e))?.into_inner())
}
