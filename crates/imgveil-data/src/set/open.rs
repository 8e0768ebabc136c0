//! Opens a set of any format.

use super::encoding::Encoding;
use super::error::SetError;
use super::source::{Opened, Source};
use super::{arrays, completeness, depth, folder, labels, webdataset};
use crate::Error;
use crate::format::{Format, ReadOptions};
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
    Ok(open_set(path, options)?)
}

/// As [`open_with`], with the error of sets.
pub(crate) fn open_set(path: &Path, options: &ReadOptions) -> Result<Opened, SetError> {
    let mut opened = open_any(path, options)?;
    if let Some(manifest) = &opened.manifest {
        // Files do not always tell how many bits of a sample are used.
        let depths = manifest.images.iter().map(|entry| entry.geometry.depth()).collect();
        opened.source = depth::at_depths(opened.source, depths);
    }
    match &options.labels {
        Some(labels) if opened.manifest.is_none() => {
            let (source, note) = labels::apply(opened.source, labels)?;
            Ok(Opened { source, note, ..opened })
        }
        _ => Ok(opened),
    }
}

fn open_any(path: &Path, options: &ReadOptions) -> Result<Opened, SetError> {
    if webdataset::is_pattern(path) {
        return webdataset::open(path);
    }
    if !path.exists() {
        return Err(SetError::Missing(path.to_owned()));
    }
    if !path.is_dir() {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        return match extension.as_deref() {
            Some("npz") => arrays::npz::open(path),
            Some("npy") => arrays::npy::open(path),
            Some("tar") => webdataset::open(path),
            _ if Format::of(path).is_some() => folder::plain(path, options),
            _ => Err(SetError::Foreign(path.to_owned())),
        };
    }
    match completeness::manifest(path)? {
        Some(manifest) => {
            let source: Box<dyn Source> = match manifest.encoding {
                Encoding::Npy | Encoding::Npz => return arrays::npy::open(path),
                Encoding::WebDataset { .. } => return webdataset::open(path),
                Encoding::Png | Encoding::Jpeg { .. } => Box::new(folder::encrypted(path, &manifest)),
            };
            Ok(Opened { source, manifest: Some(manifest), note: None })
        }
        None if arrays::npy::is_folder_of_arrays(path) => arrays::npy::open(path),
        None if webdataset::is_folder_of_shards(path) => webdataset::open(path),
        None => folder::plain(path, options),
    }
}
