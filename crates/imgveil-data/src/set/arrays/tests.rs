//! Both sinks of arrays: what they write is read back.

use super::labels::labels;
use super::{NpySink, NpzSink};
use crate::offset_io;
use crate::set::sink::{Sink, Stored};
use crate::set::staging::Staging;
use crate::set::{self, Item, Manifest, Slot, Split};
use imgveil::internal::image::Image;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

/// Slots of two splits: grey 2x3 for train, 16-bit RGB 1x2 for test.
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

/// The files of a folder, with their contents.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

/// What a naive writer would write for the slots that arrived.
fn folder_of(slots: &[Slot], came: &[usize]) -> BTreeMap<String, Vec<u8>> {
    let work = tempfile::tempdir().unwrap();
    let only: Vec<Slot> = came.iter().map(|&slot| slots[slot].clone()).collect();
    let sink = NpySink::create(Staging::alone(work.path()), only.clone()).unwrap();
    for (new, &slot) in came.iter().enumerate() {
        sink.store(new, image(slots, slot).into_samples(), Vec::new()).unwrap();
    }
    Box::new(sink).finish(&(0..came.len()).collect::<Vec<_>>(), None).unwrap();
    files(work.path())
}

#[test]
fn a_folder_of_arrays_reads_back() {
    let (work, slots) = (tempfile::tempdir().unwrap(), slots(3, 2));
    let sink = NpySink::create(Staging::alone(work.path()), slots.clone()).unwrap();
    assert_eq!((sink.path(2), sink.path(3)), ("train_images[2]".into(), "test_images[0]".into()));
    fill(&sink, &slots, &[4, 0, 2, 3, 1]);
    assert!(!Box::new(sink).finish(&[0, 1, 2, 3, 4], None).unwrap());
    let names: Vec<String> = files(work.path()).into_keys().collect();
    assert_eq!(names, ["test_images.npy", "test_labels.npy", "train_images.npy", "train_labels.npy"]);
    // The samples begin at a multiple of 64.
    assert_eq!(files(work.path())["train_images.npy"].len(), 128 + 3 * 6);
    let source = set::open(work.path()).unwrap().source;
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
    let sink = NpySink::create(Staging::alone(work.path()), slots.clone()).unwrap();
    fill(&sink, &slots, &[0, 1, 2]);
    Box::new(sink).finish(&[0, 1, 2], None).unwrap();
    let files = files(work.path());
    assert!(!files.contains_key("train_labels.npy"));
    assert_eq!(labels(&files["test_labels.npy"]), Ok(vec![300]));
}

#[test]
fn images_of_two_sizes_are_no_array() {
    let (work, mut slots) = (tempfile::tempdir().unwrap(), slots(2, 0));
    slots[1].geometry = Some("9x9x1".parse().unwrap());
    let error = NpySink::create(Staging::alone(work.path()), slots.clone()).map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot encode train_images.npy: an array holds images of one size: Train/0 is 2x3x1, Train/1 is 9x9x1; write \
         to a folder instead"
    );
    // An image that will not arrive does not count. Samples of a wrong length are refused.
    slots[1].geometry = None;
    let sink = NpySink::create(Staging::alone(work.path()), slots).unwrap();
    assert!(sink.store(1, vec![0; 81], Vec::new()).is_err());
    assert!(sink.store(0, vec![0; 7], Vec::new()).is_err());
}

#[test]
fn what_survives_a_kill_is_not_stored_again() {
    let (work, output, slots) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), slots(4, 3));
    let path = output.path().join("set.npz");
    let sink = NpzSink::create(Staging::alone(work.path()), &path, slots.clone()).unwrap();
    let mut stored = fill(&sink, &slots, &[0, 1, 4, 5]);
    drop(sink);
    // One image was recorded but never reached the disk, and one was changed.
    stored.push(Stored { slot: 2, hash: blake3::hash(b"other") });
    let sink = NpzSink::create(Staging::alone(work.path()), &path, slots.clone()).unwrap();
    assert_eq!(sink.surviving(&stored).unwrap(), [0, 1, 4, 5]);
    offset_io::write(&sink.arrays.arrays[&Split::Train].file, &[0], 129).unwrap();
    assert_eq!(sink.surviving(&stored).unwrap(), [1, 4, 5]);
    fill(&sink, &slots, &[6, 3, 2, 0]);
    let kept = tempfile::tempdir().unwrap();
    for (name, bytes) in files(work.path()) {
        std::fs::write(kept.path().join(name), bytes).unwrap();
    }
    Box::new(sink).finish(&[0, 1, 2, 3, 4, 5, 6], None).unwrap();
    let whole = output.path().join("whole.npz");
    let other = tempfile::tempdir().unwrap();
    let sink = NpzSink::create(Staging::alone(other.path()), &whole, slots.clone()).unwrap();
    fill(&sink, &slots, &[0, 1, 2, 3, 4, 5, 6]);
    Box::new(sink).finish(&[0, 1, 2, 3, 4, 5, 6], None).unwrap();
    assert!(std::fs::read(&path).unwrap() == std::fs::read(&whole).unwrap());
    // Nothing but the archive is left.
    assert_eq!(work.path().read_dir().unwrap().count(), 0);
    assert_eq!(output.path().read_dir().unwrap().count(), 2);
    // With other slots, the arrays belong to another set and start anew.
    let sink = NpySink::create(Staging::alone(kept.path()), slots[..6].to_vec()).unwrap();
    assert_eq!(sink.surviving(&stored).unwrap(), [0, 1]);
}

#[test]
fn the_manifest_says_where_images_lie_once_gaps_are_closed() {
    use crate::set::manifest::FORMAT;
    use crate::set::{Entry, MANIFEST};
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
        rescale: None,
        members: None,
    };
    let path = output.path().join("set.npz");
    let sinks: [Box<dyn Sink>; 2] = [
        Box::new(NpySink::create(Staging::alone(work.path()), slots.clone()).unwrap()),
        Box::new(NpzSink::create(Staging::alone(output.path()), &path, slots.clone()).unwrap()),
    ];
    for (sink, root) in sinks.into_iter().zip([work.path(), &path]) {
        fill(&*sink, &slots, &came);
        let mut manifest = Manifest {
            format: FORMAT,
            tool: "imgveil test".into(),
            scheme: Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
            key: "0123456789abcdef".parse().unwrap(),
            salt: Some(imgveil::internal::sealed::Salt([1; 16])),
            encoding: crate::set::Encoding::Npy,
            run: String::new(),
            options: Vec::new(),
            partition: None,
            parts: Vec::new(),
            classes: Vec::new(),
            images: came.iter().map(|&slot| entry(&*sink, slot)).collect(),
            seal: "0".repeat(64),
        };
        let inside = sink.finish(&came, Some(&mut manifest)).unwrap();
        let paths: Vec<&str> = manifest.images.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["train_images[0]", "train_images[1]", "test_images[0]"]);
        assert_eq!(inside, root == path);
        if !inside {
            std::fs::write(root.join(MANIFEST), manifest.to_text().unwrap()).unwrap();
        }
        let opened = set::open(root).unwrap();
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
        let sink = NpySink::create(Staging::alone(work.path()), slots.clone()).unwrap();
        fill(&sink, &slots, &order);
        Box::new(sink).finish(&came, None).unwrap();
        prop_assert!(files(work.path()) == folder_of(&slots, &came));
        let work = tempfile::tempdir().unwrap();
        let path = output.path().join("set.npz");
        let sink = NpzSink::create(Staging::alone(work.path()), &path, slots.clone()).unwrap();
        fill(&sink, &slots, &order);
        Box::new(sink).finish(&came, None).unwrap();
        if let Ok(set) = set::open(&path) {
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
