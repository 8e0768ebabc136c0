//! Batches: images of one geometry that go to the device together.

use crate::Memory;
use imgveil::internal::image::Geometry;

/// Bytes of samples in one batch: enough to keep a device busy.
const BATCH_BYTES: usize = 16 << 20;
/// The largest number of images in one batch, so that progress is reported for small images too.
const BATCH_IMAGES: usize = 1024;
/// The number of batches between reading and writing. With less than two, the pipeline could deadlock on its own batch.
pub(super) const BATCHES: usize = 8;
/// The part of the memory that samples between reading and writing may take. What is made of them takes a few times as
/// much ([`samples`](super::cost::samples)), and the tables of their size as much again.
const PART: u64 = 24;

/// The most bytes of samples in one batch.
pub(super) fn batch_bytes(memory: Memory) -> usize {
    usize::try_from(memory.room() / PART / BATCHES as u64).unwrap_or(usize::MAX).clamp(1, BATCH_BYTES)
}

/// The cost of an image in the budget. A small image takes more memory than its samples.
pub(super) fn cost(geometry: Geometry) -> usize {
    geometry.bytes().max(BATCH_BYTES / BATCH_IMAGES)
}

/// Images of one geometry that go to the device together, by their slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub geometry: Geometry,
    pub slots: Vec<usize>,
}

impl Batch {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.slots.len()
    }
}

/// Groups images into batches of one geometry and bounded size, in the given order.
pub(super) fn batches(images: impl IntoIterator<Item = (usize, Geometry)>, memory: Memory) -> Vec<Batch> {
    let most = batch_bytes(memory);
    let mut batches: Vec<Batch> = Vec::new();
    for (slot, geometry) in images {
        let fits = |batch: &&mut Batch| {
            batch.geometry == geometry
                && batch.slots.len() < BATCH_IMAGES
                && (batch.slots.len() + 1).saturating_mul(cost(geometry)) <= most.max(cost(geometry))
        };
        match batches.last_mut().filter(fits) {
            Some(batch) => batch.slots.push(slot),
            None => batches.push(Batch { geometry, slots: vec![slot] }),
        }
    }
    batches
}
