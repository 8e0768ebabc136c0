//! Decrypts an encrypted set.

use super::batch::Batch;
use super::census::Census;
use super::decrypt_stages::Decryption;
use super::encrypted_set::EncryptedSet;
use super::error::{JobError, check_apart};
use super::identity;
use super::journal::{Head, Record};
use super::output::{Output, Place, State};
use super::pipeline::{self, Event};
use super::plain_names::{PlainNames, slots};
use super::progress::{Busy, NoProgress, Note, Progress};
use super::request::DecryptRequest;
use super::summary::{Failure, Summary, in_order};
use crate::Error;
use crate::format::ReadError;
use crate::set::{Encoding, Entry, Item, SetError, Slot, Trust};
use imgveil::internal::engine::Device;
use std::sync::Arc;
use std::time::Instant;

/// Decrypts a set.
///
/// Every image is checked twice: its file against the hash in the manifest, and its pixels against the keyed hash of
/// what was encrypted. An image that fails is set aside and not written. The pixels of images that were stored as JPEG
/// are not what was encrypted, and only their files are checked.
pub struct DecryptRun {
    request: DecryptRequest,
    device: Device,
    progress: Arc<dyn Progress>,
}

impl DecryptRun {
    /// A run of a request on a device, without progress reports.
    pub fn new(request: DecryptRequest, device: Device) -> Self {
        Self { request, device, progress: Arc::new(NoProgress) }
    }

    /// Reports progress to `progress`.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Decrypts the set, or continues a decryption that was interrupted.
    ///
    /// # Errors
    /// If the set is not encrypted, or was encrypted with another key; nothing is written then. Also if the disk or the
    /// device fails later.
    pub fn run(&self) -> Result<Summary, Error> {
        let (request, progress) = (&self.request, self.progress.as_ref());
        let encrypted = EncryptedSet::open(&request.input, &request.secret, request.options.memory)?;
        check_apart(&request.input, &request.output)?;
        if encrypted.trust == Trust::Format1 {
            progress.note(&Note::Format1);
        }
        let names = match &request.options.names {
            Some(path) => Some(PlainNames::read(path, encrypted.key(), &encrypted.manifest)?),
            None => None,
        };
        let encrypted = match &names {
            Some(names) => encrypted.reordered(names.order()),
            None => encrypted,
        };
        let manifest = &encrypted.manifest;
        if !manifest.encoding.is_exact() {
            progress.note(&Note::NotExact);
        }
        let encoding = request.options.encoding.unwrap_or_else(|| Encoding::of_path(&request.output));
        let slots = slots(manifest, names.as_ref());
        let stamps: Vec<String> = manifest.images.iter().map(|entry| entry.blake3.clone()).collect();
        let private = request.options.private;
        let key = request.secret.key();
        let head = Head::new(key, "decrypt", identity::of_decryption(request, manifest, encoding), manifest.salt);
        let (path, partition, reopen, names_written) = (request.output.as_path(), None, false, None);
        let shards = Vec::new();
        let place = Place { path, encoding, partition, key, head, reopen, private, names: names_written, shards };
        let started = Instant::now();
        let (mut output, sink) = match Output::open(place, slots.clone(), &stamps)? {
            State::Open(output, sink) => (output, sink),
            // A plain set has no manifest that could identify its run.
            State::Complete(_) => return Err(SetError::OutputExists(request.output.clone()).into()),
        };
        let resumed = output.count();
        let batches = encrypted.batches(|slot| !output.has(slot));
        progress.start(batches.iter().map(Batch::len).sum());
        let (mut failed, mut busy) = (Vec::<(usize, Failure)>::new(), Busy::default());
        let job = Decryption { encrypted: &encrypted, device: &self.device, sink: Some(sink.as_ref()) };
        pipeline::run(&job, &batches, request.options.memory, |event, now| {
            busy = *now;
            progress.busy(now);
            match event {
                Event::Written(slot, stored) => {
                    let entry = &manifest.images[slot];
                    progress.advance(1, entry.geometry.bytes() as u64);
                    let Item { name, split, label } = slots[slot].item.clone();
                    let geometry = slots[slot].geometry.unwrap_or(entry.geometry);
                    let path = sink.path(slot);
                    let entry = Entry { name, path, split, label, geometry, original: None, ..entry.clone() };
                    output.accept(slot, Record::new(stamps[slot].clone(), entry), stored)
                }
                Event::Failed(slot, error) => {
                    progress.set_aside();
                    let path = manifest.images[slot].path.clone();
                    failed.push((slot, Failure::of_set(ReadError { path, ..error })));
                    output.give_up(sink.as_ref(), slot)
                }
            }
        })?;
        let images = output.count();
        if images == 0
            && let Some((_, first)) = failed.iter().min_by_key(|(slot, _)| *slot)
        {
            let (images, first) = (failed.len(), first.clone());
            output.abandon(sink);
            return Err(JobError::NothingReadable { images, first }.into());
        }
        let whole: Vec<usize> = (0..slots.len()).filter(|&slot| output.has(slot)).collect();
        let finished = output.finish(sink, |_| None)?;
        if !finished.strangers.is_empty() {
            progress.note(&Note::Strangers(finished.strangers));
        }
        let mut census = Census::default();
        for Slot { item, geometry } in whole.iter().map(|&slot| &slots[slot]) {
            let bytes = geometry.map_or(0, |geometry| geometry.bytes() as u64);
            census.add(item.split, item.label, &manifest.classes, String::new(), bytes);
        }
        let hash = blake3::hash(&manifest.to_text().unwrap_or_default()).to_hex().to_string();
        Ok(Summary {
            manifest: hash,
            images,
            resumed,
            bytes: census.bytes,
            failed: in_order(failed),
            ignored: 0,
            passed_over: Vec::new(),
            turned: 0,
            splits: census.splits,
            classes: census.classes,
            notes: Vec::new(),
            key: manifest.key.to_string(),
            scheme: encrypted.manifest.scheme,
            device: self.device.name(),
            seconds: started.elapsed().as_secs_f64(),
            busy,
            encoding,
            was_complete: false,
            names: None,
        })
    }
}
