//! Whole data sets: encrypt one, decrypt one. Files are decoded and encoded on all cores while one device works; what is
//! in memory at a time does not grow with the set. An unreadable file is set aside with its reason and the rest goes on.
//! Never writes over anything, never leaves half a file.

mod decrypt;
mod encrypt;
mod mix;
mod pipeline;

pub use decrypt::{DecryptRequest, decrypt};
pub use encrypt::{EncryptRequest, encrypt};

use crate::dataset::{DatasetError, Mixed, Sink};
use crate::engine::{Engine, EngineError, Pick};
use crate::key::Fingerprint;
use crate::plan::{Lossy, Program};
use crate::schedule::ImageId;
use crate::scheme::CompileError;
use std::path::PathBuf;

/// Hears how a job goes on.
pub trait Watch: Sync {
    /// The job will work on this many images.
    fn start(&self, images: usize);
    /// These more are written, with so many bytes of samples.
    fn advance(&self, images: usize, bytes: u64);
    /// Something that the user should know before the work begins.
    fn note(&self, _words: &str) {}
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
    /// Images written.
    pub images: usize,
    /// Bytes of their samples.
    pub bytes: u64,
    /// Images set aside.
    pub failed: Vec<Failure>,
    /// Files passed over because they are no images.
    pub ignored: usize,
    /// The scheme.
    pub scheme: crate::scheme::Scheme,
    /// The key's fingerprint.
    pub key: String,
    /// What ran the scheme.
    pub device: String,
    /// Seconds of the pipeline, from the first file to the last.
    pub seconds: f64,
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
    Mixed(#[from] Mixed),
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

/// An output without a single image is none: what was begun is taken back, and the first failure told.
fn some_written(written: usize, failed: &[(usize, Failure)], sink: &dyn Sink) -> Result<(), JobError> {
    match failed.first() {
        Some((_, first)) if written == 0 => {
            sink.abandon();
            Err(JobError::NothingReadable { images: failed.len(), first: first.clone() })
        }
        _ => Ok(()),
    }
}

/// Runs a program on a batch in place; `ids` are its images' ids, in order.
fn run_engine(
    engine: &dyn Engine,
    program: &Program,
    ids: impl Iterator<Item = ImageId>,
    samples: &mut Vec<u8>,
) -> Result<(), JobError> {
    let picks: Vec<Pick> = ids.zip(0..).map(|(id, index)| Pick { index, id, ..Pick::default() }).collect();
    let mut output = vec![0; samples.len()];
    engine.bytes(program, samples, &picks, &mut output)?;
    *samples = output;
    Ok(())
}
