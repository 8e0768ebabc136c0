//! Brings a set from one key to another. Images are decrypted and encrypted again in memory, so that no plain pixel
//! reaches a disk.
//!
//! The two plans of an image are not composed into one: the new set's ids and checks are keyed hashes of plain pixels,
//! and the old set's check needs them too. So the plain pixels have to be there.

use super::decrypted::Decrypted;
use super::encrypt::Writing;
use super::encrypted_set::EncryptedSet;
use super::error::{JobError, check_apart};
use super::identity;
use super::journal::Head;
use super::options::adopt;
use super::plain_names::PlainNames;
use super::preflight::{Preflight, Preflighted, listed};
use super::progress::{NoProgress, Note, Progress};
use super::request::{EncryptOptions, EncryptRequest};
use super::salt;
use super::summary::{Failure, Summary};
use crate::format::ReadOptions;
use crate::set::manifest::UNSEALED;
use crate::set::names::{self, Naming};
use crate::set::{Entry, Manifest, Resize, Trust, is_npz};
use crate::{Error, Memory};
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::Depth;
use imgveil::internal::scheme::Secret;
use imgveil::internal::sealed::Salt;
use std::path::PathBuf;
use std::sync::Arc;

/// Which set to bring to another key.
#[derive(Clone, Debug)]
pub struct RekeyRequest {
    /// An encrypted set.
    pub input: PathBuf,
    /// A folder that does not exist or is empty, or an `.npz` file that does not exist.
    pub output: PathBuf,
    /// The key or tables that the set was encrypted with.
    pub from: Secret,
    /// The key or tables of the new set.
    pub to: Secret,
    /// The file of names that was written with the set. `None` means `IN.names.csv` if it exists. Without one, the
    /// names in the set count as the names of the images.
    pub names: Option<PathBuf>,
    /// The file of names of the new set. `None` means `OUT.names.csv`.
    pub new_names: Option<PathBuf>,
    /// The salt of the new set. `None` means that of what is there already, or a new one.
    pub salt: Option<Salt>,
    /// How much memory may be used.
    pub memory: Memory,
}

/// Brings a set from one key to another.
///
/// Scheme, options, form, labels and splits stay. The new set has the bytes that an encryption of the decrypted images
/// with the new key writes.
pub struct RekeyRun {
    request: RekeyRequest,
    device: Device,
    progress: Arc<dyn Progress>,
}

/// What is to be written.
struct Prepared {
    request: EncryptRequest,
    set: Preflighted,
    /// The manifest of the old set.
    old: Manifest,
    identity: String,
}

/// Whether the name of an entry is a keyed hash.
fn has_neutral_name(entry: &Entry) -> bool {
    let id = entry.name.rsplit('/').next().unwrap_or_default();
    id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl RekeyRun {
    /// A run of a request, which encrypts on a device, without progress reports.
    pub fn new(request: RekeyRequest, device: Device) -> Self {
        Self { request, device, progress: Arc::new(NoProgress) }
    }

    /// Reports progress to `progress`.
    #[must_use]
    pub fn with_progress(mut self, progress: Arc<dyn Progress>) -> Self {
        self.progress = progress;
        self
    }

    /// Reports what the run would do, and writes nothing.
    ///
    /// # Errors
    /// The errors that the run would end with before it writes.
    pub fn preflight(&self) -> Result<Preflight, Error> {
        let Prepared { set, .. } = self.prepare()?;
        Ok(set.preflight())
    }

    /// Writes the set with the new key, or continues a run that was interrupted.
    ///
    /// # Errors
    /// If the set is not whole, was changed, was encrypted with another key, or its scheme has no inverse; nothing is
    /// written then. Also if the disk or the device fails later: the images written so far are complete, and the same
    /// run continues from there.
    pub fn run(&self) -> Result<Summary, Error> {
        let Prepared { request, set, old, identity } = self.prepare()?;
        let progress = self.progress.as_ref();
        progress.contents(&set.contents());
        let head = Head::new(request.secret.key(), "rekey", identity.clone(), set.salt);
        let finished =
            |manifest: Manifest| Manifest { run: identity.clone(), options: old.options.clone(), ..manifest };
        let (device, set_aside) = (&self.device, Failure::of_set);
        Ok(Writing { request: &request, device, head, finished: &finished, set_aside }.run(set, progress)?)
    }

    /// Opens the old set and reads its headers.
    fn prepare(&self) -> Result<Prepared, Error> {
        let RekeyRequest { input, output, from, to, names, new_names, salt, memory } = &self.request;
        let progress = self.progress.as_ref();
        let encrypted = EncryptedSet::open(input, from, *memory)?;
        if from.key().fingerprint() == to.key().fingerprint() {
            return Err(JobError::SameKey(to.key().fingerprint()).into());
        }
        if !to.is_hard_to_guess() {
            return Err(JobError::Unsalted.into());
        }
        check_apart(input, output)?;
        let old = encrypted.manifest.clone();
        let encoding = old.encoding;
        if is_npz(output) != is_npz(input) {
            return Err(JobError::OtherForm { output: output.clone(), encoding }.into());
        }
        if encrypted.trust == Trust::Format1 {
            progress.note(&Note::Format1);
        }
        if !encoding.is_exact() {
            progress.note(&Note::NotExact);
        }
        let mut recorded = EncryptOptions::default();
        adopt(&old.options, &mut recorded)
            .map_err(|option| JobError::UnknownOption { output: input.clone(), option })?;
        if old.format == UNSEALED && !old.images.iter().all(has_neutral_name) {
            // Sets of format 1 do not record it.
            recorded.naming = Naming::Kept;
        }
        let file = match names {
            _ if recorded.naming == Naming::Kept => None,
            Some(names) => Some(names.clone()),
            None => Some(names::beside(input)).filter(|names| names.exists()),
        };
        let plain = file.as_ref().map(|file| PlainNames::read(file, from.key(), &old)).transpose()?;
        if plain.is_none() && recorded.naming != Naming::Kept {
            progress.note(&Note::NoNames);
        }
        // The file of names is in the order of the names, for people.
        let encrypted = match &plain {
            Some(names) => encrypted.reordered(names.order()),
            None => encrypted,
        };
        let deep = old.images.iter().map(|entry| entry.geometry.depth()).find(|&depth| depth != Depth::U8);
        let request = EncryptRequest {
            input: input.clone(),
            output: output.clone(),
            secret: to.clone(),
            scheme: old.scheme.clone(),
            options: EncryptOptions {
                // The images have their sizes, and padding was removed.
                resize: Resize { pad: old.images.iter().any(|entry| entry.original.is_some()), ..Resize::default() },
                read: ReadOptions {
                    members: recorded.read.members,
                    depth: deep,
                    memory: *memory,
                    ..ReadOptions::default()
                },
                naming: recorded.naming,
                names: new_names.clone(),
                encoding: Some(encoding),
                salt: *salt,
                ..EncryptOptions::default()
            },
        };
        let identity = identity::of_rekeying(to, &old, file.as_deref());
        let salt = salt::of_other_run(&request, encoding, &identity)?;
        // Single images are decrypted where they are decoded, on all cores.
        let cpu = Device::open(&DeviceChoice::Cpu).map_err(JobError::from)?;
        let classes = old.classes.clone();
        let source = Box::new(Decrypted::new(encrypted, plain.as_ref(), cpu));
        let set = listed(&request, encoding, Some(salt), source, classes);
        let set = set.scanned(&request, Failure::of_set, progress)?;
        Ok(Prepared { request, set, old, identity })
    }
}
