//! The trait of a set that is written. Each image has a slot: its number among all images of the run, known before the
//! first one is decoded. So the bytes of a set do not depend on the order in which images arrive, and an interrupted
//! run can continue.

use super::error::SetError;
use super::item::Member;
use super::manifest::Manifest;
use imgveil::internal::image::Image;

/// An image that is whole on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The image's slot.
    pub slot: usize,
    /// BLAKE3 of the image's file, of its member in an archive, or of its samples in an array.
    pub hash: blake3::Hash,
}

/// A set to write to. Every image is written whole or not at all. All methods but `finish` may be called from many
/// threads.
pub trait Sink: Send + Sync {
    /// Encodes an image: as a PNG file, or as samples.
    ///
    /// # Errors
    /// The encoder's message.
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String>;

    /// The path of a slot's image, relative to the set.
    fn path(&self, slot: usize) -> String;

    /// Stores an image that [`Sink::encode`] encoded. Slots may come in any order. Returns the images that are whole on
    /// disk now: this one, or all images of a shard that is now complete.
    ///
    /// # Errors
    /// If writing fails.
    fn store(&self, slot: usize, bytes: Vec<u8>, members: Vec<Member>) -> Result<Vec<Stored>, SetError>;

    /// Declares that no image will come for this slot. Returns the images of the shard that this completes.
    ///
    /// # Errors
    /// If writing fails.
    fn give_up(&self, slot: usize) -> Result<Vec<Stored>, SetError>;

    /// The slots of those images of an earlier run that are still unchanged on disk. They need not be stored again.
    /// Anything else that the earlier run left is removed or overwritten.
    ///
    /// # Errors
    /// If the output cannot be read or tidied.
    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, SetError>;

    /// Updates the paths in a manifest where gaps of missing images are closed. `written` and `manifest` are those of
    /// [`Sink::finish`]; the manifest is sealed between the two calls.
    fn settle(&self, _written: &[usize], _manifest: &mut Manifest) {}

    /// Writes what accompanies the images (labels, the archive around arrays). `written` are the slots whose images
    /// arrived, in order. `manifest` lists the same images in the same order; its paths are updated where gaps of
    /// missing images are closed. Returns whether the manifest was also written, as a member of an archive.
    ///
    /// # Errors
    /// If writing fails.
    fn finish(self: Box<Self>, written: &[usize], manifest: Option<&mut Manifest>) -> Result<bool, SetError>;
}
