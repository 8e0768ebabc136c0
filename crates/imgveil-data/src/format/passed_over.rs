//! Why files are passed over.

use serde::Serialize;

/// Why a file is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum PassedOverReason {
    /// It is not an image.
    NoImage,
    /// It holds a picture, and its ending is not one of a picture: a copy, a download that was not completed, or a
    /// wrong name.
    Ending,
    /// It is a picture of a format that cannot be read: GIF, HEIC, AVIF, JPEG 2000 and others.
    Format,
    /// It is a shard or an array among images.
    Set,
    /// It is hidden: its name begins with a dot.
    Hidden,
    /// It belongs to a WebDataset sample without an image.
    NoSample,
}

impl PassedOverReason {
    /// What the file is, to follow a number of files, in the singular or the plural.
    pub fn describe(self, one: bool) -> &'static str {
        match (self, one) {
            (Self::NoImage, true) => "that is no image",
            (Self::NoImage, false) => "that are no images",
            (Self::Ending, true) => "that holds a picture under another ending: rename it if it belongs to the set",
            (Self::Ending, false) => "that hold pictures under other endings: rename them if they belong to the set",
            (Self::Format, true) => "of a format that is not read (GIF, HEIC, AVIF, JPEG 2000): convert it",
            (Self::Format, false) => "of formats that are not read (GIF, HEIC, AVIF, JPEG 2000): convert them",
            (Self::Set, true) => "that is a set of its own, among images: give it alone",
            (Self::Set, false) => "that are sets of their own, among images: give them alone",
            (Self::Hidden, true) => "whose name begins with a dot",
            (Self::Hidden, false) => "whose names begin with a dot",
            (Self::NoSample, true) => "of shards without an image",
            (Self::NoSample, false) => "of shards without an image",
        }
    }
}
