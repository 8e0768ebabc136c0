//! Writes decrypted pixels back into copies of the DICOM objects and NIfTI volumes that a set was encrypted from.

use super::census::Census;
use super::decrypted::Decrypted;
use super::encrypted_set::EncryptedSet;
use super::error::{JobError, check_apart};
use super::options::adopt;
use super::plain_names::PlainNames;
use super::progress::{Busy, NoProgress, Note, Progress};
use super::request::EncryptOptions;
use super::summary::{Failure, Summary, in_order};
use crate::format::write_back::CopyOptions;
use crate::format::{ReadErrorKind, ReadOptions, Rescale};
use crate::set::folder::Originals;
use crate::set::staging::{STAGED, Staging};
use crate::set::{Encoding, Manifest, SetError, Source, Trust, names};
use crate::{Error, Memory};
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::Image;
use imgveil::internal::key::Key;
use imgveil::internal::scheme::Secret;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Which set to write back.
#[derive(Clone, Debug)]
pub struct WriteBackRequest {
    /// An encrypted set.
    pub input: PathBuf,
    /// The folder of the DICOM objects and NIfTI volumes that the set was encrypted from.
    pub originals: PathBuf,
    /// A folder for the copies. Files that are there already must be the same copies.
    pub output: PathBuf,
    /// The key or tables that the set was encrypted with.
    pub secret: Secret,
    /// The file of names that was written with the set. `None` means `IN.names.csv` if it exists.
    pub names: Option<PathBuf>,
    /// Keep the SOP Instance UIDs of DICOM objects. Otherwise every copy gets one of its own, which depends on the key
    /// and on that of its original only.
    pub keep_uids: bool,
    /// Files that only their owner may read (mode 0600). Otherwise the user's umask decides.
    pub private: bool,
    /// How much memory may be used.
    pub memory: Memory,
}

/// Writes decrypted pixels back into copies of their originals.
///
/// Every image is decrypted and checked as [`DecryptRun`](super::DecryptRun) does, and compared with the pixels of its
/// original, so that no copy gets the pixels of another file. A file is set aside if the set lacks one of its images.
/// A run that was cut writes the same files again when it is repeated.
pub struct WriteBackRun {
    request: WriteBackRequest,
    progress: Arc<dyn Progress>,
}

/// A file to copy: its number among the originals, and the image of the set for each of its images.
type Work = (usize, Vec<Option<usize>>);

impl WriteBackRun {
    /// A run of a request, without progress reports. Images are decrypted on all cores of the CPU.
    pub fn new(request: WriteBackRequest) -> Self {
        Self { request, progress: Arc::new(NoProgress) }
    }

    /// Reports progress to `progress`.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Writes the copies.
    ///
    /// # Errors
    /// If the set is not whole, was changed, was encrypted with another key, or its images are not the pixels of files
    /// as they are stored; nothing is written then. Also if the disk fails later.
    pub fn run(&self) -> Result<Summary, Error> {
        let WriteBackRequest { input, originals, output, secret, names, memory, .. } = &self.request;
        let (started, progress) = (Instant::now(), self.progress.as_ref());
        let encrypted = EncryptedSet::open(input, secret, *memory)?;
        check_apart(input, output)?;
        check_apart(originals, output)?;
        if encrypted.trust == Trust::Format1 {
            progress.note(&Note::Format1);
        }
        let manifest = encrypted.manifest.clone();
        let read = as_stored(&manifest, input)?;
        let names = names.clone().or_else(|| Some(names::beside(input)).filter(|names| names.exists()));
        let names = names.map(|names| PlainNames::read(&names, encrypted.key(), &manifest)).transpose()?;
        let files =
            Originals::open(originals, &ReadOptions { memory: *memory, axis: read.axis, ..Default::default() })?;
        let cpu = Device::open(&DeviceChoice::Cpu).map_err(JobError::from)?;
        let device = cpu.name();
        let plain = Decrypted::new(encrypted, names.as_ref(), cpu);
        let (work, mut failed) = matched(&plain, &files);
        progress.start(work.iter().map(|(_, images)| images.len()).sum());
        failed.iter().for_each(|_| progress.set_aside());
        std::fs::create_dir_all(output).map_err(SetError::writing(output))?;
        let staging = Staging::named(output, &format!("{STAGED}back-")).private(self.request.private);
        staging.tidy(output)?;
        let new_uid = |old: &str| new_uid(secret.key(), old);
        let options = CopyOptions {
            new_uid: (!self.request.keep_uids).then_some(&new_uid),
            axis: read.axis,
            rescales: &[],
            range: None,
            memory: *memory,
        };
        let copied: Vec<Result<Result<(), Failure>, SetError>> =
            work.par_iter().map(|work| self.copy(work, &plain, &files, &options, &staging)).collect();
        let mut census = Census::default();
        for (result, (file, slots)) in copied.into_iter().zip(&work) {
            let slots = slots.iter().flatten().copied();
            match result? {
                Ok(()) => slots.for_each(|slot| {
                    let (item, entry) = (&plain.items()[slot], &manifest.images[slot]);
                    census.add(item.split, item.label, plain.classes(), String::new(), entry.geometry.bytes() as u64);
                }),
                Err(failure) => failed.push((*file, failure)),
            }
        }
        if census.images == 0
            && let Some((_, first)) = failed.first()
        {
            return Err(JobError::NothingReadable { images: failed.len(), first: first.clone() }.into());
        }
        Ok(Summary {
            manifest: blake3::hash(&manifest.to_text().unwrap_or_default()).to_hex().to_string(),
            images: census.images,
            resumed: 0,
            bytes: census.bytes,
            failed: in_order(failed),
            ignored: 0,
            passed_over: Vec::new(),
            turned: 0,
            splits: census.splits,
            classes: census.classes,
            notes: Vec::new(),
            key: manifest.key.to_string(),
            scheme: manifest.scheme,
            device,
            seconds: started.elapsed().as_secs_f64(),
            busy: Busy::default(),
            encoding: Encoding::Png,
            was_complete: false,
            names: None,
        })
    }

    /// Writes one copy. The outer error ends the run, the inner one sets the file aside.
    fn copy(
        &self,
        (file, slots): &Work,
        plain: &Decrypted,
        files: &Originals,
        options: &CopyOptions<'_>,
        staging: &Staging,
    ) -> Result<Result<(), Failure>, SetError> {
        let path = files.files()[*file].path.to_string_lossy().into_owned();
        let aside = |reason: String| {
            self.progress.set_aside();
            Ok(Err(Failure { path: path.clone(), reason, needs_window: false, unlike_manifest: false }))
        };
        let found: Vec<usize> = slots.iter().flatten().copied().collect();
        if found.len() < slots.len() {
            return aside(format!("only {} of its {} images are in the set", found.len(), slots.len()));
        }
        let bytes: u64 = found.iter().filter_map(|&slot| plain.geometry(slot).ok()).map(|of| of.bytes() as u64).sum();
        if let Err(error) = self.request.memory.check(bytes.saturating_mul(3)) {
            return aside(ReadErrorKind::Memory(error).to_string());
        }
        let images: Result<Vec<Image>, _> = found.iter().map(|&slot| plain.read(slot)).collect();
        let images = match images {
            Ok(images) => images,
            Err(error) => {
                self.progress.set_aside();
                return Ok(Err(Failure::of_set(error)));
            }
        };
        let rescales: Vec<Option<Rescale>> = found.iter().map(|&slot| plain.rescale(slot)).collect();
        match files.copy(*file, &images, &CopyOptions { rescales: &rescales, ..*options }) {
            Ok(copy) => {
                staging.put_new(&path, &copy)?;
                self.progress.advance(found.len(), bytes);
                Ok(Ok(()))
            }
            Err(error) => aside(error.to_string()),
        }
    }
}

/// The options that a set was encrypted with, if its images are the pixels of files as they are stored.
fn as_stored(manifest: &Manifest, input: &Path) -> Result<ReadOptions, JobError> {
    let mut options = EncryptOptions::default();
    adopt(&manifest.options, &mut options)
        .map_err(|option| JobError::UnknownOption { output: input.to_owned(), option })?;
    let EncryptOptions { read, resize, .. } = options;
    let changed = [
        (read.window.is_some(), "a window"),
        (resize.size.is_some(), "another size"),
        (resize.crop, "cropping"),
        (read.channels.is_some(), "other channels"),
        (read.copies.is_some(), "copies of training images"),
        (manifest.options.iter().any(|option| option.starts_with("mask")), "black regions"),
        (!manifest.encoding.is_exact(), "JPEG"),
    ];
    match changed.iter().find(|(is, _)| *is) {
        Some((_, how)) => Err(JobError::NotAsStored(how)),
        None => Ok(read),
    }
}

/// The files whose images are in the set, and the images of the set that no file has.
fn matched(plain: &Decrypted, files: &Originals) -> (Vec<Work>, Vec<(usize, Failure)>) {
    let (mut work, mut failed) = (BTreeMap::<usize, Vec<Option<usize>>>::new(), Vec::new());
    for (slot, item) in plain.items().iter().enumerate() {
        let Some((file, place)) = files.of(&item.name) else {
            let reason = "has no original: there is no DICOM object or NIfTI volume of this name".to_owned();
            let failure = Failure { path: item.name.clone(), reason, needs_window: false, unlike_manifest: false };
            failed.push((files.files().len() + slot, failure));
            continue;
        };
        work.entry(file).or_insert_with(|| vec![None; files.files()[file].images])[place] = Some(slot);
    }
    (work.into_iter().collect(), failed)
}

/// The SOP Instance UID of a copy: a UUID (version 8, RFC 9562) as an identifier (PS3.5 Annex B.2), from a keyed hash
/// of that of its original.
fn new_uid(key: &Key, old: &str) -> String {
    let hash = blake3::keyed_hash(&key.derive("imgveil v1 sop instance uid", b""), old.as_bytes());
    let [bytes, _] = hash.as_bytes().as_chunks::<16>().0 else { return old.to_owned() };
    let number = u128::from_be_bytes(*bytes);
    let (version, variant) = (0x8u128 << 76, 0b10u128 << 62);
    let number = number & !(0xf << 76) & !(0b11 << 62) | version | variant;
    format!("2.25.{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_depend_on_the_key_and_the_original() {
        let key = |byte| Key::from_bytes([byte; 32]);
        let uid = new_uid(&key(1), "1.2.3");
        assert_eq!(uid, new_uid(&key(1), "1.2.3"));
        assert_ne!(uid, new_uid(&key(2), "1.2.3"));
        assert_ne!(uid, new_uid(&key(1), "1.2.4"));
        let number: u128 = uid.strip_prefix("2.25.").unwrap().parse().unwrap();
        assert_eq!((number >> 76 & 0xf, number >> 62 & 0b11), (8, 0b10));
        assert!(uid.len() <= 64);
    }
}
