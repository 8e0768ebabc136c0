//! An encrypted set that is opened with its key, and the stages that decrypt it.

use super::error::JobError;
use super::pipeline::{Batch, Stages, batches};
use crate::Error;
use crate::format::{ReadError, ReadErrorKind};
use crate::set::sink::{Sink, Stored};
use crate::set::{Manifest, SetError, Source, open, unpad};
use imgveil::internal::engine::{Device, Loaded, Program};
use imgveil::internal::hex;
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::schedule::{ImageId, plain_hash};
use imgveil::internal::scheme::Secret;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// An encrypted set and its key.
pub(super) struct EncryptedSet<'a> {
    pub source: Box<dyn Source>,
    pub manifest: Manifest,
    secret: &'a Secret,
}

impl<'a> EncryptedSet<'a> {
    /// Opens a set and compares the key's fingerprint with the manifest's.
    pub fn open(input: &Path, secret: &'a Secret) -> Result<Self, Error> {
        let opened = open(input)?;
        let manifest = opened.manifest.ok_or_else(|| JobError::NotEncrypted(input.to_owned()))?;
        let given = secret.key().fingerprint();
        if manifest.key != given {
            return Err(JobError::WrongKey { set: manifest.key, given }.into());
        }
        let encrypted = Self { source: opened.source, manifest, secret };
        // Whether the scheme has an inverse does not depend on the size. It must be known before anything is written.
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

/// Decrypts images and checks them. Writes them if there is a sink.
pub(super) struct Decryption<'a> {
    pub encrypted: &'a EncryptedSet<'a>,
    pub device: &'a Device,
    pub sink: Option<&'a dyn Sink>,
}

impl Stages for Decryption<'_> {
    type Carried = ();
    type Written = Vec<Stored>;

    fn decode(&self, slot: usize) -> Result<(Image, ()), ReadError> {
        let image = self.encrypted.source.read(slot)?;
        let entry = &self.encrypted.manifest.images[slot];
        // The file has the right hash, so the geometry can differ only if somebody edited the manifest.
        if image.geometry() != entry.geometry {
            return Err(ReadError::new(&entry.path, ReadErrorKind::NotExact));
        }
        Ok((image, ()))
    }

    fn program(&self, geometry: Geometry) -> Result<Loaded, JobError> {
        Ok(Loaded::new(self.device, self.encrypted.inverse(geometry)?)?)
    }

    fn id(&self, slot: usize, (): &()) -> ImageId {
        self.encrypted.manifest.images[slot].id
    }

    fn write(&self, slot: usize, image: Image, (): ()) -> Result<Result<Vec<Stored>, ReadError>, JobError> {
        let manifest = &self.encrypted.manifest;
        let entry = &manifest.images[slot];
        let hash = plain_hash(self.encrypted.secret.key(), image.geometry(), image.samples());
        if manifest.encoding.is_exact() && hex::encode(&hash) != entry.plain {
            return Ok(Err(ReadError::new(&entry.path, ReadErrorKind::NotExact)));
        }
        let Some(sink) = self.sink else { return Ok(Ok(Vec::new())) };
        let image = match entry.original {
            Some(original) => unpad(image, original),
            None => image,
        };
        let encoded = sink.encode(&image);
        let path = || PathBuf::from(sink.path(slot));
        let bytes = encoded.map_err(|reason| SetError::Encode { path: path(), reason })?;
        Ok(Ok(sink.store(slot, bytes, Vec::new())?))
    }
}
