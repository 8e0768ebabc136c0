//! What a key says of one stage, written out: drawn from the key's streams, or imported. And the plan that it makes.

use super::tiling::Tiling;
use super::{CompileError, KeyScope, Order, Orders, Stage};
use crate::engine::COLOUR_ORDERS;
use crate::image::Geometry;
use crate::plan::{FLIP, Plan, PlanError};
use crate::schedule::{Stream, Subkey};
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The channel orders of the published EtC code: assignments one after another in place.
const AS_PUBLISHED: [[u8; 3]; 6] = [[0, 1, 2], [1, 1, 2], [2, 1, 2], [0, 2, 2], [2, 2, 2], [1, 2, 1]];

/// The written-out key of one stage. Which of the lists a stage has, and how long they are, is its [`Shape`]; the others
/// are empty. `Debug` prints only their lengths, and they are wiped when the key is dropped.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StageKey {
    /// Permutations, one behind the other: of a block's samples or nibbles, or of the blocks.
    pub permutations: Vec<u32>,
    /// Sign bits: of a block's samples or nibbles, of blocks, or of all samples in stored order.
    pub flips: Vec<bool>,
    /// Digits, one a block: 0 to 7 for symmetries (quarter turns counter-clockwise, and 4 more if mirrored left to right
    /// after), 0 to 5 for orders of the channels.
    pub digits: Vec<u32>,
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
pub struct Shape {
    /// How many permutations, of how many elements.
    pub permutations: Option<(usize, usize)>,
    /// How many sets of flips, of how many elements.
    pub flips: Option<(usize, usize)>,
    /// The number of values of a digit, and how many digits.
    pub digits: Option<(u32, usize)>,
}

/// How many keys for how many blocks.
fn keys(scope: KeyScope, tiling: &Tiling) -> usize {
    match scope {
        KeyScope::Block => tiling.blocks(),
        KeyScope::Shared | KeyScope::Image => 1,
    }
}

impl Shape {
    /// The shape of a stage's key at a geometry; empty for stages without a fixed key.
    ///
    /// # Errors
    /// When the stage's block does not tile the image.
    pub fn of(stage: &Stage, geometry: Geometry) -> Result<Self, CompileError> {
        let tiling = |block| Tiling::new(block, geometry);
        let none = Self::default();
        Ok(match *stage {
            _ if stage.keyed_per_image() => none,
            Stage::PixelShuffling { block, scope, .. } => {
                let tiling = tiling(block)?;
                Self { permutations: Some((keys(scope, &tiling), tiling.samples())), ..none }
            }
            Stage::SignFlip { block, scope, .. } => {
                let tiling = tiling(block)?;
                Self { flips: Some((keys(scope, &tiling), tiling.samples())), ..none }
            }
            Stage::NibbleShuffling { block, scope } => {
                let tiling = tiling(block)?;
                let each = Some((keys(scope, &tiling), tiling.nibbles()));
                Self { permutations: each, flips: each, ..none }
            }
            Stage::RotationInversion { block } => Self { digits: Some((8, tiling(block)?.blocks())), ..none },
            Stage::NegativePositive { block } => Self { flips: Some((1, tiling(block)?.blocks())), ..none },
            Stage::PixelNegativePositive { .. } => Self { flips: Some((1, geometry.samples())), ..none },
            Stage::ColourShuffling { block, .. } if geometry.channels() == 3 => {
                Self { digits: Some((6, tiling(block)?.blocks())), ..none }
            }
            // One channel has one order.
            Stage::ColourShuffling { block, .. } => tiling(block).map(|_| none)?,
            Stage::BlockScrambling { block } => Self { permutations: Some((1, tiling(block)?.blocks())), ..none },
            Stage::BlockStatistic { .. } | Stage::Mixing { .. } | Stage::Keystream => none,
        })
    }
}

impl StageKey {
    /// Draws a stage's key (`docs/SCHEDULE.md`, "Stages").
    pub(super) fn draw(stage: &Stage, subkey: &Subkey, geometry: Geometry) -> Result<Self, CompileError> {
        let shape = Shape::of(stage, geometry)?;
        let mut key = Self::default();
        if let Some((n, count)) = shape.digits {
            key.digits = Stream::digits(subkey, 0, n, count);
        }
        let mut stream = Stream::new(subkey, 0);
        match (stage, shape.permutations, shape.flips) {
            // Key after key, permutation and signs of one in turn.
            (Stage::NibbleShuffling { .. }, Some((count, n)), _) => {
                key.permutations.reserve_exact(count * n);
                key.flips.reserve_exact(count * n);
                for _ in 0..count {
                    key.permutations.extend(stream.permutation(n as u32));
                    key.flips.extend(stream.bits(n));
                }
            }
            // Channel after channel, each from a new word; kept in stored order.
            (Stage::PixelNegativePositive { .. }, _, Some(_)) => {
                let planes: Vec<Vec<bool>> = (0..geometry.channels()).map(|_| stream.bits(geometry.pixels())).collect();
                key.flips =
                    (0..geometry.pixels()).flat_map(|pixel| planes.iter().map(move |plane| plane[pixel])).collect();
            }
            (_, Some((1, n)), _) => key.permutations = stream.permutation(n as u32),
            (_, Some((count, n)), _) => {
                key.permutations.reserve_exact(count * n);
                (0..count).for_each(|_| key.permutations.extend(stream.permutation(n as u32)));
            }
            (_, None, Some((count, n))) => key.flips = stream.bits(count * n),
            (_, None, None) => {}
        }
        Ok(key)
    }

    /// The plan of a stage under this key, which has the stage's shape.
    pub(super) fn plan(&self, stage: &Stage, geometry: Geometry) -> Result<Plan, PlanOrTiling> {
        let flip = |is: bool| if is { FLIP } else { 0 };
        Ok(match *stage {
            Stage::PixelShuffling { block, order, .. } => {
                let tiling = Tiling::new(block, geometry)?.ordered(order);
                let (n, all) = (tiling.samples(), self.permutations.len());
                tiling.plan(|b, i| tiling.sample(b, self.permutations[b * n % all + i] as usize) as u32)?
            }
            Stage::SignFlip { block, order, .. } => {
                let tiling = Tiling::new(block, geometry)?.ordered(order);
                let (n, all) = (tiling.samples(), self.flips.len());
                tiling.plan(|b, i| tiling.sample(b, i) as u32 | flip(self.flips[b * n % all + i]))?
            }
            Stage::NibbleShuffling { block, .. } => {
                let tiling = Tiling::new(block, geometry)?;
                let (n, all) = (tiling.nibbles(), self.permutations.len());
                tiling.nibble_plan(|b, i| {
                    let key = b * n % all;
                    let source = self.permutations[key + i] as usize;
                    // Flipped before by the source's bit, and after by its own.
                    tiling.nibble(b, source) as u32 | flip(self.flips[key + source] != self.flips[key + i])
                })?
            }
            Stage::RotationInversion { block } => {
                let tiling = Tiling::new(block, geometry)?;
                let (side, channels) = (block.height as usize, geometry.channels());
                tiling.plan(|b, i| {
                    let (pixel, channel) = (i / channels, i % channels);
                    let (mut y, mut x) = (pixel / side, pixel % side);
                    // From the output back to the input: mirrored last, so undone first.
                    if self.digits[b] >= 4 {
                        x = side - 1 - x;
                    }
                    for _ in 0..self.digits[b] % 4 {
                        (y, x) = (x, side - 1 - y);
                    }
                    tiling.sample(b, (y * side + x) * channels + channel) as u32
                })?
            }
            Stage::NegativePositive { block } => {
                let tiling = Tiling::new(block, geometry)?;
                tiling.plan(|b, i| tiling.sample(b, i) as u32 | flip(self.flips[b]))?
            }
            Stage::PixelNegativePositive { .. } => {
                let table = (0..).zip(&self.flips).map(|(sample, &is)| sample | flip(is)).collect();
                Plan::from_table(geometry, crate::plan::Unit::Sample, table)?
            }
            Stage::ColourShuffling { block, orders, .. } if geometry.channels() == 3 => {
                let tiling = Tiling::new(block, geometry)?;
                let table = match orders {
                    Orders::Permutations => COLOUR_ORDERS,
                    Orders::AsPublished => AS_PUBLISHED,
                };
                tiling.plan(|b, i| {
                    let channel = table[self.digits[b] as usize][i % 3];
                    tiling.sample(b, i / 3 * 3 + usize::from(channel)) as u32
                })?
            }
            Stage::BlockScrambling { block } => {
                let tiling = Tiling::new(block, geometry)?.ordered(Order::default());
                tiling.plan(|b, i| tiling.sample(self.permutations[b] as usize, i) as u32)?
            }
            Stage::ColourShuffling { .. } | Stage::BlockStatistic { .. } | Stage::Mixing { .. } | Stage::Keystream => {
                Plan::identity(geometry)
            }
        })
    }
}

/// What can be wrong with a stage's plan.
pub(super) enum PlanOrTiling {
    Plan(PlanError),
    Tiling(CompileError),
}

impl From<PlanError> for PlanOrTiling {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<CompileError> for PlanOrTiling {
    fn from(error: CompileError) -> Self {
        Self::Tiling(error)
    }
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
