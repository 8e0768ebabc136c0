//! Reports what a set is, from its manifest or its headers.

use super::census::{Census, Size, Values};
use super::preflight::links_out;
use crate::Error;
use crate::format::ReadOptions;
use crate::set::arrays::archive;
use crate::set::{Described, Encoding, Manifest, Trust, is_npz, open_with};
use imgveil::internal::scheme::Scheme;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a set is.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// What the set was encrypted with. `None` for a plain set.
    pub encrypted: Option<EncryptedWith>,
    /// The number of images.
    pub images: usize,
    /// Bytes of their samples.
    pub bytes: u64,
    /// The number of images by split.
    pub splits: BTreeMap<String, usize>,
    /// The number of images by class. Images without a class are under the empty name.
    pub classes: BTreeMap<String, usize>,
    /// The number of images by size, most frequent first.
    pub sizes: Vec<Size>,
    /// How values in the modality's units follow from plain samples, as far as files say so, with the number of images,
    /// most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Values>,
    /// The number of images that cannot be read, as far as headers tell.
    pub unreadable: usize,
    /// The number of files that are not images.
    pub ignored: usize,
    /// Links that lead out of the set's folder and were not followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links_out: Vec<String>,
}

/// What a set was encrypted with.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct EncryptedWith {
    /// The scheme.
    pub scheme: Scheme,
    /// The key's fingerprint.
    pub key: String,
    /// Whether the key was drawn for the set and is kept nowhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub key_forgotten: bool,
    /// The program that wrote the set.
    pub tool: String,
    /// How the set is stored.
    pub encoding: Encoding,
    /// What vouches for all of this: nothing without the key.
    pub manifest: Trust,
}

/// Inspects a set. No image is decoded.
///
/// # Errors
/// If there is no set, or it is damaged.
pub fn inspect(path: &Path, options: &ReadOptions) -> Result<Inspection, Error> {
    if is_npz(path)
        && let Some(manifest) = archive::manifest(path, options.memory)?.filter(|manifest| manifest.scheme.mixes())
    {
        // Mixtures are not images, so no source provides them.
        return Ok(of_manifest(&manifest));
    }
    let opened = open_with(path, options)?;
    if let Some(manifest) = &opened.manifest {
        return Ok(of_manifest(manifest));
    }
    let source = opened.source.as_ref();
    let headers: Vec<_> = (0..source.items().len()).into_par_iter().map(|index| source.described(index).ok()).collect();
    let mut census = Census::default();
    for (item, header) in source.items().iter().zip(&headers) {
        let Some(Described { geometry, rescale, .. }) = header else { continue };
        census.add_values(*rescale);
        census.add(item.split, item.label, source.classes(), geometry.to_string(), geometry.bytes() as u64);
    }
    let unreadable = headers.iter().filter(|header| header.is_none()).count();
    let found = inspection(census, None, unreadable, source.ignored().len());
    Ok(Inspection { links_out: links_out(source), ..found })
}

fn of_manifest(manifest: &Manifest) -> Inspection {
    let mut census = Census::default();
    for entry in &manifest.images {
        let bytes = entry.geometry.bytes() as u64;
        census.add_values(entry.rescale);
        census.add(entry.split, entry.label, &manifest.classes, entry.geometry.to_string(), bytes);
    }
    let encrypted = EncryptedWith {
        scheme: manifest.scheme.clone(),
        key: manifest.key.to_string(),
        key_forgotten: manifest.forgets_key(),
        tool: manifest.tool.clone(),
        encoding: manifest.encoding,
        manifest: Trust::of(manifest, false),
    };
    inspection(census, Some(encrypted), 0, 0)
}

fn inspection(census: Census, encrypted: Option<EncryptedWith>, unreadable: usize, ignored: usize) -> Inspection {
    let (sizes, values) = (census.sizes(), census.values());
    let Census { images, bytes, splits, classes, .. } = census;
    Inspection { encrypted, images, bytes, splits, classes, sizes, values, unreadable, ignored, links_out: Vec::new() }
}
