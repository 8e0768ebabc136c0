//! Why an image cannot be read.

use crate::OutOfMemory;
use imgveil::internal::image::{Geometry, GeometryError};

/// Why one image of a set cannot be read. The other images are not affected.
#[derive(Debug, thiserror::Error)]
#[error("{}: {kind}", .path.replace(char::is_control, "?"))]
#[non_exhaustive]
pub struct ReadError {
    /// The file, or the position in an array.
    pub path: String,
    /// What is wrong.
    pub kind: ReadErrorKind,
}

impl ReadError {
    /// An error about the file or the position `path`.
    pub fn new(path: impl Into<String>, kind: ReadErrorKind) -> Self {
        Self { path: path.into(), kind }
    }
}

/// What is wrong with an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(std::io::Error),
    /// The file is not of any supported format.
    #[error("is no image of a supported format, whatever its name says")]
    Foreign,
    /// The format is supported, but not this kind of it.
    #[error("is of a kind that is not supported: {0}")]
    Unsupported(String),
    /// The grey values have too many bits to be kept. A window of grey values converts them to 8 bits.
    #[error(
        "is of a kind that is not supported: {kind} of {bits} bits; read it with a window, which makes 8 bits of them"
    )]
    NeedsWindow {
        /// `integers` or `floats`.
        kind: &'static str,
        /// Bits of a sample.
        bits: u32,
    },
    /// The file is damaged, with the decoder's message.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// The samples are not grey or RGB of 8 or 16 bits.
    #[error("holds {0} samples; only grey and RGB of 8 or 16 bits are supported: convert it first")]
    Samples(String),
    /// A sample that needs more bits than the set's depth.
    #[error("has a sample of {sample}, and those of this set go up to {max}")]
    TooDeep {
        /// The first such sample.
        sample: u16,
        /// The largest sample of the depth.
        max: u16,
    },
    /// The image is too small or too large.
    #[error("{0}")]
    Geometry(#[from] GeometryError),
    /// The file has more images than a file of its length may have.
    #[error("holds {count} images, and at most {most} are read from a file of its size")]
    ManyImages {
        /// The images that it states.
        count: usize,
        /// The most that are read.
        most: usize,
    },
    /// The image does not fit into the memory that may be used.
    #[error("does not fit: {0}")]
    Memory(#[from] OutOfMemory),
    /// The file's header states another geometry than the manifest.
    #[error("is {found}, and the manifest says {stated}")]
    Stated {
        /// The geometry in the header.
        found: Geometry,
        /// The geometry in the manifest.
        stated: Geometry,
    },
    /// The file's hash differs from the one in the manifest.
    #[error("was changed since it was encrypted: its hash is not the one in imgveil.json")]
    Changed,
    /// The decrypted pixels differ from the pixels that were encrypted.
    #[error("does not decrypt to the image that was encrypted: imgveil.json or the file was changed")]
    NotExact,
    /// The file's name is not UTF-8.
    #[error("has a name that is not UTF-8; rename it")]
    Name,
}
