//! The output of a job: a sink, its journal, and which images are whole. An open output belongs to this process. Images
//! of an earlier run that are unchanged on disk are not done again.

use super::error::JobError;
use super::journal::{Head, Journal, Record};
use super::partition::Partition;
use crate::Memory;
use crate::set::arrays::{NpySink, NpzSink, archive, is_labels, labels_file};
use crate::set::folder::{FileKind, FolderSink};
use crate::set::manifest::{PartitionRecord, UNSEALED};
use crate::set::manifest_file;
use crate::set::sink::{Sink, Stored};
use crate::set::staging::{JOURNAL, STAGED, Staging};
use crate::set::webdataset::{ShardPlace, ShardSink};
use crate::set::{
    Encoding, Entry, Ledger, MANIFEST, Manifest, PARTITION_MANIFEST, SetError, Slot, Split, beside, check_new_file,
    parent,
};
use imgveil::internal::key::Key;
use std::collections::{BTreeSet, HashMap, HashSet};
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
    /// The key, which seals the manifest and checks what an earlier run left.
    pub key: &'a Key,
    /// What identifies the run.
    pub head: Head,
    /// Whether a set that the same run completed is opened again, to add images that it lacks.
    pub reopen: bool,
    /// Whether only their owner may read the files.
    pub private: bool,
    /// The file of names that the run will write.
    pub names: Option<PathBuf>,
    /// The shard and key of every slot, for a set of shards that an update writes. Empty means that the slots tell.
    pub shards: Vec<ShardPlace>,
}

/// An open output without its sink, which other threads use meanwhile.
pub(super) struct Output {
    staging: Staging,
    encoding: Encoding,
    partition: Option<Partition>,
    /// Whether this run created the folder.
    created: bool,
    /// The names of the images that earlier runs wrote.
    earlier: HashSet<String>,
    journal: Journal,
    key: Key,
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

/// What a run leaves.
pub(super) struct Finished {
    /// The manifest of an encrypted set.
    pub manifest: Option<Manifest>,
    /// Files and folders in the output that imgveil did not write.
    pub strangers: Vec<String>,
}

/// The folder in which an output is created: the output itself, or for an `.npz` file a folder beside it.
pub(super) fn folder(path: &Path, encoding: Encoding) -> PathBuf {
    match encoding {
        Encoding::Npz => beside(path, "imgveil-partial"),
        _ => path.to_owned(),
    }
}

/// The name of the journal.
pub(super) fn journal_name(partition: Option<Partition>) -> String {
    partition.map_or(JOURNAL.to_owned(), |partition| format!("{JOURNAL}-{}", partition.slug()))
}

/// The name of the manifest that a run leaves. The manifest of a partition is merged later.
pub(super) fn manifest_name(partition: Option<Partition>) -> String {
    partition.map_or(MANIFEST.to_owned(), |partition| format!("{PARTITION_MANIFEST}{}.json", partition.slug()))
}

/// How the name of a ledger ends. It begins as those of staged files do.
const LEDGER: &str = "-ledger";

/// Whether a file of this name is a ledger.
pub(super) fn is_ledger(name: &str) -> bool {
    name.starts_with(STAGED) && name.ends_with(LEDGER)
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
        let archive = place.encoding == Encoding::Npz && place.path.exists();
        let manifest = || root.join(manifest_name(place.partition)).exists();
        archive || Journal::is_begun(&root.join(journal_name(place.partition))) || manifest()
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
        let (mut journal, mut records) = Journal::open(&path, place.key, &place.head, place.path)?;
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
            let record = Record::new(String::new(), entry);
            journal.add(&record)?;
            records.push(record);
        }
        let staging = staging(&root, &place, &records)?;
        let earlier_names = records.iter().map(|record| record.entry.name.clone()).collect();
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
        // Staged files of a run that was killed.
        let beside = (place.encoding == Encoding::Npz).then(|| parent(place.path));
        for folder in [Some(root.as_path()), beside, place.names.as_deref().map(parent)].into_iter().flatten() {
            staging.tidy(folder)?;
        }
        let Place { encoding, partition, .. } = place;
        let key = place.key.clone();
        let (pending, early, earlier) = (HashMap::new(), HashMap::new(), earlier_names);
        let output = Self { staging, encoding, partition, created, earlier, journal, key, done, pending, early };
        Ok(State::Open(Box::new(output), sink))
    }

    /// The manifest of the same run, if it was completed before. Refuses a place that holds anything else.
    fn completed(place: &Place<'_>, root: &Path) -> Result<Option<Manifest>, JobError> {
        let running = Journal::is_begun(&root.join(journal_name(place.partition)));
        if place.encoding == Encoding::Npz && place.path.exists() && !running {
            // A run that was killed in its very last step leaves an empty folder. Others cannot be removed so.
            let _ = std::fs::remove_dir(root);
        }
        if place.encoding == Encoding::Npz && !place.path.exists() && !running && is_taken(place, root)? {
            return Err(SetError::OutputExists(root.to_owned()).into());
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
            return match archive::manifest(place.path, Memory::default()) {
                Ok(Some(manifest)) if manifest.run == place.head.run && !place.reopen => {
                    manifest.authenticate(place.key, &place.path.join(MANIFEST))?;
                    Ok(Some(manifest))
                }
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
        match manifest_file::read(&path, Memory::default()) {
            Ok(Some(manifest)) if !manifest.run.is_empty() && manifest.run == place.head.run => {
                manifest.authenticate(place.key, &path)?;
                if place.reopen && manifest.format == UNSEALED {
                    return Err(JobError::OldSet(place.path.to_owned()));
                }
                return Ok(Some(manifest));
            }
            Ok(None) => {}
            // Somebody else's.
            Ok(Some(_)) | Err(SetError::Manifest { .. }) => return Err(exists()),
            Err(error) => return Err(error.into()),
        }
        if is_taken(place, root)? { Err(exists()) } else { Ok(None) }
    }

    /// Whether the image of a slot is whole.
    pub fn has(&self, slot: usize) -> bool {
        self.done.get(slot).is_some_and(Option::is_some)
    }

    /// The names of the images that earlier runs wrote.
    pub fn earlier(&self) -> &HashSet<String> {
        &self.earlier
    }

    /// The beginning of the names of staged files.
    pub fn prefix(&self) -> &str {
        self.staging.prefix()
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
        let _ = self.staging.discard_all();
        let _ = self.staging.tidy(self.staging.root());
        let _ = self.staging.close();
        let _ = self.journal.close();
        if self.created {
            // Fails if somebody put something else there.
            let _ = std::fs::remove_dir(self.staging.root());
        }
    }

    /// Completes the set. `manifest` makes the manifest from the entries; it returns none for a plain set. The journal
    /// is removed last: a set without a journal is complete.
    pub fn finish(
        self,
        sink: Box<dyn Sink>,
        manifest: impl FnOnce(Vec<Entry>) -> Option<Manifest>,
    ) -> Result<Finished, JobError> {
        let written: Vec<usize> = (0..self.done.len()).filter(|&slot| self.has(slot)).collect();
        let entries: Vec<Entry> = self.done.into_iter().flatten().collect();
        let paths: Vec<String> = entries.iter().map(|entry| entry.path.clone()).collect();
        let mut manifest = manifest(entries);
        if let (Some(partition), Some(manifest)) = (self.partition, &mut manifest) {
            let (index, of) = (partition.index(), partition.of());
            manifest.partition = Some(PartitionRecord { index, of, slots: written.clone() });
        }
        if let Some(manifest) = &mut manifest {
            sink.settle(&written, manifest);
            manifest.seal_with(&self.key);
        }
        let inside = sink.finish(&written, manifest.as_mut())?;
        if let Some(manifest) = manifest.as_ref().filter(|_| !inside) {
            let name = manifest_name(self.partition);
            let path = self.staging.root().join(&name);
            let write = SetError::writing(&path);
            let file = self.staging.begin(&name)?;
            let mut buffered = std::io::BufWriter::new(file.as_file());
            manifest.write(&mut buffered).and_then(|()| buffered.flush()).map_err(&write)?;
            drop(buffered);
            // A set with a manifest counts as complete, so the bytes must be on disk before the manifest has its name.
            file.as_file().sync_all().map_err(&write)?;
            self.staging.finish(file, &name)?;
        }
        self.staging.tidy(self.staging.root())?;
        self.staging.close()?;
        self.journal.close()?;
        let strangers = match self.encoding {
            Encoding::Npz => {
                // Fails if somebody put something else there, or another process has removed it already.
                let _ = std::fs::remove_dir(self.staging.root());
                self.staging.strangers(|_| false, |_| false)
            }
            // The files of other partitions are not known here.
            _ if self.partition.is_some() => Vec::new(),
            _ => strangers(&self.staging, self.encoding, &paths),
        };
        Ok(Finished { manifest, strangers })
    }
}

/// Whether a folder without a journal or manifest holds anything, so that nothing may be written to it. Partitions are
/// written to one folder. Hidden files of our name do not count: a run that was killed in its first step leaves them.
fn is_taken(place: &Place<'_>, root: &Path) -> Result<bool, JobError> {
    if !root.exists() {
        return Ok(false);
    }
    let (mut others, mut foreign) = (false, false);
    for entry in root.read_dir().map_err(SetError::reading(root))? {
        let entry = entry.map_err(SetError::reading(root))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let of_a_partition = name.starts_with(PARTITION_MANIFEST) || name.starts_with(&format!("{JOURNAL}-"));
        others |= of_a_partition;
        foreign |= !of_a_partition && !name.starts_with(STAGED);
    }
    Ok(foreign && !(others && place.partition.is_some()))
}

/// The staging folder of a run, with what the journal's records and the manifest of the same run say about its files.
fn staging(root: &Path, place: &Place<'_>, records: &[Record]) -> Result<Staging, JobError> {
    // The identity is in the head of the journal, so the names of staged files are known before any of them exists.
    let identity = place.head.run.get(..16).unwrap_or(&place.head.run);
    let owner = place.partition.map_or(identity.to_owned(), |partition| format!("{identity}-{}", partition.slug()));
    let manifest = manifest_name(place.partition);
    let path = root.join(&manifest);
    let completed = if path.is_symlink() { None } else { manifest_file::read(&path, Memory::default()).ok().flatten() };
    let completed = completed.filter(|manifest| manifest.run == place.head.run);
    // A completed set of arrays also has labels, which no entry names.
    let of_arrays = completed.iter().filter(|_| place.encoding == Encoding::Npy).flat_map(|manifest| &manifest.images);
    let labelled: BTreeSet<Split> = of_arrays.filter(|entry| entry.label.is_some()).map(|entry| entry.split).collect();
    let labels = labelled.into_iter().map(|split| (labels_file(split), None));
    // Only a file of its own has the hash in the record.
    let whole_file = matches!(place.encoding, Encoding::Png | Encoding::Jpeg { .. });
    let recorded = records.iter().map(|Record { entry, .. }| {
        let file = place.encoding.file_of(&entry.path).to_string_lossy().into_owned();
        (file, blake3::Hash::from_hex(&entry.blake3).ok().filter(|_| whole_file))
    });
    let known = recorded.chain(completed.map(|_| (manifest, None))).chain(labels);
    let path = root.join(format!("{STAGED}{owner}{LEDGER}"));
    let ledger = Ledger::open(path.clone(), place.key, known).map_err(SetError::writing(&path))?;
    Ok(Staging::of_run(root, &owner, ledger).private(place.private))
}

/// What is in a folder besides the files of these images.
fn strangers(staging: &Staging, encoding: Encoding, paths: &[String]) -> Vec<String> {
    let file = |path: &String| encoding.file_of(path).to_string_lossy().replace('\\', "/");
    let files: HashSet<String> = paths.iter().map(file).collect();
    let mut folders: HashSet<&str> = HashSet::new();
    for file in &files {
        let mut folder = file.as_str();
        while let Some((parent, _)) = folder.rsplit_once('/') {
            if !folders.insert(parent) {
                break;
            }
            folder = parent;
        }
    }
    let labels = |name: &str| encoding == Encoding::Npy && is_labels(name);
    staging.strangers(|name| name == MANIFEST || files.contains(name) || labels(name), |name| folders.contains(name))
}

fn sink(staging: &Staging, place: &Place<'_>, slots: Vec<Slot>) -> Result<Box<dyn Sink>, JobError> {
    Ok(match place.encoding {
        Encoding::Png => Box::new(FolderSink::create(staging.clone(), slots, FileKind::Png)),
        Encoding::Jpeg { quality } => Box::new(FolderSink::create(staging.clone(), slots, FileKind::Jpeg(quality))),
        Encoding::Npz => Box::new(NpzSink::create(staging.clone(), place.path, slots)?),
        Encoding::Npy => Box::new(NpySink::create(staging.clone(), slots)?),
        Encoding::WebDataset { .. } if !place.shards.is_empty() => {
            Box::new(ShardSink::at(staging.clone(), slots, &place.shards))
        }
        Encoding::WebDataset { per_shard } => Box::new(ShardSink::create(staging.clone(), slots, per_shard as usize)?),
    })
}
