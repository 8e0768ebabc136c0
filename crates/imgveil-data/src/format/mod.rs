//! Formats of single files. Each format has a file or a folder here. An [`ImageFile`] gives the images of one file and
//! does not know where the file is in a set.

mod burnt_in;
mod channels;
mod detect;
pub mod dicom;
mod error;
mod image_file;
mod jpeg;
pub mod nifti;
#[doc(hidden)]
pub mod npy;
#[cfg(not(target_family = "wasm"))]
mod one_image;
mod passed_over;
pub mod picture;
mod read_options;
mod scale;
pub(crate) mod tar;
mod window;
pub mod write_back;

pub use burnt_in::BurntIn;
pub use channels::{Channels, luma};
pub(crate) use detect::Format;
pub use error::{ReadError, ReadErrorKind};
pub use image_file::{Header, ImageFile};
#[cfg(not(target_family = "wasm"))]
pub use one_image::{is_image_file, one_image};
pub use passed_over::PassedOverReason;
pub use read_options::{Axis, ExifOrientation, ReadOptions};
pub use scale::{Rescale, Rescales, Scale};
pub use window::Window;
#[doc(hidden)]
pub use window::linear;
pub use write_back::NotWrittenBack;
