//! Why a job cannot be done, and a check that several jobs share.

use super::options::{Difference, listed};
use super::summary::Failure;
use crate::OutOfMemory;
use crate::set::{Encoding, Mixed, SetError};
use imgveil::internal::engine::EngineError;
use imgveil::internal::engine::Lossy;
use imgveil::internal::key::Fingerprint;
use imgveil::internal::plain::Plain;
use imgveil::internal::scheme::CompileError;
use std::path::{Path, PathBuf};

/// Why a job cannot be done: the facts behind [`Error`](crate::Error).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The set cannot be opened or written.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The scheme does not fit the images.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The device failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Images of several sizes, for a scheme that mixes images.
    #[error(transparent)]
    Mixed(Mixed),
    /// Images of several sizes, for one array.
    #[error(transparent)]
    MixedArray(Mixed),
    /// Another process is writing to the output.
    #[error("another imgveil is writing {0} at this moment: let it finish, or choose another output")]
    Busy(PathBuf),
    /// The output holds the journal of a run of another version, which cannot be continued.
    #[error(
        "{output} was begun by another version of imgveil (its journal has format {found}, and this version reads \
         format {expected}) and cannot be continued: remove it and start again, or complete it with that version"
    )]
    OtherJournal {
        /// The output.
        output: PathBuf,
        /// The format of the journal that was found.
        found: u32,
        /// The format that this version reads and writes.
        expected: u32,
    },
    /// The output holds what another run left that was cut.
    #[error(
        "{output} holds a run that was cut, and this run is another one ({}): nothing was written. The same run goes \
         on there, and another output starts anew",
        if differences.is_empty() { "another key, input or option".to_owned() } else { listed(differences) }
    )]
    OtherRun {
        /// The output.
        output: PathBuf,
        /// What differs, if it is known.
        differences: Vec<Difference>,
    },
    /// The output holds a run that was cut, whose keys were drawn at random.
    #[error(
        "{0} holds a run that was cut. Its keys were drawn at random and kept nowhere, so that it cannot go on: \
         nothing was written; choose another output"
    )]
    KeysForgotten(PathBuf),
    /// The key is to be kept nowhere, and the scheme has a key for all images.
    #[error("`{0}` has a key that all images share: keys are drawn at random only where every image has its own")]
    SharedKey(String),
    /// The output is a finished set under the same key.
    #[error(
        "{output} is a finished set{}: nothing was written",
        if differences.is_empty() { String::new() } else { format!(" with other options ({})", listed(differences)) }
    )]
    SetThere {
        /// The output.
        output: PathBuf,
        /// What differs from the options of the set.
        differences: Vec<Difference>,
    },
    /// Both keys of a change of keys are the same.
    #[error("both keys are the same ({0}): there is nothing to change")]
    SameKey(Fingerprint),
    /// The images of a set are not the pixels of its files as they are stored.
    #[error("the set was encrypted with {0}: its images are not the pixels that its originals store")]
    NotAsStored(&'static str),
    /// The name of the output does not fit the form of the set.
    #[error(
        "{output} is no name for a set that is stored as {encoding}: {}",
        match encoding {
            Encoding::Npz => "it is one file, whose name ends in .npz",
            _ => "it is a folder",
        }
    )]
    OtherForm {
        /// The output.
        output: PathBuf,
        /// How the set is stored.
        encoding: Encoding,
    },
    /// The output is a finished set under another key.
    #[error("{output} is a finished set under another key ({key}): nothing was written; choose another output")]
    OtherSetThere {
        /// The output.
        output: PathBuf,
        /// The key of the set.
        key: Fingerprint,
    },
    /// The output is a finished set of mixtures.
    #[error(
        "{0} is a finished set of mixtures, which cannot be brought up to date: nothing was written; choose another \
         output"
    )]
    MixturesThere(PathBuf),
    /// A complete `.npz` file cannot be added to.
    #[error("{0} was written whole, and nothing can be added to it in place")]
    Whole(PathBuf),
    /// Partitions of a set cannot be written to arrays.
    #[error("the partitions of a set cannot be written to arrays by several processes")]
    PartitionOfArray,
    /// JPEG has no 16-bit samples.
    #[error("{0} has 16 bits a sample, and JPEG files have 8")]
    JpegDepth(String),
    /// A partition of images whose headers do not say how many bits they use.
    #[error(
        "the header of {0} does not say how many of its 16 bits are used, and all partitions must use the same: give \
         the depth"
    )]
    PartitionDepth(String),
    /// The output's format has no place for other members.
    #[error("only webdataset shards have room for the other members of a sample")]
    NoRoomForMembers,
    /// The file of names has no line for an image.
    #[error("{path} has no line for `{id}`: give the file of names that was written with this set")]
    NoName {
        /// The file of names.
        path: PathBuf,
        /// The image's name in the set.
        id: String,
    },
    /// A line of the file of names is about another image.
    #[error(
        "{path} says that `{id}` is `{}`, and the key says that it is not: the file was changed",
        .name.plain()
    )]
    ForgedName {
        /// The file of names.
        path: PathBuf,
        /// The image's name in the set.
        id: String,
        /// The name that the file gives it.
        name: String,
    },
    /// The file of names exists and is about other images.
    #[error("{0} is there already and is not about these images: nothing was written; move it away")]
    OtherNames(PathBuf),
    /// The file of names would lie inside the output.
    #[error("the file of names {names} would lie inside the output {output}, which is handed out: nothing was written")]
    NamesInside {
        /// The file of names.
        names: PathBuf,
        /// The output.
        output: PathBuf,
    },
    /// The number of a class cannot be found.
    #[error(
        "the class `{}` may be one that has a number in the set already: the file of names, which would tell, is \
         missing or lacks a class",
        .0.plain()
    )]
    UnknownClass(String),
    /// A set was made with an option that this version does not know.
    #[error(
        "{output} was made with the option `{}`, which this version does not know: use a newer imgveil",
        .option.plain()
    )]
    UnknownOption {
        /// The set.
        output: PathBuf,
        /// The option.
        option: String,
    },
    /// Options contradict those of the set.
    #[error("{output} was made with other options: {}", listed(differences))]
    OtherOptions {
        /// The set.
        output: PathBuf,
        /// The options.
        differences: Vec<Difference>,
    },
    /// No image of the set is in the input, and all would be removed.
    #[error("{input} holds no image of the set {output}: nothing was removed; check that it is the right input")]
    PruneAll {
        /// The input.
        input: PathBuf,
        /// The set.
        output: PathBuf,
    },
    /// There are no partitions to merge.
    #[error("{0}: it holds no partitions of a set")]
    NoPartitions(PathBuf),
    /// The partitions cannot be merged.
    #[error("{path}: {reason}")]
    Merge {
        /// The set.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The input is already encrypted.
    #[error("{path} is encrypted already (scheme {scheme}, key {key}); decrypt it first if you want another scheme")]
    AlreadyEncrypted {
        /// The set.
        path: PathBuf,
        /// Its scheme.
        scheme: String,
        /// Its key.
        key: Fingerprint,
    },
    /// The input is not an encrypted set.
    #[error("{0} is not an encrypted set: it has no imgveil.json")]
    NotEncrypted(PathBuf),
    /// The journal of a run was changed by somebody else.
    #[error("{0} was changed after it was written: it cannot be continued. Remove the output and start again")]
    ForgedJournal(PathBuf),
    /// Tables without a salt.
    #[error(
        "these tables have no salt: the names and hashes of the set would depend on the tables alone, and tables of \
         few bits can all be tried"
    )]
    Unsalted,
    /// A set of an earlier version cannot be added to.
    #[error("{0} was written by an earlier version, whose manifests have no seal: nothing can be added to it")]
    OldSet(PathBuf),
    /// The operating system gave no random bytes for a set.
    #[error("the operating system gave no random bytes for the set: {0}")]
    Random(String),
    /// The scheme cannot be decrypted.
    #[error(
        "this set was encrypted with {scheme}, which cannot be undone: {lossy}. Nothing was written; keep the plain \
         images if you need them again"
    )]
    Lossy {
        /// The scheme's name.
        scheme: String,
        /// Why not.
        lossy: Lossy,
    },
    /// A job that is driven step by step writes something else than a set of PNG files.
    #[error("a job that is driven step by step writes a whole set of PNG files, and nothing else")]
    StepsWritePng,
    /// A scheme that mixes images needs an `.npz` output.
    #[error("this scheme mixes images and gives floats, which no PNG holds: {0} must be an .npz file")]
    Floats(PathBuf),
    /// The images of a split, which are mixed as a whole, do not fit into the memory that may be used.
    #[error("this scheme mixes the images of a split, and they do not fit: {0}")]
    Memory(#[from] OutOfMemory),
    /// The output is inside the input.
    #[error("the output {output} lies inside the input {input}: choose a folder outside of it")]
    Inside {
        /// The input.
        input: PathBuf,
        /// The output.
        output: PathBuf,
    },
    /// No image can be read.
    #[error("none of the {images} images can be read; the first one, {}: {}", .first.path, .first.reason)]
    NothingReadable {
        /// The number of images.
        images: usize,
        /// The first failure.
        first: Failure,
    },
    /// A thread of the pipeline ended early, which is a bug.
    #[error("a worker thread ended before its time")]
    Worker,
}

/// Refuses an output inside the input, because the next run would read it as input.
pub(super) fn check_apart(input: &Path, output: &Path) -> Result<(), JobError> {
    let Ok(input) = input.canonicalize() else { return Ok(()) };
    let output = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
    match input.is_dir() && resolved(&output).starts_with(&input) {
        true => Err(JobError::Inside { input, output }),
        false => Ok(()),
    }
}

/// An absolute path without links. Its last parts need not exist.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = path.ancestors().find_map(|ancestor| Some((ancestor.canonicalize().ok()?, ancestor)));
    match existing {
        Some((real, ancestor)) => path.strip_prefix(ancestor).map_or(path.clone(), |rest| real.join(rest)),
        None => path,
    }
}
