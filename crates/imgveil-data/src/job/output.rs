//! The output of a job: a sink, the journal beside it, and which images are whole already. Opened, it belongs to this process; an
//! earlier run's images that are still there to the byte are not done again.

use super::journal::{Head, Journal, Record};
use super::part::Part;
use super::{Failure, JobError};
use crate::dataset::arrays::{NpySink, NpzSink};
use crate::dataset::encoding::Encoding;
use crate::dataset::sink::{Sink, Slot, Stored};
use crate::dataset::tree::{Kind, TreeSink};
use crate::dataset::webdataset::ShardSink;
use crate::dataset::work::{PARTIAL, Work};
use crate::dataset::{DatasetError, Entry, MANIFEST, Manifest};
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where and how to write, and what the run is.
pub(super) struct Plan<'a> {
    /// The set: a folder, or an `.npz` file.
    pub path: &'a Path,
    /// Its form.
    pub encoding: Encoding,
    /// Which of several processes this one is.
    pub part: Option<Part>,
    /// What the run is.
    pub head: Head,
    /// A set that the same run completed is opened again, for images that it does not have.
    pub again: bool,
}

/// The output, opened: everything but the sink, which other threads use meanwhile.
pub(super) struct Output {
    work: Work,
    encoding: Encoding,
    part: Option<Part>,
    /// Whether the folder was made now.
    made: bool,
    journal: Journal,
    /// What is whole, by slot.
    done: Vec<Option<Entry>>,
    /// Written, but not whole yet: in an archive that is still open.
    pending: HashMap<usize, Record>,
    /// Whole, but the thread that brought it has not said so yet: another one completed the archive.
    early: HashMap<usize, blake3::Hash>,
}

/// What there is at the place of the output.
pub(super) enum Found {
    /// Nothing, or what this run left when it was cut.
    Open(Box<Output>, Box<dyn Sink>),
    /// All of it: the same run was completed before.
    Complete(Box<Manifest>),
}

/// The folder in which an output is made: itself, or for an archive a folder beside it.
fn folder(path: &Path, encoding: Encoding) -> PathBuf {
    match encoding {
        Encoding::Npz => crate::dataset::beside(path, "imgveil-partial"),
        _ => path.to_owned(),
    }
}

/// The journal's name.
fn journal_name(part: Option<Part>) -> String {
    part.map_or(PARTIAL.to_owned(), |part| format!("{PARTIAL}-{}", part.slug()))
}

/// The name of the manifest that a run leaves: a part's own waits to be merged.
pub(super) fn manifest_name(part: Option<Part>) -> String {
    part.map_or(MANIFEST.to_owned(), |part| format!("imgveil.part-{}.json", part.slug()))
}

/// Whether a set that was completed before has the labels, parts and sizes that its images are to have now: a file of labels may
/// have been changed since.
fn is_as_wanted(manifest: &Manifest, slots: &[Slot]) -> bool {
    let wanted: HashMap<&str, &Slot> = slots.iter().map(|slot| (slot.item.name.as_str(), slot)).collect();
    manifest.images.iter().all(|entry| {
        // What is not in the input any more, or cannot be read any more, says nothing.
        let slot = wanted.get(entry.name.as_str());
        slot.is_none_or(|Slot { item, geometry }| {
            (item.split, item.label) == (entry.split, entry.label)
                && geometry.is_none_or(|found| found == entry.geometry)
        })
    })
}

impl Output {
    /// Whether an earlier run wrote something here already.
    pub fn is_begun(plan: &Plan<'_>) -> bool {
        let root = folder(plan.path, plan.encoding);
        let there = |name: String| root.join(name).exists();
        let archive = plan.encoding == Encoding::Npz && plan.path.exists();
        archive || there(journal_name(plan.part)) || there(manifest_name(plan.part))
    }

    /// Opens an output for these slots; `stamps` are those of their images now, by slot.
    pub fn open(plan: Plan<'_>, slots: Vec<Slot>, stamps: &[String]) -> Result<Found, JobError> {
        let mut names: Vec<&str> = slots.iter().map(|slot| slot.item.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(DatasetError::Collision(pair[0].to_owned()).into());
        }
        let root = folder(plan.path, plan.encoding);
        let earlier = match Self::completed(&plan, &root)? {
            Some(manifest) if plan.again => manifest.images,
            Some(manifest) if is_as_wanted(&manifest, &slots) => return Ok(Found::Complete(Box::new(manifest))),
            Some(_) => return Err(DatasetError::OutputExists(plan.path.to_owned()).into()),
            None => Vec::new(),
        };
        let made = !root.exists();
        std::fs::create_dir_all(&root).map_err(|source| DatasetError::Write { path: root.clone(), source })?;
        let path = root.join(journal_name(plan.part));
        let (mut journal, mut records) = Journal::open(&path, &plan.head, plan.path)?;
        if records.is_empty() && earlier.is_empty() {
            // Another process may have completed the set between our look and our lock.
            let npz = plan.encoding == Encoding::Npz;
            let found = match Self::finished(&plan, &root) {
                Ok(Some(manifest)) => Some(Ok(Found::Complete(Box::new(manifest)))),
                Err(error) if npz => Some(Err(error)),
                _ => None,
            };
            if let Some(found) = found {
                // What is in the way of removing it is that the other process did so.
                let _ = journal.close();
                if npz {
                    let _ = std::fs::remove_dir(&root);
                }
                return found;
            }
        }
        for entry in earlier {
            // What was input then is not known any more: it is taken to be what it was.
            let record = Record { stamp: String::new(), entry };
            journal.add(&record)?;
            records.push(record);
        }
        let work = match plan.part {
            None => Work::alone(&root),
            Some(part) => Work::shared(&root, &part.slug()),
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
        // The last word on an image counts.
        let mut known: HashMap<usize, Entry> = HashMap::new();
        for record in records {
            if let Some(slot) = here(&record) {
                known.insert(slot, record.entry);
            }
        }
        let count = slots.len();
        let sink = sink(&work, &plan, slots)?;
        let mut earlier: Vec<Stored> = known
            .iter()
            .filter(|(slot, entry)| sink.path(**slot) == entry.path)
            .filter_map(|(&slot, entry)| Some(Stored { slot, hash: blake3::Hash::from_hex(&entry.blake3).ok()? }))
            .collect();
        earlier.sort_by_key(|stored| stored.slot);
        let mut done = vec![None; count];
        for slot in sink.surviving(&earlier)? {
            if let Some(place) = done.get_mut(slot) {
                *place = known.remove(&slot);
            }
        }
        match plan.encoding {
            // Such a sink sees to it itself.
            Encoding::Png | Encoding::Jpeg { .. } => {}
            Encoding::WebDataset { .. } if plan.part.is_none() => {
                // A shard of images that are not in the input any more must not stay.
                let file = |slot| root.join(plan.encoding.file_of(&sink.path(slot)));
                let files: HashSet<PathBuf> = (0..count).map(file).collect();
                work.tidy(|path| files.contains(path))?;
            }
            // A manifest that was being written when the run was killed.
            _ => work.tidy(|_| true)?,
        }
        let (encoding, part) = (plan.encoding, plan.part);
        let (pending, early) = (HashMap::new(), HashMap::new());
        Ok(Found::Open(Box::new(Self { work, encoding, part, made, journal, done, pending, early }), sink))
    }

    /// The manifest of this very run, where it was completed before. Refuses a place that holds anything else.
    fn completed(plan: &Plan<'_>, root: &Path) -> Result<Option<Manifest>, JobError> {
        let running = root.join(journal_name(plan.part)).exists();
        if plan.encoding == Encoding::Npz && plan.path.exists() && !running {
            // A run that was killed in its very last step leaves arrays that the archive holds already.
            let _ = std::fs::remove_dir_all(root);
        }
        match running {
            // Where an archive is whole, and was cut between its last byte and the journal's end, it is written once more.
            true => Ok(None),
            false => Self::finished(plan, root),
        }
    }

    /// As [`Output::completed`], whatever the journal says.
    fn finished(plan: &Plan<'_>, root: &Path) -> Result<Option<Manifest>, JobError> {
        let exists = || JobError::from(DatasetError::OutputExists(plan.path.to_owned()));
        if plan.encoding == Encoding::Npz {
            return match plan.path.exists() {
                true => match crate::dataset::npz::manifest(plan.path) {
                    Ok(Some(manifest)) if manifest.run == plan.head.run && !plan.again => Ok(Some(manifest)),
                    Ok(Some(manifest)) if manifest.run == plan.head.run => Err(JobError::Whole(plan.path.to_owned())),
                    _ => Err(exists()),
                },
                false => crate::dataset::npz::check_new(plan.path).map(|()| None).map_err(JobError::from),
            };
        }
        if !root.exists() {
            return Ok(None);
        }
        if !root.is_dir() {
            return Err(exists());
        }
        let read = |source| DatasetError::Read { path: root.to_owned(), source };
        let path = root.join(manifest_name(plan.part));
        match std::fs::read(&path) {
            Ok(text) => match Manifest::parse(&text) {
                Ok(manifest) if !manifest.run.is_empty() && manifest.run == plan.head.run => return Ok(Some(manifest)),
                _ => return Err(exists()),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(DatasetError::Read { path, source: e }.into()),
        }
        // A folder to which other parts are being written is not empty; one that a run was killed in at its very beginning is
        // as good as empty.
        let mut others = false;
        let mut foreign = false;
        for entry in root.read_dir().map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let of_a_part = name.starts_with("imgveil.part-") || name.starts_with(&format!("{PARTIAL}-"));
            others |= of_a_part;
            foreign |= !of_a_part && !name.starts_with(".imgveil-");
        }
        match foreign && !(others && plan.part.is_some()) {
            true => Err(exists()),
            false => Ok(None),
        }
    }

    /// Whether the image of a slot is whole already.
    pub fn has(&self, slot: usize) -> bool {
        self.done.get(slot).is_some_and(Option::is_some)
    }

    /// How many images are whole.
    pub fn count(&self) -> usize {
        self.done.iter().flatten().count()
    }

    /// Takes in what was written of an image, and what that made whole.
    pub fn accept(&mut self, slot: usize, record: Record, stored: Vec<Stored>) -> Result<(), JobError> {
        self.pending.insert(slot, record);
        if let Some(hash) = self.early.remove(&slot) {
            self.settle(vec![Stored { slot, hash }])?;
        }
        self.settle(stored)
    }

    /// The image of a slot will not come.
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
            if let Some(place) = self.done.get_mut(slot) {
                *place = Some(record.entry);
            }
        }
        Ok(())
    }

    /// An output without a single image is none: what was begun is taken back.
    pub fn abandon(self, sink: Box<dyn Sink>) {
        // Best effort: an error is on its way already.
        drop(sink);
        let _ = self.work.tidy(|_| false);
        let _ = self.journal.close();
        if self.made {
            let _ = std::fs::remove_dir_all(self.work.root());
        }
    }

    /// Completes the set. `manifest` makes one of the entries; a plain set has none. The journal goes last: a set without one is
    /// complete.
    pub fn finish(
        self,
        sink: Box<dyn Sink>,
        manifest: impl FnOnce(Vec<Entry>) -> Option<Manifest>,
    ) -> Result<Option<Manifest>, JobError> {
        let written: Vec<usize> = (0..self.done.len()).filter(|&slot| self.has(slot)).collect();
        let mut manifest = manifest(self.done.into_iter().flatten().collect());
        if let (Some(part), Some(manifest)) = (self.part, &mut manifest) {
            manifest.part =
                Some(crate::dataset::manifest::Part { index: part.index(), of: part.of(), slots: written.clone() });
        }
        let inside = sink.finish(&written, manifest.as_mut())?;
        if let Some(manifest) = manifest.as_ref().filter(|_| !inside) {
            let path = self.work.root().join(manifest_name(self.part));
            let write = |source| DatasetError::Write { path: path.clone(), source };
            let file = self.work.begin(&path)?;
            let mut buffered = std::io::BufWriter::new(file.as_file());
            manifest.write(&mut buffered).and_then(|()| buffered.flush()).map_err(write)?;
            drop(buffered);
            // Whoever finds a manifest takes the set for complete: it must not be there before its bytes are.
            file.as_file().sync_all().map_err(write)?;
            file.persist(&path).map_err(|e| write(e.error))?;
        }
        self.journal.close()?;
        if self.encoding == Encoding::Npz {
            let root = self.work.root();
            match std::fs::remove_dir_all(root) {
                // Another process may have found it before us.
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(DatasetError::Write { path: root.to_owned(), source }.into());
                }
                _ => {}
            }
        }
        Ok(manifest)
    }
}

fn sink(work: &Work, plan: &Plan<'_>, slots: Vec<Slot>) -> Result<Box<dyn Sink>, JobError> {
    Ok(match plan.encoding {
        Encoding::Png => Box::new(TreeSink::create(work.clone(), slots, Kind::Png)),
        Encoding::Jpeg { quality } => Box::new(TreeSink::create(work.clone(), slots, Kind::Jpeg(quality))),
        Encoding::Npz => Box::new(NpzSink::create(work.root(), plan.path, slots)?),
        Encoding::Npy => Box::new(NpySink::create(work.root(), slots)?),
        Encoding::WebDataset { per_shard } => Box::new(ShardSink::create(work.root(), slots, per_shard as usize)?),
    })
}

/// What a job could not do, in the order of the input.
pub(super) fn in_order(mut failed: Vec<(usize, Failure)>) -> Vec<Failure> {
    failed.sort_by_key(|(slot, _)| *slot);
    failed.into_iter().map(|(_, failure)| failure).collect()
}
