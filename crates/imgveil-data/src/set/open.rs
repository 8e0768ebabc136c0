//! Opens a set of any format.

use super::adapted::adapted;
use super::copied::Copied;
use super::encoding::Encoding;
use super::error::SetError;
use super::folder::Contents;
use super::manifest::MANIFEST;
use super::masked::masked;
use super::relabelled::Relabelled;
use super::remark::{Advice, Remark};
use super::source::{Opened, Source};
use super::split::Split;
use super::{arrays, completeness, depth, folder, labels, manifest_file, webdataset};
use crate::Error;
use crate::format::{Format, ReadOptions};
use imgveil::internal::key::Key;
use std::io::{Error as IoError, ErrorKind as IoErrorKind};
use std::path::{Path, PathBuf};

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

/// The files of a folder that a caller holds, such as a page in a browser.
pub struct Given {
    /// What messages call the folder.
    pub name: PathBuf,
    /// The paths of its files, relative to it.
    pub paths: Vec<PathBuf>,
    /// What opens them.
    pub contents: Box<dyn Contents>,
}

/// As [`open_with`], or with a key as [`open_sealed`], for a folder of image files that a caller holds. Arrays and
/// shards are not read so.
///
/// # Errors
/// As [`open_sealed`].
pub fn open_given(given: Given, options: &ReadOptions, key: Option<&Key>) -> Result<Opened, Error> {
    let Given { name, paths, contents } = given;
    if !paths.iter().any(|path| path == Path::new(MANIFEST)) {
        return Ok(finished(folder::given(&name, paths, contents, options)?, options)?);
    }
    let path = name.join(MANIFEST);
    let file = contents.open(Path::new(MANIFEST)).map_err(SetError::reading(&path))?;
    let large = |source| SetError::Memory { path: path.clone(), source };
    manifest_file::check_length(file.length, options.memory).map_err(large)?;
    let manifest = manifest_file::parse(&file.read_all().map_err(SetError::reading(&path))?, &path, options.memory)?;
    if let Some(key) = key {
        manifest.authenticate(key, &path)?;
    }
    if !matches!(manifest.encoding, Encoding::Png | Encoding::Jpeg { .. }) {
        let words = format!("the images are stored as {}, which is read from a disk only", manifest.encoding);
        return Err(SetError::Read { path, source: IoError::new(IoErrorKind::Unsupported, words) }.into());
    }
    let source = Box::new(folder::encrypted_given(contents, &manifest, options));
    Ok(finished(Opened { source, manifest: Some(manifest), remarks: Vec::new() }, options)?)
}

/// As [`open_with`] or [`open_sealed`], with the error of sets.
pub(crate) fn open_set(path: &Path, options: &ReadOptions, key: Option<&Key>) -> Result<Opened, SetError> {
    finished(open_any(path, options, key)?, options)
}

/// Applies what is known beside the files of a set: its manifest, or the options.
fn finished(mut opened: Opened, options: &ReadOptions) -> Result<Opened, SetError> {
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
    opened.source = adapted(masked(opened.source, options)?, options);
    if let Some(copies) = options.copies.filter(|copies| copies.get() > 1) {
        if opened.source.items().iter().any(|item| item.split == Split::All) {
            let words = "the set is not divided into splits: whoever trains on it may hold out copies of images that \
                         the network learns from";
            opened.remarks.push(Remark::new(words).with(Advice::Layout));
        }
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
