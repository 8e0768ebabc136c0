//! Encrypts a set into another.

use super::batch::Batch;
use super::describe::{self, Tally};
use super::error::JobError;
use super::identity::{self, keyed};
use super::image_at::{Plain, decode, entry};
use super::journal::{Head, Record};
use super::mix;
use super::names_file;
use super::options;
use super::output::{Output, Place, State};
use super::pipeline::{self, Event, Stages};
use super::preflight::{Preflighted, links_out, look_at};
use super::progress::{Busy, NoProgress, Note, Progress};
use super::request::EncryptRequest;
use super::summary::{Failure, Summary};
use super::there;
use crate::Error;
use crate::format::ReadError;
use crate::set::sink::{Sink, Stored};
use crate::set::staging::STAGED;
use crate::set::{Entry, Manifest, MembersHash, SetError};
use imgveil::internal::engine::{Device, Loaded};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::schedule::ImageId;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Encrypts a set: decodes every image, applies the scheme, and writes the set and `imgveil.json`.
///
/// Sizes of images may differ. The scheme is compiled for each size.
pub struct EncryptRun {
    request: EncryptRequest,
    device: Device,
    progress: Arc<dyn Progress>,
}

impl EncryptRun {
    /// A run of a request on a device, without progress reports.
    pub fn new(request: EncryptRequest, device: Device) -> Self {
        Self { request, device, progress: Arc::new(NoProgress) }
    }

    /// Reports progress to `progress`.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Encrypts the set, or continues an encryption that was interrupted.
    ///
    /// # Errors
    /// If the set cannot be opened, does not fit the scheme, or the output exists; nothing is written then. Also if the
    /// disk or the device fails later: the images written so far are complete, and the same run continues from there.
    pub fn run(&self) -> Result<Summary, Error> {
        Ok(self.encrypt()?)
    }

    fn encrypt(&self) -> Result<Summary, JobError> {
        self.encrypt_or_go_on().map_err(|error| there::explained(&self.request, error))
    }

    fn encrypt_or_go_on(&self) -> Result<Summary, JobError> {
        let (request, progress) = (&self.request, self.progress.as_ref());
        let earlier = there::earlier(request)?;
        let set = look_at(request, earlier.as_ref(), progress)?;
        progress.contents(&set.contents());
        set.notes.iter().for_each(|note| progress.note(&Note::About(note.clone())));
        let links = links_out(set.source.as_ref());
        if !links.is_empty() {
            progress.note(&Note::LinksOut(links));
        }
        if request.scheme.mixes() {
            return mix::encrypt(request, &self.device, set, progress);
        }
        let identity = identity::of_encryption(request, set.encoding);
        let head = Head::new(request.secret.key(), "encrypt", identity, set.salt)
            .with_options(request.secret.key(), options::described(request, set.encoding));
        let writing =
            Writing { request, device: &self.device, head, finished: &|manifest| manifest, set_aside: Failure::from };
        writing.run(set, progress)
    }
}

/// How a set is encrypted into an output, whatever its source is.
pub(super) struct Writing<'a> {
    pub request: &'a EncryptRequest,
    pub device: &'a Device,
    /// What identifies the run.
    pub head: Head,
    /// What becomes of the manifest before it is sealed.
    pub finished: &'a dyn Fn(Manifest) -> Manifest,
    /// What an image that cannot be read means.
    pub set_aside: fn(ReadError) -> Failure,
}

impl Writing<'_> {
    /// Encrypts what the output lacks, and completes it.
    pub fn run(self, mut set: Preflighted, progress: &dyn Progress) -> Result<Summary, JobError> {
        let Writing { request, device: on, head, finished, set_aside } = self;
        let stamps: Vec<String> = (0..set.slots.len()).map(|index| stamp(request, &set, index)).collect();
        let place = Place {
            path: &request.output,
            encoding: set.encoding,
            partition: request.options.partition,
            key: request.secret.key(),
            head,
            reopen: request.options.retry_failed,
            private: false,
            names: names_file::path(request),
            shards: Vec::new(),
        };
        let begun = Output::is_begun(&place);
        if !begun {
            names_file::check(request, &set, &HashSet::new())?;
        }
        let started = Instant::now();
        let device = || on.name();
        let (mut output, sink) = match Output::open(place, set.slots.clone(), &stamps)? {
            State::Open(output, sink) => (output, sink),
            State::Complete(manifest) => {
                progress.note(&Note::AlreadyComplete(request.output.clone()));
                if let Some(path) = names_file::path(request).filter(|path| !path.exists()) {
                    let there: HashSet<&str> = manifest.images.iter().map(|entry| entry.name.as_str()).collect();
                    let has = |index: usize| there.contains(set.slots[index].item.name.as_str());
                    names_file::write(request, &set, STAGED, has)?;
                    let unknown = manifest.images.len() - (0..set.slots.len()).filter(|&index| has(index)).count();
                    progress.note(&Note::NamesAgain { path, unknown });
                }
                let resumed = manifest.images.len();
                let tally = Tally { resumed, failed: Vec::new(), started, busy: Busy::default() };
                let summary = describe::summary(request, device(), &set, *manifest, tally);
                return Ok(Summary { was_complete: true, ..summary });
            }
        };
        if begun {
            names_file::check(request, &set, output.earlier())?;
        }
        let resumed = output.count();
        let batches = set.batches(request.options.read.memory, |index| output.has(index));
        progress.start(batches.iter().map(Batch::len).sum());
        let mut failed = std::mem::take(&mut set.failed);
        failed.iter().for_each(|_| progress.set_aside());
        let mut busy = Busy::default();
        if !batches.is_empty() {
            let job = Encryption { request, device: on, set: &set, sink: sink.as_ref(), numbers: None };
            pipeline::run(&job, &batches, request.options.read.memory, |event, now| {
                busy = *now;
                progress.busy(now);
                match event {
                    Event::Written(index, (entry, stored)) => {
                        progress.advance(1, entry.geometry.bytes() as u64);
                        output.accept(index, Record::new(stamps[index].clone(), entry), stored)
                    }
                    Event::Failed(index, error) => {
                        progress.set_aside();
                        failed.push((set.listed[index], set_aside(job.located(index, error))));
                        output.give_up(sink.as_ref(), index)
                    }
                }
            })?;
        }
        // A partition may be empty, because other partitions may have images.
        if output.count() == 0
            && request.options.partition.is_none()
            && let Some((_, first)) = failed.iter().min_by_key(|(index, _)| *index)
        {
            let (images, first) = (failed.len(), first.clone());
            output.abandon(sink);
            return Err(JobError::NothingReadable { images, first });
        }
        names_file::write(request, &set, output.prefix(), |index| output.has(index))?;
        let written = output.finish(sink, |entries| Some(finished(describe::manifest(request, &set, entries))))?;
        if !written.strangers.is_empty() {
            progress.note(&Note::Strangers(written.strangers));
        }
        let manifest = written.manifest.ok_or(JobError::Worker)?;
        Ok(describe::summary(request, device(), &set, manifest, Tally { resumed, failed, started, busy }))
    }
}

/// A keyed hash of the stamp of an image's file. Empty for images of other processes.
pub(super) fn stamp(request: &EncryptRequest, set: &Preflighted, index: usize) -> String {
    if set.slots[index].geometry.is_none() {
        return String::new();
    }
    let text = format!("{} | {}", set.source.items()[index].name, set.source.stamp(index));
    keyed(&request.secret, "imgveil v1 stamp", &text)[..16].to_owned()
}

/// The stages of an encryption.
pub(super) struct Encryption<'a> {
    pub device: &'a Device,
    pub request: &'a EncryptRequest,
    pub set: &'a Preflighted,
    pub sink: &'a dyn Sink,
    /// The number in the input of the image of each slot of the sink. `None` if they are the same.
    pub numbers: Option<&'a [usize]>,
}

impl Encryption<'_> {
    /// Adds the image's name to an error of the pipeline, which knows only the image's number.
    pub fn located(&self, slot: usize, error: ReadError) -> ReadError {
        let index = self.number(slot);
        if error.path == pipeline::unnamed(slot) {
            ReadError { path: self.set.source.items()[index].name.clone(), ..error }
        } else {
            error
        }
    }

    /// The number in the input of the image of a slot.
    fn number(&self, slot: usize) -> usize {
        self.numbers.and_then(|numbers| numbers.get(slot).copied()).unwrap_or(slot)
    }
}

impl Stages for Encryption<'_> {
    type Carried = Plain;
    type Written = (Entry, Vec<Stored>);

    fn decode(&self, slot: usize) -> Result<(Image, Plain), ReadError> {
        decode(self.request, self.set, self.number(slot))
    }

    fn program(&self, geometry: Geometry) -> Result<Loaded, JobError> {
        Ok(Loaded::new(self.device, self.request.secret.compile(&self.request.scheme, geometry)?)?)
    }

    fn id(&self, _: usize, plain: &Plain) -> ImageId {
        plain.id
    }

    fn write(
        &self,
        slot: usize,
        image: Image,
        plain: Plain,
    ) -> Result<Result<(Entry, Vec<Stored>), ReadError>, JobError> {
        let index = self.number(slot);
        let geometry = image.geometry();
        let members = match self.set.source.members(index, &self.request.options.read.members) {
            Ok(members) => members,
            Err(error) => return Ok(Err(error)),
        };
        let path = self.sink.path(slot);
        let encoded = self.sink.encode(&image);
        let bytes = encoded.map_err(|reason| SetError::Encode { path: PathBuf::from(&path), reason })?;
        drop(image);
        let hash = MembersHash::of(&members);
        let stored = self.sink.store(slot, bytes, members)?;
        Ok(Ok((Entry { members: hash, ..entry(self.set, index, path, geometry, &plain) }, stored)))
    }
}
