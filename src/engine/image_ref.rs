//! References to the images of a batch, and the checks that every engine relies on.

use super::EngineError;
use super::program::Program;
use crate::image::{Augmentation, Geometry};
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

/// Checks sizes and references. `of_output` is the number of bytes or floats of one output image.
pub(crate) fn check(
    program: &Program,
    input: usize,
    refs: &[ImageRef],
    output: usize,
    of_output: usize,
) -> Result<(), EngineError> {
    let geometry = program.geometry();
    let size = geometry.bytes();
    if !input.is_multiple_of(size) {
        return Err(EngineError::Size { what: "the input (bytes)", expected: size, found: input, geometry });
    }
    let expected = outputs(program, refs)? * of_output;
    if output != expected {
        return Err(EngineError::Size { what: "the output", expected, found: output, geometry });
    }
    check_refs(program, refs, input / size)
}

/// As [`check`], for bytes to bytes.
pub(crate) fn check_bytes(
    program: &Program,
    input: usize,
    refs: &[ImageRef],
    output: usize,
) -> Result<(), EngineError> {
    if program.mixing().is_some() {
        return Err(EngineError::FloatsOnly);
    }
    check(program, input, refs, output, program.geometry().bytes())
}

/// The number of images that a program makes from these references.
pub(crate) fn outputs(program: &Program, refs: &[ImageRef]) -> Result<usize, EngineError> {
    let group = program.mixing().map_or(1, |mixing| mixing.images as usize);
    if refs.len().is_multiple_of(group) {
        return Ok(refs.len() / group);
    }
    let (what, geometry) = ("the list of images for mixtures", program.geometry());
    Err(EngineError::Size { what, expected: group, found: refs.len(), geometry })
}

/// Checks references to an input of `images` images.
pub(crate) fn check_refs(program: &Program, refs: &[ImageRef], images: usize) -> Result<(), EngineError> {
    let geometry: Geometry = program.geometry();
    let keyed = program.keyed_per_image();
    for image in refs {
        if image.index as usize >= images {
            return Err(EngineError::Index { index: image.index, images });
        }
        if keyed && image.id.is_none() {
            return Err(EngineError::NoId { index: image.index });
        }
        if !image.augmentation.fits(geometry) {
            return Err(EngineError::Augmentation { augmentation: image.augmentation, geometry });
        }
    }
    Ok(())
}
