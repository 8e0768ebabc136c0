//! Writes shards. The slots determine the shard of an image and its position there. Images arrive in any order: the
//! images of a shard wait in an unnamed file (the spool) until the last one has arrived. Then the shard is written in
//! order under a staged name and renamed. Its bytes depend only on slots and images: headers contain no time and no
//! owner.

use super::keys::keys;
use super::member_name::{CLASS, IMAGE, key_and_kind};
use crate::format::picture;
use crate::format::tar::TarMembers;
use crate::offset_io::{self, FileRange};
use crate::set::sink::{Sink, Stored};
use crate::set::staging::{Staging, system_words};
use crate::set::{Manifest, Member, SetError, Slot, Split, is_manifest};
use imgveil::internal::image::Image;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A WebDataset sample that is stored.
enum Held {
    /// Stored by this run: its members in the spool, and the image's hash.
    Spooled { members: Vec<(String, Range<u64>)>, hash: blake3::Hash },
    /// Stored by an earlier run: its blocks in the existing shard.
    Kept(Range<u64>),
}

/// The state of a shard that is being written.
#[derive(Default)]
struct State {
    /// Slots whose images have not arrived.
    waiting: BTreeSet<usize>,
    held: BTreeMap<usize, Held>,
    spool: Option<Arc<File>>,
    /// The length of the spool.
    spooled: u64,
}

/// A shard that is being written: its name, its slots in order, and its state.
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

/// The shard of an image, and the key of its WebDataset sample there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardPlace {
    /// The file's name.
    pub shard: String,
    /// The key.
    pub key: String,
}

/// Writes a folder of shards: `train-000000.tar` and so on, `images-000000.tar` for a set that is not divided.
///
/// An image has, in this order, the members `KEY.png`, `KEY.cls` (the number of its class, if it has one), and the
/// members that were carried over. The shard of a slot depends on the rank of the slot within its split. Slots whose
/// images will not arrive count too, so several processes can write different shards of one set into one folder. Images
/// should arrive roughly in the order of their slots, because every incomplete shard keeps a file open.
pub struct ShardSink {
    staging: Staging,
    slots: Vec<Slot>,
    keys: Vec<String>,
    /// The shard of each slot.
    locations: Vec<usize>,
    shards: Vec<Shard>,
}

impl ShardSink {
    /// A sink that writes shards of `per_shard` images into an existing folder.
    ///
    /// # Errors
    /// If two images of a split have names that give the same key.
    pub fn create(staging: Staging, slots: Vec<Slot>, per_shard: usize) -> Result<Self, SetError> {
        let keys = keys(&slots)?;
        let mut counts: HashMap<Split, usize> = HashMap::new();
        let mut numbers: HashMap<(Split, usize), usize> = HashMap::new();
        let (mut shards, mut locations) = (Vec::<Shard>::new(), Vec::with_capacity(slots.len()));
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
            locations.push(place);
        }
        Ok(Self { staging, slots, keys, locations, shards })
    }

    /// A sink that writes the image of slot `i` into the shard and under the key of `places[i]`.
    pub fn at(staging: Staging, slots: Vec<Slot>, places: &[ShardPlace]) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let (mut shards, mut locations) = (Vec::<Shard>::new(), Vec::with_capacity(slots.len()));
        for (slot, (place, Slot { geometry, .. })) in places.iter().zip(&slots).enumerate() {
            let number = *numbers.entry(&place.shard).or_insert(shards.len());
            if number == shards.len() {
                shards.push(Shard { name: place.shard.clone(), slots: Vec::new(), state: Mutex::default() });
            }
            if let Some(shard) = shards.get_mut(number) {
                shard.slots.push(slot);
                if geometry.is_some() {
                    shard.state().waiting.insert(slot);
                }
            }
            locations.push(number);
        }
        let keys = places.iter().map(|place| place.key.clone()).collect();
        Self { staging, slots, keys, locations, shards }
    }

    fn shard(&self, slot: usize) -> Option<&Shard> {
        self.shards.get(*self.locations.get(slot)?)
    }

    fn key(&self, slot: usize) -> &str {
        self.keys.get(slot).map_or("", String::as_str)
    }

    /// The members of an image's WebDataset sample.
    fn members(&self, slot: usize, image: Vec<u8>, others: Vec<Member>) -> Result<Vec<Member>, SetError> {
        let mut members = vec![Member { kind: IMAGE.into(), bytes: image }];
        if let Some(label) = self.slots.get(slot).and_then(|slot| slot.item.label) {
            members.push(Member { kind: CLASS.into(), bytes: label.to_string().into_bytes() });
        }
        let first = members.len();
        members.extend(others);
        members.get_mut(first..).unwrap_or_default().sort_by(|a, b| a.kind.cmp(&b.kind));
        let mut kinds = HashSet::new();
        match members.iter().find(|member| !kinds.insert(member.kind.as_str())) {
            Some(twice) => Err(SetError::Encode {
                path: PathBuf::from(self.path(slot)),
                reason: format!("it would have two members .{}", twice.kind),
            }),
            None => Ok(members),
        }
    }

    /// Writes the members of a WebDataset sample to the spool of its shard.
    fn spool(&self, shard: &Shard, members: &[Member]) -> Result<Vec<(String, Range<u64>)>, SetError> {
        let write = SetError::writing(self.staging.root());
        let size: u64 = members.iter().map(|member| member.bytes.len() as u64).sum();
        let (file, mut at) = {
            let mut state = shard.state();
            let file = match &state.spool {
                Some(file) => Arc::clone(file),
                None => Arc::new(tempfile::tempfile_in(self.staging.root()).map_err(|e| write(system_words(e)))?),
            };
            state.spool = Some(Arc::clone(&file));
            let at = state.spooled;
            state.spooled += size;
            (file, at)
        };
        let mut locations = Vec::with_capacity(members.len());
        for member in members {
            offset_io::write(&file, &member.bytes, at).map_err(&write)?;
            let end = at + member.bytes.len() as u64;
            locations.push((member.kind.clone(), at..end));
            at = end;
        }
        Ok(locations)
    }

    /// Records the outcome for a slot. Writes the shard if it was the last one.
    fn settle(&self, shard: &Shard, slot: usize, held: Option<Held>) -> Result<Vec<Stored>, SetError> {
        let state = {
            let mut state = shard.state();
            state.waiting.remove(&slot);
            if let Some(held) = held {
                state.held.insert(slot, held);
            }
            if state.waiting.is_empty() { std::mem::take(&mut *state) } else { return Ok(Vec::new()) }
        };
        self.complete(shard, &state)
    }

    /// Writes a shard whose slots are all settled.
    fn complete(&self, shard: &Shard, state: &State) -> Result<Vec<Stored>, SetError> {
        if state.held.is_empty() {
            // An earlier run may have left this shard.
            self.staging.discard(&shard.name)?;
            return Ok(Vec::new());
        }
        // Without a spool, the whole shard survived from an earlier run.
        if let Some(spool) = &state.spool {
            let half = self.staging.begin(&shard.name)?;
            let path = || self.staging.root().join(&shard.name);
            self.write(shard, half.as_file(), state, spool).map_err(|e| SetError::writing(&path())(e))?;
            self.staging.finish(half, &shard.name)?;
        }
        let stored = state.held.iter().filter_map(|(&slot, held)| match held {
            Held::Spooled { hash, .. } => Some(Stored { slot, hash: *hash }),
            Held::Kept(_) => None,
        });
        Ok(stored.collect())
    }

    fn write(&self, shard: &Shard, file: &File, state: &State, spool: &File) -> std::io::Result<()> {
        let kept = if state.held.values().any(|held| matches!(held, Held::Kept(_))) {
            Some(self.staging.open(&shard.name)?)
        } else {
            None
        };
        let mut tar = tar::Builder::new(BufWriter::new(file));
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
                        tar.append_data(&mut header, name, FileRange::new(spool, range.clone()))?;
                    }
                }
                // Whole tar blocks are the same at any offset.
                (Held::Kept(range), Some(file)) => {
                    std::io::copy(&mut FileRange::new(file, range.clone()), tar.get_mut())?;
                }
                (Held::Kept(_), None) => return Err(std::io::ErrorKind::NotFound.into()),
            }
        }
        // From here on, the images count as whole on disk.
        tar.into_inner()?.into_inner()?.sync_all()
    }

    /// The WebDataset samples of a shard that an earlier run left, if they are exactly those that were stored.
    fn inspect(&self, shard: &Shard, stored: &HashMap<usize, blake3::Hash>) -> Option<BTreeMap<usize, Held>> {
        let file = self.staging.open(&shard.name).ok()?;
        let length = file.metadata().ok()?.len();
        let by_key: HashMap<&str, usize> = shard.slots.iter().map(|&slot| (self.key(slot), slot)).collect();
        let mut samples: BTreeMap<usize, Range<u64>> = BTreeMap::new();
        let mut labelled = HashSet::new();
        for member in TarMembers::of_file(&file, length) {
            let member = member.ok()?;
            let (key, kind) = key_and_kind(member.path.as_deref()?)?;
            let slot = *by_key.get(key)?;
            let bytes = || {
                let mut bytes = vec![0; (member.data.end - member.data.start) as usize];
                offset_io::read(&file, &mut bytes, member.data.start).ok().map(|()| bytes)
            };
            if kind == IMAGE {
                // In order, and each only once.
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

impl Sink for ShardSink {
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String> {
        picture::encode_png(image)
    }

    fn path(&self, slot: usize) -> String {
        let shard = self.shard(slot).map_or("", |shard| shard.name.as_str());
        format!("{shard}/{}.{IMAGE}", self.key(slot))
    }

    fn store(&self, slot: usize, bytes: Vec<u8>, members: Vec<Member>) -> Result<Vec<Stored>, SetError> {
        let shard = self.shard(slot).filter(|shard| shard.state().waiting.contains(&slot));
        let unexpected = || SetError::Encode {
            path: PathBuf::from(self.path(slot)),
            reason: "its shard was not made for it, or has it already".into(),
        };
        let shard = shard.ok_or_else(unexpected)?;
        let hash = blake3::hash(&bytes);
        let members = self.members(slot, bytes, members)?;
        let members = self.spool(shard, &members)?;
        self.settle(shard, slot, Some(Held::Spooled { members, hash }))
    }

    fn give_up(&self, slot: usize) -> Result<Vec<Stored>, SetError> {
        match self.shard(slot).filter(|shard| shard.state().waiting.contains(&slot)) {
            Some(shard) => self.settle(shard, slot, None),
            None => Ok(Vec::new()),
        }
    }

    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, SetError> {
        let stored: HashMap<usize, blake3::Hash> = earlier.iter().map(|stored| (stored.slot, stored.hash)).collect();
        let survivors = |shard: &Shard| {
            // The shard belongs to another process.
            if shard.state().waiting.is_empty() && !shard.slots.iter().any(|slot| stored.contains_key(slot)) {
                return Ok(Vec::new());
            }
            let Some(kept) = self.inspect(shard, &stored).filter(|kept| !kept.is_empty()) else {
                self.staging.discard(&shard.name)?;
                self.staging.check_kind(&shard.name)?;
                return Ok(Vec::new());
            };
            let slots: Vec<usize> = kept.keys().copied().collect();
            let mut state = shard.state();
            state.waiting.retain(|slot| !kept.contains_key(slot));
            state.held.extend(kept);
            Ok(slots)
        };
        let slots: Result<Vec<Vec<usize>>, SetError> = self.shards.par_iter().map(survivors).collect();
        let slots: HashSet<usize> = slots?.into_iter().flatten().collect();
        // A shard of images that are no longer in the input must not stay.
        let names: HashSet<&str> = self.shards.iter().map(|shard| shard.name.as_str()).collect();
        self.staging.discard_others(|path| names.contains(path) || is_manifest(path))?;
        Ok(earlier.iter().map(|stored| stored.slot).filter(|slot| slots.contains(slot)).collect())
    }

    fn finish(self: Box<Self>, _: &[usize], _: Option<&mut Manifest>) -> Result<bool, SetError> {
        Ok(false)
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
