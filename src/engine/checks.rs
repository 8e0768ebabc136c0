//! The checks of a batch against its program, which every engine relies on.

use super::EngineError;
use super::image_ref::ImageRef;
use super::program::Program;
use crate::image::Geometry;

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
