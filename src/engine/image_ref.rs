//! References to the images of a batch.

use crate::image::Augmentation;
use crate::schedule::ImageId;

/// One image of a batch: its number in the input, its augmentation, and its id for steps keyed per image.
///
/// There is no default id. A program that is keyed per image refuses a reference without one, so that two images cannot
/// share a keystream by accident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRef {
    /// The number of the image in the input.
    pub index: u32,
    /// The augmentation that is applied before the program runs.
    pub augmentation: Augmentation,
    /// The id of the augmented image. Programs that are keyed per image need it.
    pub id: Option<ImageId>,
    /// The share of the image in a mixture, in units of 1 / [`WEIGHT_ONE`](super::WEIGHT_ONE). Only programs that mix
    /// use it.
    pub weight: u32,
}

impl ImageRef {
    /// Image number `index`, without an id.
    pub fn new(index: u32) -> Self {
        Self { index, augmentation: Augmentation::IDENTITY, id: None, weight: 0 }
    }

    /// The same image with an id.
    pub fn with_id(self, id: ImageId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// The same image, augmented.
    pub fn augmented(self, augmentation: Augmentation) -> Self {
        Self { augmentation, ..self }
    }

    /// The same image with a share in a mixture.
    pub fn weighted(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    /// Images `0..count`, without ids.
    pub fn all(count: usize) -> Vec<Self> {
        (0..count as u32).map(Self::new).collect()
    }

    /// The number of the image's stream. Without an id it is 0, and every program that uses the stream refuses the
    /// reference.
    pub(crate) fn stream(&self) -> u64 {
        self.id.map_or(0, ImageId::stream)
    }
}
