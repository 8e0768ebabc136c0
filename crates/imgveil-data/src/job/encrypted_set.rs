//! An encrypted set that is opened with its key.

use super::batch::{Batch, batches};
use super::error::JobError;
use super::{check, cost};
use crate::format::{ReadError, ReadErrorKind, ReadOptions};
use crate::set::{Manifest, Opened, Reordered, SetError, Source, Trust, open_sealed, unpad};
use crate::{Detail, Error, Memory};
use imgveil::internal::engine::Program;
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::key::Key;
use imgveil::internal::scheme::Secret;
use std::collections::HashMap;
use std::path::Path;

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
        Self::of(input, opened, secret, memory)
    }

    /// A set that was opened with its key. Messages call it `input`.
    pub fn of(input: &Path, opened: Opened, secret: Secret, memory: Memory) -> Result<Self, Error> {
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

    /// Reads an encrypted image, if it is as large as the manifest says and fits into memory.
    pub fn read(&self, slot: usize) -> Result<Image, ReadError> {
        self.check_header(slot)?;
        let image = self.source.read(slot)?;
        let entry = &self.manifest.images[slot];
        // The file may have changed since.
        match image.geometry() == entry.geometry {
            true => Ok(image),
            false => Err(ReadError::new(&entry.path, ReadErrorKind::NotExact)),
        }
    }

    /// A decrypted image, if it is the one that the manifest is about. JPEG changes pixels: only the file's hash is
    /// compared then. The seal vouches for the encoding.
    pub fn checked(&self, slot: usize, image: Image) -> Result<Image, ReadError> {
        let (manifest, key) = (&self.manifest, self.secret.key());
        let entry = &manifest.images[slot];
        match manifest.encoding.is_exact() && !check::is_of_entry(key, manifest.salt, entry, &image) {
            true => Err(ReadError::new(&entry.path, ReadErrorKind::NotExact)),
            false => Ok(image),
        }
    }

    /// A decrypted image without the padding that it was encrypted with.
    pub fn unpadded(&self, slot: usize, image: Image) -> Image {
        match self.manifest.images[slot].original {
            Some(original) => unpad(image, original),
            None => image,
        }
    }

    /// The inverse of the scheme for images of a geometry.
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
