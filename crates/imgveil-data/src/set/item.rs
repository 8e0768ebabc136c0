//! One image of a set, as sources list it and sinks expect it.

use super::split::Split;
use imgveil::internal::image::Geometry;

/// One image of a set, before it is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The path within the set, without extension and with `/` between its parts. Unique in the set.
    pub name: String,
    /// The split that the image belongs to.
    pub split: Split,
    /// The class as an index into [`Source::classes`](super::Source::classes), if the set has classes.
    pub label: Option<u32>,
}

/// An image that a sink expects. Its *slot* is its number among all images of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Name, split and class in the output.
    pub item: Item,
    /// The geometry that the image will have. `None` if it is known that the image will not arrive: its header cannot
    /// be read, or another process writes it.
    pub geometry: Option<Geometry>,
}

/// A file that belongs to an image but is not an image, carried over unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The file's extension, such as `json`.
    pub kind: String,
    /// The file's contents.
    pub bytes: Vec<u8>,
}
