//! Folders of `.npy` files, `train_images.npy` and its like (see `arrays`), with `imgveil.json` beside them when they are
//! encrypted; and a single `.npy` file of images. Images are read where they lie: an array may be larger than the memory.

use super::arrays::{ArraySource, Data, Layout, Part, file_name, images_name, labels, labels_name, longest_labels};
use super::{DatasetError, MANIFEST, Manifest, Opened, SPLITS, Split, folder, parent, positioned};
use crate::npy::Header;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

fn bad(path: &Path, reason: String) -> DatasetError {
    DatasetError::Npy { path: path.to_owned(), reason }
}

fn read(path: &Path) -> impl Fn(std::io::Error) -> DatasetError {
    move |source| DatasetError::Read { path: path.to_owned(), source }
}

/// Whether a folder holds arrays of images by the names that are known here.
pub(super) fn is_folder_of_arrays(path: &Path) -> bool {
    SPLITS.into_iter().any(|split| array_path(path, split).is_file())
}

fn array_path(folder: &Path, split: Split) -> PathBuf {
    folder.join(file_name(&images_name(split)))
}

/// Opens a file, or a folder of them, plain or encrypted.
pub(super) fn open(path: &Path) -> Result<Opened, DatasetError> {
    match path.is_dir() {
        true => open_folder(path),
        false => open_file(path),
    }
}

fn open_file(path: &Path) -> Result<Opened, DatasetError> {
    let folder = parent(path);
    if folder::is_unfinished(folder) {
        return Err(DatasetError::Unfinished(folder.to_owned()));
    }
    let known = SPLITS.into_iter().any(|split| path.file_name() == array_path(folder, split).file_name());
    if known && folder.join(MANIFEST).exists() {
        // Taken for a plain array, it would be encrypted a second time, or trained on as if it were images.
        return Err(bad(path, format!("it belongs to an encrypted set: give its folder {}", folder.display())));
    }
    let parts = BTreeMap::from([(Split::All, part(path)?)]);
    let source = ArraySource::new(parts, &BTreeMap::new(), None).map_err(|reason| bad(path, reason))?;
    Ok(Opened { source: Box::new(source), manifest: None, note: None })
}

fn open_folder(root: &Path) -> Result<Opened, DatasetError> {
    let path = root.join(MANIFEST);
    let manifest = match std::fs::read(&path) {
        Ok(text) => Some(Manifest::parse(&text).map_err(|source| DatasetError::Manifest { path, source })?),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(source) => return Err(DatasetError::Read { path, source }),
    };
    let (mut parts, mut all_labels) = (BTreeMap::new(), BTreeMap::new());
    let mut known = vec![root.join(MANIFEST)];
    for split in SPLITS {
        let images = array_path(root, split);
        if !images.is_file() {
            continue;
        }
        let part = part(&images)?;
        let path = root.join(file_name(&labels_name(split)));
        if path.is_file() {
            all_labels.insert(split, labels_of(&path, part.layout.count)?);
        }
        parts.insert(split, part);
        known.extend([images, path]);
    }
    let source = ArraySource::new(parts, &all_labels, manifest.as_ref()).map_err(|reason| bad(root, reason))?;
    let source = source.with_ignored(others(root, &known)?);
    Ok(Opened { source: Box::new(source), manifest, note: None })
}

/// What else lies in the folder; hidden files do not count.
fn others(root: &Path, known: &[PathBuf]) -> Result<Vec<PathBuf>, DatasetError> {
    let mut others = Vec::new();
    for entry in root.read_dir().map_err(read(root))? {
        let entry = entry.map_err(read(root))?;
        let name = entry.file_name();
        if !known.contains(&entry.path()) && !name.to_string_lossy().starts_with('.') {
            others.push(PathBuf::from(name));
        }
    }
    others.sort_unstable();
    Ok(others)
}

fn part(path: &Path) -> Result<Part, DatasetError> {
    let bad = |reason: String| bad(path, reason);
    let file = File::open(path).map_err(read(path))?;
    let metadata = file.metadata().map_err(read(path))?;
    let header = Header::read(&mut BufReader::new(&file)).map_err(|e| bad(e.to_string()))?;
    let layout = Layout::of(&header).map_err(bad)?;
    let offset = header.offset();
    header.check_length(metadata.len().saturating_sub(offset)).map_err(|e| bad(e.to_string()))?;
    Ok(Part { layout, data: Data::File { file, offset }, stamp: positioned::stamp(&metadata) })
}

fn labels_of(path: &Path, count: usize) -> Result<Vec<u32>, DatasetError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(read(path))?;
    file.take(longest_labels(count)).read_to_end(&mut bytes).map_err(read(path))?;
    labels(&bytes).map_err(|reason| bad(path, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{self, Item};
    use crate::npy;

    fn array(shape: &[u64], count: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, shape, 0..count).unwrap();
        bytes
    }

    #[test]
    fn a_single_array_is_a_set_without_labels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scans.NPY");
        let mut bytes = array(&[2, 2, 3], 12);
        std::fs::write(&path, &bytes).unwrap();
        let source = dataset::open(&path).unwrap().source;
        assert_eq!(source.items()[1], Item { name: "images/000001".into(), split: Split::All, label: None });
        let image = source.read(1).unwrap();
        assert_eq!(image.samples(), [6, 0, 7, 0, 8, 0, 9, 0, 10, 0, 11, 0]);
        // The same samples in the other order of bytes.
        let order = bytes.iter().position(|&byte| byte == b'<').unwrap();
        bytes[order] = b'>';
        bytes[128..].chunks_exact_mut(2).for_each(<[u8]>::reverse);
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(dataset::open(&path).unwrap().source.read(1).unwrap(), image);
    }

    #[test]
    fn every_truncation_is_refused_and_so_are_headers_that_lie() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train_images.npy");
        let whole = array(&[2, 2, 3], 12);
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = dataset::open(folder.path()).map(|_| ()).unwrap_err();
            assert!(matches!(error, DatasetError::Npy { .. }), "{length}: {error}");
        }
        let refused = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            dataset::open(folder.path()).map(|_| ()).unwrap_err().to_string()
        };
        // Terabytes of images, of which not one is there.
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
        write("images.npy", &array(&[2, 1, 3], 6));
        write("labels.npy", &array(&[2, 1], 2));
        write("notes.txt", b"notes");
        write(".hidden", b"");
        let source = dataset::open(folder.path()).unwrap().source;
        assert_eq!(source.items()[1], Item { name: "images/1/000001".into(), split: Split::All, label: Some(1) });
        assert_eq!(source.ignored(), [PathBuf::from("notes.txt")]);
        write("labels.npy", &array(&[3], 3));
        let error = dataset::open(folder.path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.ends_with("images has 2 images but 3 labels"), "{error}");
        // A million labels for two images are not read to their end.
        write("labels.npy", &npy::header(8, &[1 << 50]).unwrap());
        let error = dataset::open(folder.path()).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("labels.npy is not a usable set of .npy arrays: its header says shape"), "{error}");
    }

    #[test]
    fn an_array_of_an_encrypted_set_is_not_taken_for_a_plain_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test_images.npy");
        std::fs::write(&path, array(&[2, 1, 3], 6)).unwrap();
        assert!(dataset::open(&path).is_ok());
        std::fs::write(folder.path().join(MANIFEST), b"{}").unwrap();
        let error = dataset::open(&path).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("it belongs to an encrypted set: give its folder"), "{error}");
        std::fs::write(folder.path().join(".imgveil-partial"), b"").unwrap();
        assert!(matches!(dataset::open(&path), Err(DatasetError::Unfinished(_))));
    }
}
