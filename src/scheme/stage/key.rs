//! The written-out key of one stage: drawn from the key's streams, or imported from tables.

use super::Stage;
use crate::image::Geometry;
use crate::schedule::{Stream, Subkey};
use crate::scheme::CompileError;
use crate::scheme::tiling::Tiling;
use std::borrow::Cow;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The written-out key of one stage. [`Shape`] says which of the lists a stage has and how long they are; the others
/// are empty. `Debug` prints only their lengths, and they are wiped when the key is dropped.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageKey {
    /// Permutations, one behind the other: of a block's samples or nibbles, or of the blocks.
    pub permutations: Vec<u32>,
    /// Sign bits: of a block's samples or nibbles, of blocks, or of all samples in stored order.
    pub flips: Vec<bool>,
    /// Digits, one a block: 0 to 7 for symmetries (quarter turns counter-clockwise, and 4 more if mirrored left to
    /// right after), 0 to 5 for orders of the channels.
    pub digits: Vec<u32>,
}

impl StageKey {
    /// Draws a stage's key (`docs/SCHEDULE.md`, "Stages"). The key of a stage keyed per image is empty.
    pub(in crate::scheme) fn draw(stage: &Stage, subkey: &Subkey, geometry: Geometry) -> Result<Self, CompileError> {
        let shape = Shape::of(stage, geometry)?;
        if shape == Shape::default() {
            return Ok(Self::default());
        }
        Ok(stage.rules().draw(shape, subkey, geometry))
    }

    /// Draws the lists of a shape from the beginning of the subkey's stream. A shape has one list here; stages with
    /// more draw them by themselves.
    pub(super) fn of_shape(shape: Shape, subkey: &Subkey) -> Self {
        let mut key = Self::default();
        if let Some((n, count)) = shape.digits {
            key.digits = Stream::digits(subkey, 0, n, count);
        }
        let mut stream = Stream::new(subkey, 0);
        if let Some((count, n)) = shape.permutations {
            key.permutations.reserve_exact(count * n);
            (0..count).for_each(|_| key.permutations.extend(stream.permutation(n as u32)));
        }
        if let Some((count, n)) = shape.flips {
            key.flips = stream.bits(count * n);
        }
        key
    }
}

impl fmt::Debug for StageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (permutations, flips, digits) = (self.permutations.len(), self.flips.len(), self.digits.len());
        write!(f, "StageKey({permutations} entries of permutations, {flips} flips, {digits} digits)")
    }
}

impl Zeroize for StageKey {
    fn zeroize(&mut self) {
        self.permutations.zeroize();
        self.flips.zeroize();
        self.digits.zeroize();
    }
}

impl Drop for StageKey {
    fn drop(&mut self) {
        self.zeroize();
    }
}

impl ZeroizeOnDrop for StageKey {}

/// What the lists of a [`StageKey`] must look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shape {
    /// How many permutations, of how many elements.
    pub permutations: Option<(usize, usize)>,
    /// How many sets of flips, of how many elements.
    pub flips: Option<(usize, usize)>,
    /// The number of values of a digit, and how many digits.
    pub digits: Option<(u32, usize)>,
}

impl Shape {
    /// The shape of a stage's key at a geometry; empty for stages without a fixed key.
    ///
    /// # Errors
    /// When the stage's block does not tile the image.
    pub fn of(stage: &Stage, geometry: Geometry) -> Result<Self, CompileError> {
        if !stage.keyed_per_image() {
            return stage.rules().shape(geometry);
        }
        stage.tile().map(|block| Tiling::new(block, geometry)).transpose()?;
        Ok(Self::default())
    }
}

/// The key of a stage: fixed for all images, or the subkey from which each image draws its own.
pub(in crate::scheme) enum Keyed<'a> {
    /// The same for all images, of the stage's shape.
    Fixed(Cow<'a, StageKey>),
    /// The stage's subkey.
    Image(Subkey),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_key_does_not_print_its_lists_and_wipes_them() {
        let mut key = StageKey { permutations: vec![2, 0, 1], flips: vec![true], digits: vec![5, 4] };
        assert_eq!(format!("{key:?}"), "StageKey(3 entries of permutations, 1 flips, 2 digits)");
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        wiped(&key);
        key.zeroize();
        assert_eq!(key, StageKey::default());
    }
}
