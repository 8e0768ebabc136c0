//! Folders of `.npy` files (`train_images.npy` and so on) to read, with `imgveil.json` if they are encrypted, and
//! single `.npy` files of images. Images are read in place: an array may be larger than memory.

use super::array::{Data, ImageArray};
use super::labels::{labels, longest_labels};
use super::layout::{ArrayLayout, file_name, images_name, labels_name};
use super::source::{ArraySource, check_list};
use crate::Memory;
use crate::format::PassedOverReason;
use crate::format::npy::Header;
use crate::limits::check_images;
use crate::regular_file::{self, Retrying};
use crate::set::completeness::is_unfinished;
use crate::set::{MANIFEST, Manifest, Opened, PassedOver, SPLITS, SetError, Source, Split, parent};
use crate::stamp::stamp;
use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

fn bad(path: &Path, reason: String) -> SetError {
    SetError::Npy { path: path.to_owned(), reason }
}

/// Whether a folder holds arrays of images, by their names.
pub(in crate::set) fn is_folder_of_arrays(path: &Path) -> bool {
    SPLITS.into_iter().any(|split| array_path(path, split).is_file())
}

fn array_path(folder: &Path, split: Split) -> PathBuf {
    folder.join(file_name(&images_name(split)))
}

/// Opens a plain file, or a folder of them.
pub(in crate::set) fn open(path: &Path, memory: Memory) -> Result<Opened, SetError> {
    if path.is_dir() { open_folder(path, None, memory) } else { open_file(path, memory) }
}

fn open_file(path: &Path, memory: Memory) -> Result<Opened, SetError> {
    let folder = parent(path);
    if is_unfinished(folder) {
        return Err(SetError::Unfinished(folder.to_owned()));
    }
    let known = SPLITS.into_iter().any(|split| path.file_name() == array_path(folder, split).file_name());
    if known && folder.join(MANIFEST).exists() {
        // As a plain array, it would be encrypted a second time, or used for training as if it held plain images.
        return Err(bad(path, format!("it belongs to an encrypted set: give its folder {}", folder.display())));
    }
    let arrays = BTreeMap::from([(Split::All, array(path)?)]);
    check_list(&arrays, path, memory)?;
    let source = ArraySource::new(arrays, &BTreeMap::new(), None).map_err(|reason| bad(path, reason))?;
    Ok(Opened { source: Box::new(source), manifest: None, remarks: Vec::new() })
}

/// The source of an encrypted folder.
pub(in crate::set) fn encrypted(root: &Path, manifest: &Manifest, memory: Memory) -> Result<Box<dyn Source>, SetError> {
    Ok(open_folder(root, Some(manifest), memory)?.source)
}

fn open_folder(root: &Path, manifest: Option<&Manifest>, memory: Memory) -> Result<Opened, SetError> {
    let (mut arrays, mut all_labels) = (BTreeMap::new(), BTreeMap::new());
    let mut known = vec![root.join(MANIFEST)];
    for split in SPLITS {
        let images = array_path(root, split);
        if !images.is_file() {
            continue;
        }
        let array = array(&images)?;
        let path = root.join(file_name(&labels_name(split)));
        if path.is_file() {
            all_labels.insert(split, labels_of(&path, array.layout.count)?);
        }
        arrays.insert(split, array);
        known.extend([images, path]);
    }
    check_list(&arrays, root, memory)?;
    let source = ArraySource::new(arrays, &all_labels, manifest).map_err(|reason| bad(root, reason))?;
    let source = source.with_ignored(others(root, &known)?);
    Ok(Opened { source: Box::new(source), manifest: None, remarks: Vec::new() })
}

/// The other files in the folder, without hidden ones.
fn others(root: &Path, known: &[PathBuf]) -> Result<Vec<PassedOver>, SetError> {
    let mut others = Vec::new();
    for entry in root.read_dir().map_err(SetError::reading(root))? {
        let entry = entry.map_err(SetError::reading(root))?;
        let name = entry.file_name();
        if !known.contains(&entry.path()) && !name.to_string_lossy().starts_with('.') {
            others.push(PathBuf::from(name));
        }
    }
    others.sort_unstable();
    Ok(others.into_iter().map(|path: PathBuf| PassedOver::new(path, PassedOverReason::NoImage)).collect())
}

fn array(path: &Path) -> Result<ImageArray, SetError> {
    let bad = |reason: String| bad(path, reason);
    let file = regular_file::open(path).map_err(SetError::reading(path))?;
    let metadata = file.metadata().map_err(SetError::reading(path))?;
    let header = Header::read(&mut BufReader::new(Retrying(&file))).map_err(|e| bad(e.to_string()))?;
    let layout = ArrayLayout::of(&header).map_err(bad)?;
    let offset = header.offset();
    header.check_length(metadata.len().saturating_sub(offset)).map_err(|e| bad(e.to_string()))?;
    check_images(layout.count, metadata.len()).map_err(|e| bad(format!("it {e}")))?;
    Ok(ImageArray { layout, data: Data::File { file, offset }, stamp: stamp(&metadata) })
}

fn labels_of(path: &Path, count: usize) -> Result<Vec<u32>, SetError> {
    let mut bytes = Vec::new();
    let file = regular_file::open(path).map_err(SetError::reading(path))?;
    file.take(longest_labels(count)).read_to_end(&mut bytes).map_err(SetError::reading(path))?;
    labels(&bytes).map_err(|reason| bad(path, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{ReadOptions, npy};
    use crate::set::{Item, open_set};

    /// As `set::open`, with the error of sets.
    fn open_at(path: &Path) -> Result<Opened, SetError> {
        open_set(path, &ReadOptions::default(), None)
    }

    fn npy_file(shape: &[u64], count: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, shape, 0..count).unwrap();
        bytes
    }

    #[test]
    fn a_single_array_is_a_set_without_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scans.NPY");
        let mut bytes = npy_file(&[2, 2, 3], 12);
        std::fs::write(&path, &bytes).unwrap();
        let source = open_at(&path).unwrap().source;
        assert_eq!(source.items()[1], Item { name: "images/000001".into(), split: Split::All, label: None });
        let image = source.read(1).unwrap();
        assert_eq!(image.samples(), [6, 0, 7, 0, 8, 0, 9, 0, 10, 0, 11, 0]);
        // The same samples in the other byte order.
        let order = bytes.iter().position(|&byte| byte == b'<').unwrap();
        bytes[order] = b'>';
        bytes[128..].chunks_exact_mut(2).for_each(<[u8]>::reverse);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(open_at(&path).unwrap().source.read(1).unwrap(), image);
    }

    #[test]
    fn every_truncation_is_refused_and_so_are_headers_that_lie() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train_images.npy");
        let whole = npy_file(&[2, 2, 3], 12);
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = open_at(folder.path()).map(|_| ()).unwrap_err();
            assert!(matches!(error, SetError::Npy { .. }), "{length}: {error}");
        }
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            open_at(folder.path()).map(|_| ()).unwrap_err().to_string()
        };
        // The header states terabytes of images, but there is not a single one.
        assert!(refused(&npy::header(2, &[1 << 40, 1 << 12, 1 << 12]).unwrap()).contains("but 0 bytes of data follow"));
        assert!(refused(&npy::header(1, &[1, 1 << 32, 1]).unwrap()).contains("a side of 4294967296 is too large"));
        assert!(refused(&npy::header(1, &[1, 65_536, 65_536]).unwrap()).contains("too large"));
        assert!(refused(&npy::header(4, &[1, 2, 2]).unwrap()).contains("it holds '<u4', only unsigned samples"));
        assert!(refused(&npy::header(1, &[4]).unwrap()).contains("its shape is [4]; expected N x H x W"));
    }

    #[test]
    fn labels_must_be_as_many_as_images_and_other_files_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("images.npy", &npy_file(&[2, 1, 3], 6));
        write("labels.npy", &npy_file(&[2, 1], 2));
        write("notes.txt", b"notes");
        write(".hidden", b"");
        let source = open_at(folder.path()).unwrap().source;
        assert_eq!(source.items()[1], Item { name: "images/1/000001".into(), split: Split::All, label: Some(1) });
        assert_eq!(source.ignored(), [PassedOver::new("notes.txt", PassedOverReason::NoImage)]);
        write("labels.npy", &npy_file(&[3], 3));
        let error = open_at(folder.path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.ends_with("images has 2 images but 3 labels"), "{error}");
        // A million labels for two images are not read to their end.
        write("labels.npy", &npy::header(8, &[1 << 50]).unwrap());
        let error = open_at(folder.path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("labels.npy is not a usable set of .npy arrays: its header says shape"), "{error}");
    }

    #[test]
    fn an_array_of_an_encrypted_set_is_not_taken_for_a_plain_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test_images.npy");
        std::fs::write(&path, npy_file(&[2, 1, 3], 6)).unwrap();
        assert!(open_at(&path).is_ok());
        std::fs::write(folder.path().join(MANIFEST), b"{}").unwrap();
        let error = open_at(&path).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("it belongs to an encrypted set: give its folder"), "{error}");
        std::fs::write(folder.path().join(".imgveil-partial"), b"").unwrap();
        assert!(matches!(open_at(&path), Err(SetError::Unfinished(_))));
    }
}
