//! Reads `.npz` files: the arrays are members of an archive. In an encrypted set, the manifest is another member.
//!
//! Small arrays are read into memory, which compares them with the archive's checksums. Larger arrays stay on disk:
//! stored arrays are read in place, compressed arrays are inflated once into an unnamed file beside the set (or in the
//! system's temporary folder, if the set's folder cannot be written to).

use super::archive::{Archive, archive, bad, find, member, read_manifest};
use super::array::{Data, ImageArray};
use super::labels::{self, longest_labels};
use super::layout::{ArrayLayout, file_name, images_name, labels_name};
use super::source::{ArraySource, check_list};
use crate::Memory;
use crate::format::npy::Header;
use crate::limits::check_images;
use crate::regular_file;
use crate::set::{MANIFEST, Opened, SPLITS, SetError, parent};
use crate::stamp::stamp;
use crate::text::one_line;
use imgveil::internal::key::Key;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The number of bytes of arrays that a set may hold in memory.
const IN_MEMORY: u64 = 256 << 20;

/// Opens an `.npz` file, plain or encrypted.
pub(in crate::set) fn open(path: &Path, memory: Memory, key: Option<&Key>) -> Result<Opened, SetError> {
    open_within(path, memory, IN_MEMORY.min(memory.room() / 4), key)
}

/// Opens an `.npz` file and holds no more than `held` bytes of arrays in memory.
fn open_within(path: &Path, memory: Memory, mut held: u64, key: Option<&Key>) -> Result<Opened, SetError> {
    let bad = |reason: String| bad(path, reason);
    let mut zip = archive(path)?;
    let manifest = read_manifest(&mut zip, path, memory)?;
    if let (Some(manifest), Some(key)) = (&manifest, key) {
        manifest.authenticate(key, &path.join(MANIFEST))?;
    }
    if let Some(manifest) = &manifest
        && manifest.scheme.mixes()
    {
        return Err(SetError::Mixtures { path: path.to_owned(), scheme: manifest.scheme.name.clone() });
    }
    let (mut arrays, mut all_labels) = (BTreeMap::new(), BTreeMap::new());
    for split in SPLITS {
        let name = images_name(split);
        let wrong = |reason: String| bad(format!("array {name}: {reason}"));
        let Some(array) = array(&mut zip, path, &file_name(&name), &mut held).map_err(wrong)? else { continue };
        let name = labels_name(split);
        let limit = longest_labels(array.layout.count);
        if let Some(member) = member(&mut zip, &file_name(&name), limit).map_err(&bad)? {
            all_labels.insert(split, labels::labels(&member).map_err(|reason| bad(format!("array {name}: {reason}")))?);
        }
        arrays.insert(split, array);
    }
    if arrays.is_empty() {
        return Err(bad("it has no array train_images, val_images, test_images or images".into()));
    }
    check_list(&arrays, path, memory)?;
    let source = ArraySource::new(arrays, &all_labels, manifest.as_ref()).map_err(&bad)?;
    let source = match &manifest {
        Some(_) => source.with_strangers(strangers(&zip)),
        None => source,
    };
    Ok(Opened { source: Box::new(source), manifest, remarks: Vec::new() })
}

/// Members that do not belong to an encrypted set.
pub(in crate::set) fn strangers(zip: &Archive) -> Vec<String> {
    let known: Vec<String> = SPLITS
        .into_iter()
        .flat_map(|split| [images_name(split), labels_name(split)])
        .map(|name| file_name(&name))
        .collect();
    let name = |name: zip::result::ZipResult<std::borrow::Cow<'_, str>>| {
        name.map_or_else(|_| "a member whose name is not text".to_owned(), |name| one_line(&name))
    };
    let strange = |name: &String| name != MANIFEST && !known.contains(name);
    let mut strangers: Vec<String> = zip.file_names().map(name).filter(strange).collect();
    strangers.sort_unstable();
    strangers
}

/// The array of images in a member.
fn array(zip: &mut Archive, path: &Path, name: &str, held: &mut u64) -> Result<Option<ImageArray>, String> {
    let text = |e: std::io::Error| e.to_string();
    let Some(mut member) = find(zip, name)? else { return Ok(None) };
    let file = regular_file::open(path).map_err(text)?;
    let metadata = file.metadata().map_err(text)?;
    let header = Header::read(&mut member).map_err(|e| e.to_string())?;
    let layout = ArrayLayout::of(&header).map_err(|e| e.to_string())?;
    check_images(layout.count, member.compressed_size()).map_err(|e| format!("it {e}"))?;
    let length = |bytes: u64| header.check_length(bytes).map_err(|e| e.to_string());
    let size = length(member.size().saturating_sub(header.offset()))?;
    let data = if size <= *held {
        *held -= size;
        let mut samples = Vec::new();
        // One byte more than expected: the archive's checksum is compared at the end.
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
    Ok(Some(ImageArray { layout, data, stamp: stamp(&metadata) }))
}

/// An unnamed file, which disappears when it is closed. It is in the set's folder, where everyone who could read it can
/// also read the set.
fn unnamed(path: &Path) -> std::io::Result<File> {
    tempfile::tempfile_in(parent(path)).or_else(|_| tempfile::tempfile())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::npy;
    use crate::set::arrays::NpzSink;
    use crate::set::sink::Sink;
    use crate::set::staging::Staging;
    use crate::set::{Item, Slot, Split};
    use std::io::Write;
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
        let opened = open(&path, Memory::default(), None).unwrap();
        let source = &opened.source;
        assert_eq!(source.classes(), ["0", "1"]);
        assert_eq!(source.items()[1], Item { name: "train/0/000001".into(), split: Split::Train, label: Some(0) });
        assert_eq!(source.read(1).unwrap().samples(), [6, 7, 8, 9, 10, 11]);
        let again = folder.path().join("again.npz");
        let geometry = |i| source.geometry(i).ok();
        let slots: Vec<Slot> =
            (0..3).map(|i| Slot { item: source.items()[i].clone(), geometry: geometry(i) }).collect();
        let work = tempfile::tempdir().unwrap();
        let sink = NpzSink::create(Staging::alone(work.path()), &again, slots).unwrap();
        for i in 0..3 {
            sink.store(i, sink.encode(&source.read(i).unwrap()).unwrap(), Vec::new()).unwrap();
        }
        assert!(!Box::new(sink).finish(&[0, 1, 2], None).unwrap());
        let again = open(&again, Memory::default(), None).unwrap().source;
        assert_eq!(again.items(), source.items());
        for i in 0..3 {
            assert_eq!(again.read(i).unwrap(), source.read(i).unwrap());
        }
    }

    #[test]
    fn lying_and_foreign_arrays_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |members: &[(&str, Vec<u8>)]| {
            open(&npz(folder.path(), members), Memory::default(), None).map(|_| ()).unwrap_err().to_string()
        };
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
        assert!(open(&folder.path().join("set.npz"), Memory::default(), None).is_err());
    }

    #[test]
    fn two_members_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let array = |value: u8| npy(&[1, 2, 2], vec![value; 4]);
        let path = npz(folder.path(), &[("images.npy", array(1)), ("imagez.npy", array(2))]);
        assert!(open(&path, Memory::default(), None).is_ok());
        let mut bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() - 6 {
            if bytes[at..].starts_with(b"imagez") {
                bytes[at + 5] = b's';
            }
        }
        std::fs::write(&path, bytes).unwrap();
        let error = open(&path, Memory::default(), None).map(|_| ()).unwrap_err().to_string();
        assert!(error.ends_with("it has two members of one name"), "{error}");
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
            // The whole array is in memory, or none of it: then it is read in place or inflated.
            let (held, kept) = (
                open(&path, Memory::default(), None).unwrap().source,
                open_within(&path, Memory::default(), 479, None).unwrap().source,
            );
            for i in 0..40 {
                assert_eq!(held.read(i).unwrap(), kept.read(i).unwrap());
                assert_eq!(held.read(i).unwrap().samples()[..2], ((i * 6 * 251) as u16).to_le_bytes());
            }
            assert!(!held.stamp(0).is_empty() && held.stamp(0) == kept.stamp(39));
            assert_eq!(folder.path().read_dir().unwrap().count(), 1);
            // A truncated array, or one with more data than the header states, is refused.
            for length in (0..array.len()).step_by(7) {
                write(&array[..length]);
                assert!(
                    open(&path, Memory::default(), None).is_err()
                        && open_within(&path, Memory::default(), 0, None).is_err(),
                    "{length}"
                );
            }
            array.push(0);
            write(&array);
            assert!(
                open(&path, Memory::default(), None).is_err()
                    && open_within(&path, Memory::default(), 0, None).is_err()
            );
            array.pop();
            write(&array);
            let whole = std::fs::read(&path).unwrap();
            for length in (0..whole.len()).step_by(11) {
                std::fs::write(&path, &whole[..length]).unwrap();
                assert!(
                    open(&path, Memory::default(), None).is_err()
                        && open_within(&path, Memory::default(), 0, None).is_err(),
                    "{length}"
                );
            }
        }
    }
}
