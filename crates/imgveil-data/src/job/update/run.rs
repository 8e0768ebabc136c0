//! Compares the input with the set, and brings the set up to date.

use super::looked::Looked;
use super::request::{Update, UpdateRequest};
use super::{commit, compare, lines, write};
use crate::Error;
use crate::job::earlier::Earlier;
use crate::job::encrypted_set::EncryptedSet;
use crate::job::error::{JobError, resolved};
use crate::job::identity;
use crate::job::options::{self, Difference};
use crate::job::preflight::{links_out, look_at};
use crate::job::progress::{NoProgress, Note, Progress};
use crate::job::request::EncryptRequest;
use crate::job::summary::in_order;
use crate::set::Manifest;
use crate::set::manifest::UNSEALED;
use crate::set::names::{self, Naming};
use imgveil::internal::engine::Device;
use std::path::Path;
use std::sync::Arc;

/// Brings a set up to date.
///
/// The updated set is written beside the files of the set and takes their place in one last step. A run that is cut
/// leaves the set as it was, or the same run completes it.
pub struct UpdateRun {
    request: UpdateRequest,
    device: Device,
    progress: Arc<dyn Progress>,
}

impl UpdateRun {
    /// A run of a request on a device, without progress reports.
    pub fn new(request: UpdateRequest, device: Device) -> Self {
        Self { request, device, progress: Arc::new(NoProgress) }
    }

    /// Reports progress to `progress`.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Compares the input with the set, and writes nothing.
    ///
    /// # Errors
    /// If the set is not complete, was written with another key or other options, or the input cannot be opened.
    pub fn changes(&self) -> Result<Update, Error> {
        let looked = self.look()?;
        Ok(Update { changes: looked.compared.changes, failed: in_order(looked.set.failed), summary: None })
    }

    /// Brings the set up to date.
    ///
    /// # Errors
    /// As [`UpdateRun::changes`]. Also if the disk or the device fails later: the set is as it was then, or the same
    /// run completes the update.
    pub fn run(&self) -> Result<Update, Error> {
        commit::complete(&self.request.output, self.request.secret.key())?;
        let looked = self.look()?;
        let changes = looked.compared.changes;
        if changes.is_none(self.request.prune) {
            commit::discard(&self.request.output, looked.earlier.manifest.encoding)?;
            if let Some(names) = &looked.names {
                self.write_names(&looked, names)?;
            }
            return Ok(Update { changes, failed: in_order(looked.set.failed), summary: None });
        }
        let summary = write::write(looked, &self.request, &self.device, self.progress.as_ref())?;
        Ok(Update { changes, failed: summary.failed.clone(), summary: Some(summary) })
    }

    /// Writes the file of names again if it is missing, or an update was cut before it was written.
    fn write_names(&self, looked: &Looked, path: &Path) -> Result<(), Error> {
        let Looked { set, earlier, compared, .. } = looked;
        let numbers = compared.in_input();
        let images = earlier.manifest.images.iter().enumerate();
        let images = images.map(|(number, entry)| (entry.name.as_str(), numbers.get(&number).copied()));
        let (lines, unknown) = lines::lines(set, earlier, images);
        if path.exists() && names::read(path)? == lines {
            return Ok(());
        }
        let missing = !path.exists();
        names::write(path, lines)?;
        if missing {
            self.progress.note(&Note::NamesAgain { path: path.to_owned(), unknown });
        }
        Ok(())
    }

    fn look(&self) -> Result<Looked, Error> {
        let UpdateRequest { input, output, secret, options, prune, .. } = &self.request;
        let progress = self.progress.as_ref();
        let memory = options.read.memory;
        let EncryptedSet { source: encrypted, manifest, .. } = EncryptedSet::open_any(output, secret, memory)?;
        if manifest.format == UNSEALED {
            return Err(JobError::OldSet(output.clone()).into());
        }
        let request = self.encryption(&manifest)?;
        let names = (request.options.naming != Naming::Kept)
            .then(|| options.names.clone().unwrap_or_else(|| names::beside(output)));
        if let Some(names) = &names {
            if resolved(names).starts_with(resolved(output)) {
                return Err(JobError::NamesInside { names: names.clone(), output: output.clone() }.into());
            }
            names::check(names, options.names.is_some())?;
        }
        let earlier = Earlier::new(manifest, request.options.naming, secret.key(), names.as_deref())?;
        let mut set = look_at(&request, Some(&earlier), progress)?;
        progress.contents(&set.contents());
        set.notes.iter().for_each(|note| progress.note(&Note::About(note.clone())));
        let links = links_out(set.source.as_ref());
        if !links.is_empty() {
            progress.note(&Note::LinksOut(links));
        }
        let compared = compare::compare(&request, &mut set, &earlier, encrypted.as_ref(), progress);
        progress.changes(&compared.changes);
        if *prune && compared.gone.len() == earlier.manifest.images.len() {
            return Err(JobError::PruneAll { input: input.clone(), output: output.clone() }.into());
        }
        Ok(Looked { request, set, earlier, encrypted, compared, names })
    }

    /// The request of an encryption with the options of the set.
    fn encryption(&self, manifest: &Manifest) -> Result<EncryptRequest, JobError> {
        let UpdateRequest { input, output, secret, scheme, encoding, options, .. } = &self.request;
        let mut stated = options::recorded(options);
        stated.extend(scheme.iter().map(|scheme| format!("scheme={scheme}")));
        stated.extend(encoding.iter().map(|encoding| format!("encoding={encoding}")));
        // Sets of earlier versions have no options. The identity of their run tells whether those stated are theirs.
        let alike = EncryptRequest {
            input: input.clone(),
            output: output.clone(),
            secret: secret.clone(),
            scheme: manifest.scheme.clone(),
            options: options.clone(),
        };
        let unrecorded =
            manifest.options.is_empty() && manifest.run == identity::of_encryption(&alike, manifest.encoding);
        let recorded = if unrecorded { options::recorded(options) } else { manifest.options.clone() };
        let mut was = recorded.clone();
        was.extend([format!("scheme={}", manifest.scheme), format!("encoding={}", manifest.encoding)]);
        let mut differences = options::differences(&was, &stated, true);
        if recorded.iter().any(|option| option == "masks=file") && options.read.mask_file.is_none() {
            let (was, is) = ("a file".to_owned(), "none".to_owned());
            differences.push(Difference { option: "black regions of single images".into(), was, is });
        }
        if recorded.iter().any(|option| option == "labels=file") && options.read.labels.is_none() {
            let (was, is) = ("a file".to_owned(), "folders or arrays".to_owned());
            differences.push(Difference { option: "source of labels".into(), was, is });
        }
        if !differences.is_empty() {
            return Err(JobError::OtherOptions { output: output.clone(), differences });
        }
        let mut options = options.clone();
        options::adopt(&recorded, &mut options)
            .map_err(|option| JobError::UnknownOption { output: output.clone(), option })?;
        let deep = manifest.images.iter().map(|entry| entry.geometry.depth()).find(|depth| depth.bits() > 8);
        options.read.depth = deep.or(options.read.depth);
        options.salt = manifest.salt;
        options.encoding = Some(manifest.encoding);
        options.partition = None;
        options.retry_failed = false;
        options.names = options.names.or_else(|| Some(names::beside(output)));
        Ok(EncryptRequest {
            input: input.clone(),
            output: commit::work(output, manifest.encoding),
            secret: secret.clone(),
            scheme: manifest.scheme.clone(),
            options,
        })
    }
}
