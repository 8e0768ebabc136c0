//! The sizes of the images of an encrypted set, as its manifest states them.

use super::manifest::Manifest;
use crate::format::ReadErrorKind;
use imgveil::internal::image::Geometry;

/// The geometry of each image as the manifest states it. Empty for a plain set.
#[derive(Default)]
pub(super) struct StatedSizes(Vec<Geometry>);

impl StatedSizes {
    pub(super) fn of(manifest: &Manifest) -> Self {
        Self(manifest.images.iter().map(|entry| entry.geometry).collect())
    }

    /// Compares what a header says, before the image is decoded. Headers do not always say how many bits of a sample
    /// are used, so that only the number of its bytes counts.
    ///
    /// # Errors
    /// If the manifest says otherwise.
    pub(super) fn check(&self, index: usize, found: Geometry) -> Result<Geometry, ReadErrorKind> {
        match self.0.get(index) {
            Some(&stated) if stated.with_depth(found.depth()) != found || stated.bytes() != found.bytes() => {
                Err(ReadErrorKind::Stated { found, stated })
            }
            _ => Ok(found),
        }
    }
}
