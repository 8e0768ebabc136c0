//! Writes shards. Which shard an image belongs to, and its place there, is known from the slots; images come in any order, so
//! those of a shard wait in a file without a name until the last one is there. Then the shard is written, in order, beside its
//! place and renamed. Its bytes depend on nothing but slots and images: headers hold no time and no owner.

use super::members::Members;
use super::{CLASS, key_and_kind, remove};
use crate::dataset::sink::{Member, Sink, Slot, Stored};
use crate::dataset::work::{TEMPORARY, system_words};
use crate::dataset::{DatasetError, Manifest, Split, picture, positioned};
use imgveil::internal::image::Image;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::{BufWriter, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An encoded image's kind.
const IMAGE: &str = "png";

fn failed(path: &Path) -> impl Fn(std::io::Error) -> DatasetError {
    move |source| DatasetError::Write { path: path.to_owned(), source }
}

/// A sample that is there already.
enum Held {
    /// Stored in this run: its members in the spool, and the image's hash.
    Spooled { members: Vec<(String, Range<u64>)>, hash: blake3::Hash },
    /// Stored by an earlier run: its blocks in the shard that is there.
    Kept(Range<u64>),
}

/// How far a shard is.
#[derive(Default)]
struct State {
    /// Slots that something is expected for.
    waiting: BTreeSet<usize>,
    held: BTreeMap<usize, Held>,
    spool: Option<Arc<File>>,
    /// How much of the spool is given away.
    spooled: u64,
}

/// A shard: its name, its slots in order, how far it is.
struct Shard {
    name: String,
    slots: Vec<usize>,
    state: Mutex<State>,
}

impl Shard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a folder of shards: `train-000000.tar` and so on, `images-000000.tar` for a set that is not divided.
///
/// Of one sample there are, in this order, `KEY.png`, `KEY.cls` (the class's number) if it has a class, and what was handed over
/// with it. A shard is known by the rank of its slots among all those of their part, also those that will not come: several
/// processes may write different shards of one set into one folder. Images should come about in the order of their slots;
/// every shard that was begun and is not whole keeps a file open.
pub struct ShardSink {
    work: PathBuf,
    slots: Vec<Slot>,
    keys: Vec<String>,
    /// The shard of each slot.
    places: Vec<usize>,
    shards: Vec<Shard>,
}

impl ShardSink {
    /// A sink that writes into `work`, a folder that is there, `per_shard` samples a shard.
    ///
    /// # Errors
    /// When two samples of a part cannot be told apart by their names.
    pub fn create(work: &Path, slots: Vec<Slot>, per_shard: usize) -> Result<Self, DatasetError> {
        let keys = keys(&slots)?;
        let mut counts: HashMap<Split, usize> = HashMap::new();
        let mut numbers: HashMap<(Split, usize), usize> = HashMap::new();
        let (mut shards, mut places) = (Vec::<Shard>::new(), Vec::with_capacity(slots.len()));
        for (slot, Slot { item, geometry }) in slots.iter().enumerate() {
            let rank = counts.entry(item.split).or_insert(0);
            let number = *rank / per_shard.max(1);
            *rank += 1;
            let place = *numbers.entry((item.split, number)).or_insert(shards.len());
            if place == shards.len() {
                let name = format!("{}-{number:06}.tar", item.split.name().unwrap_or("images"));
                shards.push(Shard { name, slots: Vec::new(), state: Mutex::default() });
            }
            if let Some(shard) = shards.get_mut(place) {
                shard.slots.push(slot);
                if geometry.is_some() {
                    shard.state().waiting.insert(slot);
                }
            }
            places.push(place);
        }
        Ok(Self { work: work.to_owned(), slots, keys, places, shards })
    }

    fn shard(&self, slot: usize) -> Option<&Shard> {
        self.shards.get(*self.places.get(slot)?)
    }

    fn key(&self, slot: usize) -> &str {
        self.keys.get(slot).map_or("", String::as_str)
    }

    /// The members of a sample, by kind.
    fn members(&self, slot: usize, image: Vec<u8>, others: Vec<Member>) -> Result<Vec<Member>, DatasetError> {
        let mut members = vec![Member { kind: IMAGE.into(), bytes: image }];
        if let Some(label) = self.slots.get(slot).and_then(|slot| slot.item.label) {
            members.push(Member { kind: CLASS.into(), bytes: label.to_string().into_bytes() });
        }
        let first = members.len();
        members.extend(others);
        members.get_mut(first..).unwrap_or_default().sort_by(|a, b| a.kind.cmp(&b.kind));
        let mut kinds = HashSet::new();
        match members.iter().find(|member| !kinds.insert(member.kind.as_str())) {
            Some(twice) => Err(DatasetError::Encode {
                path: PathBuf::from(self.path(slot)),
                reason: format!("it would have two members .{}", twice.kind),
            }),
            None => Ok(members),
        }
    }

    /// Puts a sample's members into the spool of its shard.
    fn spool(&self, shard: &Shard, members: &[Member]) -> Result<Vec<(String, Range<u64>)>, DatasetError> {
        let write = failed(&self.work);
        let size: u64 = members.iter().map(|member| member.bytes.len() as u64).sum();
        let (file, mut at) = {
            let mut state = shard.state();
            let file = match &state.spool {
                Some(file) => Arc::clone(file),
                None => Arc::new(tempfile::tempfile_in(&self.work).map_err(|e| write(system_words(e)))?),
            };
            state.spool = Some(Arc::clone(&file));
            let at = state.spooled;
            state.spooled += size;
            (file, at)
        };
        let mut places = Vec::with_capacity(members.len());
        for member in members {
            positioned::write(&file, &member.bytes, at).map_err(&write)?;
            let end = at + member.bytes.len() as u64;
            places.push((member.kind.clone(), at..end));
            at = end;
        }
        Ok(places)
    }

    /// Notes what became of a slot; writes the shard if that was the last one it waited for.
    fn settle(&self, shard: &Shard, slot: usize, held: Option<Held>) -> Result<Vec<Stored>, DatasetError> {
        let state = {
            let mut state = shard.state();
            state.waiting.remove(&slot);
            if let Some(held) = held {
                state.held.insert(slot, held);
            }
            match state.waiting.is_empty() {
                true => std::mem::take(&mut *state),
                false => return Ok(Vec::new()),
            }
        };
        self.complete(shard, &state)
    }

    /// Writes a shard that nothing more will come for.
    fn complete(&self, shard: &Shard, state: &State) -> Result<Vec<Stored>, DatasetError> {
        let path = self.work.join(&shard.name);
        if state.held.is_empty() {
            // An earlier run may have left one.
            remove(&path).map_err(failed(&path))?;
            return Ok(Vec::new());
        }
        // Where all of it survived an earlier run, there is nothing to do.
        if let Some(spool) = &state.spool {
            let half = self.half_written(shard);
            self.write(&path, &half, state, spool).map_err(failed(&half))?;
            std::fs::rename(&half, &path).map_err(failed(&path))?;
        }
        let stored = state.held.iter().filter_map(|(&slot, held)| match held {
            Held::Spooled { hash, .. } => Some(Stored { slot, hash: *hash }),
            Held::Kept(_) => None,
        });
        Ok(stored.collect())
    }

    /// Where a shard is written. Known by name, so that no other process's is ever taken for a leftover.
    fn half_written(&self, shard: &Shard) -> PathBuf {
        self.work.join(format!("{TEMPORARY}{}", shard.name))
    }

    fn write(&self, earlier: &Path, path: &Path, state: &State, spool: &File) -> std::io::Result<()> {
        let kept = match state.held.values().any(|held| matches!(held, Held::Kept(_))) {
            true => Some(File::open(earlier)?),
            false => None,
        };
        let mut tar = tar::Builder::new(BufWriter::new(File::create(path)?));
        for (&slot, held) in &state.held {
            match (held, &kept) {
                (Held::Spooled { members, .. }, _) => {
                    for (kind, range) in members {
                        let mut header = tar::Header::new_gnu();
                        header.set_mode(0o644);
                        header.set_uid(0);
                        header.set_gid(0);
                        header.set_mtime(0);
                        header.set_size(range.end - range.start);
                        let name = format!("{}.{kind}", self.key(slot));
                        tar.append_data(&mut header, name, Part { file: spool, range: range.clone() })?;
                    }
                }
                // Whole blocks: they are the same wherever they stand.
                (Held::Kept(range), Some(file)) => {
                    std::io::copy(&mut Part { file, range: range.clone() }, tar.get_mut())?;
                }
                (Held::Kept(_), None) => return Err(std::io::ErrorKind::NotFound.into()),
            }
        }
        // It will be told that these images are whole on the disk, and nobody will look again soon.
        tar.into_inner()?.into_inner()?.sync_all()
    }

    /// The samples of a shard that an earlier run left, if it holds just those that were stored, to the byte.
    fn inspect(&self, shard: &Shard, stored: &HashMap<usize, blake3::Hash>) -> Option<BTreeMap<usize, Held>> {
        let file = File::open(self.work.join(&shard.name)).ok()?;
        let length = file.metadata().ok()?.len();
        let by_key: HashMap<&str, usize> = shard.slots.iter().map(|&slot| (self.key(slot), slot)).collect();
        let mut samples: BTreeMap<usize, Range<u64>> = BTreeMap::new();
        let mut labelled = HashSet::new();
        for member in Members::of_file(&file, length) {
            let member = member.ok()?;
            let (key, kind) = key_and_kind(member.path.as_deref()?)?;
            let slot = *by_key.get(key)?;
            let bytes = || {
                let mut bytes = vec![0; (member.data.end - member.data.start) as usize];
                positioned::read(&file, &mut bytes, member.data.start).ok().map(|()| bytes)
            };
            if kind == IMAGE {
                // In order, each one once.
                let next = samples.last_key_value().is_none_or(|(&last, _)| last < slot);
                if !next || *stored.get(&slot)? != blake3::hash(&bytes()?) {
                    return None;
                }
                samples.insert(slot, member.blocks.clone());
                continue;
            }
            let mut last = samples.last_entry().filter(|last| *last.key() == slot)?;
            last.get_mut().end = member.blocks.end;
            if kind == CLASS {
                let label = self.slots.get(slot)?.item.label?;
                if bytes()? != label.to_string().into_bytes() {
                    return None;
                }
                labelled.insert(slot);
            }
        }
        let expected = shard.slots.iter().filter(|slot| stored.contains_key(slot));
        let has_label = |slot: &usize| self.slots.get(*slot).is_some_and(|slot| slot.item.label.is_some());
        let whole =
            expected.eq(samples.keys()) && samples.keys().all(|slot| labelled.contains(slot) == has_label(slot));
        whole.then(|| samples.into_iter().map(|(slot, blocks)| (slot, Held::Kept(blocks))).collect())
    }
}

/// The key of every slot: the last part of its name, or where that is another's of the same part of the set, all of its name. No dot
/// stays in it, because a key ends at the first one.
fn keys(slots: &[Slot]) -> Result<Vec<String>, DatasetError> {
    let short = |slot: &Slot| slot.item.name.rsplit('/').next().unwrap_or_default().replace('.', "_");
    let long = |slot: &Slot| slot.item.name.replace(['.', '/'], "_");
    let mut seen = HashSet::new();
    let twice: HashSet<Split> =
        slots.iter().filter(|slot| !seen.insert((slot.item.split, short(slot)))).map(|slot| slot.item.split).collect();
    let key = |slot: &Slot| if twice.contains(&slot.item.split) { long(slot) } else { short(slot) };
    let keys: Vec<String> = slots.iter().map(key).collect();
    let mut seen = HashSet::new();
    match slots.iter().zip(&keys).find(|(slot, key)| key.is_empty() || !seen.insert((slot.item.split, *key))) {
        Some((slot, _)) => Err(DatasetError::Collision(slot.item.name.clone())),
        None => Ok(keys),
    }
}

/// A part of a file, read from its beginning to its end.
struct Part<'a> {
    file: &'a File,
    range: Range<u64>,
}

impl Read for Part<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let length = (self.range.end - self.range.start).min(bytes.len() as u64);
        let bytes = bytes.get_mut(..length as usize).unwrap_or_default();
        positioned::read(self.file, bytes, self.range.start)?;
        self.range.start += length;
        Ok(length as usize)
    }
}

impl Sink for ShardSink {
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String> {
        picture::encode_png(image)
    }

    fn path(&self, slot: usize) -> String {
        let shard = self.shard(slot).map_or("", |shard| shard.name.as_str());
        format!("{shard}/{}.{IMAGE}", self.key(slot))
    }

    fn store(&self, slot: usize, bytes: Vec<u8>, members: Vec<Member>) -> Result<Vec<Stored>, DatasetError> {
        let shard = self.shard(slot).filter(|shard| shard.state().waiting.contains(&slot));
        let unexpected = || DatasetError::Encode {
            path: PathBuf::from(self.path(slot)),
            reason: "its shard was not made for it, or has it already".into(),
        };
        let shard = shard.ok_or_else(unexpected)?;
        let hash = blake3::hash(&bytes);
        let members = self.members(slot, bytes, members)?;
        let members = self.spool(shard, &members)?;
        self.settle(shard, slot, Some(Held::Spooled { members, hash }))
    }

    fn give_up(&self, slot: usize) -> Result<Vec<Stored>, DatasetError> {
        match self.shard(slot).filter(|shard| shard.state().waiting.contains(&slot)) {
            Some(shard) => self.settle(shard, slot, None),
            None => Ok(Vec::new()),
        }
    }

    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, DatasetError> {
        let stored: HashMap<usize, blake3::Hash> = earlier.iter().map(|stored| (stored.slot, stored.hash)).collect();
        let survivors = |shard: &Shard| {
            // Another process's shard is its own affair.
            if shard.state().waiting.is_empty() && !shard.slots.iter().any(|slot| stored.contains_key(slot)) {
                return Ok(Vec::new());
            }
            let (path, half) = (self.work.join(&shard.name), self.half_written(shard));
            remove(&half).map_err(failed(&half))?;
            let Some(kept) = self.inspect(shard, &stored).filter(|kept| !kept.is_empty()) else {
                remove(&path).map_err(failed(&path))?;
                return Ok(Vec::new());
            };
            let slots: Vec<usize> = kept.keys().copied().collect();
            let mut state = shard.state();
            state.waiting.retain(|slot| !kept.contains_key(slot));
            state.held.extend(kept);
            Ok(slots)
        };
        let slots: Result<Vec<Vec<usize>>, DatasetError> = self.shards.par_iter().map(survivors).collect();
        let slots: HashSet<usize> = slots?.into_iter().flatten().collect();
        Ok(earlier.iter().map(|stored| stored.slot).filter(|slot| slots.contains(slot)).collect())
    }

    fn finish(self: Box<Self>, _: &[usize], _: Option<&mut Manifest>) -> Result<bool, DatasetError> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{self, Item};
    use proptest::prelude::*;

    /// Slots of two parts; every third has no class, and those in `absent` will not come.
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

    /// Everything in order, in one go.
    fn whole(slots: &[Slot], per_shard: usize, came: &[usize]) -> BTreeMap<String, Vec<u8>> {
        let work = tempfile::tempdir().unwrap();
        let sink = ShardSink::create(work.path(), slots.to_vec(), per_shard).unwrap();
        for slot in 0..slots.len() {
            match came.contains(&slot) {
                true => store(&sink, slot),
                false => sink.give_up(slot).unwrap(),
            };
        }
        files(work.path())
    }

    #[test]
    fn shards_read_back() {
        let (work, slots) = (tempfile::tempdir().unwrap(), slots(5, 1, &[]));
        let sink = ShardSink::create(work.path(), slots.clone(), 2).unwrap();
        assert_eq!(sink.path(3), "train-000001.tar/x_3.png");
        assert!(store(&sink, 1).is_empty());
        let stored = store(&sink, 0);
        // A shard that is whole tells of all its images, in order.
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
        let source = dataset::open(work.path()).unwrap().source;
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
        // Nothing of who wrote it and when.
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
        assert!(matches!(keys(&same), Err(DatasetError::Collision(name)) if name == "a_1"));
    }

    #[test]
    fn processes_write_different_shards_of_one_folder() {
        let work = tempfile::tempdir().unwrap();
        let expected = whole(&slots(6, 0, &[]), 2, &[0, 1, 2, 3, 4, 5]);
        let others = |mine: &Range<usize>| (0..6).filter(|slot| !mine.contains(slot)).collect::<Vec<usize>>();
        for mine in [0..2, 2..6] {
            let sink = ShardSink::create(work.path(), slots(6, 0, &others(&mine)), 2).unwrap();
            // Nothing of the other's is tidied away.
            sink.surviving(&[]).unwrap();
            mine.for_each(|slot| drop(store(&sink, slot)));
        }
        assert!(files(work.path()) == expected);
    }

    #[test]
    fn whole_shards_survive_a_kill_and_others_are_written_anew() {
        let (work, slots) = (tempfile::tempdir().unwrap(), slots(7, 0, &[]));
        let expected = whole(&slots, 2, &[0, 1, 2, 3, 4, 5, 6]);
        let sink = ShardSink::create(work.path(), slots.clone(), 2).unwrap();
        let mut stored: Vec<Stored> = [0, 1, 2, 3].into_iter().flat_map(|slot| store(&sink, slot)).collect();
        store(&sink, 5);
        // 4 cannot be read in this run: its shard holds 5 alone.
        stored.extend(sink.give_up(4).unwrap());
        drop(sink);
        assert_eq!(slots_of(&stored), [0, 1, 2, 3, 5]);
        std::fs::write(work.path().join(".imgveil-train-000003.tar"), b"half").unwrap();
        std::fs::write(work.path().join("train-000003.tar"), b"never noted").unwrap();
        // One byte of one shard is another.
        let path = work.path().join("train-000001.tar");
        let mut damaged = std::fs::read(&path).unwrap();
        damaged[520] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        let sink = ShardSink::create(work.path(), slots, 2).unwrap();
        assert_eq!(sink.surviving(&stored).unwrap(), [0, 1, 5]);
        assert!(!path.exists() && !work.path().join("train-000003.tar").exists());
        // Now 4 can be read: the shard is made of both.
        assert_eq!(slots_of(&store(&sink, 4)), [4]);
        for slot in [6, 3, 2] {
            store(&sink, slot);
        }
        assert!(files(work.path()) == expected);
    }

    #[test]
    fn a_truncated_shard_survives_whole_or_not_at_all() {
        let (work, slots) = (tempfile::tempdir().unwrap(), slots(2, 0, &[]));
        let sink = ShardSink::create(work.path(), slots.clone(), 2).unwrap();
        let stored: Vec<Stored> = [0, 1].into_iter().flat_map(|slot| store(&sink, slot)).collect();
        let path = work.path().join("train-000000.tar");
        let whole = std::fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(97) {
            std::fs::write(&path, &whole[..length]).unwrap();
            let sink = ShardSink::create(work.path(), slots.clone(), 2).unwrap();
            let survivors = sink.surviving(&stored).unwrap();
            // The second of two empty blocks at the end says nothing.
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
                let settle = |&slot: &usize| match came.contains(&slot) {
                    true => store(sink, slot),
                    false => sink.give_up(slot).unwrap(),
                };
                order.iter().flat_map(settle).collect()
            };
            // Cut somewhere, and begun again.
            let sink = ShardSink::create(work.path(), slots.clone(), per_shard).unwrap();
            let mut stored = run(&sink, &order[..cut.min(order.len())]);
            drop(sink);
            let sink = ShardSink::create(work.path(), slots.clone(), per_shard).unwrap();
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
}
