//! Errors of the command's own work: previews, measurements, the demo.

use imgveil::internal::engine::Lossy;
use imgveil::internal::image::{Geometry, GeometryError};
use imgveil::internal::scheme::Block;
use std::path::Path;

/// An error of the command's own work. Errors of the libraries do not pass through it: they become a
/// [`Failure`](crate::exit::Failure) directly.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    words: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request cannot be met as it is: a file does not exist, a name does not fit, or an image is too small.
    Request,
    /// An image file cannot be decoded.
    Image,
    /// A file or folder cannot be written.
    #[cfg(feature = "train")]
    Disk,
    /// The folder for measuring from disk to disk cannot be used.
    MeasureDisk,
    /// A sheet cannot be drawn.
    Sheet,
    /// A bug in imgveil: an image was not decrypted exactly, or a device computes a different result.
    Bug,
}

impl Error {
    fn new(kind: ErrorKind, words: String) -> Self {
        Self { kind, words, source: None }
    }

    fn because(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn missing(path: &Path) -> Self {
        Self::new(ErrorKind::Request, format!("there is no {}: check the path", path.display()))
    }

    /// A name whose extension means another format.
    pub fn not_png(path: &Path) -> Self {
        let words = format!("the sheet is a PNG file, and {} is no name for one: let it end in .png", path.display());
        Self::new(ErrorKind::Request, words)
    }

    /// A user's own scheme whose blocks are larger than the image.
    pub fn too_small(scheme: &str, block: Block, geometry: Geometry) -> Self {
        let words = format!(
            "scheme {scheme} works on blocks of {block}, which are larger than the image of {geometry}: leave it out, \
            or give a larger image"
        );
        Self::new(ErrorKind::Request, words)
    }

    pub fn unreadable(error: imgveil_data::format::ReadError) -> Self {
        Self::new(ErrorKind::Image, error.to_string()).because(error)
    }

    pub fn cannot_encode(path: &Path, reason: &str) -> Self {
        Self::new(ErrorKind::Sheet, format!("cannot encode {}: {reason}", path.display()))
    }

    #[cfg(feature = "train")]
    pub fn cannot_write(path: &Path, error: std::io::Error) -> Self {
        Self::new(ErrorKind::Disk, format!("cannot write {}: {error}", path.display())).because(error)
    }

    pub fn cannot_measure_in(folder: &Path, error: std::io::Error) -> Self {
        Self::new(ErrorKind::MeasureDisk, format!("cannot measure in {}: {error}", folder.display())).because(error)
    }

    pub fn sheet_too_large(height: usize, width: usize) -> Self {
        let words = format!("the sheet would have {height}x{width} pixels: use fewer or smaller images");
        Self::new(ErrorKind::Sheet, words)
    }

    /// `what` was not decrypted exactly.
    pub fn not_exact(what: &str) -> Self {
        Self::new(ErrorKind::Bug, format!("{what} was not decrypted exactly; please report this"))
    }

    /// The device computes a different result from the CPU engine.
    pub fn wrong_output(scheme: &str, geometry: Geometry, way: &str) -> Self {
        let words = format!(
            "{scheme} on {geometry}, {way}: the device's output is not the CPU engine's; this is a bug, please report \
            it"
        );
        Self::new(ErrorKind::Bug, words)
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<GeometryError> for Error {
    fn from(error: GeometryError) -> Self {
        Self::new(ErrorKind::Bug, error.to_string()).because(error)
    }
}

impl From<Lossy> for Error {
    fn from(error: Lossy) -> Self {
        Self::new(ErrorKind::Bug, error.to_string()).because(error)
    }
}
