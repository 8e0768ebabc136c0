//! `.npz` files: the arrays of `arrays` as members of an archive. An encrypted one carries its manifest as one more member.
//!
//! Small arrays are read into memory, and with that against the archive's checksums. Larger ones stay on the disk: those that
//! are stored are read where they lie, those that are compressed are inflated once, into a file without a name beside the set
//! (or, where that folder cannot be written to, in the system's folder for temporary files).

use super::arrays::{self, ArraySource, Data, Layout, Part, file_name, images_name, labels_name, longest_labels};
use super::{DatasetError, MANIFEST, Manifest, Opened, SPLITS, parent, positioned};
use crate::npy::Header;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::Path;

/// How many bytes of arrays a set may hold in memory.
const IN_MEMORY: u64 = 256 << 20;

/// The longest manifest that is read: four million images.
const LONGEST_MANIFEST: u64 = 2 << 30;

pub(super) fn bad(path: &Path, reason: String) -> DatasetError {
    DatasetError::Npz { path: path.to_owned(), reason }
}

type Archive = zip::ZipArchive<BufReader<File>>;

/// An array file, its members not read yet.
pub(super) fn archive(path: &Path) -> Result<Archive, DatasetError> {
    let file = File::open(path).map_err(|source| DatasetError::Read { path: path.to_owned(), source })?;
    zip::ZipArchive::new(BufReader::new(file)).map_err(|e| bad(path, e.to_string()))
}

/// The manifest that lies in an array file, if one does.
pub(super) fn read_manifest(zip: &mut Archive, path: &Path) -> Result<Option<Manifest>, DatasetError> {
    let text = member(zip, MANIFEST, LONGEST_MANIFEST).map_err(|reason| bad(path, reason))?;
    let Some(text) = text else { return Ok(None) };
    let parsed = Manifest::parse(&text);
    parsed.map(Some).map_err(|source| DatasetError::Manifest { path: path.join(MANIFEST), source })
}

/// Members without time stamps and compression: the same bytes whenever they are written, and encrypted pixels do not
/// compress.
pub(super) fn stored() -> zip::write::SimpleFileOptions {
    zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
}

pub(super) fn write_manifest<W: Write + Seek>(zip: &mut zip::ZipWriter<W>, manifest: &Manifest) -> Result<(), String> {
    zip.start_file(MANIFEST, stored()).map_err(|e| e.to_string())?;
    zip.write_all(&manifest.to_text().map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// Opens an array file, plain or encrypted.
pub(super) fn open(path: &Path) -> Result<Opened, DatasetError> {
    open_within(path, IN_MEMORY)
}

/// Opens an array file; no more than `memory` bytes of arrays are held in memory.
fn open_within(path: &Path, mut memory: u64) -> Result<Opened, DatasetError> {
    let bad = |reason: String| bad(path, reason);
    let mut zip = archive(path)?;
    let manifest = read_manifest(&mut zip, path)?;
    if let Some(manifest) = &manifest
        && manifest.scheme.mixes()
    {
        return Err(DatasetError::Mixtures { path: path.to_owned(), scheme: manifest.scheme.name.clone() });
    }
    let (mut parts, mut labels) = (BTreeMap::new(), BTreeMap::new());
    for split in SPLITS {
        let name = images_name(split);
        let wrong = |reason: String| bad(format!("array {name}: {reason}"));
        let Some(part) = part(&mut zip, path, &file_name(&name), &mut memory).map_err(wrong)? else { continue };
        let name = labels_name(split);
        let limit = longest_labels(part.layout.count);
        if let Some(member) = member(&mut zip, &file_name(&name), limit).map_err(&bad)? {
            labels.insert(split, arrays::labels(&member).map_err(|reason| bad(format!("array {name}: {reason}")))?);
        }
        parts.insert(split, part);
    }
    if parts.is_empty() {
        return Err(bad("it has no array train_images, val_images, test_images or images".into()));
    }
    let source = ArraySource::new(parts, &labels, manifest.as_ref()).map_err(&bad)?;
    let source = match &manifest {
        Some(_) => source.with_strangers(strangers(&zip)),
        None => source,
    };
    Ok(Opened { source: Box::new(source), manifest, note: None })
}

/// Members that no encrypted set has.
fn strangers(zip: &Archive) -> Vec<String> {
    let known: Vec<String> = SPLITS
        .into_iter()
        .flat_map(|split| [images_name(split), labels_name(split)])
        .map(|name| file_name(&name))
        .collect();
    let name = |name: zip::result::ZipResult<std::borrow::Cow<'_, str>>| {
        name.map_or_else(|_| "a member whose name is not text".to_owned(), |name| super::one_line(&name))
    };
    let strange = |name: &String| name != MANIFEST && !known.contains(name);
    let mut strangers: Vec<String> = zip.file_names().map(name).filter(strange).collect();
    strangers.sort_unstable();
    strangers
}

/// A member to be read; `None` when there is none of this name.
fn find<'a>(zip: &'a mut Archive, name: &str) -> Result<Option<zip::read::ZipFile<'a, BufReader<File>>>, String> {
    match zip.by_name(name) {
        Ok(file) => Ok(Some(file)),
        Err(zip::result::ZipError::FileNotFound) => Ok(None),
        Err(e) => Err(format!("{name}: {e}")),
    }
}

/// The bytes of a member that has no more than `limit` of them; `None` when there is none of this name.
pub(super) fn member(zip: &mut Archive, name: &str, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let Some(file) = find(zip, name)? else { return Ok(None) };
    // Grows as data really comes: a header that lies about the size allocates nothing.
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
    match bytes.len() as u64 > limit {
        true => Err(format!("{name} is larger than the set needs it to be; take the file from its source again")),
        false => Ok(Some(bytes)),
    }
}

/// The array of images in a member.
fn part(zip: &mut Archive, path: &Path, name: &str, memory: &mut u64) -> Result<Option<Part>, String> {
    let text = |e: std::io::Error| e.to_string();
    let Some(mut member) = find(zip, name)? else { return Ok(None) };
    let file = File::open(path).map_err(text)?;
    let metadata = file.metadata().map_err(text)?;
    let header = Header::read(&mut member).map_err(|e| e.to_string())?;
    let layout = Layout::of(&header).map_err(|e| e.to_string())?;
    let length = |bytes: u64| header.check_length(bytes).map_err(|e| e.to_string());
    let size = length(member.size().saturating_sub(header.offset()))?;
    let data = if size <= *memory {
        *memory -= size;
        let mut samples = Vec::new();
        // One byte more than there may be: the archive's checksum is compared at the end.
        member.take(size.saturating_add(1)).read_to_end(&mut samples).map_err(text)?;
        length(samples.len() as u64)?;
        Data::Memory(samples)
    } else if member.compression() == zip::CompressionMethod::Stored
        && let Some(start) = member.data_start()
    {
        let offset = start.saturating_add(header.offset());
        length(metadata.len().saturating_sub(offset).min(size))?;
        Data::File { file, offset }
    } else {
        let mut inflated = unnamed(path).map_err(text)?;
        let copied = std::io::copy(&mut member.take(size.saturating_add(1)), &mut inflated).map_err(text)?;
        length(copied)?;
        Data::File { file: inflated, offset: 0 }
    };
    Ok(Some(Part { layout, data, stamp: positioned::stamp(&metadata) }))
}

/// A file without a name, gone when it is closed: where the set lies, because what is readable there is readable there
/// already.
fn unnamed(path: &Path) -> std::io::Result<File> {
    tempfile::tempfile_in(parent(path)).or_else(|_| tempfile::tempfile())
}

/// The manifest in an array file, if there is one.
///
/// # Errors
/// When the file cannot be read, or its manifest is damaged.
pub(crate) fn manifest(path: &Path) -> Result<Option<Manifest>, DatasetError> {
    read_manifest(&mut archive(path)?, path)
}

/// Whether a new array file can be made here: found out now rather than after an hour of encryption.
pub fn check_new(path: &Path) -> Result<(), DatasetError> {
    if path.exists() {
        return Err(DatasetError::OutputExists(path.to_owned()));
    }
    let folder = parent(path);
    match folder.is_dir() {
        true => Ok(()),
        false => Err(DatasetError::Missing(folder.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::arrays::NpzSink;
    use crate::dataset::sink::{Sink, Slot};
    use crate::dataset::{Item, Split};
    use crate::npy;
    use std::path::PathBuf;

    fn npy<T: npy::AutoSerialize>(shape: &[u64], values: Vec<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        npy::write(&mut bytes, shape, values).unwrap();
        bytes
    }

    fn npz(folder: &Path, members: &[(&str, Vec<u8>)]) -> PathBuf {
        let path = folder.join("set.npz");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn reads_medmnist_and_writes_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = npz(
            folder.path(),
            &[
                ("train_images.npy", npy(&[2, 2, 3], (0u8..12).collect())),
                ("train_labels.npy", npy(&[2, 1], vec![1i64, 0])),
                ("test_images.npy", npy(&[1, 2, 3], vec![9u8; 6])),
                ("test_labels.npy", npy(&[1], vec![1u8])),
            ],
        );
        let opened = open(&path).unwrap();
        let source = &opened.source;
        assert_eq!(source.classes(), ["0", "1"]);
        assert_eq!(source.items()[1], Item { name: "train/0/000001".into(), split: Split::Train, label: Some(0) });
        assert_eq!(source.read(1).unwrap().samples(), [6, 7, 8, 9, 10, 11]);
        let again = folder.path().join("again.npz");
        let geometry = |i| source.geometry(i).ok();
        let slots: Vec<Slot> =
            (0..3).map(|i| Slot { item: source.items()[i].clone(), geometry: geometry(i) }).collect();
        let work = tempfile::tempdir().unwrap();
        let sink = NpzSink::create(work.path(), &again, slots).unwrap();
        for i in 0..3 {
            sink.store(i, sink.encode(&source.read(i).unwrap()).unwrap(), Vec::new()).unwrap();
        }
        assert!(!Box::new(sink).finish(&[0, 1, 2], None).unwrap());
        let again = open(&again).unwrap().source;
        assert_eq!(again.items(), source.items());
        for i in 0..3 {
            assert_eq!(again.read(i).unwrap(), source.read(i).unwrap());
        }
    }

    #[test]
    fn lying_and_foreign_arrays_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused =
            |members: &[(&str, Vec<u8>)]| open(&npz(folder.path(), members)).map(|_| ()).unwrap_err().to_string();
        let mut lying = npy(&[2, 2, 3], (0u8..12).collect());
        let header = String::from_utf8_lossy(&lying[10..]).find("(2, 2, 3").unwrap() + 10;
        lying[header + 1] = b'9';
        assert!(refused(&[("train_images.npy", lying)]).contains("shape [9, 2, 3]"));
        assert!(refused(&[("x.npy", vec![])]).contains("no array train_images"));
        assert!(refused(&[("train_images.npy", npy(&[1, 2, 2], vec![1.0f32; 4]))]).contains("8 or 16 bits"));
        assert!(refused(&[("train_images.npy", npy(&[4], vec![1u8; 4]))]).contains("N x H x W"));
        assert!(refused(&[("train_images.npy", npy(&[1, 2, 2, 2], vec![1u8; 8]))]).contains("channels"));
        let one = || ("train_images.npy", npy(&[1, 2, 2], vec![1u8; 4]));
        assert!(refused(&[one(), ("train_labels.npy", npy(&[2], vec![1u8; 2]))]).contains("1 images but 2 labels"));
        assert!(refused(&[one(), ("train_labels.npy", npy(&[1, 3], vec![1u8; 3]))]).contains("3 labels an image"));
        assert!(refused(&[one(), ("train_labels.npy", npy(&[1], vec![-1i8]))]).contains("-1"));
        std::fs::write(folder.path().join("set.npz"), b"not a zip").unwrap();
        assert!(open(&folder.path().join("set.npz")).is_err());
    }

    #[test]
    fn an_array_is_the_same_wherever_it_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let samples: Vec<u16> = (0..40 * 6).map(|i| i * 251).collect();
        let mut array = npy(&[40, 2, 3], samples);
        for method in [zip::CompressionMethod::Stored, zip::CompressionMethod::Deflated] {
            let path = folder.path().join("set.npz");
            let write = |array: &[u8]| {
                let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
                let options = zip::write::SimpleFileOptions::default().compression_method(method);
                zip.start_file("first.txt", options).unwrap();
                zip.write_all(b"something else").unwrap();
                zip.start_file("train_images.npy", options).unwrap();
                zip.write_all(array).unwrap();
                zip.finish().unwrap();
            };
            write(&array);
            // All of it in memory, or none of it: read where it lies, or inflated.
            let (held, kept) = (open(&path).unwrap().source, open_within(&path, 479).unwrap().source);
            for i in 0..40 {
                assert_eq!(held.read(i).unwrap(), kept.read(i).unwrap());
                assert_eq!(held.read(i).unwrap().samples()[..2], ((i * 6 * 251) as u16).to_le_bytes());
            }
            assert!(!held.stamp(0).is_empty() && held.stamp(0) == kept.stamp(39));
            assert_eq!(folder.path().read_dir().unwrap().count(), 1);
            // Cut anywhere, or with more data than the header says, it is refused.
            for length in (0..array.len()).step_by(7) {
                write(&array[..length]);
                assert!(open(&path).is_err() && open_within(&path, 0).is_err(), "{length}");
            }
            array.push(0);
            write(&array);
            assert!(open(&path).is_err() && open_within(&path, 0).is_err());
            array.pop();
            write(&array);
            let whole = std::fs::read(&path).unwrap();
            for length in (0..whole.len()).step_by(11) {
                std::fs::write(&path, &whole[..length]).unwrap();
                assert!(open(&path).is_err() && open_within(&path, 0).is_err(), "{length}");
            }
        }
    }
}
