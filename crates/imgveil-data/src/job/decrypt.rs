//! Decrypts a data set that `encrypt` wrote.

use super::encrypt::keyed;
use super::journal::{Head, Record};
use super::output::{Found, Output, Plan, in_order};
use super::pipeline::{self, Batch, Event, Stages, batches};
use super::{Busy, Failure, JobError, Progress, Summary, check_apart};
use crate::dataset::encoding::Encoding;
use crate::dataset::names;
use crate::dataset::sink::{Sink, Slot, Stored};
use crate::dataset::{self, DatasetError, Entry, Item, Manifest, ReadError, ReadErrorKind, Source};
use imgveil::internal::engine::Engine;
use imgveil::internal::hex;
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::plan::Program;
use imgveil::internal::schedule::{ImageId, plain_hash};
use imgveil::internal::scheme::Secret;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// What to decrypt, and how.
pub struct DecryptRequest<'a> {
    /// A set that `encrypt` wrote.
    pub input: &'a Path,
    /// A folder that is not there or empty, or an `.npz` file that is not there.
    pub output: &'a Path,
    /// What it was encrypted with.
    pub secret: &'a Secret,
    /// What runs the scheme.
    pub engine: &'a dyn Engine,
    /// Everything else.
    pub options: DecryptOptions,
}

/// What may be chosen about a decryption.
#[derive(Clone, Debug, Default)]
pub struct DecryptOptions {
    /// The form of the output; that which its name asks for unless told.
    pub encoding: Option<Encoding>,
    /// The file of names that was written with the set: images and classes get their names back.
    pub names: Option<PathBuf>,
}

/// Decrypts a set. Every image is checked twice: the file against the manifest's hash, the pixels against the keyed hash of
/// what was encrypted; one that fails is set aside and not written. Of images that were kept as JPEG the pixels are not what was
/// encrypted, and only the file is checked.
///
/// # Errors
/// When the set is none of ours, or was encrypted with another secret: nothing is written then.
pub fn decrypt(request: &DecryptRequest<'_>, progress: &dyn Progress) -> Result<Summary, JobError> {
    let encrypted = Encrypted::open(request.input, request.secret)?;
    check_apart(request.input, request.output)?;
    let manifest = &encrypted.manifest;
    if !manifest.encoding.is_exact() {
        progress.note("the images were kept as JPEG: what comes back is close to what was encrypted, not the same");
    }
    let encoding = request.options.encoding.unwrap_or_else(|| Encoding::of_path(request.output));
    let slots = slots(manifest, request.options.names.as_deref())?;
    let stamps: Vec<String> = manifest.images.iter().map(|entry| entry.blake3.clone()).collect();
    let set = blake3::hash(&manifest.to_text().unwrap_or_default()).to_hex();
    let text = format!("{set} | {encoding:?} | {:?}", request.options.names);
    let head = Head::new("decrypt", keyed(request.secret, "imgveil v1 run name", &text));
    let plan = Plan { path: request.output, encoding, part: None, head, again: false };
    let started = Instant::now();
    let (mut output, sink) = match Output::open(plan, slots.clone(), &stamps)? {
        Found::Open(output, sink) => (output, sink),
        // A plain set has no manifest that could say so.
        Found::Complete(_) => return Err(DatasetError::OutputExists(request.output.to_owned()).into()),
    };
    let resumed = output.count();
    let batches = encrypted.batches(|slot| !output.has(slot));
    progress.start(batches.iter().map(Batch::len).sum());
    let (mut failed, mut busy) = (Vec::<(usize, Failure)>::new(), Busy::default());
    let job = Decryption { encrypted: &encrypted, sink: Some(sink.as_ref()) };
    pipeline::run(&job, request.engine, &batches, |event, now| {
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
                output.accept(slot, Record { stamp: stamps[slot].clone(), entry }, stored)
            }
            Event::Failed(slot, error) => {
                progress.set_aside();
                failed.push((slot, ReadError { path: manifest.images[slot].path.clone(), ..error }.into()));
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
        return Err(JobError::NothingReadable { images, first });
    }
    let whole: Vec<usize> = (0..slots.len()).filter(|&slot| output.has(slot)).collect();
    output.finish(sink, |_| None)?;
    Ok(Summary {
        images,
        resumed,
        bytes: whole.iter().filter_map(|&slot| slots[slot].geometry).map(|geometry| geometry.bytes() as u64).sum(),
        failed: in_order(failed),
        ignored: 0,
        key: manifest.key.to_string(),
        scheme: encrypted.manifest.scheme,
        device: request.engine.name(),
        seconds: started.elapsed().as_secs_f64(),
        busy,
        encoding,
        names: None,
    })
}

/// Where the images go: under the names of the manifest, or those that they had before.
fn slots(manifest: &Manifest, path: Option<&Path>) -> Result<Vec<Slot>, JobError> {
    let named: Option<HashMap<String, String>> = match path {
        Some(path) => Some(names::read(path)?.into_iter().map(|name| (name.id, name.name)).collect()),
        None => None,
    };
    let slot = |entry: &Entry| {
        let name = match (&named, path) {
            (Some(named), Some(path)) => named
                .get(&entry.name)
                .cloned()
                .ok_or_else(|| JobError::NoName { path: path.to_owned(), id: entry.name.clone() })?,
            _ => entry.name.clone(),
        };
        // A file of names is read from a disk: it must not lead out of the output.
        if !dataset::manifest::is_inside(&name) {
            let path = path.map(Path::to_owned).unwrap_or_default();
            let reason = format!("it names `{name}`, which lies outside of the set");
            return Err(DatasetError::Names { path, reason }.into());
        }
        let geometry = Some(entry.original.unwrap_or(entry.geometry));
        Ok(Slot { item: Item { name, split: entry.split, label: entry.label }, geometry })
    };
    manifest.images.iter().map(slot).collect()
}

/// An encrypted set and what decrypts it.
pub(super) struct Encrypted<'a> {
    pub source: Box<dyn Source>,
    pub manifest: Manifest,
    secret: &'a Secret,
}

impl<'a> Encrypted<'a> {
    /// Opens a set and holds the secret against it.
    pub fn open(input: &Path, secret: &'a Secret) -> Result<Self, JobError> {
        let opened = dataset::open(input)?;
        let manifest = opened.manifest.ok_or_else(|| JobError::NotEncrypted(input.to_owned()))?;
        let given = secret.key().fingerprint();
        if manifest.key != given {
            return Err(JobError::WrongKey { set: manifest.key, given });
        }
        let encrypted = Self { source: opened.source, manifest, secret };
        // Whether the scheme can be undone does not depend on the size, and is to be known before anything is written.
        if let Some(entry) = encrypted.manifest.images.first() {
            encrypted.inverse(entry.geometry)?;
        }
        Ok(encrypted)
    }

    fn inverse(&self, geometry: Geometry) -> Result<Program, JobError> {
        let program = self.secret.compile(&self.manifest.scheme, geometry)?;
        let scheme = || self.manifest.scheme.name.clone();
        program.inverse().map_err(|lossy| JobError::Lossy { scheme: scheme(), lossy })
    }

    /// The wanted images in batches, grouped by geometry.
    pub fn batches(&self, wanted: impl Fn(usize) -> bool) -> Vec<Batch> {
        let mut order: HashMap<Geometry, usize> = HashMap::new();
        let mut images: Vec<(usize, usize, Geometry)> = Vec::new();
        for (slot, entry) in self.manifest.images.iter().enumerate().filter(|(slot, _)| wanted(*slot)) {
            let next = order.len();
            images.push((*order.entry(entry.geometry).or_insert(next), slot, entry.geometry));
        }
        images.sort_unstable_by_key(|&(rank, slot, _)| (rank, slot));
        batches(images.into_iter().map(|(_, slot, geometry)| (slot, geometry)))
    }
}

/// Decrypts images and checks them; without a sink, that is all.
pub(super) struct Decryption<'a> {
    pub encrypted: &'a Encrypted<'a>,
    pub sink: Option<&'a dyn Sink>,
}

impl Stages for Decryption<'_> {
    type Carried = ();
    type Written = Vec<Stored>;

    fn decode(&self, slot: usize) -> Result<(Image, ()), ReadError> {
        let image = self.encrypted.source.read(slot)?;
        let entry = &self.encrypted.manifest.images[slot];
        // The file's hash is right, so only a manifest that was edited can say another geometry.
        match image.geometry() == entry.geometry {
            true => Ok((image, ())),
            false => Err(ReadError { path: entry.path.clone(), kind: ReadErrorKind::NotExact }),
        }
    }

    fn program(&self, geometry: Geometry) -> Result<Arc<Program>, JobError> {
        Ok(Arc::new(self.encrypted.inverse(geometry)?))
    }

    fn id(&self, slot: usize, (): &()) -> ImageId {
        self.encrypted.manifest.images[slot].id
    }

    fn write(&self, slot: usize, image: Image, (): ()) -> Result<Result<Vec<Stored>, ReadError>, JobError> {
        let manifest = &self.encrypted.manifest;
        let entry = &manifest.images[slot];
        let hash = plain_hash(self.encrypted.secret.key(), image.geometry(), image.samples());
        if manifest.encoding.is_exact() && hex::encode(&hash) != entry.plain {
            return Ok(Err(ReadError { path: entry.path.clone(), kind: ReadErrorKind::NotExact }));
        }
        let Some(sink) = self.sink else { return Ok(Ok(Vec::new())) };
        let image = match entry.original {
            Some(original) => dataset::unpad(image, original),
            None => image,
        };
        let encoded = sink.encode(&image);
        let path = || PathBuf::from(sink.path(slot));
        let bytes = encoded.map_err(|reason| DatasetError::Encode { path: path(), reason })?;
        Ok(Ok(sink.store(slot, bytes, Vec::new())?))
    }
}
