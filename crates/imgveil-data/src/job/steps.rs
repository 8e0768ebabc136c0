//! What jobs that are driven batch by batch share.

use super::batch::Batch;

/// A file that a step wrote.
pub struct StepFile {
    /// The name of its image in the input.
    pub name: String,
    /// Its path in the output, with `/` between its parts.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many bytes of samples its image has.
    pub samples: usize,
}

/// How much one step does at most. It always does at least one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepSize {
    /// Images.
    pub images: usize,
    /// Bytes of samples.
    pub bytes: usize,
}

impl Default for StepSize {
    /// So few that progress is seen, and so many that a GPU is used well.
    fn default() -> Self {
        Self { images: 16, bytes: 8 << 20 }
    }
}

/// Cuts batches into parts of a size.
pub(super) fn parts(batches: Vec<Batch>, size: StepSize) -> Vec<Batch> {
    let part = |batch: Batch| {
        let most = (size.bytes / batch.geometry.bytes()).clamp(1, size.images.max(1));
        let geometry = batch.geometry;
        let slots: Vec<Vec<usize>> = batch.slots.chunks(most).map(<[usize]>::to_vec).collect();
        slots.into_iter().map(move |slots| Batch { geometry, slots })
    };
    batches.into_iter().flat_map(part).collect()
}
