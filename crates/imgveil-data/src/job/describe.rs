//! The manifest and the summary of an encryption, whether or not its scheme mixes images.

use super::census::Census;
use super::identity;
use super::names_file;
use super::options;
use super::preflight::Preflighted;
use super::progress::Busy;
use super::request::EncryptRequest;
use super::summary::{Failure, Summary, in_order};
use crate::set::manifest::{FORMAT, TOOL};
use crate::set::{Entry, Manifest};
use std::time::Instant;

/// The manifest of the set that is written.
pub(super) fn manifest(request: &EncryptRequest, set: &Preflighted, images: Vec<Entry>) -> Manifest {
    Manifest {
        format: FORMAT,
        tool: TOOL.into(),
        scheme: request.scheme.clone(),
        key: request.secret.key().fingerprint(),
        salt: set.salt,
        encoding: set.encoding,
        run: identity::of_encryption(request, set.encoding),
        options: options::recorded(&request.options),
        partition: None,
        parts: Vec::new(),
        classes: set.classes.clone(),
        images,
        seal: String::new(),
    }
}

/// The results of a run, other than the manifest.
pub(super) struct Tally {
    /// Images that an earlier run had written.
    pub resumed: usize,
    /// Images that were set aside, in any order.
    pub failed: Vec<(usize, Failure)>,
    pub started: Instant,
    pub busy: Busy,
}

/// The summary of a run whose set is written.
pub(super) fn summary(
    request: &EncryptRequest,
    device: String,
    set: &Preflighted,
    manifest: Manifest,
    tally: Tally,
) -> Summary {
    let mut census = Census::default();
    for entry in &manifest.images {
        census.add(entry.split, entry.label, &manifest.classes, String::new(), entry.geometry.bytes() as u64);
    }
    let hash = blake3::hash(&manifest.to_text().unwrap_or_default()).to_hex().to_string();
    Summary {
        manifest: hash,
        images: manifest.images.len(),
        resumed: tally.resumed,
        bytes: census.bytes,
        failed: in_order(tally.failed),
        ignored: set.source.ignored().len(),
        passed_over: set.source.ignored().to_vec(),
        turned: set.turned,
        splits: census.splits,
        classes: census.classes,
        notes: set.notes.clone(),
        scheme: manifest.scheme,
        key: manifest.key.to_string(),
        device,
        seconds: tally.started.elapsed().as_secs_f64(),
        busy: tally.busy,
        encoding: set.encoding,
        was_complete: false,
        names: names_file::path(request),
    }
}
