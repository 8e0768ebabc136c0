//! Image sets: what a set is ([`Source`], [`Item`], [`Split`], [`Manifest`]), how to open one ([`open()`]), and one
//! folder for each form in which sets are stored ([`folder`], [`arrays`], [`webdataset`], [`mixtures`]). Nothing here
//! encrypts.

mod adapted;
#[doc(hidden)]
pub mod arrays;
mod classes;
mod completeness;
mod copied;
mod depth;
mod encoding;
mod error;
mod files;
#[doc(hidden)]
pub mod folder;
mod item;
mod labels;
mod ledger;
mod list_file;
mod load;
pub mod manifest;
pub(crate) mod manifest_file;
mod manifest_text;
mod masked;
pub mod mixtures;
pub mod names;
mod open;
mod passed_over;
mod paths;
mod relabelled;
pub(crate) mod remark;
mod reordered;
mod resize;
mod seal;
#[doc(hidden)]
pub mod sink;
mod source;
mod split;
#[doc(hidden)]
pub mod staging;
mod stated;
#[doc(hidden)]
pub mod webdataset;
mod wrapper;

pub use depth::{at_depth, at_used_depth};
pub use encoding::Encoding;
pub use error::{LoadError, Mixed, SetError};
pub(crate) use files::check_new_file;
#[doc(hidden)]
pub use files::{check_new, tidy, write_atomically, write_atomically_as, write_privately};
pub use folder::{Content, Contents, ReadSeek};
pub(crate) use item::MembersHash;
pub use item::{Item, Member, Slot};
pub use load::{Loaded, load, load_unlabelled, load_unlabelled_within, load_within};
pub(crate) use manifest::FORGETS_KEY;
pub use manifest::{Entry, MANIFEST, Manifest, ManifestError};
pub use open::{Given, open, open_given, open_sealed, open_with};
pub use passed_over::PassedOver;
#[doc(hidden)]
pub use paths::{beside, is_npz};
pub use remark::{Advice, Remark};
pub use resize::{Resize, Side};
pub use seal::Trust;
pub use source::{Beside, Described, Opened, Source};
pub use split::Split;

pub(crate) use completeness::{PARTITION_MANIFEST, is_manifest};
pub(crate) use depth::{depth_of_samples, used};
pub(crate) use ledger::Ledger;
pub(crate) use load::read_resized;
pub(crate) use open::open_set;
pub(crate) use paths::{is_inside, parent, remove};
pub(crate) use relabelled::Relabelled;
pub(crate) use reordered::Reordered;
pub(crate) use resize::unpad;
pub(crate) use seal::{add_entry, add_members, add_rescales, encoding_text};
pub(crate) use split::SPLITS;
pub(crate) use staging::UPDATE;
