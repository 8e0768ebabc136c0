//! Data sets: one file a format, each a [`Source`] (read) and a [`sink::Sink`] (written), and what lies between: the manifest
//! that an encrypted set carries. Never encrypts anything.

pub mod arrays;
pub mod dicom;
pub mod encoding;
mod file;
pub mod floats;
pub mod folder;
pub mod image_file;
mod labels;
mod load;
pub mod manifest;
pub mod names;
pub mod nifti;
mod npy;
pub mod npz;
pub mod picture;
mod positioned;
pub mod read_options;
mod resize;
pub mod sink;
pub mod tree;
pub mod webdataset;
pub mod work;

pub(crate) use arrays::place;
pub use arrays::{NpySink, NpzSink};
pub(crate) use load::read_fitted;
pub use load::{LoadError, Loaded, Mixed, load, load_unlabelled};
pub use manifest::{Entry, MANIFEST, Manifest, ManifestError};
pub(crate) use resize::unpad;
pub use resize::{Resize, Side};
pub use webdataset::ShardSink;

use encoding::Encoding;
use imgveil::internal::image::{Geometry, GeometryError, Image};
use read_options::ReadOptions;
use std::path::{Path, PathBuf};
use work::Work;

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

    /// What lies beside image `index` in its sample and is of one of these kinds.
    ///
    /// # Errors
    /// When it cannot be read.
    fn members(&self, _index: usize, _kinds: &[String]) -> Result<Vec<sink::Member>, ReadError> {
        Ok(Vec::new())
    }

    /// What lies beside the images of an encrypted set and is not as its manifest says: no hash stands for it.
    fn beside(&self) -> Beside {
        Beside::default()
    }

    /// What changes when the file that image `index` lies in is written again: its size and time. Empty where nothing is known.
    fn stamp(&self, _index: usize) -> String {
        String::new()
    }
}

/// What lies beside the images of an encrypted set and is not as its manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Labels that are not those of the manifest: where they lie.
    pub labels: Vec<String>,
    /// What the manifest does not name, inside of the set's files.
    pub strangers: Vec<String>,
}

/// Why one image cannot be read. The rest of the set is not touched by it.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", .path.replace(char::is_control, "?"))]
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
    /// Parts of a set that several processes wrote.
    #[error("{0} holds parts of a set that are not joined yet: run `imgveil merge {0}` once every part is done")]
    Unmerged(PathBuf),
    /// A file of names is none.
    #[error("{path} is no file of names as `imgveil encrypt` writes it: {reason}")]
    Names {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of labels is none, or not of this set.
    #[error("{path} is not usable as labels: {reason}")]
    Labels {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No image in it.
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
    #[error(
        "{0} is no set that can be read: neither a folder, nor arrays (.npz, .npy), nor shards (.tar), nor a file of images"
    )]
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
    /// WebDataset's shards that cannot be used.
    #[error("{path} is not a usable set of WebDataset shards: {reason}")]
    Shards {
        /// The tar file, the folder or the pattern.
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
    /// What the user should know about how it was read.
    pub note: Option<String>,
}

/// Opens a set: see [`open_with`].
///
/// # Errors
/// When there is nothing, nothing usable, or a damaged manifest.
pub fn open(path: &Path) -> Result<Opened, DatasetError> {
    open_with(path, &ReadOptions::default())
}

/// Opens a set, plain or encrypted: a folder (of images, of `.npy` arrays, of WebDataset shards), an `.npz` or `.npy` file, one shard or
/// a pattern of them such as `train-{000000..000099}.tar`, or a file of images. What an encrypted set says of itself cannot be read
/// in another way.
///
/// # Errors
/// When there is nothing, nothing usable, or a damaged manifest or file of labels.
pub fn open_with(path: &Path, reading: &ReadOptions) -> Result<Opened, DatasetError> {
    let opened = open_any(path, reading)?;
    match &reading.labels {
        Some(labels) if opened.manifest.is_none() => {
            let (source, note) = labels::apply(opened.source, labels)?;
            Ok(Opened { source, note, ..opened })
        }
        _ => Ok(opened),
    }
}

fn open_any(path: &Path, reading: &ReadOptions) -> Result<Opened, DatasetError> {
    if webdataset::is_pattern(path) {
        return webdataset::open(path);
    }
    if !path.exists() {
        return Err(DatasetError::Missing(path.to_owned()));
    }
    if !path.is_dir() {
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        return match extension.as_deref() {
            Some("npz") => npz::open(path),
            Some("npy") => npy::open(path),
            Some("tar") => webdataset::open(path),
            _ if file::Format::of(path).is_some() => folder::plain(path, reading),
            _ => Err(DatasetError::Foreign(path.to_owned())),
        };
    }
    match folder::manifest(path)? {
        Some(manifest) => {
            let source: Box<dyn Source> = match manifest.encoding {
                Encoding::Npy | Encoding::Npz => return npy::open(path),
                Encoding::WebDataset { .. } => return webdataset::open(path),
                Encoding::Png | Encoding::Jpeg { .. } => Box::new(folder::encrypted(path, &manifest)),
            };
            Ok(Opened { source, manifest: Some(manifest), note: None })
        }
        None if npy::is_folder_of_arrays(path) => npy::open(path),
        None if webdataset::is_folder_of_shards(path) => webdataset::open(path),
        None => folder::plain(path, reading),
    }
}

/// The folder that a file lies in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file beside its place and renames it: it is there whole or not at all.
///
/// # Errors
/// When the operating system refuses.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    Work::alone(path.parent().unwrap_or(Path::new(""))).write(path, bytes)
}

/// Writes a file that only its owner may read, beside its place, and renames it.
///
/// # Errors
/// When the operating system refuses.
pub fn write_privately(path: &Path, bytes: &[u8]) -> Result<(), DatasetError> {
    use std::io::Write;
    write_privately_by(path, |file| file.write_all(bytes))
}

/// As [`write_privately`], by a function that writes.
fn write_privately_by(
    path: &Path,
    write: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>,
) -> Result<(), DatasetError> {
    let (half, mut file) = begin_privately(path)?;
    let written = write(&mut file).and_then(|()| {
        drop(file);
        std::fs::rename(&half, path)
    });
    written.map_err(|source| {
        let _ = std::fs::remove_file(&half);
        DatasetError::Write { path: path.to_owned(), source }
    })
}

/// Where a private file is written before it takes its place: always the same, so that the next run finds what a killed one left.
fn begin_privately(path: &Path) -> Result<(PathBuf, std::fs::File), DatasetError> {
    let io = |source| DatasetError::Write { path: path.to_owned(), source };
    let mut name = std::ffi::OsString::from(work::TEMPORARY);
    name.push(path.file_name().unwrap_or_default());
    let half = path.with_file_name(name);
    match std::fs::remove_file(&half) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(io(e)),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    // New: a link that somebody put there is not followed.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&half).map_err(io)?;
    Ok((half, file))
}

/// Finds out whether a private file can be written. By a file without a name: another process may be writing the real one.
fn check_privately(path: &Path) -> Result<(), DatasetError> {
    let refused = |e| DatasetError::Write { path: path.to_owned(), source: work::system_words(e) };
    tempfile::tempfile_in(parent(path)).map(drop).map_err(refused)
}

/// A path beside another one, whose name begins with that one's: `out.npz` and `names.csv` make `out.npz.names.csv`.
pub fn beside(path: &Path, what: &str) -> PathBuf {
    // `.` and `..` have names too, once they are resolved.
    let named = matches!(path.components().next_back(), Some(std::path::Component::Normal(_)));
    let path = if named { path.to_owned() } else { path.canonicalize().unwrap_or_else(|_| path.to_owned()) };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{what}"));
    path.with_file_name(name)
}

/// A file's name without what says its format. What else has a dot in it is part of the name: DICOM objects are called by
/// numbers with dots.
fn stem(name: &str) -> &str {
    const EXTENSIONS: [&str; 18] = [
        "png", "jpg", "jpeg", "tif", "tiff", "bmp", "dib", "webp", "pbm", "pgm", "ppm", "pnm", "pam", "dcm", "dicom",
        "ima", "nii", "gz",
    ];
    let cut = |name: &'_ str| name.rsplit_once('.').map(|(stem, end)| (stem.len(), end.to_ascii_lowercase()));
    match cut(name) {
        Some((length, end)) if end == "gz" => match cut(&name[..length]) {
            Some((length, end)) if end == "nii" => &name[..length],
            _ => name,
        },
        Some((length, end)) if EXTENSIONS.contains(&end.as_str()) && length > 0 => &name[..length],
        _ => name,
    }
}

/// Words of another library on one line: they end up in lists.
fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
