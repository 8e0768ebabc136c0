//! Encrypts a data set into another.

use super::journal::{Head, Record};
use super::output::{Found, Output, Plan, in_order};
use super::part::Part;
use super::pipeline::{self, Event, Stages};
use super::preflight::{Preflighted, look};
use super::{Busy, Failure, JobError, Progress, Summary};
use crate::dataset::encoding::Encoding;
use crate::dataset::names::{self, Name, Naming};
use crate::dataset::read_options::ReadOptions;
use crate::dataset::sink::{Sink, Stored};
use crate::dataset::{self, DatasetError, Entry, Manifest, ReadError, Resize};
use imgveil::internal::engine::Engine;
use imgveil::internal::hex;
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::plan::Program;
use imgveil::internal::schedule::{ImageId, plain_hash};
use imgveil::internal::scheme::{Scheme, Secret};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What to encrypt, and how.
pub struct EncryptRequest<'a> {
    /// A set: see [`dataset::open_with`].
    pub input: &'a Path,
    /// A folder that is not there or empty, or an `.npz` file that is not there.
    pub output: &'a Path,
    /// A key, or tables that stand for one.
    pub secret: &'a Secret,
    /// The scheme.
    pub scheme: &'a Scheme,
    /// What runs the scheme.
    pub engine: &'a dyn Engine,
    /// Everything else.
    pub options: EncryptOptions,
}

/// What may be chosen about an encryption.
#[derive(Clone, Debug, Default)]
pub struct EncryptOptions {
    /// How images are brought to a size that the scheme's blocks tile.
    pub fit: Resize,
    /// How the input is read.
    pub reading: ReadOptions,
    /// Which names the output carries.
    pub naming: Naming,
    /// Where to say which image is which; `OUT.names.csv` unless told.
    pub names: Option<PathBuf>,
    /// The form of the output; that which its name asks for unless told.
    pub encoding: Option<Encoding>,
    /// The part of the set that this process works on.
    pub part: Option<Part>,
    /// A set that was completed before is opened again for the images that it lacks.
    pub retry_failed: bool,
}

/// Encrypts a set: decodes every image, runs the scheme, writes the set and `imgveil.json`. Sizes may differ: each has a plan
/// of its own.
///
/// # Errors
/// When the set cannot be opened, does not fit the scheme, or the output is there already; nothing is written then. Later
/// when the disk or the device fails; what was written is whole, and the same call goes on from there.
pub fn encrypt(request: &EncryptRequest<'_>, progress: &dyn Progress) -> Result<Summary, JobError> {
    let mut set = look(request)?;
    set.notes.iter().for_each(|note| progress.note(note));
    if request.scheme.mixes() {
        return super::mix::encrypt(request, set, progress);
    }
    let stamps: Vec<String> = (0..set.slots.len()).map(|index| stamp(request, &set, index)).collect();
    let plan = Plan {
        path: request.output,
        encoding: set.encoding,
        part: request.options.part,
        head: Head::new("encrypt", request.run(&set)),
        again: request.options.retry_failed,
    };
    if !Output::is_begun(&plan) {
        request.check_names(&set)?;
    }
    let started = Instant::now();
    let (mut output, sink) = match Output::open(plan, set.slots.clone(), &stamps)? {
        Found::Open(output, sink) => (output, sink),
        Found::Complete(manifest) => {
            let words =
                "this very run was completed before, and nothing was done; --retry-failed tries what it set aside";
            progress.note(&format!("{}: {words}", request.output.display()));
            let count = manifest.images.len();
            return Ok(request.summary(&set, *manifest, count, Vec::new(), started, Busy::default()));
        }
    };
    let resumed = output.count();
    let batches = set.batches(|index| output.has(index));
    progress.start(batches.iter().map(pipeline::Batch::len).sum());
    let mut failed = std::mem::take(&mut set.failed);
    failed.iter().for_each(|_| progress.set_aside());
    let mut busy = Busy::default();
    if !batches.is_empty() {
        let job = Encryption { request, set: &set, sink: sink.as_ref() };
        pipeline::run(&job, request.engine, &batches, |event, now| {
            busy = *now;
            progress.busy(now);
            match event {
                Event::Written(index, (entry, stored)) => {
                    progress.advance(1, entry.geometry.bytes() as u64);
                    output.accept(index, Record { stamp: stamps[index].clone(), entry }, stored)
                }
                Event::Failed(index, error) => {
                    progress.set_aside();
                    failed.push((index, job.located(index, error).into()));
                    output.give_up(sink.as_ref(), index)
                }
            }
        })?;
    }
    // A part may be empty: the others are not.
    if output.count() == 0
        && request.options.part.is_none()
        && let Some((_, first)) = failed.iter().min_by_key(|(index, _)| *index)
    {
        let (images, first) = (failed.len(), first.clone());
        output.abandon(sink);
        return Err(JobError::NothingReadable { images, first });
    }
    request.write_names(&set, &output)?;
    let manifest = output.finish(sink, |entries| Some(request.manifest(&set, entries)))?.ok_or(JobError::Worker)?;
    Ok(request.summary(&set, manifest, resumed, failed, started, busy))
}

impl EncryptRequest<'_> {
    /// Everything that decides the output but the images, hashed with the key: the output may be handed out, and the input's
    /// path is nobody's business.
    pub(super) fn run(&self, set: &Preflighted) -> String {
        let input = self.input.canonicalize().unwrap_or_else(|_| self.input.to_owned());
        let options = &self.options;
        let choices = format!("{:?} {:?} {:?}", options.fit, options.reading, options.naming);
        let text = format!("{} | {} | {choices} | {:?}", input.display(), self.scheme.canonical(), set.encoding);
        keyed(self.secret, "imgveil v1 run name", &text)
    }

    /// What the set will say of itself.
    pub(super) fn manifest(&self, set: &Preflighted, images: Vec<Entry>) -> Manifest {
        Manifest {
            format: dataset::manifest::FORMAT,
            tool: dataset::manifest::TOOL.into(),
            scheme: self.scheme.clone(),
            key: self.secret.key().fingerprint(),
            encoding: set.encoding,
            run: self.run(set),
            part: None,
            classes: set.classes.clone(),
            images,
        }
    }

    /// What was done, once the set is written; `failed` in any order.
    pub(super) fn summary(
        &self,
        set: &Preflighted,
        manifest: Manifest,
        resumed: usize,
        failed: Vec<(usize, Failure)>,
        started: Instant,
        busy: Busy,
    ) -> Summary {
        Summary {
            images: manifest.images.len(),
            resumed,
            bytes: manifest.images.iter().map(|entry| entry.geometry.bytes() as u64).sum(),
            failed: in_order(failed),
            ignored: set.source.ignored().len(),
            scheme: manifest.scheme,
            key: manifest.key.to_string(),
            device: self.engine.name(),
            seconds: started.elapsed().as_secs_f64(),
            busy,
            encoding: set.encoding,
            names: self.names_file(),
        }
    }

    /// Where it is said which image is which; nowhere when names are kept.
    pub(super) fn names_file(&self) -> Option<PathBuf> {
        let beside = || match self.options.part {
            Some(part) => dataset::beside(self.output, &format!("names-{}.csv", part.slug())),
            None => names::beside(self.output),
        };
        let wanted = self.options.naming != Naming::Kept;
        wanted.then(|| self.options.names.clone().unwrap_or_else(beside))
    }

    /// Finds out before the work begins whether the file of names can be written, and that it replaces none of another set:
    /// who loses that file may not find the patients again.
    pub(super) fn check_names(&self, set: &Preflighted) -> Result<(), JobError> {
        let Some(path) = self.names_file() else { return Ok(()) };
        if path.exists() {
            let ids: HashSet<&str> = set.slots.iter().map(|slot| slot.item.name.as_str()).collect();
            let ours = names::read(&path).is_ok_and(|names| names.iter().all(|name| ids.contains(name.id.as_str())));
            if !ours {
                return Err(JobError::OtherNames(path));
            }
        }
        Ok(names::check(&path, self.options.names.is_some())?)
    }

    fn write_names(&self, set: &Preflighted, output: &Output) -> Result<(), JobError> {
        self.write_names_of(set, |index| output.has(index))
    }

    /// Writes which of these images is which.
    pub(super) fn write_names_of(&self, set: &Preflighted, has: impl Fn(usize) -> bool) -> Result<(), JobError> {
        let Some(path) = self.names_file() else { return Ok(()) };
        let items = set.source.items().iter().zip(&set.slots).enumerate();
        let class = |label: Option<u32>| label.and_then(|label| set.source.classes().get(label as usize)).cloned();
        let name = |(plain, slot): (&dataset::Item, &dataset::sink::Slot)| Name {
            id: slot.item.name.clone(),
            name: plain.name.clone(),
            class: class(plain.label).unwrap_or_default(),
        };
        Ok(names::write(&path, items.filter(|(index, _)| has(*index)).map(|(_, both)| name(both)))?)
    }
}

/// A hash that says nothing without the key.
pub(super) fn keyed(secret: &Secret, purpose: &str, text: &str) -> String {
    blake3::keyed_hash(&secret.key().derive(purpose, b""), text.as_bytes()).to_hex().to_string()
}

/// What tells that an image's file changed; of another process's images nothing.
fn stamp(request: &EncryptRequest<'_>, set: &Preflighted, index: usize) -> String {
    if set.slots[index].geometry.is_none() {
        return String::new();
    }
    let text = format!("{} | {}", set.source.items()[index].name, set.source.stamp(index));
    keyed(request.secret, "imgveil v1 stamp", &text)[..16].to_owned()
}

struct Encryption<'a> {
    request: &'a EncryptRequest<'a>,
    set: &'a Preflighted,
    sink: &'a dyn Sink,
}

/// An image's id, and the hash of its plain pixels.
struct Plain {
    id: ImageId,
    hash: [u8; 16],
}

impl Encryption<'_> {
    /// An error that the pipeline made knows the image's number only.
    fn located(&self, index: usize, error: ReadError) -> ReadError {
        match error.path == format!("image {index}") {
            true => ReadError { path: self.set.source.items()[index].name.clone(), ..error },
            false => error,
        }
    }
}

impl Stages for Encryption<'_> {
    type Carried = Plain;
    type Written = (Entry, Vec<Stored>);

    fn decode(&self, index: usize) -> Result<(Image, Plain), ReadError> {
        let (request, source) = (self.request, self.set.source.as_ref());
        let image = dataset::read_fitted(source, index, request.options.fit, request.scheme.tile())?;
        let key = request.secret.key();
        let id = ImageId::new(key, &source.items()[index].name, image.geometry(), image.samples());
        let hash = plain_hash(key, image.geometry(), image.samples());
        Ok((image, Plain { id, hash }))
    }

    fn program(&self, geometry: Geometry) -> Result<Arc<Program>, JobError> {
        Ok(Arc::new(self.request.secret.compile(self.request.scheme, geometry)?))
    }

    fn id(&self, _: usize, plain: &Plain) -> ImageId {
        plain.id
    }

    fn write(
        &self,
        index: usize,
        image: Image,
        plain: Plain,
    ) -> Result<Result<(Entry, Vec<Stored>), ReadError>, JobError> {
        let geometry = image.geometry();
        let members = match self.set.source.members(index, &self.request.options.reading.members) {
            Ok(members) => members,
            Err(error) => return Ok(Err(error)),
        };
        let path = self.sink.path(index);
        let encoded = self.sink.encode(&image);
        let bytes = encoded.map_err(|reason| DatasetError::Encode { path: PathBuf::from(&path), reason })?;
        drop(image);
        let stored = self.sink.store(index, bytes, members)?;
        let item = &self.set.slots[index].item;
        let entry = Entry {
            name: item.name.clone(),
            path,
            split: item.split,
            label: item.label,
            geometry,
            original: self.set.originals[index].filter(|&original| original != geometry),
            id: plain.id,
            plain: hex::encode(&plain.hash),
            // Known once it is whole.
            blake3: String::new(),
        };
        Ok(Ok((entry, stored)))
    }
}
