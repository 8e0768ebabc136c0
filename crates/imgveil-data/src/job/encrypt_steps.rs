//! An encryption that its caller drives batch by batch and whose files the caller keeps: for a page in a browser, which
//! has neither threads that may wait nor a disk.

use super::batch::Batch;
use super::describe;
use super::error::JobError;
use super::image_at::{Plain, decode, entry};
use super::names_file;
use super::preflight::{Preflighted, look_at_given};
use super::progress::NoProgress;
use super::request::EncryptRequest;
use super::steps::{StepFile, StepSize, parts};
use super::summary::{Failure, in_order};
use crate::Error;
use crate::format::{ReadError, ReadErrorKind, picture};
use crate::set::names::{self, Naming};
use crate::set::{Encoding, Entry, Opened, PassedOver, Remark, SetError, unpad};
use imgveil::internal::engine::{Device, ImageRef, Loaded};
use imgveil::internal::image::{Geometry, Image};
use std::collections::HashSet;
use std::path::PathBuf;

/// An encryption to PNG files, driven batch by batch. It writes the same bytes as an [`EncryptRun`](super::EncryptRun)
/// of the same request, salt and images.
pub struct EncryptSteps {
    request: EncryptRequest,
    device: Device,
    set: Preflighted,
    batches: Vec<Batch>,
    next: usize,
    loaded: Option<Loaded>,
    entries: Vec<Option<Entry>>,
    failed: Vec<(usize, Failure)>,
}

/// What one step did.
#[derive(Default)]
pub struct EncryptStep {
    /// The encrypted files.
    pub files: Vec<StepFile>,
    /// The images that were set aside.
    pub failed: Vec<Failure>,
}

/// What belongs to the files of a set.
pub struct SetTexts {
    /// The text of `imgveil.json`.
    pub manifest: Vec<u8>,
    /// The text of the file of names, if names were replaced.
    pub names: Option<Vec<u8>>,
    /// The number of images.
    pub images: usize,
    /// All images that were set aside.
    pub failed: Vec<Failure>,
}

/// An image before, during and after: what a preview shows.
pub struct Shown {
    /// The image as it is encrypted.
    pub plain: Image,
    /// The encrypted image.
    pub encrypted: Image,
    /// The decrypted image, without padding. `None` if the scheme cannot be undone.
    pub decrypted: Option<Image>,
}

impl EncryptSteps {
    /// Looks at an opened input: reads every header. The paths of the request are names only: nothing is looked for
    /// there.
    ///
    /// # Errors
    /// As [`EncryptRun::run`](super::EncryptRun::run) before it writes; also if the output is not PNG files, or the
    /// scheme mixes images.
    pub fn new(request: EncryptRequest, opened: Opened, device: &Device, size: StepSize) -> Result<Self, Error> {
        if request.scheme.mixes() {
            return Err(JobError::Floats(request.output).into());
        }
        let mut set = look_at_given(&request, opened, &NoProgress)?;
        if set.encoding != Encoding::Png || request.options.partition.is_some() {
            return Err(JobError::StepsWritePng.into());
        }
        let mut names: HashSet<&str> = HashSet::new();
        if let Some(twice) = set.slots.iter().find(|slot| !names.insert(&slot.item.name)) {
            return Err(SetError::Collision(twice.item.name.clone()).into());
        }
        let batches = parts(set.batches(request.options.read.memory, |_| false), size);
        let entries = vec![None; set.slots.len()];
        let (device, failed) = (device.clone(), std::mem::take(&mut set.failed));
        Ok(Self { request, device, set, batches, next: 0, loaded: None, entries, failed })
    }

    /// How many images can be read, as far as headers tell.
    pub fn images(&self) -> usize {
        self.batches.iter().map(Batch::len).sum()
    }

    /// The images that cannot be read, so far.
    pub fn failed(&self) -> Vec<Failure> {
        in_order(self.failed.clone())
    }

    /// The files that are passed over.
    pub fn passed_over(&self) -> &[PassedOver] {
        self.set.source.ignored()
    }

    /// What the user should know.
    pub fn notes(&self) -> &[Remark] {
        &self.set.notes
    }

    /// The images in the order of the input: their numbers, names and sizes. An image that cannot be read has no size.
    pub fn listed(&self) -> Vec<(usize, &str, Option<Geometry>)> {
        let items = self.set.source.items();
        let mut order: Vec<usize> = (0..items.len()).collect();
        order.sort_by_key(|&index| self.set.listed[index]);
        order.into_iter().map(|index| (index, items[index].name.as_str(), self.set.slots[index].geometry)).collect()
    }

    /// Encrypts the next images, and returns their files. `None` once all are done. Dropping the future loses the step.
    ///
    /// # Errors
    /// If the device fails, or an image cannot be encoded.
    pub async fn step(&mut self) -> Result<Option<EncryptStep>, Error> {
        let Some(batch) = self.batches.get(self.next) else { return Ok(None) };
        let (geometry, slots) = (batch.geometry, batch.slots.clone());
        let mut step = EncryptStep::default();
        let (mut samples, mut jobs) = (Vec::new(), Vec::<(usize, Plain)>::new());
        for slot in slots {
            match decode(&self.request, &self.set, slot).and_then(|found| self.as_announced(slot, geometry, found)) {
                Ok((image, plain)) if jobs.is_empty() => {
                    samples = image.into_samples();
                    jobs.push((slot, plain));
                }
                Ok((image, plain)) => {
                    samples.extend_from_slice(image.samples());
                    jobs.push((slot, plain));
                }
                Err(error) => {
                    let failure = Failure::from(error);
                    self.failed.push((self.set.listed[slot], failure.clone()));
                    step.failed.push(failure);
                }
            }
        }
        if !jobs.is_empty() {
            let loaded = self.loaded(geometry)?;
            let refs: Vec<ImageRef> =
                jobs.iter().zip(0..).map(|((_, plain), index)| ImageRef::new(index).with_id(plain.id)).collect();
            let output = loaded.begin(samples, &refs)?.ready().await?;
            for ((slot, plain), samples) in jobs.into_iter().zip(output.chunks_exact(geometry.bytes())) {
                let image = Image::new(geometry, samples.to_vec()).ok_or(JobError::Worker)?;
                step.files.push(self.written(slot, &image, &plain)?);
            }
        }
        self.next += 1;
        Ok(Some(step))
    }

    fn as_announced(
        &self,
        slot: usize,
        geometry: Geometry,
        (image, plain): (Image, Plain),
    ) -> Result<(Image, Plain), ReadError> {
        if image.geometry() == geometry {
            return Ok((image, plain));
        }
        let changed = ReadErrorKind::Damaged("it changed while it was being read".into());
        Err(ReadError::new(&self.set.source.items()[slot].name, changed))
    }

    /// The scheme for images of a geometry.
    fn loaded(&mut self, geometry: Geometry) -> Result<Loaded, JobError> {
        let loaded = match self.loaded.take_if(|loaded| loaded.program().geometry() == geometry) {
            Some(same) => same,
            None => Loaded::new(&self.device, self.request.secret.compile(&self.request.scheme, geometry)?)?,
        };
        Ok(self.loaded.insert(loaded).clone())
    }

    /// Encodes an encrypted image and enters it into the manifest.
    fn written(&mut self, slot: usize, image: &Image, plain: &Plain) -> Result<StepFile, JobError> {
        let path = format!("{}.png", self.set.slots[slot].item.name);
        let encode = |reason| SetError::Encode { path: PathBuf::from(&path), reason };
        let bytes = picture::encode_png(image).map_err(encode)?;
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        let entry = entry(&self.set, slot, path.clone(), image.geometry(), plain);
        self.entries[slot] = Some(Entry { blake3, ..entry });
        let (name, samples) = (self.set.source.items()[slot].name.clone(), image.geometry().bytes());
        Ok(StepFile { name, path, bytes, samples })
    }

    /// Encrypts and decrypts one image, to be looked at. Nothing of it enters the set.
    ///
    /// # Errors
    /// If the image cannot be read, or the device fails.
    pub async fn show(&mut self, index: usize) -> Result<Shown, Error> {
        let geometry = self.set.slots.get(index).and_then(|slot| slot.geometry).ok_or(JobError::Worker)?;
        let (plain, Plain { id, .. }) =
            decode(&self.request, &self.set, index).and_then(|found| self.as_announced(index, geometry, found))?;
        let (loaded, refs) = (self.loaded(geometry)?, [ImageRef::new(0).with_id(id)]);
        let encrypted = loaded.begin(plain.samples().to_vec(), &refs)?.ready().await?;
        let decrypted = match loaded.program().inverse() {
            Ok(inverse) => {
                let inverse = Loaded::new(&self.device, inverse)?;
                let samples = inverse.begin(encrypted.clone(), &refs)?.ready().await?;
                let original = self.set.originals[index].unwrap_or(geometry);
                Some(unpad(Image::new(geometry, samples).ok_or(JobError::Worker)?, original))
            }
            Err(_) => None,
        };
        let encrypted = Image::new(geometry, encrypted).ok_or(JobError::Worker)?;
        Ok(Shown { plain, encrypted, decrypted })
    }

    /// The texts that complete the set.
    ///
    /// # Errors
    /// If no image could be encrypted, or not all steps were made.
    pub fn finish(self) -> Result<SetTexts, Error> {
        if self.next < self.batches.len() {
            return Err(JobError::Worker.into());
        }
        let done: Vec<bool> = self.entries.iter().map(Option::is_some).collect();
        let entries: Vec<Entry> = self.entries.into_iter().flatten().collect();
        let mut failed = self.failed;
        failed.sort_by_key(|(index, _)| *index);
        if let (true, Some((_, first))) = (entries.is_empty(), failed.first()) {
            return Err(JobError::NothingReadable { images: failed.len(), first: first.clone() }.into());
        }
        let images = entries.len();
        let mut manifest = describe::manifest(&self.request, &self.set, entries);
        manifest.seal_with(self.request.secret.key());
        let text = manifest.to_text().map_err(|_| JobError::Worker)?;
        let names = match self.request.options.naming {
            Naming::Kept => None,
            Naming::Neutral | Naming::Classes => {
                let mut text = Vec::new();
                let lines = names_file::lines(&self.set, |index| done[index]);
                names::write_to(&mut text, lines).map_err(|_| JobError::Worker)?;
                Some(text)
            }
        };
        Ok(SetTexts { manifest: text, names, images, failed: in_order(failed) })
    }
}
