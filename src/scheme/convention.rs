//! How published experiments name the arrays of their keys, which shape they give them, and how they write the values
//! (`docs/SCHEDULE.md`, "Written-out tables"). Presets have a convention each, everything else has numbered names.

use super::axes::Axes;
use super::stage::{self, Orders};
use super::{CompileError, KeyScope, Scheme, Stage};
use crate::image::Geometry;

/// The source of the names of a scheme's arrays, and of the way in which they are written.
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

/// How the digits of a stage are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// As they are drawn.
    Plain,
    /// Symmetries of the square as two arrays: a turn, and a flip after it (`etc`).
    Symmetries,
    /// Orders of the channels, numbered as in the published code (`etc`).
    Orders,
}

impl Convention {
    /// The convention of a scheme. The scheme's name chooses it. The stages must be those that the name stands for,
    /// since anyone may give any name to a list of stages.
    pub fn of(scheme: &Scheme) -> Self {
        use Stage::{
            BlockScrambling, BlockStatistic, ColourShuffling, NegativePositive, NibbleShuffling, PixelNegativePositive,
            PixelShuffling, RotationInversion, SignFlip,
        };
        let pixels = |colours: &stage::ColourShuffling| colours.block.is_pixel();
        match (scheme.name.as_str(), scheme.stages.as_slice()) {
            (
                "shuffle-flip",
                [PixelShuffling(_), SignFlip(_)] | [PixelShuffling(_), SignFlip(_), BlockScrambling(_)],
            ) => Self::ShuffleFlip,
            ("le", [NibbleShuffling(nibbles)]) if nibbles.scope == KeyScope::Shared => Self::Le,
            ("ele", [NibbleShuffling(nibbles), BlockScrambling(_)]) if nibbles.scope == KeyScope::Block => Self::Ele,
            ("etc", [RotationInversion(_), NegativePositive(_), ColourShuffling(_), BlockScrambling(_)]) => Self::Etc,
            ("skk", [PixelNegativePositive(_), ColourShuffling(colours)]) if pixels(colours) => Self::Skk,
            ("skk-filter", [PixelNegativePositive(_), ColourShuffling(colours), BlockStatistic(_)])
                if pixels(colours) =>
            {
                Self::Skk
            }
            ("shf", [PixelShuffling(pixels)]) if pixels.scope == KeyScope::Shared => Self::Shf,
            ("np", [SignFlip(signs)]) if signs.scope == KeyScope::Shared => Self::Np,
            ("vit", [PixelShuffling(_), BlockScrambling(_)] | [PixelShuffling(_), SignFlip(_), BlockScrambling(_)]) => {
                Self::Vit
            }
            _ => Self::Numbered,
        }
    }

    /// The name of the array that holds this part of a stage's key.
    pub fn name(self, number: usize, stage: &Stage, part: Part) -> String {
        let scrambling = matches!(stage, Stage::BlockScrambling(_));
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
            // One half of a block's symmetry. The array `flip` has the other.
            (Self::Etc, Part::Digits) if self.digits(stage) == Some(Digits::Symmetries) => "rotate",
            (Self::Etc | Self::Skk, Part::Digits) => "channel",
            (Self::Vit, Part::Permutations) if scrambling => "key_2",
            (Self::Vit, Part::Permutations) => "key_1",
            // The others have no such part.
            _ => {
                let facts = stage.rules().facts();
                let word = match part {
                    Part::Permutations => "perm",
                    Part::Flips => facts.flips,
                    Part::Digits => facts.digits.unwrap_or_default(),
                };
                return format!("stage{number}_{word}");
            }
        };
        published.to_owned()
    }

    /// The shape of a stage's arrays.
    ///
    /// # Errors
    /// When the stage's block does not tile the image.
    pub fn axes(self, stage: &Stage, geometry: Geometry) -> Result<Axes, CompileError> {
        match stage {
            Stage::ColourShuffling(_) if self == Self::Skk => Ok(Axes::pixels(geometry)),
            stage => stage.rules().axes(geometry),
        }
    }

    /// How the digits of a stage are written, if it has digits.
    pub fn digits(self, stage: &Stage) -> Option<Digits> {
        stage.rules().facts().digits?;
        Some(match (self, stage) {
            (Self::Etc, Stage::RotationInversion(_)) => Digits::Symmetries,
            (Self::Etc, Stage::ColourShuffling(colours)) if colours.orders == Orders::Permutations => Digits::Orders,
            _ => Digits::Plain,
        })
    }

    /// Whether 0 inverts and 1 does not.
    pub fn inverts_flips(self) -> bool {
        self == Self::Etc
    }
}
