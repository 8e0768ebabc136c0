//! Data sets: one file a format, each a [`Source`] (read) and a [`Sink`] (written), and what lies between: the manifest
//! that an encrypted set carries. Never encrypts anything.

mod arrays;
mod fit;
pub mod floats;
pub mod folder;
mod load;
pub mod manifest;
mod npy;
pub mod npz;
pub mod phantom;
pub mod picture;
mod positioned;
pub mod reading;
pub mod sink;
pub mod stack;

pub(crate) use arrays::place;
pub use arrays::{NpySink, NpzSink};
pub(crate) use fit::unpad;
pub use fit::{Fit, Side};
pub(crate) use load::read_fitted;
pub use load::{LoadError, Loaded, Mixed, load};
pub use manifest::{Entry, MANIFEST, Manifest, ManifestError};

use crate::image::{Geometry, GeometryError, Image};
use std::path::{Path, PathBuf};

/// The part of a set that an image belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// A set that is not divided.
    All,
    /// To learn from.
    Train,
    /// To choose by.
    Val,
    /// To report.
    Test,
}

impl Split {
    /// Its name in folders and arrays; a set that is not divided has none.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Split::All => None,
            Split::Train => Some("train"),
            Split::Val => Some("val"),
            Split::Test => Some("test"),
        }
    }

    /// Its number: the stream that says which of its images are mixed (`docs/SCHEDULE.md`, "Mixing").
    pub fn number(self) -> u64 {
        match self {
            Split::All => 0,
            Split::Train => 1,
            Split::Val => 2,
            Split::Test => 3,
        }
    }

    /// The split that a folder's or array's name means.
    fn named(name: &str) -> Option<Self> {
        match name {
            "train" => Some(Split::Train),
            "val" | "valid" | "validation" => Some(Split::Val),
            "test" => Some(Split::Test),
            _ => None,
        }
    }
}

/// All parts, in the order in which sets are written.
pub(crate) const SPLITS: [Split; 4] = [Split::Train, Split::Val, Split::Test, Split::All];

/// One image of a set, before it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name: where it lies in the set, without extension, `/` between the parts. Unique in the set.
    pub name: String,
    /// Its part of the set.
    pub split: Split,
    /// Its class, if the set has classes: an index into [`Source::classes`].
    pub label: Option<u32>,
}

/// A set to read from.
pub trait Source: Send + Sync {
    /// All images, in a fixed order.
    fn items(&self) -> &[Item];

    /// Names of the classes; empty when the set has none.
    fn classes(&self) -> &[String];

    /// Files that were passed over because they are not of a kind that is read here.
    fn ignored(&self) -> &[PathBuf] {
        &[]
    }

    /// The geometry of image `index`, from its header alone.
    ///
    /// # Errors
    /// When the header cannot be read or the geometry is not supported.
    fn geometry(&self, index: usize) -> Result<Geometry, ReadError>;

    /// Decodes image `index`.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is of a kind that is not supported.
    fn read(&self, index: usize) -> Result<Image, ReadError>;

    /// What lies beside image `index` and is of these kinds (`json`, `txt`), in their order; nothing where the format has no
    /// such thing.
    ///
    /// # Errors
    /// When it cannot be read.
    fn members(&self, index: usize, kinds: &[String]) -> Result<Vec<sink::Member>, ReadError> {
        let _ = (index, kinds);
        Ok(Vec::new())
    }

    /// What changes when the file that image `index` lies in is written anew: its size, its time. Empty where nobody knows.
    fn stamp(&self, index: usize) -> String {
        let _ = index;
        String::new()
    }
}

/// A set to write to. Every image is written whole or not at all.
pub trait Sink: Send + Sync {
    /// Writes an image; `index` is its place among those that the sink was made for. Returns the BLAKE3 of what was written.
    ///
    /// # Errors
    /// When it cannot be written.
    fn put(&self, index: usize, item: &Item, image: &Image) -> Result<blake3::Hash, DatasetError>;

    /// Where an image will lie, relative to the set, given its item and how many of its split come before it.
    fn path(&self, item: &Item, before: usize) -> String;

    /// Takes back what was begun, as far as that is possible, where not one image could be written.
    fn abandon(&self) {}

    /// Completes the set. `manifest` is written last, so that a set with one is complete; a plain set has none.
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(self: Box<Self>, manifest: Option<&Manifest>) -> Result<(), DatasetError>;
}

/// Why one image cannot be read. The rest of the set is not touched by it.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {kind}")]
pub struct ReadError {
    /// The file, or the place in an array.
    pub path: String,
    /// What is wrong.
    pub kind: ReadErrorKind,
}

/// What is wrong with an image.
#[derive(Debug, thiserror::Error)]
pub enum ReadErrorKind {
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// No format that is read here, whatever its name says.
    #[error("is no image of a supported format, whatever its name says")]
    Foreign,
    /// A format that is read here, and a kind of it that is not.
    #[error("is of a kind that is not supported: {0}")]
    Unsupported(String),
    /// The decoder's words.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// Alpha and the like.
    #[error("holds {0} samples; only grey and RGB of 8 or 16 bits are supported: convert it first")]
    Samples(String),
    /// No geometry of ours.
    #[error("{0}")]
    Geometry(#[from] GeometryError),
    /// The file is not what the manifest says.
    #[error("was changed since it was encrypted: its hash is not the one in imgveil.json")]
    Changed,
    /// The decrypted pixels are not those that were encrypted.
    #[error("does not decrypt to the image that was encrypted: imgveil.json or the file was changed")]
    NotExact,
    /// A name that cannot be written as text.
    #[error("has a name that is not UTF-8; rename it")]
    Name,
}

/// Why a set cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// Nothing there.
    #[error("there is no {0}: check the path")]
    Missing(PathBuf),
    /// An output of ours that is not complete.
    #[error(
        "{0} is not complete: the run that writes it is still at work or was cut; run the same command again to complete it"
    )]
    Unfinished(PathBuf),
    /// No image in it.
    #[error(
        "{path} holds no PNG or JPEG image{}; expected images, a folder of class folders, or train/ val/ test/ of them",
        match *ignored {
            0 => String::new(),
            1 => " (1 other file)".to_owned(),
            more => format!(" ({more} other files)"),
        }
    )]
    Empty {
        /// The folder.
        path: PathBuf,
        /// Files of other kinds.
        ignored: usize,
    },
    /// A set of mixtures.
    #[error(
        "{path} holds mixtures of images (scheme {scheme}), as floats: they cannot be undone or encrypted again, only trained on"
    )]
    Mixtures {
        /// The set.
        path: PathBuf,
        /// Its scheme.
        scheme: String,
    },
    /// Neither a folder nor an .npz file.
    #[error("{0} is neither a folder of images nor an .npz file")]
    Foreign(PathBuf),
    /// An array file that is not MedMNIST's layout.
    #[error("{path} is not a usable .npz set: {reason}")]
    Npz {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A `.npy` file, or a folder of them, that cannot be used.
    #[error("{path} is not a usable set of .npy arrays: {reason}")]
    Npy {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The output is there already.
    #[error("{0} exists and is not empty: nothing was written; choose another output or remove it first")]
    OutputExists(PathBuf),
    /// Two images would be written to one file.
    #[error("`{0}` is the name of two images (such as x.png and x.jpg in one folder): rename one of them")]
    Collision(String),
    /// The manifest is damaged or foreign.
    #[error("{path}: {source}")]
    Manifest {
        /// Where it lies.
        path: PathBuf,
        /// What is wrong.
        source: ManifestError,
    },
    /// The operating system refused.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Its words.
        source: std::io::Error,
    },
    /// The operating system refused.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Its words.
        source: std::io::Error,
    },
    /// An image could not be encoded.
    #[error("cannot encode {path}: {reason}")]
    Encode {
        /// The file.
        path: PathBuf,
        /// The encoder's words.
        reason: String,
    },
}

/// Whether a path names an array file rather than a folder.
pub fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz"))
}

/// An opened set: its source, and its manifest if it is an encrypted one.
pub struct Opened {
    /// The images.
    pub source: Box<dyn Source>,
    /// What `imgveil encrypt` wrote about them.
    pub manifest: Option<Manifest>,
}

/// Opens a set: a folder of images or an `.npz` file, plain or encrypted.
///
/// # Errors
/// When there is nothing, nothing usable, or a damaged manifest.
pub fn open(path: &Path) -> Result<Opened, DatasetError> {
    if !path.exists() {
        return Err(DatasetError::Missing(path.to_owned()));
    }
    if path.is_dir() {
        return match npy::is_folder_of_arrays(path) && !folder::is_unfinished(path) {
            true => npy::open(path),
            false => folder::open(path),
        };
    }
    if is_npz(path) {
        return npz::open(path);
    }
    match npy::is_npy(path) {
        true => npy::open(path),
        false => Err(DatasetError::Foreign(path.to_owned())),
    }
}

/// A sink for `items` at a path: an `.npz` file if the path says so, else a folder of PNGs. `run` says what is being
/// written; a folder that the same run was writing when it was cut may be written on.
///
/// # Errors
/// When the output exists and is not empty, or two items would collide in it.
pub fn create(path: &Path, items: &[Item], run: &str) -> Result<Box<dyn Sink>, DatasetError> {
    let mut names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(DatasetError::Collision(pair[0].to_owned()));
    }
    match is_npz(path) {
        true => Ok(Box::new(npz::NpzSink::create(path, items)?)),
        false => Ok(Box::new(folder::FolderSink::create(path, run)?)),
    }
}

/// How the names of half-written files begin.
const TEMPORARY: &str = ".imgveil-";

/// A file beside the place that it will take: it is there whole or not at all.
pub(crate) fn temporary(path: &Path) -> Result<tempfile::NamedTempFile, DatasetError> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY);
    // tempfile makes private files; an output is as readable as any other file, by the user's umask.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder).map_err(|source| DatasetError::Write { path: path.to_owned(), source })
}

/// Writes a file beside its place and renames it: it is there whole or not at all.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    use std::io::Write;
    let io = |source| DatasetError::Write { path: path.to_owned(), source };
    let mut file = temporary(path)?;
    file.write_all(bytes).map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}
