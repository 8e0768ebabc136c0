//! Sets of mixtures: MedMNIST's `.npz` layout with `{train,val,test}_images` as 32-bit floats (N x H x W or N x H x W x
//! 3, in [-1, 1]) and `{train,val,test}_labels` as soft labels (N x classes, 32-bit floats that add up to 1). Schemes
//! that mix images write them. They can be trained on but not decrypted. A set of mixtures is held in memory as a
//! whole.

use super::arrays::archive::{self, bad, member, read_manifest};
use super::arrays::npz;
use super::arrays::{file_name, images_name, labels_name};
use super::error::SetError;
use super::manifest::{MANIFEST, Manifest};
use super::paths::parent;
use super::split::{SPLITS, Split};
use super::staging::Staging;
use crate::format::npy::{self, TypeChar};
use crate::{Error, Memory};
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

/// The mixtures of one split.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MixtureSplit {
    /// One image after the other, each H x W x C.
    pub images: Vec<f32>,
    /// For every image a share of every class. Empty if the set has no labels.
    pub labels: Vec<f32>,
}

/// An opened set of mixtures.
pub struct MixtureSet {
    /// The images' geometry.
    pub geometry: Geometry,
    /// The set's manifest.
    pub manifest: Manifest,
    /// The splits.
    pub splits: BTreeMap<Split, MixtureSplit>,
}

/// Opens a set of mixtures and checks every image against its hash in the manifest.
///
/// # Errors
/// If it is not a set of mixtures, is damaged, or was changed since it was written.
pub fn open(path: &Path) -> Result<MixtureSet, Error> {
    open_within(path, Memory::default())
}

/// As [`open`], in no more than this memory.
///
/// # Errors
/// As [`open`], and if the set does not fit.
pub fn open_within(path: &Path, memory: Memory) -> Result<MixtureSet, Error> {
    unchanged(path, read(path, memory, None)?)
}

/// As [`open`], for a holder of the key: the manifest is authenticated before anything else of it is used.
///
/// # Errors
/// As [`open`]. Also if the set was made with another key, or its manifest was changed since.
pub fn open_sealed(path: &Path, key: &Key) -> Result<MixtureSet, Error> {
    unchanged(path, read(path, Memory::default(), Some(key))?)
}

fn unchanged(path: &Path, (set, faults): (MixtureSet, Faults)) -> Result<MixtureSet, Error> {
    match faults.changed.first() {
        None => Ok(set),
        Some(&index) => {
            let position = &set.manifest.images[index].path;
            let words = "was changed since it was written: its hash is not the one in imgveil.json";
            Err(bad(path, format!("{position} {words}")).into())
        }
    }
}

/// What is wrong with a set of mixtures.
pub(crate) struct Faults {
    /// The images that do not have the hash that the manifest states.
    pub changed: Vec<usize>,
    /// Members of the archive that do not belong to the set.
    pub strangers: Vec<String>,
}

/// Reads a set of mixtures. With the key, the manifest is authenticated before anything else of it is used. Returns the
/// set, and what is wrong with it.
///
/// # Errors
/// As [`open_within`], and if the set was encrypted with another key or its manifest was changed.
pub(crate) fn read(path: &Path, memory: Memory, key: Option<&Key>) -> Result<(MixtureSet, Faults), SetError> {
    let bad = |reason: String| bad(path, reason);
    let mut zip = archive::archive(path)?;
    let manifest = read_manifest(&mut zip, path, memory)?.ok_or_else(|| bad("it has no imgveil.json".into()))?;
    if let Some(key) = key {
        manifest.authenticate(key, &path.join(MANIFEST))?;
    }
    let geometry = match manifest.images.first() {
        Some(entry) => entry.geometry,
        None => return Err(bad("its imgveil.json names no image".into())),
    };
    // Every array is in memory as bytes and as floats.
    let values = geometry.samples().saturating_add(manifest.classes.len()).saturating_mul(manifest.images.len());
    let held = (values as u64).saturating_mul(2 * size_of::<f32>() as u64);
    memory.check(held).map_err(|source| SetError::Memory { path: path.to_owned(), source })?;
    let (mut splits, mut changed) = (BTreeMap::new(), Vec::new());
    for split in SPLITS {
        let entries: Vec<_> = manifest.images.iter().enumerate().filter(|(_, entry)| entry.split == split).collect();
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
        for ((index, entry), image) in entries.iter().zip(images.chunks_exact(geometry.samples())) {
            if entry.geometry != geometry || hash(image).to_hex().as_str() != entry.blake3 {
                changed.push(*index);
            }
        }
        let name = labels_name(split);
        let expected = count * manifest.classes.len();
        let labels = match member(&mut zip, &file_name(&name), longest(expected)).map_err(&bad)? {
            Some(bytes) => floats(&bytes, expected).map_err(|reason| bad(format!("array {name}: {reason}")))?,
            None => Vec::new(),
        };
        splits.insert(split, MixtureSplit { images, labels });
    }
    changed.sort_unstable();
    let strangers = npz::strangers(&zip);
    Ok((MixtureSet { geometry, manifest, splits }, Faults { changed, strangers }))
}

impl MixtureSet {
    /// The soft labels that are no shares of classes, by their places in the arrays. Shares are not negative and add up
    /// to 1.
    pub(crate) fn wrong_labels(&self) -> Vec<String> {
        let classes = self.manifest.classes.len().max(1);
        let is_wrong =
            |shares: &[f32]| shares.iter().any(|&share| share < 0.0) || (shares.iter().sum::<f32>() - 1.0).abs() > 1e-4;
        let of_split = |(&split, part): (&Split, &MixtureSplit)| {
            let rows = part.labels.chunks(classes).enumerate().filter(|(_, shares)| is_wrong(shares));
            rows.map(|(row, _)| format!("{}[{row}]", labels_name(split))).collect::<Vec<_>>()
        };
        self.splits.iter().flat_map(of_split).collect()
    }
}

/// The BLAKE3 of one image's floats, least significant byte first.
pub(crate) fn hash(image: &[f32]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    image.iter().for_each(|value| {
        hasher.update(&value.to_le_bytes());
    });
    hasher.finalize()
}

/// The size limit of an array of that many floats with its header.
fn longest(expected: usize) -> u64 {
    expected as u64 * 4 + (1 << 17)
}

/// Reads an array of `expected` finite 32-bit floats.
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
    if !values.iter().all(|value| value.is_finite()) {
        return Err("it holds values that are no numbers".into());
    }
    Ok(values)
}

/// Writes a set of mixtures, whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub fn write(
    path: &Path,
    geometry: Geometry,
    splits: &BTreeMap<Split, MixtureSplit>,
    manifest: &Manifest,
) -> Result<(), SetError> {
    let encode = |reason: String| SetError::Encode { path: path.to_owned(), reason };
    let bytes = pack(geometry, splits, manifest).map_err(encode)?;
    Staging::alone(parent(path)).write(path, &bytes)
}

fn pack(geometry: Geometry, splits: &BTreeMap<Split, MixtureSplit>, manifest: &Manifest) -> Result<Vec<u8>, String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = archive::stored();
    for (&split, mixtures) in splits {
        let count = mixtures.images.len() / geometry.samples();
        let mut shape = vec![count as u64, geometry.height() as u64, geometry.width() as u64];
        if geometry.channels() == 3 {
            shape.push(3);
        }
        zip.start_file(file_name(&images_name(split)), options.large_file(true)).map_err(|e| text(&e))?;
        npy::write(&mut zip, &shape, mixtures.images.iter().copied()).map_err(|e| text(&e))?;
        if !mixtures.labels.is_empty() {
            let shape = [count as u64, (mixtures.labels.len() / count) as u64];
            zip.start_file(file_name(&labels_name(split)), options).map_err(|e| text(&e))?;
            npy::write(&mut zip, &shape, mixtures.labels.iter().copied()).map_err(|e| text(&e))?;
        }
    }
    archive::write_manifest(&mut zip, manifest)?;
    Ok(zip.finish().map_err(|e| text(&e))?.into_inner())
}
