//! Decrypts a data set that `encrypt` wrote.

use super::pipeline::{self, Job, Stages};
use super::{JobError, Summary, Watch, check_apart};
use crate::dataset::{self, Manifest, ReadError, ReadErrorKind, Sink, Source};
use crate::engine::Engine;
use crate::hex;
use crate::image::{Geometry, Image};
use crate::plan::Program;
use crate::schedule::plain_hash;
use crate::scheme::Secret;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
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
}

/// Decrypts a set. Every image is checked twice: the file against the manifest's hash, the pixels against the keyed hash of
/// what was encrypted; one that fails is set aside and not written.
///
/// # Errors
/// When the set is none of ours, or was encrypted with another secret: nothing is written then.
pub fn decrypt(request: &DecryptRequest<'_>, watch: &dyn Watch) -> Result<Summary, JobError> {
    let opened = dataset::open(request.input)?;
    let manifest = opened.manifest.ok_or_else(|| JobError::NotEncrypted(request.input.to_owned()))?;
    let given = request.secret.key().fingerprint();
    if manifest.key != given {
        return Err(JobError::WrongKey { set: manifest.key, given });
    }
    check_apart(request.input, request.output)?;
    let source = opened.source.as_ref();
    let mut programs = HashMap::new();
    for entry in &manifest.images {
        if let Entry::Vacant(place) = programs.entry(entry.geometry) {
            let program = request.secret.compile(&manifest.scheme, entry.geometry)?;
            let scheme = || manifest.scheme.name.clone();
            place.insert(program.inverse().map_err(|lossy| JobError::Lossy { scheme: scheme(), lossy })?);
        }
    }
    let hash = blake3::hash(&manifest.to_text().unwrap_or_default()).to_hex();
    let run = format!("imgveil decrypt {hash}: being written, or cut. Run it again to complete it.\n");
    let sink = dataset::create(request.output, source.items(), &run)?;

    let started = Instant::now();
    let job = Decryption { request, source, manifest: &manifest, programs: &programs, sink: sink.as_ref() };
    let all: Vec<usize> = (0..manifest.images.len()).collect();
    let done = pipeline::run(&job, &all, |index| manifest.images[index].geometry.bytes(), watch)?;
    super::some_written(done.written.len(), &done.failed, sink.as_ref())?;
    sink.finish(None)?;
    Ok(Summary {
        images: done.written.len(),
        bytes: done.written.iter().map(|(_, bytes)| bytes).sum(),
        failed: done.failed.into_iter().map(|(_, failure)| failure).collect(),
        ignored: 0,
        scheme: manifest.scheme,
        key: given.to_string(),
        device: request.engine.name(),
        seconds: started.elapsed().as_secs_f64(),
    })
}

struct Decryption<'a> {
    request: &'a DecryptRequest<'a>,
    source: &'a dyn Source,
    manifest: &'a Manifest,
    programs: &'a HashMap<Geometry, Program>,
    sink: &'a dyn Sink,
}

impl Stages for Decryption<'_> {
    type Carried = ();
    type Written = u64;

    fn decode(&self, index: usize) -> Result<(Image, ()), ReadError> {
        let image = self.source.read(index)?;
        // The file's hash is right, so only a manifest that was edited can say another geometry.
        match image.geometry() == self.manifest.images[index].geometry {
            true => Ok((image, ())),
            false => Err(ReadError { path: self.manifest.images[index].path.clone(), kind: ReadErrorKind::NotExact }),
        }
    }

    fn work(&self, geometry: Geometry, jobs: &[Job<()>], samples: &mut Vec<u8>) -> Result<(), JobError> {
        let Some(program) = self.programs.get(&geometry) else { return Err(JobError::Worker) };
        let ids = jobs.iter().map(|job| self.manifest.images[job.index].id);
        super::run_engine(self.request.engine, program, ids, samples)
    }

    fn write(&self, job: Job<()>) -> Result<Result<u64, ReadError>, JobError> {
        let entry = &self.manifest.images[job.index];
        let hash = plain_hash(self.request.secret.key(), job.image.geometry(), job.image.samples());
        if hex::encode(&hash) != entry.plain {
            return Ok(Err(ReadError { path: entry.path.clone(), kind: ReadErrorKind::NotExact }));
        }
        let image = match entry.original {
            Some(original) => dataset::unpad(job.image, original),
            None => job.image,
        };
        self.sink.put(job.index, &self.source.items()[job.index], &image)?;
        Ok(Ok(image.samples().len() as u64))
    }
}
