//! Opens a set of any format.

use super::adapted::adapted;
use super::copied::Copied;
use super::encoding::Encoding;
use super::error::SetError;
use super::manifest::MANIFEST;
use super::relabelled::Relabelled;
use super::source::{Opened, Source};
use super::{arrays, completeness, depth, folder, labels, webdataset};
use crate::Error;
use crate::format::{Format, ReadOptions};
use imgveil::internal::key::Key;
use std::path::Path;

/// Opens a set with the default options: see [`open_with`].
///
/// # Errors
/// If there is no usable set, or its manifest is damaged.
pub fn open(path: &Path) -> Result<Opened, Error> {
    open_with(path, &ReadOptions::default())
}

/// Opens a set, plain or encrypted: a folder (of images, of `.npy` arrays, of WebDataset shards), an `.npz` or `.npy`
/// file, one shard, a pattern of shards such as `train-{000000..000099}.tar`, or a file of images. The options do not
/// apply to encrypted sets.
///
/// # Errors
/// If there is no usable set, or its manifest or the file of labels is damaged.
pub fn open_with(path: &Path, options: &ReadOptions) -> Result<Opened, Error> {
    Ok(open_set(path, options, None)?)
}

/// As [`open_with`], for a holder of the key: the manifest of an encrypted set is authenticated before anything else of
/// it is used. A set of format 1 has nothing to authenticate it with (see [`Trust`](super::Trust)).
///
/// # Errors
/// As [`open_with`]. Also if the set was encrypted with another key, or its manifest was changed since.
pub fn open_sealed(path: &Path, options: &ReadOptions, key: &Key) -> Result<Opened, Error> {
    Ok(open_set(path, options, Some(key))?)
}

/// As [`open_with`] or [`open_sealed`], with the error of sets.
pub(crate) fn open_set(path: &Path, options: &ReadOptions, key: Option<&Key>) -> Result<Opened, SetError> {
    let mut opened = open_any(path, options, key)?;
    if let Some(manifest) = &opened.manifest {
        // Files do not always tell how many bits of a sample are used.
        let depths = manifest.images.iter().map(|entry| entry.geometry.depth()).collect();
        opened.source = depth::at_depths(opened.source, depths);
        return Ok(opened);
    }
    if let Some(labels) = &options.labels {
        let (source, told) = labels::apply(opened.source, labels, options)?;
        opened.source = source;
        opened.remarks.extend(told);
    }
    if options.no_labels {
        opened.source = Box::new(Relabelled::new(opened.source, &[], Vec::new()));
    }
    opened.source = adapted(opened.source, options);
    if let Some(copies) = options.copies {
        opened.source = Box::new(Copied::new(opened.source, copies));
    }
    Ok(opened)
}

fn open_any(path: &Path, options: &ReadOptions, key: Option<&Key>) -> Result<Opened, SetError> {
    let memory = options.memory;
    if webdataset::is_pattern(path) {
        return webdataset::open(path, options);
    }
    if !path.exists() {
        return Err(SetError::Missing(path.to_owned()));
    }
    if !path.is_dir() {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        return match extension.as_deref() {
            Some("npz") => arrays::npz::open(path, memory, key),
            Some("npy") => arrays::npy::open(path, memory),
            Some("tar") => webdataset::open(path, options),
            _ if Format::of(path).is_ok() => folder::plain(path, options),
            Some("gz" | "tgz" | "bz2" | "xz" | "zst" | "zip" | "7z" | "rar") => {
                Err(SetError::Compressed(path.to_owned()))
            }
            _ => Err(SetError::Foreign(path.to_owned())),
        };
    }
    match completeness::manifest(path, memory)? {
        Some(manifest) => {
            if let Some(key) = key {
                manifest.authenticate(key, &path.join(MANIFEST))?;
            }
            let source: Box<dyn Source> = match manifest.encoding {
                Encoding::Npy | Encoding::Npz => arrays::npy::encrypted(path, &manifest, memory)?,
                Encoding::WebDataset { .. } => webdataset::encrypted(path, &manifest, memory)?,
                Encoding::Png | Encoding::Jpeg { .. } => Box::new(folder::encrypted(path, &manifest, options)),
            };
            Ok(Opened { source, manifest: Some(manifest), remarks: Vec::new() })
        }
        None if arrays::npy::is_folder_of_arrays(path) => arrays::npy::open(path, memory),
        None if webdataset::is_folder_of_shards(path, options.follow_links) => webdataset::open(path, options),
        None => folder::plain(path, options),
    }
}
