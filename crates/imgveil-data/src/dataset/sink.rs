//! A set that is being written. An image goes to its *slot*: its number among all images of the run, known before the first one
//! is decoded, so that the bytes of a set do not depend on the order in which images come, and a run that was cut goes on.

use super::{DatasetError, Item, Manifest};
use imgveil::internal::image::{Geometry, Image};

/// An image that a sink is made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name in the output, its part, its class.
    pub item: Item,
    /// The geometry that it will have; `None` where it is known beforehand that it will not come (its header cannot be read,
    /// or another process writes it).
    pub geometry: Option<Geometry>,
}

/// A file that belongs to an image and is no image: carried over as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its kind: the extension, such as `json`.
    pub kind: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// An image that is whole on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its slot.
    pub slot: usize,
    /// BLAKE3 of what stands for it: its file, its member of an archive, its samples in an array.
    pub hash: blake3::Hash,
}

/// A set to write to. Every image is written whole or not at all.
pub trait Sink: Send + Sync {
    /// The bytes that stand for an image: a PNG, samples. Called from many threads.
    ///
    /// # Errors
    /// The encoder's words.
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String>;

    /// Where the image of a slot lies, relative to the set.
    fn path(&self, slot: usize) -> String;

    /// Stores what [`Sink::encode`] gave; called from many threads, slots in any order. Returns the images that are whole on
    /// the disk now: this one, or later a whole archive of them.
    ///
    /// # Errors
    /// When it cannot be written.
    fn store(&self, slot: usize, bytes: Vec<u8>, members: Vec<Member>) -> Result<Vec<Stored>, DatasetError>;

    /// Nothing will come for this slot. Returns what that makes whole: an archive that waited for it.
    ///
    /// # Errors
    /// When it cannot be written.
    fn give_up(&self, slot: usize) -> Result<Vec<Stored>, DatasetError>;

    /// Which of these images that an earlier run stored are there still, to the byte: their slots. They will not be stored again;
    /// whatever else the earlier run left is removed or written over.
    ///
    /// # Errors
    /// When the output cannot be read or tidied.
    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, DatasetError>;

    /// Completes what lies beside the images (labels, the archive around arrays). `written` are the slots that came, in
    /// order; `manifest`, where there is one, lists them in the same order, and its paths are brought up to date where slots
    /// that did not come leave no gap. Returns whether the manifest was put into the set already (inside of an archive).
    ///
    /// # Errors
    /// When it cannot be written.
    fn finish(self: Box<Self>, written: &[usize], manifest: Option<&mut Manifest>) -> Result<bool, DatasetError>;
}
