//! How published experiments name the arrays of their keys, and what shape they give them (`docs/SCHEDULE.md`, "Written-out
//! tables"): one convention a preset, and numbered names for everything else.

use super::tiling::Tiling;
use super::{Block, CompileError, KeyScope, Scheme, Stage};
use crate::image::Geometry;
use crate::tables::dimensions;
use std::fmt;

/// Whose names, and whose ways of writing a key, the arrays of a scheme have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    ShuffleFlip,
    Le,
    Ele,
    Etc,
    Skk,
    Shf,
    Np,
    Vit,
    /// `stage0_perm` and so on.
    Numbered,
}

/// Which list of a stage's key an array is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Permutations,
    Flips,
    Digits,
}

/// What a dimension of an array counts.
#[derive(Clone, Copy)]
enum Axis {
    Blocks,
    Samples,
    Nibbles,
    Height,
    Width,
    Channels,
}

/// The shape of an array.
pub struct Axes(Vec<(Axis, u32)>);

impl Axes {
    pub fn shape(&self) -> Vec<u32> {
        self.0.iter().map(|(_, length)| *length).collect()
    }
}

impl fmt::Display for Axes {
    /// As the published page writes it, with its letters explained.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut letters, mut meaning) = (Vec::new(), "");
        for (axis, _) in &self.0 {
            letters.push(match axis {
                Axis::Blocks => "blocks",
                Axis::Samples => "D",
                Axis::Nibbles => "n",
                Axis::Height => "H",
                Axis::Width => "W",
                Axis::Channels => "C",
            });
            match axis {
                Axis::Samples => meaning = ", D being the samples of a block",
                Axis::Nibbles => meaning = ", n being the nibbles of a block",
                _ => {}
            }
        }
        write!(f, "({}) = {}{meaning}", letters.join(", "), dimensions(&self.shape()))
    }
}

impl Convention {
    /// The scheme's name chooses; its stages must be those that the name stands for, since anyone may give any name to a list
    /// of stages.
    pub fn of(scheme: &Scheme) -> Self {
        use Stage::{
            BlockScrambling, BlockStatistic, ColourShuffling, NegativePositive, NibbleShuffling, PixelNegativePositive,
            PixelShuffling, RotationInversion, SignFlip,
        };
        const PIXEL: Block = Block::square(1);
        const SHARED: KeyScope = KeyScope::Shared;
        match (scheme.name.as_str(), scheme.stages.as_slice()) {
            ("shuffle-flip", [PixelShuffling { .. }, SignFlip { .. }])
            | ("shuffle-flip", [PixelShuffling { .. }, SignFlip { .. }, BlockScrambling { .. }]) => Self::ShuffleFlip,
            ("le", [NibbleShuffling { scope: SHARED, .. }]) => Self::Le,
            ("ele", [NibbleShuffling { scope: KeyScope::Block, .. }, BlockScrambling { .. }]) => Self::Ele,
            (
                "etc",
                [RotationInversion { .. }, NegativePositive { .. }, ColourShuffling { .. }, BlockScrambling { .. }],
            ) => Self::Etc,
            ("skk", [PixelNegativePositive { .. }, ColourShuffling { block: PIXEL, .. }])
            | (
                "skk-filter",
                [PixelNegativePositive { .. }, ColourShuffling { block: PIXEL, .. }, BlockStatistic { .. }],
            ) => Self::Skk,
            ("shf", [PixelShuffling { scope: SHARED, .. }]) => Self::Shf,
            ("np", [SignFlip { scope: SHARED, .. }]) => Self::Np,
            ("vit", [PixelShuffling { .. }, BlockScrambling { .. }])
            | ("vit", [PixelShuffling { .. }, SignFlip { .. }, BlockScrambling { .. }]) => Self::Vit,
            _ => Self::Numbered,
        }
    }

    /// The name of the array that says this part of a stage's key.
    pub fn name(self, number: usize, stage: &Stage, part: Part) -> String {
        let scrambling = matches!(stage, Stage::BlockScrambling { .. });
        let published = match (self, part) {
            (Self::ShuffleFlip, Part::Permutations) if scrambling => "blocks",
            (Self::ShuffleFlip, Part::Permutations) => "perm",
            (Self::ShuffleFlip | Self::Skk | Self::Np | Self::Vit, Part::Flips) => "flip",
            (Self::Le | Self::Shf, Part::Permutations) => "key",
            (Self::Le, Part::Flips) => "rev",
            (Self::Ele, Part::Permutations) if scrambling => "perm",
            (Self::Ele, Part::Permutations) => "keys",
            (Self::Ele, Part::Flips) => "revs",
            (Self::Etc, Part::Permutations) => "permutation",
            (Self::Etc, Part::Flips) => "negaposi",
            // Half of what it says of a block's symmetry: `flip` has the other.
            (Self::Etc, Part::Digits) if matches!(stage, Stage::RotationInversion { .. }) => "rotate",
            (Self::Etc | Self::Skk, Part::Digits) => "channel",
            (Self::Vit, Part::Permutations) if scrambling => "key_2",
            (Self::Vit, Part::Permutations) => "key_1",
            // The others have no such part.
            _ => {
                let word = match (stage, part) {
                    (_, Part::Permutations) => "perm",
                    (Stage::NibbleShuffling { .. }, Part::Flips) => "rev",
                    (_, Part::Flips) => "flip",
                    (Stage::RotationInversion { .. }, Part::Digits) => "symmetry",
                    (_, Part::Digits) => "channel",
                };
                return format!("stage{number}_{word}");
            }
        };
        published.to_owned()
    }

    /// The shape of a stage's arrays.
    pub fn axes(self, stage: &Stage, geometry: Geometry) -> Result<Axes, CompileError> {
        let (height, width) = ((Axis::Height, geometry.height()), (Axis::Width, geometry.width()));
        let keyed = |scope, tiling: &Tiling, each| match scope {
            KeyScope::Block => vec![(Axis::Blocks, tiling.blocks()), each],
            KeyScope::Shared | KeyScope::Image => vec![each],
        };
        let axes = match *stage {
            Stage::PixelNegativePositive { .. } => vec![height, width, (Axis::Channels, geometry.channels())],
            Stage::ColourShuffling { .. } if self == Self::Skk => vec![height, width],
            Stage::PixelShuffling { block, scope, .. } | Stage::SignFlip { block, scope, .. } => {
                let tiling = Tiling::new(block, geometry)?;
                keyed(scope, &tiling, (Axis::Samples, tiling.samples()))
            }
            Stage::NibbleShuffling { block, scope } => {
                let tiling = Tiling::new(block, geometry)?;
                keyed(scope, &tiling, (Axis::Nibbles, tiling.nibbles()))
            }
            Stage::RotationInversion { block }
            | Stage::NegativePositive { block }
            | Stage::ColourShuffling { block, .. }
            | Stage::BlockScrambling { block } => vec![(Axis::Blocks, Tiling::new(block, geometry)?.blocks())],
            Stage::BlockStatistic { .. } | Stage::Mixing { .. } | Stage::Keystream => vec![],
        };
        // A block has fewer than 2^31 samples, and what has more than 2^31 nibbles is refused when its plan is made.
        Ok(Axes(axes.into_iter().map(|(axis, length)| (axis, u32::try_from(length).unwrap_or(u32::MAX))).collect()))
    }
}
