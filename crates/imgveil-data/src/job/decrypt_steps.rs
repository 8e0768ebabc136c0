//! A decryption that its caller drives batch by batch and whose files the caller keeps: for a page in a browser, which
//! has neither threads that may wait nor a disk.

use super::batch::Batch;
use super::encrypted_set::EncryptedSet;
use super::error::JobError;
use super::plain_names::{PlainNames, slots};
use super::steps::{StepFile, StepSize, parts};
use super::summary::{Failure, in_order};
use crate::format::{ReadError, picture};
use crate::set::{Given, Manifest, SetError, Slot, Trust, names, open_given};
use crate::{Error, Memory};
use imgveil::internal::engine::{Device, ImageRef, Loaded};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::scheme::Secret;
use std::path::{Path, PathBuf};

/// A decryption to PNG files, driven batch by batch. Every image is checked as
/// [`DecryptRun`](super::DecryptRun) checks it.
pub struct DecryptSteps {
    encrypted: EncryptedSet,
    device: Device,
    slots: Vec<Slot>,
    batches: Vec<Batch>,
    next: usize,
    loaded: Option<Loaded>,
    done: usize,
    failed: Vec<(usize, Failure)>,
}

/// What one step did.
#[derive(Default)]
pub struct DecryptStep {
    /// The decrypted files.
    pub files: Vec<StepFile>,
    /// The images that were set aside.
    pub failed: Vec<Failure>,
}

impl DecryptSteps {
    /// Opens a set that the caller holds, with its key. `names` is what messages call its file of names, and the text
    /// of that file.
    ///
    /// # Errors
    /// As [`DecryptRun::run`](super::DecryptRun::run) before it writes.
    pub fn new(
        set: Given,
        names: Option<(&Path, &[u8])>,
        secret: Secret,
        device: &Device,
        memory: Memory,
        size: StepSize,
    ) -> Result<Self, Error> {
        let name = set.name.clone();
        let options = crate::format::ReadOptions { memory, ..Default::default() };
        let opened = open_given(set, &options, Some(secret.key()))?;
        let encrypted = EncryptedSet::of(&name, opened, secret, memory)?;
        encrypted.check_inverse()?;
        let names = match names {
            Some((path, text)) => {
                let lines = names::parse(text, path)?;
                Some(PlainNames::checked(lines, path, encrypted.key(), &encrypted.manifest)?)
            }
            None => None,
        };
        let encrypted = match &names {
            Some(names) => encrypted.reordered(names.order()),
            None => encrypted,
        };
        let slots = slots(&encrypted.manifest, names.as_ref());
        let batches = parts(encrypted.batches(|_| true), size);
        let (device, failed) = (device.clone(), Vec::new());
        Ok(Self { encrypted, device, slots, batches, next: 0, loaded: None, done: 0, failed })
    }

    /// How many images the set has.
    pub fn images(&self) -> usize {
        self.slots.len()
    }

    /// The manifest of the set.
    pub fn manifest(&self) -> &Manifest {
        &self.encrypted.manifest
    }

    /// What vouches for the manifest.
    pub fn trust(&self) -> Trust {
        self.encrypted.trust
    }

    /// Decrypts the next images, and returns their files. `None` once all are done. Dropping the future loses the step.
    ///
    /// # Errors
    /// If the device fails, or an image cannot be encoded.
    pub async fn step(&mut self) -> Result<Option<DecryptStep>, Error> {
        let Some(batch) = self.batches.get(self.next) else { return Ok(None) };
        let (geometry, wanted) = (batch.geometry, batch.slots.clone());
        let mut step = DecryptStep::default();
        let (mut samples, mut jobs) = (Vec::new(), Vec::new());
        for slot in wanted {
            match self.encrypted.read(slot) {
                Ok(image) => {
                    samples.extend_from_slice(image.samples());
                    jobs.push(slot);
                }
                Err(error) => self.set_aside(slot, error, &mut step),
            }
        }
        if !jobs.is_empty() {
            let loaded = self.loaded(geometry)?;
            let id = |slot: usize| self.encrypted.manifest.images[slot].id;
            let refs: Vec<ImageRef> =
                jobs.iter().zip(0..).map(|(&slot, index)| ImageRef::new(index).with_id(id(slot))).collect();
            let output = loaded.begin(samples, &refs)?.ready().await?;
            for (slot, samples) in jobs.into_iter().zip(output.chunks_exact(geometry.bytes())) {
                let image = Image::new(geometry, samples.to_vec()).ok_or(JobError::Worker)?;
                match self.encrypted.checked(slot, image) {
                    Ok(image) => step.files.push(self.written(slot, image)?),
                    Err(error) => self.set_aside(slot, error, &mut step),
                }
            }
        }
        self.next += 1;
        Ok(Some(step))
    }

    /// The images that were set aside, or an error if no image was decrypted.
    ///
    /// # Errors
    /// If no image could be decrypted, or not all steps were made.
    pub fn finish(self) -> Result<Vec<Failure>, Error> {
        if self.next < self.batches.len() {
            return Err(JobError::Worker.into());
        }
        let (images, done, failed) = (self.failed.len(), self.done, in_order(self.failed));
        match failed.first() {
            Some(first) if done == 0 => Err(JobError::NothingReadable { images, first: first.clone() }.into()),
            _ => Ok(failed),
        }
    }

    fn set_aside(&mut self, slot: usize, error: ReadError, step: &mut DecryptStep) {
        let path = self.encrypted.manifest.images[slot].path.clone();
        let failure = Failure::of_set(ReadError { path, ..error });
        self.failed.push((slot, failure.clone()));
        step.failed.push(failure);
    }

    /// The inverse of the scheme for images of a geometry.
    fn loaded(&mut self, geometry: Geometry) -> Result<Loaded, JobError> {
        let loaded = match self.loaded.take_if(|loaded| loaded.program().geometry() == geometry) {
            Some(same) => same,
            None => Loaded::new(&self.device, self.encrypted.inverse(geometry)?)?,
        };
        Ok(self.loaded.insert(loaded).clone())
    }

    fn written(&mut self, slot: usize, image: Image) -> Result<StepFile, JobError> {
        let image = self.encrypted.unpadded(slot, image);
        let name = self.slots[slot].item.name.clone();
        let path = format!("{name}.png");
        let encode = |reason| SetError::Encode { path: PathBuf::from(&path), reason };
        let bytes = picture::encode_png(&image).map_err(encode)?;
        self.done += 1;
        Ok(StepFile { name, path, bytes, samples: image.geometry().bytes() })
    }
}
