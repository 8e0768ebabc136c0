//! Encrypts a data set into another.

use super::pipeline::{self, Job, Stages};
use super::{Failure, JobError, Summary, Watch, check_apart};
use crate::dataset::{self, Entry, Fit, Item, Manifest, Mixed, ReadError, Sink, Source, Split};
use crate::engine::Engine;
use crate::hex;
use crate::image::{Geometry, Image};
use crate::plan::Program;
use crate::schedule::{ImageId, plain_hash};
use crate::scheme::{Scheme, Secret};
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

/// What to encrypt, and how.
pub struct EncryptRequest<'a> {
    /// A folder of images or an `.npz` file.
    pub input: &'a Path,
    /// A folder that is not there or empty, or an `.npz` file that is not there.
    pub output: &'a Path,
    /// A key, or tables that stand for one.
    pub secret: &'a Secret,
    /// The scheme.
    pub scheme: &'a Scheme,
    /// How images are brought to a size that the scheme's blocks tile.
    pub fit: Fit,
    /// What runs the scheme.
    pub engine: &'a dyn Engine,
}

/// Encrypts a set: decodes every image, runs the scheme, writes PNGs in the same tree (or arrays) and `imgveil.json`.
///
/// # Errors
/// When the set cannot be opened, differs in size, does not fit the scheme, or the output is there already; nothing is
/// written then. Later when the disk or the device fails; what was written is whole, and the same call goes on from there.
pub fn encrypt(request: &EncryptRequest<'_>, watch: &dyn Watch) -> Result<Summary, JobError> {
    let opened = dataset::open(request.input)?;
    if let Some(manifest) = opened.manifest {
        return Err(JobError::AlreadyEncrypted {
            path: request.input.to_owned(),
            scheme: manifest.scheme.name,
            key: manifest.key,
        });
    }
    check_apart(request.input, request.output)?;
    let source = opened.source.as_ref();
    let scan = scan(source, request)?;
    if let Some(geometry) = scan.geometries.values().next() {
        for (stage, why) in request.scheme.idle(geometry.fitted) {
            watch.note(&format!("{stage} does nothing here: {why}"));
        }
    }
    if request.scheme.mixes() {
        return super::mix::encrypt(request, source, scan, watch);
    }
    // Once for each geometry, however many images have it: a program takes longer to compile than to run on an image.
    let geometries: HashSet<Geometry> = scan.geometries.values().map(|geometry| geometry.fitted).collect();
    let programs = geometries
        .into_iter()
        .map(|geometry| Ok((geometry, request.secret.compile(request.scheme, geometry)?)))
        .collect::<Result<HashMap<Geometry, Program>, JobError>>()?;
    let usable: Vec<usize> = (0..source.items().len()).filter(|index| scan.geometries.contains_key(index)).collect();
    let items: Vec<Item> = usable.iter().map(|&index| source.items()[index].clone()).collect();
    let place: HashMap<usize, usize> = usable.iter().enumerate().map(|(place, &index)| (index, place)).collect();
    let sink = dataset::create(request.output, &items, &run_name(request))?;

    let started = Instant::now();
    let job = Encryption { request, source, scan: &scan, programs: &programs, sink: sink.as_ref(), place: &place };
    let done = pipeline::run(&job, &usable, |index| scan.geometries[&index].fitted.bytes(), watch)?;

    super::some_written(done.written.len(), &done.failed, sink.as_ref())?;
    let mut before: HashMap<Split, usize> = HashMap::new();
    let (mut images, mut bytes) = (Vec::with_capacity(done.written.len()), 0);
    for (index, written) in done.written {
        let item = &source.items()[index];
        let before = before.entry(item.split).or_default();
        let geometry = scan.geometries[&index];
        bytes += geometry.fitted.bytes() as u64;
        images.push(Entry {
            name: item.name.clone(),
            path: sink.path(item, *before),
            split: item.split,
            label: item.label,
            geometry: geometry.fitted,
            original: (geometry.original != geometry.fitted).then_some(geometry.original),
            id: written.id,
            plain: hex::encode(&written.plain),
            blake3: written.file.to_hex().to_string(),
        });
        *before += 1;
    }
    let manifest = request.manifest(source, images);
    sink.finish(Some(&manifest))?;
    let mut failed = scan.failed;
    failed.extend(done.failed);
    Ok(request.summary(source, manifest, bytes, failed, started))
}

impl EncryptRequest<'_> {
    /// What the set will say of itself.
    pub(super) fn manifest(&self, source: &dyn Source, images: Vec<Entry>) -> Manifest {
        Manifest {
            format: dataset::manifest::FORMAT,
            tool: dataset::manifest::TOOL.into(),
            scheme: self.scheme.clone(),
            key: self.secret.key().fingerprint(),
            classes: source.classes().to_vec(),
            images,
        }
    }

    /// What was done, once the set is written; `failed` in any order.
    pub(super) fn summary(
        &self,
        source: &dyn Source,
        manifest: Manifest,
        bytes: u64,
        mut failed: Vec<(usize, Failure)>,
        started: Instant,
    ) -> Summary {
        failed.sort_by_key(|(index, _)| *index);
        Summary {
            images: manifest.images.len(),
            bytes,
            failed: failed.into_iter().map(|(_, failure)| failure).collect(),
            ignored: source.ignored().len(),
            scheme: manifest.scheme,
            key: manifest.key.to_string(),
            device: self.engine.name(),
            seconds: started.elapsed().as_secs_f64(),
        }
    }
}

/// An image's geometry after fitting, and what decryption gives back.
#[derive(Clone, Copy)]
pub(super) struct Fitted {
    pub fitted: Geometry,
    pub original: Geometry,
}

/// What the headers said.
pub(super) struct Scan {
    /// Sizes of the images that can be read, by their number.
    pub geometries: HashMap<usize, Fitted>,
    /// The others.
    pub failed: Vec<(usize, Failure)>,
}

/// Looks at every image's header before a byte is written, so that what the whole set is wrong about is said at once.
fn scan(source: &dyn Source, request: &EncryptRequest<'_>) -> Result<Scan, JobError> {
    let tile = request.scheme.tile();
    let headers: Vec<Result<Geometry, ReadError>> =
        (0..source.items().len()).into_par_iter().map(|index| source.geometry(index)).collect();
    let mut scan = Scan { geometries: HashMap::new(), failed: Vec::new() };
    let mut first: Option<(usize, Geometry)> = None;
    for (index, header) in headers.into_iter().enumerate() {
        // `original` is before padding: two sizes that happen to grow to one are still two.
        let fitted = header.and_then(|geometry| {
            let fit = request.fit;
            let sizes = fit.geometry(geometry, tile).and_then(|fitted| Ok((fitted, fit.original(geometry, tile)?)));
            sizes.map_err(|e| ReadError { path: source.items()[index].name.clone(), kind: e.into() })
        });
        let (fitted, original) = match fitted {
            Ok(sizes) => sizes,
            Err(error) => {
                scan.failed.push((index, error.into()));
                continue;
            }
        };
        let &mut (first_index, first_geometry) = first.get_or_insert((index, original));
        if original != first_geometry {
            return Err(JobError::Mixed(Mixed {
                first: source.items()[first_index].name.clone(),
                first_geometry,
                other: source.items()[index].name.clone(),
                other_geometry: original,
            }));
        }
        scan.geometries.insert(index, Fitted { fitted, original });
    }
    match scan.failed.first() {
        Some((_, first)) if scan.geometries.is_empty() => {
            Err(JobError::NothingReadable { images: source.items().len(), first: first.clone() })
        }
        _ => Ok(scan),
    }
}

/// What a run is about, for the note that it leaves while it is at work. Hashed: the output may be handed out, and the
/// input's path is nobody's business.
fn run_name(request: &EncryptRequest<'_>) -> String {
    let input = request.input.canonicalize().unwrap_or_else(|_| request.input.to_owned());
    let text = format!("{} | {} | {:?}", input.display(), request.scheme.canonical(), request.fit);
    let hash = blake3::keyed_hash(&request.secret.key().derive("imgveil v1 run name", b""), text.as_bytes());
    format!("imgveil encrypt {}: being written, or cut. Run it again to complete it.\n", hash.to_hex())
}

struct Encryption<'a> {
    request: &'a EncryptRequest<'a>,
    source: &'a dyn Source,
    scan: &'a Scan,
    programs: &'a HashMap<Geometry, Program>,
    sink: &'a dyn Sink,
    /// Place of an image among those that the sink was made for.
    place: &'a HashMap<usize, usize>,
}

struct Plain {
    id: ImageId,
    hash: [u8; 16],
}

struct Written {
    id: ImageId,
    plain: [u8; 16],
    file: blake3::Hash,
}

impl Stages for Encryption<'_> {
    type Carried = Plain;
    type Written = Written;

    fn decode(&self, index: usize) -> Result<(Image, Plain), ReadError> {
        let item = &self.source.items()[index];
        let image = dataset::read_fitted(self.source, index, self.request.fit, self.request.scheme.tile())?;
        if self.scan.geometries.get(&index).map(|g| g.fitted) != Some(image.geometry()) {
            let kind = dataset::ReadErrorKind::Damaged("it changed while it was being read".into());
            return Err(ReadError { path: item.name.clone(), kind });
        }
        let key = self.request.secret.key();
        let id = ImageId::new(key, &item.name, image.geometry(), image.samples());
        let hash = plain_hash(key, image.geometry(), image.samples());
        Ok((image, Plain { id, hash }))
    }

    fn work(&self, geometry: Geometry, jobs: &[Job<Plain>], samples: &mut Vec<u8>) -> Result<(), JobError> {
        // Every geometry of the scan has a program.
        let Some(program) = self.programs.get(&geometry) else { return Err(JobError::Worker) };
        super::run_engine(self.request.engine, program, jobs.iter().map(|job| job.carried.id), samples)
    }

    fn write(&self, job: Job<Plain>) -> Result<Result<Written, ReadError>, JobError> {
        let place = self.place.get(&job.index).copied().ok_or(JobError::Worker)?;
        let file = self.sink.put(place, &self.source.items()[job.index], &job.image)?;
        Ok(Ok(Written { id: job.carried.id, plain: job.carried.hash, file }))
    }
}
