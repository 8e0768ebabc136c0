//! Shards that are written in any order and after interruptions.

use super::*;
use crate::set::staging::Staging;
use crate::set::{self, Item};
use proptest::prelude::*;
use std::path::Path;

/// Slots of two splits. Every third slot has no class, and the images of those in `absent` will not arrive.
fn slots(train: usize, test: usize, absent: &[usize]) -> Vec<Slot> {
    let splits = std::iter::repeat_n(Split::Train, train).chain(std::iter::repeat_n(Split::Test, test));
    let slot = |(i, split): (usize, Split)| Slot {
        item: Item { name: format!("{split:?}/x.{i}"), split, label: (i % 3 > 0).then_some(i as u32 % 3) },
        geometry: (!absent.contains(&i)).then(|| "2x3x1".parse().unwrap()),
    };
    splits.enumerate().map(slot).collect()
}

fn image(slot: usize) -> Image {
    Image::new("2x3x1".parse().unwrap(), (0..6).map(|i| (slot * 37 + i * 11) as u8).collect()).unwrap()
}

fn members(slot: usize) -> Vec<Member> {
    let member = |kind: &str| Member { kind: kind.into(), bytes: format!("{kind} {slot}").into_bytes() };
    if slot.is_multiple_of(2) { vec![member("txt"), member("json")] } else { Vec::new() }
}

fn store(sink: &dyn Sink, slot: usize) -> Vec<Stored> {
    sink.store(slot, sink.encode(&image(slot)).unwrap(), members(slot)).unwrap()
}

fn slots_of(stored: &[Stored]) -> Vec<usize> {
    stored.iter().map(|stored| stored.slot).collect()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap());
    entries.map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap())).collect()
}

/// Everything written in order, in one run.
fn whole(slots: &[Slot], per_shard: usize, came: &[usize]) -> BTreeMap<String, Vec<u8>> {
    let work = tempfile::tempdir().unwrap();
    let sink = ShardSink::create(Staging::alone(work.path()), slots.to_vec(), per_shard).unwrap();
    for slot in 0..slots.len() {
        if came.contains(&slot) {
            store(&sink, slot)
        } else {
            sink.give_up(slot).unwrap()
        };
    }
    files(work.path())
}

#[test]
fn shards_read_back() {
    let (work, slots) = (tempfile::tempdir().unwrap(), slots(5, 1, &[]));
    let sink = ShardSink::create(Staging::alone(work.path()), slots.clone(), 2).unwrap();
    assert_eq!(sink.path(3), "train-000001.tar/x_3.png");
    assert!(store(&sink, 1).is_empty());
    let stored = store(&sink, 0);
    // A complete shard returns all of its images, in order.
    assert_eq!(slots_of(&stored), [0, 1]);
    assert_eq!(stored[1].hash, blake3::hash(&picture::encode_png(&image(1)).unwrap()));
    assert!(sink.store(0, Vec::new(), Vec::new()).is_err());
    for slot in [5, 4, 3] {
        store(&sink, slot);
    }
    assert_eq!(slots_of(&sink.give_up(2).unwrap()), [3]);
    assert!(!Box::new(sink).finish(&[0, 1, 3, 4, 5], None).unwrap());
    let names: Vec<String> = files(work.path()).into_keys().collect();
    assert_eq!(names, ["test-000000.tar", "train-000000.tar", "train-000001.tar", "train-000002.tar"]);
    let source = set::open(work.path()).unwrap().source;
    let items: Vec<(&str, Option<u32>)> = source.items().iter().map(|i| (i.name.as_str(), i.label)).collect();
    let expected = [
        ("test-000000/x_5", Some(2)),
        ("train-000000/x_0", None),
        ("train-000000/x_1", Some(1)),
        ("train-000001/x_3", None),
        ("train-000002/x_4", Some(1)),
    ];
    assert_eq!(items, expected);
    assert_eq!(source.read(4).unwrap(), image(4));
    let kept = source.members(4, &["json".into(), "cls".into(), "xml".into()]).unwrap();
    assert_eq!(kept, [Member { kind: "json".into(), bytes: b"json 4".to_vec() }]);
    // The headers do not tell who wrote the shard and when.
    let tar = &files(work.path())["train-000002.tar"];
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mtime().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0, 0, 0));
        assert_eq!((header.mode().unwrap(), header.username_bytes().unwrap()), (0o644, &b""[..]));
        names.push(entry.path().unwrap().to_str().unwrap().to_owned());
    }
    assert_eq!(names, ["x_4.png", "x_4.cls", "x_4.json", "x_4.txt"]);
}

#[test]
fn keys_are_told_apart_or_refused() {
    let slot = |name: &str, split| Slot { item: Item { name: name.into(), split, label: None }, geometry: None };
    let short = [slot("a/b.c", Split::Train), slot("a/b.c", Split::Test)];
    assert_eq!(keys(&short).unwrap(), ["b_c", "b_c"]);
    let long = [slot("a/1", Split::All), slot("b/1", Split::All), slot("c/2", Split::Val)];
    assert_eq!(keys(&long).unwrap(), ["a_1", "b_1", "2"]);
    let same = [slot("a/1", Split::All), slot("b/1", Split::All), slot("a_1", Split::All)];
    assert!(matches!(keys(&same), Err(SetError::Collision(name)) if name == "a_1"));
}

#[test]
fn processes_write_different_shards_of_one_folder() {
    let work = tempfile::tempdir().unwrap();
    let expected = whole(&slots(6, 0, &[]), 2, &[0, 1, 2, 3, 4, 5]);
    let others = |mine: &Range<usize>| (0..6).filter(|slot| !mine.contains(slot)).collect::<Vec<usize>>();
    for mine in [0..2, 2..6] {
        let sink = ShardSink::create(Staging::alone(work.path()), slots(6, 0, &others(&mine)), 2).unwrap();
        // Files of the other process are not removed.
        sink.surviving(&[]).unwrap();
        mine.for_each(|slot| drop(store(&sink, slot)));
    }
    assert!(files(work.path()) == expected);
}

#[test]
fn whole_shards_survive_a_kill_and_others_are_written_anew() {
    let (work, slots) = (tempfile::tempdir().unwrap(), slots(7, 0, &[]));
    let expected = whole(&slots, 2, &[0, 1, 2, 3, 4, 5, 6]);
    let sink = ShardSink::create(Staging::alone(work.path()), slots.clone(), 2).unwrap();
    let mut stored: Vec<Stored> = [0, 1, 2, 3].into_iter().flat_map(|slot| store(&sink, slot)).collect();
    store(&sink, 5);
    // Image 4 cannot be read in this run, so its shard holds only image 5.
    stored.extend(sink.give_up(4).unwrap());
    drop(sink);
    assert_eq!(slots_of(&stored), [0, 1, 2, 3, 5]);
    std::fs::write(work.path().join("train-000003.tar"), b"never noted").unwrap();
    // One byte of one shard is changed.
    let path = work.path().join("train-000001.tar");
    let mut damaged = std::fs::read(&path).unwrap();
    damaged[520] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    let sink = ShardSink::create(Staging::alone(work.path()), slots, 2).unwrap();
    assert_eq!(sink.surviving(&stored).unwrap(), [0, 1, 5]);
    assert!(!path.exists() && !work.path().join("train-000003.tar").exists());
    // Now image 4 can be read: the shard is made of both images.
    assert_eq!(slots_of(&store(&sink, 4)), [4]);
    for slot in [6, 3, 2] {
        store(&sink, slot);
    }
    assert!(files(work.path()) == expected);
}

#[test]
fn a_truncated_shard_survives_whole_or_not_at_all() {
    let (work, slots) = (tempfile::tempdir().unwrap(), slots(2, 0, &[]));
    let sink = ShardSink::create(Staging::alone(work.path()), slots.clone(), 2).unwrap();
    let stored: Vec<Stored> = [0, 1].into_iter().flat_map(|slot| store(&sink, slot)).collect();
    let path = work.path().join("train-000000.tar");
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(97) {
        std::fs::write(&path, &whole[..length]).unwrap();
        let sink = ShardSink::create(Staging::alone(work.path()), slots.clone(), 2).unwrap();
        let survivors = sink.surviving(&stored).unwrap();
        // The second of the two empty blocks at the end may be missing.
        let expected: &[usize] = if length < whole.len() - 512 { &[] } else { &[0, 1] };
        assert_eq!(survivors, expected, "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_bytes_depend_on_slots_and_images_alone(
        (train, test, per_shard) in (0usize..7, 0usize..5, 1usize..4),
        comes in prop::collection::vec(prop::bool::weighted(0.7), 12),
        order in Just((0..12).collect::<Vec<usize>>()).prop_shuffle(),
        cut in 0usize..12,
    ) {
        let slots = slots(train, test, &[]);
        let came: Vec<usize> = (0..slots.len()).filter(|&slot| comes[slot]).collect();
        let expected = whole(&slots, per_shard, &came);
        let order: Vec<usize> = order.into_iter().filter(|&slot| slot < slots.len()).collect();
        let work = tempfile::tempdir().unwrap();
        let run = |sink: &ShardSink, order: &[usize]| -> Vec<Stored> {
            let settle = |&slot: &usize| {
                    if came.contains(&slot) { store(sink, slot) } else { sink.give_up(slot).unwrap() }
                };
            order.iter().flat_map(settle).collect()
        };
        // Interrupted at some point, and started again.
        let sink = ShardSink::create(Staging::alone(work.path()), slots.clone(), per_shard).unwrap();
        let mut stored = run(&sink, &order[..cut.min(order.len())]);
        drop(sink);
        let sink = ShardSink::create(Staging::alone(work.path()), slots.clone(), per_shard).unwrap();
        let survivors = sink.surviving(&stored).unwrap();
        prop_assert_eq!(&survivors, &slots_of(&stored));
        let rest: Vec<usize> = order.into_iter().filter(|slot| !survivors.contains(slot)).collect();
        stored.extend(run(&sink, &rest));
        let mut told = slots_of(&stored);
        told.sort_unstable();
        prop_assert_eq!(told, came);
        prop_assert!(files(work.path()) == expected);
    }
}
