//! Why a file of a key or of tables cannot be read or written.

use crate::OutOfMemory;
use crate::format::npy::NpyError;
use crate::passphrase::PassphraseError;
use crate::sealed::UnsealError;
use imgveil::internal::image::Geometry;
use imgveil::internal::key::KeyError;
use imgveil::internal::plain::Plain;
use imgveil::internal::tables::ShapeError;
use std::path::PathBuf;

/// Why a key file could not be written or read: the facts behind [`Error`](crate::Error).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file exists.
    #[error(
        "{0} exists already; a key is never overwritten, because what it encrypted would be lost: choose another name"
    )]
    Exists(PathBuf),
    /// The file does not exist.
    #[error("there is no key file {0}: check the path")]
    Missing(PathBuf),
    /// The file's folder does not exist.
    #[error("there is no folder {0}: make it first, or choose another path for the key")]
    NoFolder(PathBuf),
    /// The operating system refused.
    #[error("cannot {doing} the key file {path}: {source}")]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file does not hold a key.
    #[error("{path} is not a usable key file: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The file is sealed, and there is no passphrase.
    #[error("{0} is sealed with a passphrase")]
    Sealed(PathBuf),
    /// The file is sealed and cannot be opened.
    #[error("{path} cannot be opened: {source}")]
    Unseal {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: UnsealError,
    },
    /// A file does not hold a passphrase.
    #[error("{path} is not a usable file of a passphrase: {source}")]
    Passphrase {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PassphraseError,
    },
}

/// Why a file of tables could not be written or read: the facts behind [`Error`](crate::Error).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TablesFileError {
    /// The file exists.
    #[error(
        "{0} exists already; tables are never overwritten, because what they encrypted would be lost: choose another \
         name"
    )]
    Exists(PathBuf),
    /// The file does not exist.
    #[error("there is no tables file {0}: check the path")]
    Missing(PathBuf),
    /// The file's folder does not exist.
    #[error("there is no folder {0}: make it first, or choose another path for the tables")]
    NoFolder(PathBuf),
    /// The file's name ends in neither `.npz` nor `.json`.
    #[error("cannot tell which format {0} is to have: name it FILE.npz or FILE.json")]
    Format(PathBuf),
    /// The tables of images of this size do not fit into memory.
    #[error("the tables of images of {geometry} do not fit: {source}")]
    Memory {
        /// The size.
        geometry: Geometry,
        /// How much is needed.
        source: OutOfMemory,
    },
    /// The operating system refused.
    #[error("cannot {doing} the tables file {path}: {source}")]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file does not hold tables.
    #[error("{path} is not a usable tables file: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: TablesError,
    },
}

/// What is wrong with the contents of a file of tables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TablesError {
    /// Neither an archive nor JSON.
    #[error("it is neither an .npz file nor JSON")]
    Foreign,
    /// Sealed with a passphrase, as only key files may be.
    #[error("it is sealed, and tables are read unsealed only: open it with age first")]
    Sealed,
    /// More than tables need, or than fits into memory.
    #[error("it is larger than any tables that fit into memory")]
    Large,
    /// Damaged or other JSON.
    #[error(
        "{}; expected {{\"NAME\": {{\"shape\": [...], \"values\": [...]}}, ...}}",
        .0.to_string().replace(char::is_control, "?")
    )]
    Json(serde_json::Error),
    /// A damaged archive.
    #[error("its archive is damaged ({0}); take it from its source again")]
    Archive(#[from] zip::result::ZipError),
    /// Two members of one name.
    #[error("its archive has two members of one name; take it from its source again")]
    Twice,
    /// A member is not an array.
    #[error("it holds `{}`, which is no array: an .npz of tables has members NAME.npy alone", .0.plain())]
    Member(String),
    /// The salt cannot be used.
    #[error("its salt is damaged: a salt is 32 bytes, in a file beside the tables 64 lower-case hex digits")]
    Salt,
    /// An array that cannot be used.
    #[error("array `{}`: {source}", .array.plain())]
    Array {
        /// Its name.
        array: String,
        /// What is wrong with it.
        source: ArrayError,
    },
}

/// What is wrong with an array of an `.npz` file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// It is not an array, or is damaged.
    #[error(transparent)]
    Npy(#[from] NpyError),
    /// The values are not integers.
    #[error("it holds {0}; tables are integers or booleans: save it with .astype(numpy.uint32)")]
    Dtype(String),
    /// A number is not an entry of a table.
    #[error("entry {index} is {value}; entries are integers from 0 to {}", u32::MAX)]
    Entry {
        /// Its index.
        index: String,
        /// The number.
        value: String,
    },
    /// The shape is invalid.
    #[error(transparent)]
    Shape(#[from] ShapeError),
}
