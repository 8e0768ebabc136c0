//! The output of a job: a sink, its journal, and which images are whole. An open output belongs to this process. Images
//! of an earlier run that are unchanged on disk are not done again.

use super::error::JobError;
use super::journal::{self, Head, Journal, Record};
use super::partition::Partition;
use crate::set::arrays::{NpySink, NpzSink, archive};
use crate::set::folder::{FileKind, FolderSink};
use crate::set::manifest::PartitionRecord;
use crate::set::sink::{Sink, Stored};
use crate::set::staging::{JOURNAL, Staging};
use crate::set::webdataset::ShardSink;
use crate::set::{Encoding, Entry, MANIFEST, Manifest, PARTITION_MANIFEST, SetError, Slot, beside, check_new_file};
use imgveil::internal::image::Depth;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where and how a run writes.
pub(super) struct Place<'a> {
    /// The set: a folder, or an `.npz` file.
    pub path: &'a Path,
    /// How the set is stored.
    pub encoding: Encoding,
    /// The partition that this process writes.
    pub partition: Option<Partition>,
    /// What identifies the run.
    pub head: Head,
    /// Whether a set that the same run completed is opened again, to add images that it lacks.
    pub reopen: bool,
}

/// An open output without its sink, which other threads use meanwhile.
pub(super) struct Output {
    staging: Staging,
    encoding: Encoding,
    partition: Option<Partition>,
    /// Whether this run created the folder.
    created: bool,
    journal: Journal,
    /// The images that are whole, by slot.
    done: Vec<Option<Entry>>,
    /// Images that are written but not whole, because their shard is not complete.
    pending: HashMap<usize, Record>,
    /// Images that are whole although their own event has not arrived: another thread completed the shard.
    early: HashMap<usize, blake3::Hash>,
}

/// The state of the output.
pub(super) enum State {
    /// New, or left by an interrupted run of the same identity.
    Open(Box<Output>, Box<dyn Sink>),
    /// The same run was completed before.
    Complete(Box<Manifest>),
}

/// The folder in which an output is created: the output itself, or for an `.npz` file a folder beside it.
fn folder(path: &Path, encoding: Encoding) -> PathBuf {
    match encoding {
        Encoding::Npz => beside(path, "imgveil-partial"),
        _ => path.to_owned(),
    }
}

/// The name of the journal.
fn journal_name(partition: Option<Partition>) -> String {
    partition.map_or(JOURNAL.to_owned(), |partition| format!("{JOURNAL}-{}", partition.slug()))
}

/// The name of the manifest that a run leaves. The manifest of a partition is merged later.
pub(super) fn manifest_name(partition: Option<Partition>) -> String {
    partition.map_or(MANIFEST.to_owned(), |partition| format!("{PARTITION_MANIFEST}{}.json", partition.slug()))
}

/// Whether the images of a set that was completed before have the labels, splits and sizes that they should have now. A
/// file of labels may have changed since.
fn is_as_wanted(manifest: &Manifest, slots: &[Slot]) -> bool {
    let wanted: HashMap<&str, &Slot> = slots.iter().map(|slot| (slot.item.name.as_str(), slot)).collect();
    manifest.images.iter().all(|entry| {
        // Images that are no longer in the input or can no longer be read are not compared.
        let slot = wanted.get(entry.name.as_str());
        slot.is_none_or(|Slot { item, geometry }| {
            (item.split, item.label) == (entry.split, entry.label)
                && geometry.is_none_or(|found| found == entry.geometry)
        })
    })
}

impl Output {
    /// Whether an earlier run wrote to this place.
    pub fn is_begun(place: &Place<'_>) -> bool {
        let root = folder(place.path, place.encoding);
        let there = |name: String| root.join(name).exists();
        let archive = place.encoding == Encoding::Npz && place.path.exists();
        archive || there(journal_name(place.partition)) || there(manifest_name(place.partition))
    }

    /// The depth of the images of more than 8 bits that an earlier run left in this place. A run that goes on must use
    /// the same.
    pub fn depth_so_far(path: &Path, encoding: Encoding, partition: Option<Partition>) -> Option<Depth> {
        let root = folder(path, encoding);
        let journal = std::fs::read(root.join(journal_name(partition)));
        let manifest = || match encoding {
            Encoding::Npz => archive::manifest(path).ok().flatten(),
            _ => std::fs::read(root.join(manifest_name(partition))).ok().and_then(|text| Manifest::parse(&text).ok()),
        };
        let entries: Vec<Entry> = match journal {
            Ok(text) => journal::parse(&text).records.into_iter().map(|record| record.entry).collect(),
            Err(_) => manifest()?.images,
        };
        entries.iter().map(|entry| entry.geometry.depth()).find(|&depth| depth != Depth::U8)
    }

    /// Opens an output for these slots. `stamps` are the current stamps of their images, by slot.
    pub fn open(place: Place<'_>, slots: Vec<Slot>, stamps: &[String]) -> Result<State, JobError> {
        let mut names: Vec<&str> = slots.iter().map(|slot| slot.item.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SetError::Collision(pair[0].to_owned()).into());
        }
        let root = folder(place.path, place.encoding);
        let earlier = match Self::completed(&place, &root)? {
            Some(manifest) if place.reopen => manifest.images,
            Some(manifest) if is_as_wanted(&manifest, &slots) => return Ok(State::Complete(Box::new(manifest))),
            Some(_) => return Err(SetError::OutputExists(place.path.to_owned()).into()),
            None => Vec::new(),
        };
        let created = !root.exists();
        std::fs::create_dir_all(&root).map_err(SetError::writing(&root))?;
        let path = root.join(journal_name(place.partition));
        let (mut journal, mut records) = Journal::open(&path, &place.head, place.path)?;
        if records.is_empty() && earlier.is_empty() {
            // Another process may have completed the set between our check and our lock.
            let npz = place.encoding == Encoding::Npz;
            let found = match Self::finished(&place, &root) {
                Ok(Some(manifest)) => Some(Ok(State::Complete(Box::new(manifest)))),
                Err(error) if npz => Some(Err(error)),
                _ => None,
            };
            if let Some(found) = found {
                // Removing fails only if the other process already did so.
                let _ = journal.close();
                if npz {
                    let _ = std::fs::remove_dir(&root);
                }
                return found;
            }
        }
        for entry in earlier {
            // The input's stamps are no longer known: the images count as unchanged.
            let record = Record { stamp: String::new(), entry };
            journal.add(&record)?;
            records.push(record);
        }
        let staging = match place.partition {
            None => Staging::alone(&root),
            Some(partition) => Staging::shared(&root, &partition.slug()),
        };
        let number: HashMap<&str, usize> =
            slots.iter().enumerate().map(|(slot, it)| (it.item.name.as_str(), slot)).collect();
        let here = |record: &Record| {
            let slot = *number.get(record.entry.name.as_str())?;
            let same = record.stamp.is_empty() || stamps.get(slot) == Some(&record.stamp);
            let expected = &slots[slot];
            let entry = &record.entry;
            let fits = expected.geometry == Some(entry.geometry)
                && (expected.item.split, expected.item.label) == (entry.split, entry.label);
            (same && fits).then_some(slot)
        };
        // The last record of an image counts.
        let mut known: HashMap<usize, Entry> = HashMap::new();
        for record in records {
            if let Some(slot) = here(&record) {
                known.insert(slot, record.entry);
            }
        }
        let count = slots.len();
        let sink = sink(&staging, &place, slots)?;
        let mut earlier: Vec<Stored> = known
            .iter()
            .filter(|(slot, entry)| sink.path(**slot) == entry.path)
            .filter_map(|(&slot, entry)| Some(Stored { slot, hash: blake3::Hash::from_hex(&entry.blake3).ok()? }))
            .collect();
        earlier.sort_by_key(|stored| stored.slot);
        let mut done = vec![None; count];
        for slot in sink.surviving(&earlier)? {
            if let Some(entry) = done.get_mut(slot) {
                *entry = known.remove(&slot);
            }
        }
        match place.encoding {
            // These sinks remove leftovers themselves.
            Encoding::Png | Encoding::Jpeg { .. } => {}
            Encoding::WebDataset { .. } if place.partition.is_none() => {
                // A shard of images that are no longer in the input must not stay.
                let file = |slot| root.join(place.encoding.file_of(&sink.path(slot)));
                let files: HashSet<PathBuf> = (0..count).map(file).collect();
                staging.tidy(|path| files.contains(path))?;
            }
            // Removes a manifest that was being written when the run was killed.
            _ => staging.tidy(|_| true)?,
        }
        let (encoding, partition) = (place.encoding, place.partition);
        let (pending, early) = (HashMap::new(), HashMap::new());
        Ok(State::Open(Box::new(Self { staging, encoding, partition, created, journal, done, pending, early }), sink))
    }

    /// The manifest of the same run, if it was completed before. Refuses a place that holds anything else.
    fn completed(place: &Place<'_>, root: &Path) -> Result<Option<Manifest>, JobError> {
        let running = root.join(journal_name(place.partition)).exists();
        if place.encoding == Encoding::Npz && place.path.exists() && !running {
            // A run that was killed in its very last step leaves arrays that the archive already contains.
            let _ = std::fs::remove_dir_all(root);
        }
        // If an archive is whole but its journal was not removed, the archive is written once more.
        if running { Ok(None) } else { Self::finished(place, root) }
    }

    /// As [`Output::completed`], but ignores the journal.
    fn finished(place: &Place<'_>, root: &Path) -> Result<Option<Manifest>, JobError> {
        let exists = || JobError::from(SetError::OutputExists(place.path.to_owned()));
        if place.encoding == Encoding::Npz {
            if !place.path.exists() {
                return check_new_file(place.path).map(|()| None).map_err(JobError::from);
            }
            return match archive::manifest(place.path) {
                Ok(Some(manifest)) if manifest.run == place.head.run && !place.reopen => Ok(Some(manifest)),
                Ok(Some(manifest)) if manifest.run == place.head.run => Err(JobError::Whole(place.path.to_owned())),
                _ => Err(exists()),
            };
        }
        if !root.exists() {
            return Ok(None);
        }
        if !root.is_dir() {
            return Err(exists());
        }
        let path = root.join(manifest_name(place.partition));
        match std::fs::read(&path) {
            Ok(text) => match Manifest::parse(&text) {
                Ok(manifest) if !manifest.run.is_empty() && manifest.run == place.head.run => {
                    return Ok(Some(manifest));
                }
                _ => return Err(exists()),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(SetError::Read { path, source: e }.into()),
        }
        // The folder is not empty if other partitions are written to it. It counts as empty if it only has leftovers of
        // a run that was killed at its very beginning.
        let mut others = false;
        let mut foreign = false;
        for entry in root.read_dir().map_err(SetError::reading(root))? {
            let entry = entry.map_err(SetError::reading(root))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let of_a_partition = name.starts_with(PARTITION_MANIFEST) || name.starts_with(&format!("{JOURNAL}-"));
            others |= of_a_partition;
            foreign |= !of_a_partition && !name.starts_with(".imgveil-");
        }
        if foreign && !(others && place.partition.is_some()) { Err(exists()) } else { Ok(None) }
    }

    /// Whether the image of a slot is whole.
    pub fn has(&self, slot: usize) -> bool {
        self.done.get(slot).is_some_and(Option::is_some)
    }

    /// The number of images that are whole.
    pub fn count(&self) -> usize {
        self.done.iter().flatten().count()
    }

    /// Records an image that was written, and the images that are whole because of it.
    pub fn accept(&mut self, slot: usize, record: Record, stored: Vec<Stored>) -> Result<(), JobError> {
        self.pending.insert(slot, record);
        if let Some(hash) = self.early.remove(&slot) {
            self.settle(vec![Stored { slot, hash }])?;
        }
        self.settle(stored)
    }

    /// Records that the image of a slot will not come.
    pub fn give_up(&mut self, sink: &dyn Sink, slot: usize) -> Result<(), JobError> {
        self.settle(sink.give_up(slot)?)
    }

    fn settle(&mut self, stored: Vec<Stored>) -> Result<(), JobError> {
        for Stored { slot, hash } in stored {
            let Some(record) = self.pending.remove(&slot) else {
                self.early.insert(slot, hash);
                continue;
            };
            let entry = Entry { blake3: hash.to_hex().to_string(), ..record.entry };
            let record = Record { entry, ..record };
            self.journal.add(&record)?;
            if let Some(entry) = self.done.get_mut(slot) {
                *entry = Some(record.entry);
            }
        }
        Ok(())
    }

    /// Removes an output without a single image.
    pub fn abandon(self, sink: Box<dyn Sink>) {
        // Best effort: the caller returns an error anyway.
        drop(sink);
        let _ = self.staging.tidy(|_| false);
        let _ = self.journal.close();
        if self.created {
            let _ = std::fs::remove_dir_all(self.staging.root());
        }
    }

    /// Completes the set. `manifest` makes the manifest from the entries; it returns none for a plain set. The journal
    /// is removed last: a set without a journal is complete.
    pub fn finish(
        self,
        sink: Box<dyn Sink>,
        manifest: impl FnOnce(Vec<Entry>) -> Option<Manifest>,
    ) -> Result<Option<Manifest>, JobError> {
        let written: Vec<usize> = (0..self.done.len()).filter(|&slot| self.has(slot)).collect();
        let mut manifest = manifest(self.done.into_iter().flatten().collect());
        if let (Some(partition), Some(manifest)) = (self.partition, &mut manifest) {
            let (index, of) = (partition.index(), partition.of());
            manifest.partition = Some(PartitionRecord { index, of, slots: written.clone() });
        }
        let inside = sink.finish(&written, manifest.as_mut())?;
        if let Some(manifest) = manifest.as_ref().filter(|_| !inside) {
            let path = self.staging.root().join(manifest_name(self.partition));
            let write = SetError::writing(&path);
            let file = self.staging.begin(&path)?;
            let mut buffered = std::io::BufWriter::new(file.as_file());
            manifest.write(&mut buffered).and_then(|()| buffered.flush()).map_err(&write)?;
            drop(buffered);
            // A set with a manifest counts as complete, so the bytes must be on disk before the manifest has its name.
            file.as_file().sync_all().map_err(&write)?;
            file.persist(&path).map_err(|e| write(e.error))?;
        }
        self.journal.close()?;
        if self.encoding == Encoding::Npz {
            let root = self.staging.root();
            match std::fs::remove_dir_all(root) {
                // Another process may have removed it before.
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(SetError::Write { path: root.to_owned(), source }.into());
                }
                _ => {}
            }
        }
        Ok(manifest)
    }
}

fn sink(staging: &Staging, place: &Place<'_>, slots: Vec<Slot>) -> Result<Box<dyn Sink>, JobError> {
    Ok(match place.encoding {
        Encoding::Png => Box::new(FolderSink::create(staging.clone(), slots, FileKind::Png)),
        Encoding::Jpeg { quality } => Box::new(FolderSink::create(staging.clone(), slots, FileKind::Jpeg(quality))),
        Encoding::Npz => Box::new(NpzSink::create(staging.root(), place.path, slots)?),
        Encoding::Npy => Box::new(NpySink::create(staging.root(), slots)?),
        Encoding::WebDataset { per_shard } => Box::new(ShardSink::create(staging.root(), slots, per_shard as usize)?),
    })
}
