//! The trait of a set that is read.

use super::item::{Item, Member};
use super::manifest::Manifest;
use super::passed_over::PassedOver;
use super::remark::Remark;
use crate::format::picture::Orientation;
use crate::format::{BurntIn, ReadError, Rescale, Scale};
use imgveil::internal::image::{Geometry, Image};
use std::path::PathBuf;

/// What the header of an image says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Described {
    /// The geometry.
    pub geometry: Geometry,
    /// What the samples mean, to be compared with other images.
    pub scale: Scale,
    /// How values follow from samples.
    pub rescale: Option<Rescale>,
}

impl Described {
    /// An image whose samples have no stated meaning.
    pub(crate) fn plain(geometry: Geometry) -> Self {
        Self { geometry, scale: Scale::Unknown, rescale: None }
    }
}

/// A set to read from.
pub trait Source: Send + Sync {
    /// All images, in a fixed order.
    fn items(&self) -> &[Item];

    /// Names of the classes. Empty if the set has no classes.
    fn classes(&self) -> &[String];

    /// Files that were passed over.
    fn ignored(&self) -> &[PassedOver] {
        &[]
    }

    /// Links that lead out of the set's folder and were not followed.
    fn links_out(&self) -> &[PathBuf] {
        &[]
    }

    /// The geometry of image `index`, from its header alone.
    ///
    /// # Errors
    /// If the header cannot be read or the geometry is not supported.
    fn geometry(&self, index: usize) -> Result<Geometry, ReadError>;

    /// What the header of image `index` says: its geometry, and what its samples mean.
    ///
    /// # Errors
    /// As [`geometry`](Self::geometry).
    fn described(&self, index: usize) -> Result<Described, ReadError> {
        self.geometry(index).map(Described::plain)
    }

    /// Decodes image `index`.
    ///
    /// # Errors
    /// If the image cannot be read, is damaged, or is of a kind that is not supported.
    fn read(&self, index: usize) -> Result<Image, ReadError>;

    /// How image `index` is to be turned, if its file says so. Reading it does not turn it.
    fn orientation(&self, _index: usize) -> Orientation {
        Orientation::default()
    }

    /// What the file of image `index` says about text in its pixels.
    fn burnt_in(&self, _index: usize) -> BurntIn {
        BurntIn::Unsaid
    }

    /// The files of these kinds that are stored with image `index`.
    ///
    /// # Errors
    /// If they cannot be read.
    fn members(&self, _index: usize, _kinds: &[String]) -> Result<Vec<Member>, ReadError> {
        Ok(Vec::new())
    }

    /// Differences between an encrypted set and its manifest that no hash of an image covers.
    fn beside(&self) -> Beside {
        Beside::default()
    }

    /// The number of bytes that are read to decode image `index`. 0 if the source does not know it.
    fn length(&self, _index: usize) -> u64 {
        0
    }

    /// A text that changes if the file of image `index` is written again: its size and time. Empty if the source knows
    /// neither.
    fn stamp(&self, _index: usize) -> String {
        String::new()
    }
}

/// Differences between an encrypted set and its manifest that no hash of an image covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Where labels are stored that differ from those in the manifest.
    pub labels: Vec<String>,
    /// Samples of shards whose files beside the image are not those that were carried over.
    pub members: Vec<String>,
    /// Entries inside the set's files that the manifest does not name.
    pub strangers: Vec<String>,
}

/// An opened set: its source, and its manifest if the set is encrypted.
pub struct Opened {
    /// The images.
    pub source: Box<dyn Source>,
    /// The manifest of an encrypted set.
    pub manifest: Option<Manifest>,
    /// What the user should know about how the set was read.
    pub remarks: Vec<Remark>,
}
