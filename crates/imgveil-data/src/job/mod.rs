//! Whole data sets: encrypt one, decrypt one, check one, join the parts of one. Files are decoded and encoded on all cores while
//! one device works; what is in memory at a time does not grow with the set. An unreadable file is set aside with its
//! reason and the rest goes on. Never writes over anything, never leaves half a file; a run that was cut goes on when it is
//! started again.

mod decrypt;
mod encrypt;
mod inspect;
pub mod journal;
mod merge;
mod mix;
mod output;
mod part;
mod pipeline;
mod preflight;
mod verify;

pub use decrypt::{DecryptOptions, DecryptRequest, decrypt};
pub use encrypt::{EncryptOptions, EncryptRequest, encrypt};
pub use inspect::{Inspection, inspect};
pub use merge::{Merged, merge};
pub use part::Part;
pub use preflight::{Preflight, Size, preflight};
pub use verify::{Sample, Verification, VerifyRequest, verify};

use crate::dataset::{DatasetError, Mixed};
use imgveil::internal::engine::EngineError;
use imgveil::internal::key::Fingerprint;
use imgveil::internal::plan::Lossy;
use imgveil::internal::scheme::CompileError;
use std::path::PathBuf;
use std::time::Duration;

/// Hears how a job goes on.
pub trait Progress: Sync {
    /// The job will work on this many images.
    fn start(&self, images: usize);
    /// These more are written, with so many bytes of samples.
    fn advance(&self, images: usize, bytes: u64);
    /// One more was set aside.
    fn set_aside(&self) {}
    /// How long each stage has worked so far: the one that worked longest holds the others up.
    fn busy(&self, _busy: &Busy) {}
    /// Something that the user should know before the work begins.
    fn note(&self, _words: &str) {}
}

/// Nobody looks on.
pub struct NoProgress;

impl Progress for NoProgress {
    fn start(&self, _: usize) {}
    fn advance(&self, _: usize, _: u64) {}
}

/// How long each stage has worked so far, of the time that has passed: those with several threads in the mean of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Busy {
    /// Reading and decoding.
    #[serde(serialize_with = "in_seconds")]
    pub decode: Duration,
    /// The device.
    #[serde(serialize_with = "in_seconds")]
    pub device: Duration,
    /// Encoding and writing.
    #[serde(serialize_with = "in_seconds")]
    pub encode: Duration,
}

fn in_seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl Busy {
    /// The stage that holds the others up, in one word.
    pub fn slowest(&self) -> &'static str {
        let stages = [(self.decode, "decode"), (self.device, "device"), (self.encode, "encode")];
        stages.into_iter().max_by_key(|(time, _)| *time).map_or("decode", |(_, name)| name)
    }
}

/// An image that was set aside.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// The file, or the place in an array.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl From<crate::dataset::ReadError> for Failure {
    fn from(error: crate::dataset::ReadError) -> Self {
        Self { reason: error.kind.to_string(), path: error.path }
    }
}

/// What a job did.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Summary {
    /// Images in the output.
    pub images: usize,
    /// How many of them an earlier run had written already.
    pub resumed: usize,
    /// Bytes of their samples.
    pub bytes: u64,
    /// Images set aside.
    pub failed: Vec<Failure>,
    /// Files passed over because they are no images.
    pub ignored: usize,
    /// The scheme.
    pub scheme: imgveil::internal::scheme::Scheme,
    /// The key's fingerprint.
    pub key: String,
    /// What ran the scheme.
    pub device: String,
    /// Seconds of the pipeline, from the first file to the last.
    pub seconds: f64,
    /// How long each stage worked.
    pub busy: Busy,
    /// The form of the output.
    pub encoding: crate::dataset::encoding::Encoding,
    /// The file that says which image is which, where names were replaced.
    pub names: Option<PathBuf>,
}

/// Why a job could not be done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The set cannot be opened or written.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The scheme does not fit the images.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The device failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Images of several sizes.
    #[error(transparent)]
    Mixed(Mixed),
    /// Images of several sizes, for one array.
    #[error("{0}, or write a folder of files")]
    MixedArray(Mixed),
    /// Another process is writing there.
    #[error("another imgveil is writing {0} at this moment: let it finish, or choose another output")]
    Busy(PathBuf),
    /// An archive that is complete cannot be added to.
    #[error(
        "{0} was written whole, and nothing can be added to it: remove it and encrypt the set again, or write a folder"
    )]
    Whole(PathBuf),
    /// Parts of an array.
    #[error(
        "the parts of a set cannot be written to arrays by several processes: leave --shard out, or write png, jpeg or webdataset"
    )]
    PartOfArray,
    /// 16 bits for JPEG.
    #[error("{0} has 16 bits a sample, and JPEG files have 8: write png, or bring 8 bits out of it with --window")]
    JpegDepth(String),
    /// Members for a form that has no place for them.
    #[error(
        "only webdataset shards have room for the other members of a sample: leave --keep-members out, or add --format webdataset"
    )]
    NoRoomForMembers,
    /// No name for an image.
    #[error("{path} has no line for `{id}`: give the file of names that was written with this set")]
    NoName {
        /// The file of names.
        path: PathBuf,
        /// The image's name in the set.
        id: String,
    },
    /// A file that would be lost.
    #[error(
        "{0} is there already and is not about these images: nothing was written; move it away, or name another file with --names"
    )]
    OtherNames(PathBuf),
    /// Parts that cannot be joined.
    #[error("{path}: {reason}")]
    Merge {
        /// The set.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The input is an output of ours.
    #[error("{path} is encrypted already (scheme {scheme}, key {key}); decrypt it first if you want another scheme")]
    AlreadyEncrypted {
        /// The set.
        path: PathBuf,
        /// Its scheme.
        scheme: String,
        /// Its key.
        key: Fingerprint,
    },
    /// The input is no output of ours.
    #[error(
        "{0} is not an encrypted set: it has no imgveil.json; give the folder or .npz that `imgveil encrypt` wrote"
    )]
    NotEncrypted(PathBuf),
    /// Another key encrypted it.
    #[error(
        "this set was encrypted with key {set}, and the key given is {given}: nothing was written; find the right key file, \
         or the right tables"
    )]
    WrongKey {
        /// The set's.
        set: Fingerprint,
        /// The one given.
        given: Fingerprint,
    },
    /// The scheme cannot be undone.
    #[error(
        "this set was encrypted with {scheme}, which cannot be undone: {lossy}. Nothing was written; keep the plain images if \
         you need them again"
    )]
    Lossy {
        /// The scheme's name.
        scheme: String,
        /// Why.
        lossy: Lossy,
    },
    /// Floats for a folder of PNGs.
    #[error("this scheme mixes images and gives floats, which no PNG holds: {0} must be an .npz file")]
    Floats(PathBuf),
    /// The output lies in the input.
    #[error("the output {output} lies inside the input {input}: choose a folder outside of it")]
    Inside {
        /// The input.
        input: PathBuf,
        /// The output.
        output: PathBuf,
    },
    /// Not one image is usable.
    #[error("none of the {images} images can be read; the first one, {}: {}", .first.path, .first.reason)]
    NothingReadable {
        /// How many there are.
        images: usize,
        /// The first failure.
        first: Failure,
    },
    /// A thread of the pipeline ended early.
    #[error("a worker thread ended before its time; please report this with the command that you ran")]
    Worker,
}

/// Refuses an output inside of the input: the next run would take it for input.
fn check_apart(input: &std::path::Path, output: &std::path::Path) -> Result<(), JobError> {
    let Ok(input) = input.canonicalize() else { return Ok(()) };
    // The output does not exist yet: resolve the part of its path that does.
    let output = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
    let mut ancestors = output.ancestors().skip_while(|ancestor| !ancestor.exists());
    let there = ancestors.next().and_then(|ancestor| ancestor.canonicalize().ok());
    match there {
        Some(there) if input.is_dir() && there.starts_with(&input) => Err(JobError::Inside { input, output }),
        _ => Ok(()),
    }
}
