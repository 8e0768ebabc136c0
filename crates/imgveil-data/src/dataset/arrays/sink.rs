//! Sets of arrays that are being written. Every image has its place in its part's array, known from the slots, and is written
//! there whenever it comes; memory stays flat however large the arrays are. Where images did not come, the gaps are closed in
//! the end. Arrays have no place for what lies beside an image (`Member`).

use super::{file_name, images_name, labels_name, place};
use crate::dataset::sink::{Member, Sink, Slot, Stored};
use crate::dataset::work::TEMPORARY;
use crate::dataset::{DatasetError, Manifest, SPLITS, Split, npz, positioned};
use crate::npy;
use imgveil::internal::image::{Geometry, Image};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

fn write(path: &Path) -> impl Fn(std::io::Error) -> DatasetError {
    move |source| DatasetError::Write { path: path.to_owned(), source }
}

fn encode(path: impl AsRef<Path>, reason: String) -> DatasetError {
    DatasetError::Encode { path: path.as_ref().to_owned(), reason }
}

/// Removes a file that may be there.
fn remove(path: &Path) -> Result<(), DatasetError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(write(path)(error)),
        _ => Ok(()),
    }
}

/// The header of an array of images.
fn header(geometry: Geometry, count: usize) -> std::io::Result<Vec<u8>> {
    let mut shape = vec![count as u64, geometry.height() as u64, geometry.width() as u64];
    if geometry.channels() == 3 {
        shape.push(3);
    }
    npy::header(geometry.depth().bytes(), &shape)
}

/// The array of labels, N x 1, as MedMNIST has it: one byte a label where that holds every class.
fn labels(labels: &[u32]) -> std::io::Result<Vec<u8>> {
    let (mut array, shape) = (Vec::new(), [labels.len() as u64, 1]);
    match labels.iter().copied().map(u8::try_from).collect::<Result<Vec<u8>, _>>() {
        Ok(bytes) => npy::write(&mut array, &shape, bytes)?,
        Err(_) => npy::write(&mut array, &shape, labels.iter().copied())?,
    }
    Ok(array)
}

/// One array of images, as long as if every one came.
struct Part {
    path: PathBuf,
    file: File,
    /// Where the samples begin.
    offset: u64,
    geometry: Geometry,
    count: usize,
}

impl Part {
    /// Makes the file, or goes on with the one that an earlier run left if it is for the same images.
    fn create(path: PathBuf, geometry: Geometry, count: usize) -> Result<Self, DatasetError> {
        let failed = write(&path);
        let header = header(geometry, count).map_err(&failed)?;
        let offset = header.len() as u64;
        let size = (geometry.bytes() as u64).saturating_mul(count as u64).saturating_add(offset);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path).map_err(&failed)?;
        let mut found = vec![0; header.len()];
        let same = file.metadata().map_err(&failed)?.len() == size
            && positioned::read(&file, &mut found, 0).is_ok()
            && found == header;
        if !same {
            file.set_len(0).map_err(&failed)?;
            positioned::write(&file, &header, 0).map_err(&failed)?;
            file.set_len(size).map_err(&failed)?;
        }
        drop(failed);
        Ok(Self { path, file, offset, geometry, count })
    }

    fn place(&self, rank: usize) -> u64 {
        self.offset + rank as u64 * self.geometry.bytes() as u64
    }

    /// Writes an array of the images at `ranks` alone.
    fn copy(&self, ranks: &[usize], output: &mut dyn Write) -> std::io::Result<()> {
        output.write_all(&header(self.geometry, ranks.len())?)?;
        // Neighbours in one go.
        for run in ranks.chunk_by(|a, b| a + 1 == *b) {
            let Some(&first) = run.first() else { continue };
            let size = run.len() as u64 * self.geometry.bytes() as u64;
            let mut file = &self.file;
            file.seek(SeekFrom::Start(self.place(first)))?;
            if std::io::copy(&mut file.take(size), output)? != size {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}

/// Which images of a part came.
struct Written {
    split: Split,
    /// Their places in the array as it was laid out.
    ranks: Vec<usize>,
    /// Their labels, if every one has one.
    labels: Option<Vec<u32>>,
}

/// What both sinks share: the arrays in the work folder.
struct Arrays {
    work: PathBuf,
    slots: Vec<Slot>,
    /// The place of each slot in its part's array; none for a slot that will not come.
    ranks: Vec<Option<usize>>,
    parts: BTreeMap<Split, Part>,
}

impl Arrays {
    fn create(work: &Path, slots: Vec<Slot>) -> Result<Self, DatasetError> {
        // The first image of each part, and how many there are.
        let mut counts: BTreeMap<Split, (&Slot, Geometry, usize)> = BTreeMap::new();
        let mut ranks = Vec::with_capacity(slots.len());
        for slot in &slots {
            let Some(geometry) = slot.geometry else {
                ranks.push(None);
                continue;
            };
            let (first, expected, count) = counts.entry(slot.item.split).or_insert((slot, geometry, 0));
            if *expected != geometry {
                return Err(encode(
                    file_name(&images_name(slot.item.split)),
                    format!(
                        "an array holds images of one size: {} is {expected}, {} is {geometry}; write to a folder instead",
                        first.item.name, slot.item.name
                    ),
                ));
            }
            ranks.push(Some(*count));
            *count += 1;
        }
        let mut parts = BTreeMap::new();
        for split in SPLITS {
            let path = work.join(file_name(&images_name(split)));
            let labels = work.join(file_name(&labels_name(split)));
            // What an earlier run left of its last step, which is done again.
            for left in [&half_written(&path), &labels, &half_written(&labels)] {
                remove(left)?;
            }
            match counts.get(&split) {
                Some(&(_, geometry, count)) => {
                    parts.insert(split, Part::create(path, geometry, count)?);
                }
                None => remove(&path)?,
            }
        }
        Ok(Self { work: work.to_owned(), slots, ranks, parts })
    }

    fn part(&self, slot: usize) -> Option<(&Part, Split, usize)> {
        let split = self.slots.get(slot)?.item.split;
        let rank = (*self.ranks.get(slot)?)?;
        Some((self.parts.get(&split)?, split, rank))
    }

    fn path(&self, slot: usize) -> String {
        let place = self.part(slot).map(|(_, split, rank)| place(split, rank));
        place.unwrap_or_else(|| format!("image {slot}"))
    }

    fn store(&self, slot: usize, bytes: &[u8]) -> Result<Vec<Stored>, DatasetError> {
        let unexpected = || encode(self.path(slot), "its array was not made for an image of this size".into());
        let (part, _, rank) = self.part(slot).ok_or_else(unexpected)?;
        if bytes.len() != part.geometry.bytes() {
            return Err(unexpected());
        }
        positioned::write(&part.file, bytes, part.place(rank)).map_err(write(&part.path))?;
        Ok(vec![Stored { slot, hash: blake3::hash(bytes) }])
    }

    fn surviving(&self, earlier: &[Stored]) -> Vec<usize> {
        let survives = |stored: &&Stored| {
            let Some((part, _, rank)) = self.part(stored.slot) else { return false };
            let mut bytes = vec![0; part.geometry.bytes()];
            positioned::read(&part.file, &mut bytes, part.place(rank)).is_ok() && blake3::hash(&bytes) == stored.hash
        };
        earlier.par_iter().filter(survives).map(|stored| stored.slot).collect()
    }

    /// The images that came, by part; the manifest learns where they lie once gaps are closed.
    fn written(&self, slots: &[usize], manifest: Option<&mut Manifest>) -> Vec<Written> {
        let mut came: BTreeMap<Split, Written> = BTreeMap::new();
        let mut paths = Vec::new();
        for &slot in slots {
            let (Some((_, split, rank)), Some(Slot { item, .. })) = (self.part(slot), self.slots.get(slot)) else {
                continue;
            };
            let here = came.entry(split).or_insert(Written { split, ranks: Vec::new(), labels: Some(Vec::new()) });
            paths.push(place(split, here.ranks.len()));
            here.ranks.push(rank);
            match (item.label, &mut here.labels) {
                (Some(label), Some(labels)) => labels.push(label),
                (_, labels) => *labels = None,
            }
        }
        for (entry, path) in manifest.into_iter().flat_map(|manifest| &mut manifest.images).zip(paths) {
            entry.path = path;
        }
        SPLITS.into_iter().filter_map(|split| came.remove(&split)).collect()
    }
}

/// Where a file is written before it takes its place. Always the same, so that the next run finds what a killed one left.
fn half_written(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{TEMPORARY}{name}"))
}

/// Writes a folder of `.npy` files, `train_images.npy` and its like, that numpy can map into memory.
pub struct NpySink {
    arrays: Arrays,
}

impl NpySink {
    /// A sink that writes into `work`, a folder that is there; arrays that an earlier run left there for the same slots are
    /// written on, all others are written anew.
    ///
    /// # Errors
    /// When images of one part differ in size, or the files cannot be made.
    pub fn create(work: &Path, slots: Vec<Slot>) -> Result<Self, DatasetError> {
        Ok(Self { arrays: Arrays::create(work, slots)? })
    }
}

impl Sink for NpySink {
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String> {
        Ok(image.samples().to_vec())
    }

    fn path(&self, slot: usize) -> String {
        self.arrays.path(slot)
    }

    fn store(&self, slot: usize, bytes: Vec<u8>, _: Vec<Member>) -> Result<Vec<Stored>, DatasetError> {
        self.arrays.store(slot, &bytes)
    }

    fn give_up(&self, _: usize) -> Result<Vec<Stored>, DatasetError> {
        Ok(Vec::new())
    }

    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, DatasetError> {
        Ok(self.arrays.surviving(earlier))
    }

    fn finish(self: Box<Self>, written: &[usize], manifest: Option<&mut Manifest>) -> Result<bool, DatasetError> {
        let mut arrays = self.arrays;
        for here in arrays.written(written, manifest) {
            let Some(part) = arrays.parts.remove(&here.split) else { continue };
            if here.ranks.len() != part.count {
                close_gaps(part, &here.ranks)?;
            }
            if let Some(found) = &here.labels {
                let path = arrays.work.join(file_name(&labels_name(here.split)));
                let half = half_written(&path);
                labels(found).and_then(|array| std::fs::write(&half, array)).map_err(write(&half))?;
                std::fs::rename(&half, &path).map_err(write(&path))?;
            }
        }
        // Parts of which nothing came.
        for part in std::mem::take(&mut arrays.parts).into_values() {
            let Part { path, file, .. } = part;
            drop(file);
            remove(&path)?;
        }
        Ok(false)
    }
}

/// Replaces an array by one of the images that came.
fn close_gaps(part: Part, ranks: &[usize]) -> Result<(), DatasetError> {
    let path = half_written(&part.path);
    let failed = write(&path);
    let mut output = BufWriter::new(File::create(&path).map_err(&failed)?);
    part.copy(ranks, &mut output).and_then(|()| output.flush()).map_err(&failed)?;
    drop(output);
    let Part { path: place, file, .. } = part;
    // Some systems replace no file that is open.
    drop(file);
    std::fs::rename(&path, &place).map_err(write(&place))
}

/// Writes one `.npz` file: collects the arrays in a work folder, and puts them into an archive in the end.
pub struct NpzSink {
    arrays: Arrays,
    output: PathBuf,
}

impl NpzSink {
    /// A sink that collects in `work`, a folder that is there, and writes `output`.
    ///
    /// # Errors
    /// As [`NpySink::create`].
    pub fn create(work: &Path, output: &Path, slots: Vec<Slot>) -> Result<Self, DatasetError> {
        remove(&half_written(output))?;
        Ok(Self { arrays: Arrays::create(work, slots)?, output: output.to_owned() })
    }

    fn pack(&self, parts: &[Written], manifest: Option<&Manifest>, file: &File) -> std::io::Result<()> {
        let mut zip = zip::ZipWriter::new(BufWriter::new(file));
        for here in parts {
            let Some(part) = self.arrays.parts.get(&here.split) else { continue };
            // A little below 4 GiB: the header is counted too.
            let large = here.ranks.len() as u64 * part.geometry.bytes() as u64 > u64::from(u32::MAX) - (1 << 20);
            zip.start_file(file_name(&images_name(here.split)), npz::stored().large_file(large))?;
            part.copy(&here.ranks, &mut zip)?;
            if let Some(found) = &here.labels {
                zip.start_file(file_name(&labels_name(here.split)), npz::stored())?;
                zip.write_all(&labels(found)?)?;
            }
        }
        if let Some(manifest) = manifest {
            npz::write_manifest(&mut zip, manifest).map_err(std::io::Error::other)?;
        }
        zip.finish()?.flush()
    }
}

impl Sink for NpzSink {
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String> {
        Ok(image.samples().to_vec())
    }

    fn path(&self, slot: usize) -> String {
        self.arrays.path(slot)
    }

    fn store(&self, slot: usize, bytes: Vec<u8>, _: Vec<Member>) -> Result<Vec<Stored>, DatasetError> {
        self.arrays.store(slot, &bytes)
    }

    fn give_up(&self, _: usize) -> Result<Vec<Stored>, DatasetError> {
        Ok(Vec::new())
    }

    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, DatasetError> {
        Ok(self.arrays.surviving(earlier))
    }

    fn finish(self: Box<Self>, written: &[usize], mut manifest: Option<&mut Manifest>) -> Result<bool, DatasetError> {
        let parts = self.arrays.written(written, manifest.as_deref_mut());
        let half = half_written(&self.output);
        let file = File::create(&half).map_err(write(&half))?;
        self.pack(&parts, manifest.as_deref(), &file).map_err(write(&self.output))?;
        drop(file);
        std::fs::rename(&half, &self.output).map_err(write(&self.output))?;
        Ok(manifest.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{self, Item};
    use proptest::prelude::*;

    /// Slots of two parts: grey 2x3 to train, wide RGB 1x2 to test.
    fn slots(train: usize, test: usize) -> Vec<Slot> {
        let slot = |split, geometry: &str, i: usize| Slot {
            item: Item { name: format!("{split:?}/{i}"), split, label: Some(i as u32 % 3) },
            geometry: Some(geometry.parse().unwrap()),
        };
        let train = (0..train).map(|i| slot(Split::Train, "2x3x1", i));
        train.chain((0..test).map(|i| slot(Split::Test, "1x2x3x16", i))).collect()
    }

    fn image(slots: &[Slot], slot: usize) -> Image {
        let geometry = slots[slot].geometry.unwrap();
        Image::new(geometry, (0..geometry.bytes()).map(|i| (slot * 37 + i * 11) as u8).collect()).unwrap()
    }

    /// Stores these slots, in this order.
    fn fill(sink: &dyn Sink, slots: &[Slot], order: &[usize]) -> Vec<Stored> {
        let store = |&slot: &usize| {
            let bytes = sink.encode(&image(slots, slot)).unwrap();
            let stored = sink.store(slot, bytes.clone(), Vec::new()).unwrap();
            assert_eq!(stored, [Stored { slot, hash: blake3::hash(&bytes) }]);
            stored[0].clone()
        };
        order.iter().map(store).collect()
    }

    /// The files of a folder, with what is in them.
    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap());
        entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
    }

    /// What a naive writer makes of the slots that came: both layouts.
    fn folder_of(slots: &[Slot], came: &[usize]) -> BTreeMap<String, Vec<u8>> {
        let work = tempfile::tempdir().unwrap();
        let only: Vec<Slot> = came.iter().map(|&slot| slots[slot].clone()).collect();
        let sink = NpySink::create(work.path(), only.clone()).unwrap();
        for (new, &slot) in came.iter().enumerate() {
            sink.store(new, image(slots, slot).into_samples(), Vec::new()).unwrap();
        }
        Box::new(sink).finish(&(0..came.len()).collect::<Vec<_>>(), None).unwrap();
        files(work.path())
    }

    #[test]
    fn a_folder_of_arrays_reads_back() {
        let (work, slots) = (tempfile::tempdir().unwrap(), slots(3, 2));
        let sink = NpySink::create(work.path(), slots.clone()).unwrap();
        assert_eq!((sink.path(2), sink.path(3)), ("train_images[2]".into(), "test_images[0]".into()));
        fill(&sink, &slots, &[4, 0, 2, 3, 1]);
        assert!(!Box::new(sink).finish(&[0, 1, 2, 3, 4], None).unwrap());
        let names: Vec<String> = files(work.path()).into_keys().collect();
        assert_eq!(names, ["test_images.npy", "test_labels.npy", "train_images.npy", "train_labels.npy"]);
        // The first sample of image 0: at a multiple of 64.
        assert_eq!(files(work.path())["train_images.npy"].len(), 128 + 3 * 6);
        let source = dataset::open(work.path()).unwrap().source;
        assert_eq!(source.classes(), ["0", "1", "2"]);
        assert_eq!(source.items()[1], Item { name: "train/1/000001".into(), split: Split::Train, label: Some(1) });
        for slot in 0..5 {
            assert_eq!(source.geometry(slot).unwrap(), slots[slot].geometry.unwrap());
            assert_eq!(source.read(slot).unwrap(), image(&slots, slot));
        }
        assert!(!source.stamp(0).is_empty());
        assert!(source.read(5).is_err());
    }

    #[test]
    fn a_part_has_labels_only_where_every_image_has_one() {
        let (work, mut slots) = (tempfile::tempdir().unwrap(), slots(2, 1));
        slots[1].item.label = None;
        slots[2].item.label = Some(300);
        let sink = NpySink::create(work.path(), slots.clone()).unwrap();
        fill(&sink, &slots, &[0, 1, 2]);
        Box::new(sink).finish(&[0, 1, 2], None).unwrap();
        let files = files(work.path());
        assert!(!files.contains_key("train_labels.npy"));
        assert_eq!(super::super::labels(&files["test_labels.npy"]), Ok(vec![300]));
    }

    #[test]
    fn images_of_two_sizes_are_no_array() {
        let (work, mut slots) = (tempfile::tempdir().unwrap(), slots(2, 0));
        slots[1].geometry = Some("9x9x1".parse().unwrap());
        let error = NpySink::create(work.path(), slots.clone()).map(|_| ()).unwrap_err().to_string();
        assert_eq!(
            error,
            "cannot encode train_images.npy: an array holds images of one size: Train/0 is 2x3x1, Train/1 is 9x9x1; write to a \
             folder instead"
        );
        // One that will not come does not count, and nothing else is taken for an image.
        slots[1].geometry = None;
        let sink = NpySink::create(work.path(), slots).unwrap();
        assert!(sink.store(1, vec![0; 81], Vec::new()).is_err());
        assert!(sink.store(0, vec![0; 7], Vec::new()).is_err());
    }

    #[test]
    fn what_survives_a_kill_is_not_stored_again() {
        let (work, output, slots) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), slots(4, 3));
        let path = output.path().join("set.npz");
        let sink = NpzSink::create(work.path(), &path, slots.clone()).unwrap();
        let mut stored = fill(&sink, &slots, &[0, 1, 4, 5]);
        drop(sink);
        // One that was noted and never reached the disk, and one that was changed.
        stored.push(Stored { slot: 2, hash: blake3::hash(b"other") });
        std::fs::write(work.path().join(".imgveil-train_images.npy"), b"half").unwrap();
        let sink = NpzSink::create(work.path(), &path, slots.clone()).unwrap();
        assert_eq!(sink.surviving(&stored).unwrap(), [0, 1, 4, 5]);
        positioned::write(&sink.arrays.parts[&Split::Train].file, &[0], 129).unwrap();
        assert_eq!(sink.surviving(&stored).unwrap(), [1, 4, 5]);
        fill(&sink, &slots, &[6, 3, 2, 0]);
        Box::new(sink).finish(&[0, 1, 2, 3, 4, 5, 6], None).unwrap();
        let whole = output.path().join("whole.npz");
        let other = tempfile::tempdir().unwrap();
        let sink = NpzSink::create(other.path(), &whole, slots.clone()).unwrap();
        fill(&sink, &slots, &[0, 1, 2, 3, 4, 5, 6]);
        Box::new(sink).finish(&[0, 1, 2, 3, 4, 5, 6], None).unwrap();
        assert!(std::fs::read(&path).unwrap() == std::fs::read(&whole).unwrap());
        assert!(!work.path().join(".imgveil-train_images.npy").exists());
        assert_eq!(output.path().read_dir().unwrap().count(), 2);
        // Other slots: the arrays are for another set, and begin anew.
        let sink = NpySink::create(work.path(), slots[..6].to_vec()).unwrap();
        assert_eq!(sink.surviving(&stored).unwrap(), [0, 1]);
    }

    #[test]
    fn the_manifest_says_where_images_lie_once_gaps_are_closed() {
        use crate::dataset::manifest::FORMAT;
        use crate::dataset::{Entry, MANIFEST};
        use imgveil::internal::schedule::ImageId;
        use imgveil::internal::scheme::{Options, Preset};
        let (work, output, slots) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), slots(3, 2));
        let came = [0, 2, 4];
        let entry = |sink: &dyn Sink, slot: usize| Entry {
            name: slots[slot].item.name.clone(),
            path: sink.path(slot),
            split: slots[slot].item.split,
            label: None,
            geometry: slots[slot].geometry.unwrap(),
            original: None,
            id: ImageId([0; 8]),
            plain: String::new(),
            blake3: blake3::hash(image(&slots, slot).samples()).to_hex().to_string(),
        };
        let path = output.path().join("set.npz");
        let sinks: [Box<dyn Sink>; 2] = [
            Box::new(NpySink::create(work.path(), slots.clone()).unwrap()),
            Box::new(NpzSink::create(output.path(), &path, slots.clone()).unwrap()),
        ];
        for (sink, root) in sinks.into_iter().zip([work.path(), &path]) {
            fill(&*sink, &slots, &came);
            let mut manifest = Manifest {
                format: FORMAT,
                tool: "imgveil test".into(),
                scheme: Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
                key: "0123456789abcdef".parse().unwrap(),
                encoding: crate::dataset::encoding::Encoding::Npy,
                run: String::new(),
                part: None,
                classes: Vec::new(),
                images: came.iter().map(|&slot| entry(&*sink, slot)).collect(),
            };
            let inside = sink.finish(&came, Some(&mut manifest)).unwrap();
            let paths: Vec<&str> = manifest.images.iter().map(|entry| entry.path.as_str()).collect();
            assert_eq!(paths, ["train_images[0]", "train_images[1]", "test_images[0]"]);
            assert_eq!(inside, root == path);
            if !inside {
                std::fs::write(root.join(MANIFEST), manifest.to_text().unwrap()).unwrap();
            }
            let opened = dataset::open(root).unwrap();
            assert_eq!(opened.manifest, Some(manifest));
            for (i, &slot) in came.iter().enumerate() {
                assert_eq!(opened.source.read(i).unwrap(), image(&slots, slot));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn gaps_are_closed_as_if_only_those_were_written_that_came(
            (train, test) in (0usize..6, 0usize..6),
            missing in prop::collection::vec(any::<bool>(), 12),
            order in Just((0..12).collect::<Vec<usize>>()).prop_shuffle(),
        ) {
            let slots = slots(train, test);
            let came: Vec<usize> = (0..slots.len()).filter(|&slot| !missing[slot]).collect();
            let order: Vec<usize> = order.into_iter().filter(|slot| came.contains(slot)).collect();
            let (work, output) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let sink = NpySink::create(work.path(), slots.clone()).unwrap();
            fill(&sink, &slots, &order);
            Box::new(sink).finish(&came, None).unwrap();
            prop_assert!(files(work.path()) == folder_of(&slots, &came));
            let work = tempfile::tempdir().unwrap();
            let path = output.path().join("set.npz");
            let sink = NpzSink::create(work.path(), &path, slots.clone()).unwrap();
            fill(&sink, &slots, &order);
            Box::new(sink).finish(&came, None).unwrap();
            if let Ok(set) = dataset::open(&path) {
                prop_assert_eq!(set.source.items().len(), came.len());
                for (i, &slot) in came.iter().enumerate() {
                    prop_assert_eq!(set.source.read(i).unwrap(), image(&slots, slot));
                    prop_assert_eq!(set.source.items()[i].label, slots[slot].item.label);
                }
            } else {
                prop_assert!(came.is_empty());
            }
        }
    }
}
