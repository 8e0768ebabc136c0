//! Verifies an encrypted set: whether every file exists and matches the manifest, and, with the key, whether it
//! decrypts to what was encrypted.

use super::cost;
use super::encrypted_set::{Decryption, EncryptedSet};
use super::error::JobError;
use super::pipeline::{self, Batch, Budget, Event};
use super::progress::{Busy, NoProgress, Note, Progress};
use super::request::VerifyRequest;
use super::summary::{Failure, in_order};
use crate::Error;
use crate::format::{ReadError, ReadOptions};
use crate::set::{Beside, Entry, MANIFEST, Manifest, Source, Trust, open_with};
use imgveil::internal::engine::Device;
use imgveil::internal::scheme::{Scheme, Secret};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// The result of a verification.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// What vouches for the manifest.
    pub manifest: Trust,
    /// The number of images in the set.
    pub images: usize,
    /// How many of them were checked.
    pub checked: usize,
    /// Whether they were decrypted too.
    pub decrypted: bool,
    /// Whether the set is stored exactly. Images that were stored as JPEG are not what was encrypted, and only their
    /// files were checked.
    pub exact: bool,
    /// The images with which something is wrong.
    pub failed: Vec<Failure>,
    /// Where labels (arrays, members of shards) differ from those in the manifest or are missing.
    pub labels: Vec<String>,
    /// Samples of shards whose files beside the image are not those that were carried over.
    pub members: Vec<String>,
    /// Files that the manifest does not name. They do not belong to the set and were not encrypted with it.
    pub strangers: Vec<String>,
    /// Seconds that the verification took.
    pub seconds: f64,
    /// How long each stage worked, if images were decrypted.
    pub busy: Busy,
}

/// Verifies a set.
pub struct VerifyRun {
    request: VerifyRequest,
    device: Device,
    progress: Arc<dyn Progress>,
}

impl VerifyRun {
    /// A run of a request on a device, without progress reports.
    pub fn new(request: VerifyRequest, device: Device) -> Self {
        Self { request, device, progress: Arc::new(NoProgress) }
    }

    /// Reports progress to `progress`.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Verifies the set. What is wrong with single images is in the result.
    ///
    /// # Errors
    /// If the set is not encrypted, or was encrypted with another key.
    pub fn run(&self) -> Result<Verification, Error> {
        let started = Instant::now();
        let request = &self.request;
        let wanted = |index: usize| request.spot_check.is_none_or(|check| check.includes(index));
        let Checked { manifest, beside, checked, failed, busy } = match &request.secret {
            Some(secret) => self.decrypted(secret, wanted)?,
            None => self.hashed(wanted)?,
        };
        let trust = Trust::of(&manifest, request.secret.is_some());
        if trust == Trust::Format1 {
            self.progress.note(&Note::Format1);
        }
        let mut strangers = strangers(&request.input, &manifest);
        strangers.extend(beside.strangers);
        Ok(Verification {
            manifest: trust,
            images: manifest.images.len(),
            checked,
            decrypted: request.secret.is_some(),
            exact: manifest.encoding.is_exact(),
            failed: in_order(failed),
            labels: beside.labels,
            members: beside.members,
            strangers,
            seconds: started.elapsed().as_secs_f64(),
            busy,
        })
    }

    /// Compares files with the hashes in the manifest.
    fn hashed(&self, wanted: impl Fn(usize) -> bool) -> Result<Checked, Error> {
        let progress = self.progress.as_ref();
        let memory = self.request.memory;
        let opened = open_with(&self.request.input, &ReadOptions { memory, ..ReadOptions::default() })?;
        let manifest = opened.manifest.ok_or_else(|| JobError::NotEncrypted(self.request.input.clone()))?;
        let indices: Vec<usize> = (0..manifest.images.len()).filter(|&index| wanted(index)).collect();
        progress.start(indices.len());
        let source: &dyn Source = opened.source.as_ref();
        let budget = Budget::new(memory);
        let plain = Scheme { name: String::new(), stages: Vec::new() };
        let read = |index: usize, entry: &Entry| {
            // The source of an encrypted set refuses a size that the manifest does not state.
            source.geometry(index)?;
            cost::check(memory, entry.geometry, &plain, source.length(index), &entry.path)?;
            // The source of an encrypted set compares every file with its hash.
            budget.while_taken(entry.geometry, || source.read(index).map(drop))
        };
        let check = |&index: &usize| {
            let entry = &manifest.images[index];
            match read(index, entry) {
                Ok(()) => {
                    progress.advance(1, entry.geometry.bytes() as u64);
                    None
                }
                Err(error) => {
                    progress.set_aside();
                    Some((index, Failure::of_set(ReadError { path: entry.path.clone(), ..error })))
                }
            }
        };
        let failed: Vec<(usize, Failure)> = indices.par_iter().filter_map(check).collect();
        let checked = indices.len();
        Ok(Checked { beside: source.beside(), manifest, checked, failed, busy: Busy::default() })
    }

    /// Decrypts the images and compares them with the keyed hashes of what was encrypted.
    fn decrypted(&self, secret: &Secret, wanted: impl Fn(usize) -> bool) -> Result<Checked, Error> {
        let progress = self.progress.as_ref();
        let encrypted = EncryptedSet::open(&self.request.input, secret, self.request.memory)?;
        let batches = encrypted.batches(wanted);
        let checked = batches.iter().map(Batch::len).sum();
        progress.start(checked);
        let (mut failed, mut busy) = (Vec::new(), Busy::default());
        let job = Decryption { encrypted: &encrypted, device: &self.device, sink: None };
        pipeline::run(&job, &batches, self.request.memory, |event, now| {
            busy = *now;
            progress.busy(now);
            match event {
                Event::Written(index, _) => {
                    progress.advance(1, encrypted.manifest.images[index].geometry.bytes() as u64);
                }
                Event::Failed(index, error) => {
                    progress.set_aside();
                    let path = encrypted.manifest.images[index].path.clone();
                    failed.push((index, Failure::of_set(ReadError { path, ..error })));
                }
            }
            Ok(())
        })?;
        Ok(Checked { beside: encrypted.source.beside(), manifest: encrypted.manifest, checked, failed, busy })
    }
}

/// What was checked, and what is wrong.
struct Checked {
    manifest: Manifest,
    beside: Beside,
    checked: usize,
    failed: Vec<(usize, Failure)>,
    busy: Busy,
}

/// Files in the set's folder that the manifest does not name.
fn strangers(root: &Path, manifest: &Manifest) -> Vec<String> {
    if !root.is_dir() {
        return Vec::new();
    }
    let named: HashSet<PathBuf> = manifest.images.iter().map(|entry| manifest.encoding.file_of(&entry.path)).collect();
    let labels = |path: &Path| {
        let images =
            path.to_str().and_then(|path| path.strip_suffix("labels.npy")).map(|start| format!("{start}images.npy"));
        images.is_some_and(|images| named.contains(Path::new(&images)))
    };
    let files = walkdir::WalkDir::new(root).sort_by_file_name().into_iter().flatten();
    files
        .filter(|entry| !entry.file_type().is_dir())
        .filter_map(|entry| entry.path().strip_prefix(root).ok().map(Path::to_owned))
        .filter(|path| path != Path::new(MANIFEST) && !named.contains(path) && !labels(path))
        .map(|path| path.display().to_string())
        .collect()
}
