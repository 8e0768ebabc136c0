//! Writes an updated set beside the set, and puts it in its place.

use super::layout::{self, Place};
use super::looked::Looked;
use super::request::UpdateRequest;
use super::{commit, lines};
use crate::Memory;
use crate::job::batch::{Batch, batches};
use crate::job::describe::{self, Tally};
use crate::job::encrypt::{Encryption, stamp};
use crate::job::error::JobError;
use crate::job::identity;
use crate::job::journal::{Head, Record};
use crate::job::output::{self, Output, State};
use crate::job::pipeline::{self, Event};
use crate::job::progress::{Busy, Progress};
use crate::job::request::EncryptRequest;
use crate::job::summary::{Failure, Summary};
use crate::set::names::{self, Name};
use crate::set::sink::{Sink, Stored};
use crate::set::staging::STAGED;
use crate::set::{Entry, Manifest, MembersHash, SetError, Slot, Source};
use imgveil::internal::engine::Device;
use imgveil::internal::image::Geometry;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Instant;

/// Images that are copied at a time.
const COPIED: usize = 64;

/// Writes what has to be written, and puts the updated set in the place of the set.
pub(super) fn write(
    looked: Looked,
    update: &UpdateRequest,
    device: &Device,
    progress: &dyn Progress,
) -> Result<Summary, JobError> {
    let places = layout::places(&looked.set, &looked.earlier, &looked.compared, update.prune)?;
    let Looked { request, mut set, earlier, encrypted, names, .. } = looked;
    let (path, manifest) = (update.output.as_path(), &earlier.manifest);
    let encoding = manifest.encoding;
    let written: Vec<&Place> = places.iter().filter(|place| place.written).collect();
    let slot = |place: &&Place| Slot { item: place.item.clone(), geometry: Some(place.geometry) };
    let slots: Vec<Slot> = written.iter().map(slot).collect();
    let stamp = |place: &&Place| match (place.source, place.entry) {
        (Some(index), _) => stamp(&request, &set, index),
        (None, entry) => entry.map_or(String::new(), |number| manifest.images[number].plain.clone()),
    };
    let stamps: Vec<String> = written.iter().map(stamp).collect();
    let key = request.secret.key();
    let head = Head::new(key, "update", identity::of_update(&request.secret, manifest.salt), manifest.salt);
    let place = output::Place {
        path: &request.output,
        encoding,
        partition: None,
        key,
        head,
        reopen: false,
        private: false,
        names: names.clone(),
        shards: written.iter().filter_map(|place| place.shard.clone()).collect(),
    };
    let started = Instant::now();
    if !Output::is_begun(&place) {
        // What a run left that was killed in its last step.
        commit::discard(path, encoding)?;
    }
    let (mut output, sink) = match Output::open(place, slots.clone(), &stamps)? {
        State::Open(output, sink) => (output, sink),
        State::Complete(_) => return Err(SetError::OutputExists(request.output.clone()).into()),
    };
    let files = (0..slots.len()).map(|slot| encoding.file_of(&sink.path(slot)).to_string_lossy().replace('\\', "/"));
    commit::check_free(path, manifest, files.collect::<HashSet<_>>().iter().map(String::as_str))?;
    copy(&request, manifest, encrypted.as_ref(), &written, sink.as_ref(), &stamps, &mut output)?;
    let mut failed = std::mem::take(&mut set.failed);
    failed.iter().for_each(|_| progress.set_aside());
    let mut busy = Busy::default();
    let missing: Vec<usize> =
        (0..written.len()).filter(|&slot| written[slot].source.is_some() && !output.has(slot)).collect();
    progress.start(missing.len());
    if !missing.is_empty() {
        let numbers: Vec<usize> = written.iter().map(|place| place.source.unwrap_or(usize::MAX)).collect();
        let job = Encryption { request: &request, device, set: &set, sink: sink.as_ref(), numbers: Some(&numbers) };
        let batches = by_geometry(&missing, &slots, request.options.read.memory);
        pipeline::run(&job, &batches, request.options.read.memory, |event, now| {
            busy = *now;
            progress.busy(now);
            match event {
                Event::Written(slot, (entry, stored)) => {
                    progress.advance(1, entry.geometry.bytes() as u64);
                    output.accept(slot, Record::new(stamps[slot].clone(), entry), stored)
                }
                Event::Failed(slot, error) => {
                    let error = job.located(slot, error);
                    if written[slot].entry.is_some() {
                        // It was read a moment ago, and what the set has of it must not be lost.
                        let source = std::io::Error::other(error.kind.to_string());
                        return Err(SetError::Read { path: PathBuf::from(&error.path), source }.into());
                    }
                    progress.set_aside();
                    failed.push((set.listed[numbers[slot]], Failure::from(error)));
                    output.give_up(sink.as_ref(), slot)
                }
            }
        })?;
    }
    let images = || places.iter().map(|place| (place.item.name.as_str(), place.index));
    if let Some(names) = &names {
        // Until the updated set is in its place, the file of names has the lines of both.
        let (mut both, _) = lines::lines(&set, &earlier, images());
        let known: HashSet<String> = both.iter().map(|line| line.id.clone()).collect();
        let mut old: Vec<Name> = earlier.names.values().filter(|line| !known.contains(&line.id)).cloned().collect();
        old.sort_by(|one, other| one.id.cmp(&other.id));
        both.extend(old);
        names::write_staged(names, output.prefix(), both)?;
    }
    let finished = output.finish(sink, |entries| {
        let mut fresh: HashMap<String, Entry> = entries.into_iter().map(|entry| (entry.name.clone(), entry)).collect();
        let entry = |place: &Place| match (place.written, place.entry) {
            (true, _) => fresh.remove(&place.item.name),
            (false, number) => number.and_then(|number| manifest.images.get(number)).cloned(),
        };
        Some(describe::manifest(&request, &set, places.iter().filter_map(entry).collect()))
    })?;
    let updated = finished.manifest.ok_or(JobError::Worker)?;
    commit::complete(path, key)?;
    if let Some(names) = &names {
        let there: HashSet<&str> = updated.images.iter().map(|entry| entry.name.as_str()).collect();
        let (lines, _) = lines::lines(&set, &earlier, images().filter(|(name, _)| there.contains(name)));
        names::write_staged(names, STAGED, lines)?;
    }
    let resumed = places.iter().filter(|place| place.source.is_none()).count();
    Ok(describe::summary(&request, device.name(), &set, updated, Tally { resumed, failed, started, busy }))
}

/// Images of one geometry go to the device together.
fn by_geometry(missing: &[usize], slots: &[Slot], memory: Memory) -> Vec<Batch> {
    let mut order: HashMap<Geometry, usize> = HashMap::new();
    let mut wanted: Vec<(usize, usize, Geometry)> = Vec::new();
    for &slot in missing {
        let Some(geometry) = slots[slot].geometry else { continue };
        let next = order.len();
        wanted.push((*order.entry(geometry).or_insert(next), slot, geometry));
    }
    wanted.sort_unstable_by_key(|&(rank, slot, _)| (rank, slot));
    batches(wanted.into_iter().map(|(_, slot, geometry)| (slot, geometry)), memory)
}

/// Copies the images that stay into arrays and shards that are written anew, as they are encrypted.
fn copy(
    request: &EncryptRequest,
    manifest: &Manifest,
    encrypted: &dyn Source,
    written: &[&Place],
    sink: &dyn Sink,
    stamps: &[String],
    output: &mut Output,
) -> Result<(), JobError> {
    let copy = |&(slot, number): &(usize, usize)| -> Result<(Entry, Vec<Stored>), JobError> {
        let entry = &manifest.images[number];
        let refused =
            |reason: String| SetError::Read { path: PathBuf::from(&entry.path), source: std::io::Error::other(reason) };
        let image = encrypted.read(number).map_err(|error| refused(error.kind.to_string()))?;
        let members = encrypted.members(number, &request.options.read.members);
        let members = members.map_err(|error| refused(error.kind.to_string()))?;
        if MembersHash::of(&members) != entry.members {
            return Err(refused("its members are not those that were carried over with it".into()).into());
        }
        let path = sink.path(slot);
        let encode = |reason| SetError::Encode { path: PathBuf::from(&path), reason };
        let stored = sink.store(slot, sink.encode(&image).map_err(encode)?, members)?;
        Ok((Entry { path, blake3: String::new(), ..entry.clone() }, stored))
    };
    let of_set = |slot: usize| Some((slot, written[slot].entry.filter(|_| written[slot].source.is_none())?));
    let wanted: Vec<(usize, usize)> =
        (0..written.len()).filter_map(of_set).filter(|(slot, _)| !output.has(*slot)).collect();
    for some in wanted.chunks(COPIED) {
        let stored: Vec<_> = some.par_iter().map(copy).collect();
        for (&(slot, _), result) in some.iter().zip(stored) {
            let (entry, stored) = result?;
            output.accept(slot, Record::new(stamps[slot].clone(), entry), stored)?;
        }
    }
    Ok(())
}
