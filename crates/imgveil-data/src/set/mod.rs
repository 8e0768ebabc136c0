//! Image sets: what a set is ([`Source`], [`Item`], [`Split`], [`Manifest`]), how to open one ([`open()`]), and one
//! folder for each form in which sets are stored ([`folder`], [`arrays`], [`webdataset`], [`mixtures`]). Nothing here
//! encrypts.

#[doc(hidden)]
pub mod arrays;
mod completeness;
mod depth;
mod encoding;
mod error;
mod files;
#[doc(hidden)]
pub mod folder;
mod item;
mod labels;
mod load;
pub mod manifest;
pub mod mixtures;
pub mod names;
mod open;
mod paths;
mod resize;
#[doc(hidden)]
pub mod sink;
mod source;
mod split;
#[doc(hidden)]
pub mod staging;
#[doc(hidden)]
pub mod webdataset;

pub use depth::{at_depth, at_used_depth};
pub use encoding::Encoding;
pub use error::{LoadError, Mixed, SetError};
pub(crate) use files::check_new_file;
#[doc(hidden)]
pub use files::{check_new, write_atomically, write_privately};
pub use item::{Item, Member, Slot};
pub use load::{Loaded, load, load_unlabelled};
pub use manifest::{Entry, MANIFEST, Manifest, ManifestError};
pub use open::{open, open_with};
#[doc(hidden)]
pub use paths::{beside, is_npz};
pub use resize::{Resize, Side};
pub use source::{Beside, Opened, Source};
pub use split::Split;

pub(crate) use completeness::PARTITION_MANIFEST;
pub(crate) use depth::{depth_of_samples, used};
pub(crate) use load::read_resized;
pub(crate) use open::open_set;
pub(crate) use paths::{is_inside, parent, remove};
pub(crate) use resize::unpad;
pub(crate) use split::SPLITS;
