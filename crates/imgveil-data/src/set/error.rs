//! Why a set cannot be opened or written.

use super::manifest::ManifestError;
use crate::OutOfMemory;
use crate::format::ReadError;
use crate::limits::MOST_CLASSES;
use crate::text::first_few;
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Fingerprint;
use std::path::{Path, PathBuf};

/// Why a set cannot be opened or written: the facts behind [`Error`](crate::Error).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// The path does not exist.
    #[error("there is no {0}: check the path")]
    Missing(PathBuf),
    /// The run that writes the set has not finished or was interrupted.
    #[error("{0} is not complete: the run that writes it is still at work or was cut")]
    Unfinished(PathBuf),
    /// The partitions that several processes wrote are not merged.
    #[error("{0} holds partitions of a set that are not joined yet")]
    Unmerged(PathBuf),
    /// The file of black regions cannot be used.
    #[error("{path}: {reason}")]
    Masks {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file is not a file of names.
    #[error("{path} is no file of names: {reason}")]
    Names {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file is not a file of labels, or not of this set.
    #[error("{path} is not usable as labels: {reason}")]
    Labels {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The folder holds no image.
    #[error(
        "{path} holds no image{}; expected images, a folder of class folders, or train/ val/ test/ of them",
        match *ignored {
            0 => String::new(),
            1 => " (1 other file)".to_owned(),
            more => format!(" ({more} other files)"),
        }
    )]
    Empty {
        /// The folder.
        path: PathBuf,
        /// How many files of other kinds it holds.
        ignored: usize,
    },
    /// The folders of a set can be read in two ways.
    #[error("it is not clear what the folders of {path} mean: {reason}; nothing was written")]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What is not clear.
        reason: String,
    },
    /// The folder holds no image besides links that lead out of it.
    #[error(
        "{path} holds no image besides what is behind links that lead out of it, which were not followed: {}",
        first_few(links)
    )]
    OnlyLinksOut {
        /// The folder.
        path: PathBuf,
        /// The links.
        links: Vec<String>,
    },
    /// The set holds mixtures of images, which are floats and not images.
    #[error(
        "{path} holds mixtures of images (scheme {scheme}), as floats: they cannot be undone or encrypted again, only \
         trained on"
    )]
    Mixtures {
        /// The set.
        path: PathBuf,
        /// Its scheme.
        scheme: String,
    },
    /// The path is neither a folder nor a file of a supported format.
    #[error(
        "{0} is no set that can be read: neither a folder, nor arrays (.npz, .npy), nor shards (.tar), nor a file of \
         images"
    )]
    Foreign(PathBuf),
    /// The path is a compressed archive.
    #[error("{0} is a compressed archive, and shards are read uncompressed (.tar): unpack it first")]
    Compressed(PathBuf),
    /// An `.npz` file is damaged or not in MedMNIST's layout.
    #[error("{path} is not a usable .npz set: {reason}")]
    Npz {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A `.npy` file, or a folder of them, cannot be used.
    #[error("{path} is not a usable set of .npy arrays: {reason}")]
    Npy {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// WebDataset shards cannot be used.
    #[error("{path} is not a usable set of WebDataset shards: {reason}")]
    Shards {
        /// The tar file, the folder or the pattern.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The list of the set's images, or its manifest, does not fit into the memory that may be used.
    #[error("{path} does not fit: {source}")]
    Memory {
        /// The set or its manifest.
        path: PathBuf,
        /// What is needed.
        source: OutOfMemory,
    },
    /// The set has more classes than a set may have.
    #[error("{path} has {classes} classes, and {MOST_CLASSES} are the most")]
    Classes {
        /// The set.
        path: PathBuf,
        /// The number of its classes.
        classes: usize,
    },
    /// The output exists.
    #[error("{0} exists and is not empty: nothing was written; choose another output or remove it first")]
    OutputExists(PathBuf),
    /// Something that imgveil did not write is where a file of the set belongs.
    #[error("{path} is {what} that imgveil did not write: it was left as it is; move it away and start again")]
    InTheWay {
        /// The place.
        path: PathBuf,
        /// What is there, with its article.
        what: &'static str,
    },
    /// Two images would be written to one file.
    #[error("`{0}` is the name of two images: rename one of them")]
    Collision(String),
    /// The manifest is damaged or is not a manifest.
    #[error("{path}: {source}")]
    Manifest {
        /// Where the manifest is.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
    /// The set was encrypted with another key.
    #[error(
        "this set was encrypted with key {set}, and the key given is {given}: nothing was written; find the right key \
         file, or the right tables"
    )]
    WrongKey {
        /// The set's key, as its manifest says.
        set: Fingerprint,
        /// The key that was given.
        given: Fingerprint,
    },
    /// The keys of the set were drawn at random and kept nowhere.
    #[error("the keys of this set were drawn at random and kept nowhere: nobody can decrypt it or tell what it shows")]
    KeysForgotten,
    /// The seal of a manifest is not that of its contents.
    #[error(
        "{0} was changed after it was written: its seal does not fit. Nothing of it was used; restore it from the copy \
         that you were given"
    )]
    Forged(PathBuf),
    /// Writing failed in the operating system.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Reading failed in the operating system.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// An image could not be encoded.
    #[error("cannot encode {path}: {reason}")]
    Encode {
        /// The file.
        path: PathBuf,
        /// The encoder's message.
        reason: String,
    },
}

impl SetError {
    /// Makes an error of writing `path`, for `map_err`.
    pub(crate) fn writing(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    /// An error of encoding `path`.
    pub(crate) fn encoding(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::Encode { path: path.as_ref().to_owned(), reason: reason.into() }
    }

    /// Makes an error of reading `path`, for `map_err`.
    pub(crate) fn reading(path: &Path) -> impl Fn(std::io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }
}

/// Why images cannot be loaded into memory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// An image cannot be read. Training silently on the rest of the set would be worse than stopping.
    #[error("{0}; repair or remove it")]
    Read(#[from] ReadError),
    /// Images differ in size.
    #[error(transparent)]
    Mixed(#[from] Mixed),
    /// The images do not fit into the memory that may be used.
    #[error("the images of a split do not fit: {0}")]
    Memory(#[from] OutOfMemory),
    /// An image has no class.
    #[error("{0} has no class; training needs a folder for each class, or a labels array")]
    Unlabelled(String),
}

/// Two images that must have the same size but do not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("images differ: {first} is {first_geometry} (height x width x channels), {other} is {other_geometry}")]
#[non_exhaustive]
pub struct Mixed {
    /// An image's name.
    pub first: String,
    /// Its geometry.
    pub first_geometry: Geometry,
    /// Another image's name.
    pub other: String,
    /// Its geometry.
    pub other_geometry: Geometry,
}

impl Mixed {
    /// Two images, by name, with their geometries.
    pub fn new((first, first_geometry): (String, Geometry), (other, other_geometry): (String, Geometry)) -> Self {
        Self { first, first_geometry, other, other_geometry }
    }
}
