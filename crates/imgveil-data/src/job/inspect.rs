//! Says what a set is, from its manifest or its headers.

use super::JobError;
use super::preflight::Size;
use crate::dataset::encoding::Encoding;
use crate::dataset::{self, Split};
use imgveil::internal::scheme::Scheme;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a set is.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// What encrypted it and wrote it; `None` for a plain set.
    pub encrypted: Option<Encrypted>,
    /// Images.
    pub images: usize,
    /// Bytes of their samples.
    pub bytes: u64,
    /// Images by part of the set.
    pub splits: BTreeMap<String, usize>,
    /// Images by class; those without one under the empty name.
    pub classes: BTreeMap<String, usize>,
    /// Images by size, most of them first.
    pub sizes: Vec<Size>,
    /// Images that cannot be read, as far as headers tell.
    pub unreadable: usize,
    /// Files that are no images.
    pub ignored: usize,
}

/// What encrypted a set.
#[derive(Clone, Debug, Serialize)]
pub struct Encrypted {
    /// The scheme.
    pub scheme: Scheme,
    /// The key's fingerprint.
    pub key: String,
    /// What wrote it.
    pub tool: String,
    /// The form of its files.
    pub encoding: Encoding,
}

/// Looks at a set. No image is decoded.
///
/// # Errors
/// When there is no set, or it is damaged.
pub fn inspect(path: &Path, reading: &dataset::read_options::ReadOptions) -> Result<Inspection, JobError> {
    if dataset::is_npz(path)
        && let Some(manifest) = dataset::npz::manifest(path)?.filter(|manifest| manifest.scheme.mixes())
    {
        // Mixtures are no images that a source could give.
        return Ok(of_manifest(&manifest));
    }
    let opened = dataset::open_with(path, reading)?;
    if let Some(manifest) = &opened.manifest {
        return Ok(of_manifest(manifest));
    }
    let source = opened.source.as_ref();
    let geometries: Vec<_> =
        (0..source.items().len()).into_par_iter().map(|index| source.geometry(index).ok()).collect();
    let mut counts = Counts::default();
    for (item, geometry) in source.items().iter().zip(&geometries) {
        let Some(geometry) = geometry else { continue };
        counts.add(item.split, item.label, source.classes(), geometry.to_string(), geometry.bytes() as u64);
    }
    let unreadable = geometries.iter().filter(|geometry| geometry.is_none()).count();
    Ok(counts.inspection(None, unreadable, source.ignored().len()))
}

fn of_manifest(manifest: &dataset::Manifest) -> Inspection {
    let mut counts = Counts::default();
    for entry in &manifest.images {
        let bytes = entry.geometry.bytes() as u64;
        counts.add(entry.split, entry.label, &manifest.classes, entry.geometry.to_string(), bytes);
    }
    let encrypted = Encrypted {
        scheme: manifest.scheme.clone(),
        key: manifest.key.to_string(),
        tool: manifest.tool.clone(),
        encoding: manifest.encoding,
    };
    counts.inspection(Some(encrypted), 0, 0)
}

/// How many images there are of each kind.
#[derive(Default)]
pub(super) struct Counts {
    pub images: usize,
    pub bytes: u64,
    pub splits: BTreeMap<String, usize>,
    pub classes: BTreeMap<String, usize>,
    sizes: BTreeMap<String, usize>,
}

impl Counts {
    pub fn add(&mut self, split: Split, label: Option<u32>, classes: &[String], geometry: String, bytes: u64) {
        self.images += 1;
        self.bytes += bytes;
        *self.splits.entry(split.name().unwrap_or("all").to_owned()).or_default() += 1;
        let class = label.and_then(|label| classes.get(label as usize)).cloned().unwrap_or_default();
        *self.classes.entry(class).or_default() += 1;
        *self.sizes.entry(geometry).or_default() += 1;
    }

    /// Sizes, most images first.
    pub fn sizes(&self) -> Vec<Size> {
        let size = |(geometry, &images): (&String, &usize)| Size { geometry: geometry.clone(), images };
        let mut sizes: Vec<Size> = self.sizes.iter().map(size).collect();
        sizes.sort_by_key(|size| std::cmp::Reverse(size.images));
        sizes
    }

    fn inspection(self, encrypted: Option<Encrypted>, unreadable: usize, ignored: usize) -> Inspection {
        let sizes = self.sizes();
        let Counts { images, bytes, splits, classes, .. } = self;
        Inspection { encrypted, images, bytes, splits, classes, sizes, unreadable, ignored }
    }
}
