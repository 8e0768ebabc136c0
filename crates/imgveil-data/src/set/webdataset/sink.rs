//! Writes shards. The slots determine which shard an image belongs to and where it stands in it. Images come in any order: those of
//! a shard wait in an unnamed file (the spool) until the last one is there. Then the shard is written in order under a staged
//! name and renamed. Its bytes depend on nothing but slots and images: headers hold no time and no owner.

use super::keys::keys;
use super::{CLASS, key_and_kind};
use crate::format::picture;
use crate::format::tar::TarMembers;
use crate::offset_io::{self, FileRange};
use crate::set::sink::{Sink, Stored};
use crate::set::staging::{STAGED, system_words};
use crate::set::{Manifest, Member, SetError, Slot, Split, remove};
use imgveil::internal::image::Image;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An encoded image's kind.
const IMAGE: &str = "png";

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
    locations: Vec<usize>,
    shards: Vec<Shard>,
}

impl ShardSink {
    /// A sink that writes into `work`, a folder that is there, `per_shard` samples a shard.
    ///
    /// # Errors
    /// When two samples of a part cannot be told apart by their names.
    pub fn create(work: &Path, slots: Vec<Slot>, per_shard: usize) -> Result<Self, SetError> {
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
        Ok(Self { work: work.to_owned(), slots, keys, locations, shards })
    }

    fn shard(&self, slot: usize) -> Option<&Shard> {
        self.shards.get(*self.locations.get(slot)?)
    }

    fn key(&self, slot: usize) -> &str {
        self.keys.get(slot).map_or("", String::as_str)
    }

    /// The members of a sample, by kind.
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

    /// Puts a sample's members into the spool of its shard.
    fn spool(&self, shard: &Shard, members: &[Member]) -> Result<Vec<(String, Range<u64>)>, SetError> {
        let write = SetError::writing(&self.work);
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
        let mut locations = Vec::with_capacity(members.len());
        for member in members {
            offset_io::write(&file, &member.bytes, at).map_err(&write)?;
            let end = at + member.bytes.len() as u64;
            locations.push((member.kind.clone(), at..end));
            at = end;
        }
        Ok(locations)
    }

    /// Notes what became of a slot; writes the shard if that was the last one it waited for.
    fn settle(&self, shard: &Shard, slot: usize, held: Option<Held>) -> Result<Vec<Stored>, SetError> {
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
    fn complete(&self, shard: &Shard, state: &State) -> Result<Vec<Stored>, SetError> {
        let path = self.work.join(&shard.name);
        if state.held.is_empty() {
            // An earlier run may have left one.
            remove(&path).map_err(SetError::writing(&path))?;
            return Ok(Vec::new());
        }
        // Where all of it survived an earlier run, there is nothing to do.
        if let Some(spool) = &state.spool {
            let half = self.staged(shard);
            self.write(&path, &half, state, spool).map_err(SetError::writing(&half))?;
            std::fs::rename(&half, &path).map_err(SetError::writing(&path))?;
        }
        let stored = state.held.iter().filter_map(|(&slot, held)| match held {
            Held::Spooled { hash, .. } => Some(Stored { slot, hash: *hash }),
            Held::Kept(_) => None,
        });
        Ok(stored.collect())
    }

    /// Where a shard is written. Known by name, so that no other process's is ever taken for a leftover.
    fn staged(&self, shard: &Shard) -> PathBuf {
        self.work.join(format!("{STAGED}{}", shard.name))
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
                        tar.append_data(&mut header, name, FileRange::new(spool, range.clone()))?;
                    }
                }
                // Whole blocks: they are the same wherever they stand.
                (Held::Kept(range), Some(file)) => {
                    std::io::copy(&mut FileRange::new(file, range.clone()), tar.get_mut())?;
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
        for member in TarMembers::of_file(&file, length) {
            let member = member.ok()?;
            let (key, kind) = key_and_kind(member.path.as_deref()?)?;
            let slot = *by_key.get(key)?;
            let bytes = || {
                let mut bytes = vec![0; (member.data.end - member.data.start) as usize];
                offset_io::read(&file, &mut bytes, member.data.start).ok().map(|()| bytes)
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
            // Another process's shard is its own affair.
            if shard.state().waiting.is_empty() && !shard.slots.iter().any(|slot| stored.contains_key(slot)) {
                return Ok(Vec::new());
            }
            let (path, half) = (self.work.join(&shard.name), self.staged(shard));
            remove(&half).map_err(SetError::writing(&half))?;
            let Some(kept) = self.inspect(shard, &stored).filter(|kept| !kept.is_empty()) else {
                remove(&path).map_err(SetError::writing(&path))?;
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
        Ok(earlier.iter().map(|stored| stored.slot).filter(|slot| slots.contains(slot)).collect())
    }

    fn finish(self: Box<Self>, _: &[usize], _: Option<&mut Manifest>) -> Result<bool, SetError> {
        Ok(false)
    }
}

#[cfg(test)]
#[path = "sink_tests.rs"]
mod tests;
