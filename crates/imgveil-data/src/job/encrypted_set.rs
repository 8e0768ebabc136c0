//! An encrypted set that is opened with its key, and the stages that decrypt it.

use super::error::JobError;
use super::pipeline::{Batch, Stages, batches};
use super::{check, cost};
use crate::format::{ReadError, ReadErrorKind, ReadOptions};
use crate::set::sink::{Sink, Stored};
use crate::set::{Manifest, Opened, Reordered, SetError, Source, Trust, open_sealed, unpad};
use crate::{Detail, Error, Memory};
use imgveil::internal::engine::{Device, Loaded, Program};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::Secret;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// How many images are looked at to find one that is as the manifest says.
const TRIED: usize = 100;

/// An encrypted set and its key.
pub(super) struct EncryptedSet {
    pub source: Box<dyn Source>,
    pub manifest: Manifest,
    /// What vouches for the manifest.
    pub trust: Trust,
    pub memory: Memory,
    secret: Secret,
}

impl EncryptedSet {
    /// Opens a set whose manifest has the key's fingerprint and its seal, and whose scheme has an inverse.
    pub fn open(input: &Path, secret: &Secret, memory: Memory) -> Result<Self, Error> {
        let encrypted = Self::open_any(input, secret, memory)?;
        encrypted.check_inverse()?;
        Ok(encrypted)
    }

    /// As [`EncryptedSet::open`], whether or not the scheme has an inverse.
    pub fn open_any(input: &Path, secret: &Secret, memory: Memory) -> Result<Self, Error> {
        let (secret, opened) = open_with(input, secret, memory)?;
        let manifest = opened.manifest.ok_or_else(|| JobError::NotEncrypted(input.to_owned()))?;
        let trust = Trust::of(&manifest, true);
        Ok(Self { source: opened.source, manifest, trust, memory, secret })
    }

    /// Lists image `order[i]` as image `i`.
    pub fn reordered(mut self, order: Vec<usize>) -> Self {
        self.manifest.images = order.iter().map(|&index| self.manifest.images[index].clone()).collect();
        self.source = Box::new(Reordered::new(self.source, order));
        self
    }

    /// The key of names and checks.
    pub fn key(&self) -> &Key {
        self.secret.key()
    }

    /// Checks that the scheme has an inverse, which must be known before anything is written. The sizes in the manifest
    /// are not trusted: a table of gigabytes is not made for a small file that claims to be large. So only the first
    /// image whose file has the size that the manifest says, and that fits into memory, is tried.
    pub fn check_inverse(&self) -> Result<(), JobError> {
        let real = |index: usize| self.check_header(index).is_ok();
        let images = &self.manifest.images;
        let tried = (0..images.len().min(TRIED)).find(|&index| real(index)).and_then(|index| images.get(index));
        match (tried, images.first()) {
            (Some(entry), _) => self.inverse(entry.geometry).map(drop),
            // With a key, this looks at the size and makes no table.
            (None, Some(entry)) if matches!(self.secret, Secret::Key(_)) => {
                Ok(self.secret.check(&self.manifest.scheme, entry.geometry)?)
            }
            _ => Ok(()),
        }
    }

    /// Compares an image's header with the manifest, and its cost with the memory, before the image is decoded.
    fn check_header(&self, slot: usize) -> Result<(), ReadError> {
        let Some(entry) = self.manifest.images.get(slot) else { return Ok(()) };
        // The source of an encrypted set refuses a size that the manifest does not state.
        self.source.geometry(slot)?;
        cost::check(self.memory, entry.geometry, &self.manifest.scheme, self.source.length(slot), &entry.path)
    }

    /// Decodes an image, which is encrypted.
    pub fn read(&self, slot: usize) -> Result<Image, ReadError> {
        self.check_header(slot)?;
        let image = self.source.read(slot)?;
        let entry = &self.manifest.images[slot];
        // The file may have changed since.
        if image.geometry() != entry.geometry {
            return Err(ReadError::new(&entry.path, ReadErrorKind::NotExact));
        }
        Ok(image)
    }

    /// Checks a decrypted image, and removes its padding.
    pub fn checked(&self, slot: usize, image: Image) -> Result<Image, ReadError> {
        let (manifest, entry) = (&self.manifest, &self.manifest.images[slot]);
        // JPEG changes pixels: only the file's hash is compared then. The seal vouches for the encoding.
        if manifest.encoding.is_exact() && !check::is_of_entry(self.key(), manifest.salt, entry, &image) {
            return Err(ReadError::new(&entry.path, ReadErrorKind::NotExact));
        }
        Ok(match entry.original {
            Some(original) => unpad(image, original),
            None => image,
        })
    }

    /// The program that decrypts images of a geometry.
    pub fn inverse(&self, geometry: Geometry) -> Result<Program, JobError> {
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
        batches(images.into_iter().map(|(_, slot, geometry)| (slot, geometry)), self.memory)
    }
}

/// Opens a set with its secret. Sets of format 1 that were encrypted with tables know these without their salt.
fn open_with(input: &Path, secret: &Secret, memory: Memory) -> Result<(Secret, Opened), Error> {
    let options = ReadOptions { memory, ..ReadOptions::default() };
    let open = |secret: &Secret| open_sealed(input, &options, secret.key());
    let error = match open(secret) {
        Ok(opened) => return Ok((secret.clone(), opened)),
        Err(error) => error,
    };
    if let Detail::Set(SetError::WrongKey { set, .. }) = error.detail()
        && let Some(old) = secret.of_format_1().filter(|old| old.key().fingerprint() == *set)
        && let Ok(opened) = open(&old)
        && opened.manifest.as_ref().is_some_and(|manifest| Trust::of(manifest, true) == Trust::Format1)
    {
        return Ok((old, opened));
    }
    Err(error)
}

/// Decrypts images and checks them. Writes them if there is a sink.
pub(super) struct Decryption<'a> {
    pub encrypted: &'a EncryptedSet,
    pub device: &'a Device,
    pub sink: Option<&'a dyn Sink>,
}

impl Stages for Decryption<'_> {
    type Carried = ();
    type Written = Vec<Stored>;

    fn decode(&self, slot: usize) -> Result<(Image, ()), ReadError> {
        Ok((self.encrypted.read(slot)?, ()))
    }

    fn program(&self, geometry: Geometry) -> Result<Loaded, JobError> {
        Ok(Loaded::new(self.device, self.encrypted.inverse(geometry)?)?)
    }

    fn id(&self, slot: usize, (): &()) -> ImageId {
        self.encrypted.manifest.images[slot].id
    }

    fn write(&self, slot: usize, image: Image, (): ()) -> Result<Result<Vec<Stored>, ReadError>, JobError> {
        let image = match self.encrypted.checked(slot, image) {
            Ok(image) => image,
            Err(error) => return Ok(Err(error)),
        };
        let Some(sink) = self.sink else { return Ok(Ok(Vec::new())) };
        let encoded = sink.encode(&image);
        let path = || PathBuf::from(sink.path(slot));
        let bytes = encoded.map_err(|reason| SetError::Encode { path: path(), reason })?;
        Ok(Ok(sink.store(slot, bytes, Vec::new())?))
    }
}
