//! Checks a set that `encrypt` wrote: whether every file is there and is what the manifest says; with the key, also whether it
//! decrypts to what was encrypted.

use super::decrypt::{Decryption, Encrypted};
use super::output::in_order;
use super::pipeline::{self, Batch, Event};
use super::{Busy, Failure, JobError, Progress};
use crate::dataset::{self, Beside, MANIFEST, Manifest, ReadError, Source};
use imgveil::internal::engine::Engine;
use imgveil::internal::scheme::Secret;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to check, and how thoroughly.
pub struct VerifyRequest<'a> {
    /// A set that `encrypt` wrote.
    pub input: &'a Path,
    /// What it was encrypted with: then every image is decrypted too.
    pub secret: Option<&'a Secret>,
    /// What decrypts.
    pub engine: &'a dyn Engine,
    /// One image of so many, beginning with this one.
    pub sample: Option<Sample>,
}

/// Every `of`th image, beginning with number `first`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// One image of so many.
    pub of: usize,
    /// The first.
    pub first: usize,
}

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Verification {
    /// Images of the set.
    pub images: usize,
    /// How many were checked.
    pub checked: usize,
    /// Whether they were decrypted too.
    pub decrypted: bool,
    /// Whether the set's form is exact; images kept as JPEG are not what was encrypted, and only their files were checked.
    pub exact: bool,
    /// What is wrong with some of them.
    pub failed: Vec<Failure>,
    /// Where labels lie that are not those of the manifest, or should lie and do not: arrays, members of shards.
    pub labels: Vec<String>,
    /// Files that the manifest does not name: no part of the set, and not encrypted by this run.
    pub strangers: Vec<String>,
    /// Seconds that it took.
    pub seconds: f64,
    /// How long each stage worked, where images were decrypted.
    pub busy: Busy,
}

/// Checks a set.
///
/// # Errors
/// When it is none, or was encrypted with another secret. What is wrong with single images is in the result.
pub fn verify(request: &VerifyRequest<'_>, progress: &dyn Progress) -> Result<Verification, JobError> {
    let started = Instant::now();
    let wanted =
        |index: usize| request.sample.is_none_or(|sample| index % sample.of.max(1) == sample.first % sample.of.max(1));
    let Checked { manifest, beside, checked, failed, busy } = match request.secret {
        Some(secret) => decrypted(request, secret, wanted, progress)?,
        None => hashed(request, wanted, progress)?,
    };
    let mut strangers = strangers(request.input, &manifest);
    strangers.extend(beside.strangers);
    Ok(Verification {
        images: manifest.images.len(),
        checked,
        decrypted: request.secret.is_some(),
        exact: manifest.encoding.is_exact(),
        failed: in_order(failed),
        labels: beside.labels,
        strangers,
        seconds: started.elapsed().as_secs_f64(),
        busy,
    })
}

/// What one way of checking found.
struct Checked {
    manifest: Manifest,
    beside: Beside,
    checked: usize,
    failed: Vec<(usize, Failure)>,
    busy: Busy,
}

fn hashed(
    request: &VerifyRequest<'_>,
    wanted: impl Fn(usize) -> bool,
    progress: &dyn Progress,
) -> Result<Checked, JobError> {
    let opened = dataset::open(request.input)?;
    let manifest = opened.manifest.ok_or_else(|| JobError::NotEncrypted(request.input.to_owned()))?;
    let indices: Vec<usize> = (0..manifest.images.len()).filter(|&index| wanted(index)).collect();
    progress.start(indices.len());
    let source: &dyn Source = opened.source.as_ref();
    let check = |&index: &usize| {
        let entry = &manifest.images[index];
        // A source of an encrypted set holds every file against its hash.
        match source.read(index) {
            Ok(image) if image.geometry() == entry.geometry => {
                progress.advance(1, entry.geometry.bytes() as u64);
                None
            }
            Ok(image) => {
                progress.set_aside();
                let reason = format!("is {}, and the manifest says {}", image.geometry(), entry.geometry);
                Some((index, Failure { path: entry.path.clone(), reason }))
            }
            Err(error) => {
                progress.set_aside();
                Some((index, ReadError { path: entry.path.clone(), ..error }.into()))
            }
        }
    };
    let failed: Vec<(usize, Failure)> = indices.par_iter().filter_map(check).collect();
    let checked = indices.len();
    Ok(Checked { beside: source.beside(), manifest, checked, failed, busy: Busy::default() })
}

fn decrypted(
    request: &VerifyRequest<'_>,
    secret: &Secret,
    wanted: impl Fn(usize) -> bool,
    progress: &dyn Progress,
) -> Result<Checked, JobError> {
    let encrypted = Encrypted::open(request.input, secret)?;
    let batches = encrypted.batches(wanted);
    let checked = batches.iter().map(Batch::len).sum();
    progress.start(checked);
    let (mut failed, mut busy) = (Vec::new(), Busy::default());
    let job = Decryption { encrypted: &encrypted, sink: None };
    pipeline::run(&job, request.engine, &batches, |event, now| {
        busy = *now;
        progress.busy(now);
        match event {
            Event::Written(index, _) => {
                progress.advance(1, encrypted.manifest.images[index].geometry.bytes() as u64);
            }
            Event::Failed(index, error) => {
                progress.set_aside();
                let path = encrypted.manifest.images[index].path.clone();
                failed.push((index, ReadError { path, ..error }.into()));
            }
        }
        Ok(())
    })?;
    Ok(Checked { beside: encrypted.source.beside(), manifest: encrypted.manifest, checked, failed, busy })
}

/// Files in the set's folder that it does not name.
fn strangers(root: &Path, manifest: &Manifest) -> Vec<String> {
    if !root.is_dir() {
        return Vec::new();
    }
    let named: HashSet<PathBuf> = manifest.images.iter().map(|entry| manifest.encoding.file_of(&entry.path)).collect();
    let labels = |path: &Path| {
        let images =
            path.to_str().and_then(|path| path.strip_suffix("labels.npy")).map(|part| format!("{part}images.npy"));
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
