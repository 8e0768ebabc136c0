//! Folders of image files: pictures, DICOM objects and volumes to read, PNG or JPEG files to write.

mod contents;
mod division;
mod file_names;
mod nifti_range;
mod open_files;
#[cfg(not(target_family = "wasm"))]
mod originals;
mod sink;
mod source;

pub use contents::{Content, Contents, ReadSeek};
#[cfg(not(target_family = "wasm"))]
pub(crate) use originals::Originals;
pub use sink::{FileKind, FolderSink};
pub(super) use source::{encrypted, encrypted_given, given, plain};
