//! Folders of image files: pictures, DICOM objects and volumes to read, PNG or JPEG files to write.

mod division;
mod file_names;
mod nifti_range;
mod open_files;
mod sink;
mod source;

pub use sink::{FileKind, FolderSink};
pub(super) use source::{encrypted, plain};
