//! Verifies an encrypted set: whether every file exists and matches the manifest, and, with the key, whether it
//! decrypts to what was encrypted.

use super::batch::Batch;
use super::cost;
use super::decrypt_stages::Decryption;
use super::encrypted_set::EncryptedSet;
use super::error::JobError;
use super::pipeline::{self, Budget, Event};
use super::progress::{Busy, NoProgress, Note, Progress};
use super::request::VerifyRequest;
use super::summary::{Failure, in_order};
use crate::format::{ReadError, ReadErrorKind, ReadOptions};
use crate::set::{Beside, Entry, MANIFEST, Manifest, SetError, Source, Trust, mixtures, open_with};
use crate::{Detail, Error};
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
    /// What could not be checked, whatever key is given.
    pub unchecked: Vec<Unchecked>,
    /// The images with which something is wrong.
    pub failed: Vec<Failure>,
    /// Where labels (arrays, members of shards) differ from those in the manifest or are missing.
    pub labels: Vec<String>,
    /// Samples of shards whose files beside the image are not those that were carried over.
    pub members: Vec<String>,
    /// Files that the manifest does not name. They do not belong to the set and were not encrypted with it.
    pub strangers: Vec<String>,
    /// The fingerprint of the set's key.
    #[serde(skip)]
    pub key: String,
    /// BLAKE3 of `imgveil.json`, as hex digits.
    #[serde(skip)]
    pub manifest_hash: String,
    /// Seconds that the verification took.
    pub seconds: f64,
    /// How long each stage worked, if images were decrypted.
    pub busy: Busy,
}

/// Why a part of a set cannot be checked, even with its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Unchecked {
    /// The images are stored as JPEG.
    #[error("kept as JPEG, images cannot be compared with what was encrypted")]
    Jpeg,
    /// The scheme loses a part of the images.
    #[error("the scheme cannot be undone, so images cannot be compared with what was encrypted")]
    Lossy,
    /// The soft labels of mixtures are not in the manifest.
    #[error("labels of mixtures are not in imgveil.json: only that they are shares which add up to 1 can be checked")]
    Shares,
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
        let checked = match &request.secret {
            Some(secret) => self.decrypted(secret, wanted),
            None => self.hashed(wanted),
        };
        let Checked { manifest, beside, checked, failed, busy, decrypted, unchecked } = match checked {
            // Mixtures are floats, which no source lists.
            Err(error) if matches!(error.detail(), Detail::Set(SetError::Mixtures { .. })) => self.mixtures(wanted)?,
            other => other?,
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
            decrypted,
            exact: manifest.encoding.is_exact(),
            unchecked,
            failed: in_order(failed),
            labels: beside.labels,
            members: beside.members,
            strangers,
            key: manifest.key.to_string(),
            manifest_hash: blake3::hash(&manifest.to_text().unwrap_or_default()).to_hex().to_string(),
            seconds: started.elapsed().as_secs_f64(),
            busy,
        })
    }

    /// Compares files with the hashes in the manifest.
    fn hashed(&self, wanted: impl Fn(usize) -> bool) -> Result<Checked, Error> {
        let memory = self.request.memory;
        let opened = open_with(&self.request.input, &ReadOptions { memory, ..ReadOptions::default() })?;
        let manifest = opened.manifest.ok_or_else(|| JobError::NotEncrypted(self.request.input.clone()))?;
        let unchecked = Vec::new();
        Ok(Checked { unchecked, ..self.files(opened.source.as_ref(), manifest, wanted) })
    }

    /// Compares the files of an opened set with the hashes in its manifest.
    fn files(&self, source: &dyn Source, manifest: Manifest, wanted: impl Fn(usize) -> bool) -> Checked {
        let (progress, memory) = (self.progress.as_ref(), self.request.memory);
        let indices: Vec<usize> = (0..manifest.images.len()).filter(|&index| wanted(index)).collect();
        progress.start(indices.len());
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
        let (checked, beside) = (indices.len(), source.beside());
        let unchecked = vec![Unchecked::Lossy];
        Checked { beside, manifest, checked, failed, busy: Busy::default(), decrypted: false, unchecked }
    }

    /// Compares mixtures with the hashes in the manifest.
    fn mixtures(&self, wanted: impl Fn(usize) -> bool) -> Result<Checked, Error> {
        let VerifyRequest { input, secret, memory, .. } = &self.request;
        let (set, faults) = mixtures::read(input, *memory, secret.as_ref().map(Secret::key))?;
        let labels = set.wrong_labels();
        let manifest = set.manifest;
        let indices: Vec<usize> = (0..manifest.images.len()).filter(|&index| wanted(index)).collect();
        self.progress.start(indices.len());
        let failure = |&index: &usize| {
            let error = ReadError::new(&manifest.images[index].path, ReadErrorKind::Changed);
            (index, Failure::of_set(error))
        };
        let failed: Vec<_> = faults.changed.iter().filter(|&&index| wanted(index)).map(failure).collect();
        failed.iter().for_each(|_| self.progress.set_aside());
        let bytes = set.geometry.samples() * size_of::<f32>();
        let good = indices.len() - failed.len();
        self.progress.advance(good, (good * bytes) as u64);
        let beside = Beside { labels, strangers: faults.strangers, ..Beside::default() };
        let checked = indices.len();
        let unchecked = match secret {
            Some(_) => vec![Unchecked::Lossy, Unchecked::Shares],
            None => vec![Unchecked::Shares],
        };
        Ok(Checked { manifest, beside, checked, failed, busy: Busy::default(), decrypted: false, unchecked })
    }

    /// Decrypts the images and compares them with the keyed hashes of what was encrypted. Where the scheme has no
    /// inverse, compares the files with the hashes in the manifest, for which the seal vouches.
    fn decrypted(&self, secret: &Secret, wanted: impl Fn(usize) -> bool) -> Result<Checked, Error> {
        let progress = self.progress.as_ref();
        let encrypted = EncryptedSet::open_any(&self.request.input, secret, self.request.memory)?;
        match encrypted.check_inverse() {
            Err(JobError::Lossy { .. }) => {
                return Ok(self.files(encrypted.source.as_ref(), encrypted.manifest, wanted));
            }
            other => other?,
        }
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
        let (beside, manifest) = (encrypted.source.beside(), encrypted.manifest);
        let unchecked = if manifest.encoding.is_exact() { Vec::new() } else { vec![Unchecked::Jpeg] };
        Ok(Checked { beside, manifest, checked, failed, busy, decrypted: true, unchecked })
    }
}

/// What was checked, and what is wrong.
struct Checked {
    manifest: Manifest,
    beside: Beside,
    checked: usize,
    failed: Vec<(usize, Failure)>,
    busy: Busy,
    decrypted: bool,
    unchecked: Vec<Unchecked>,
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
