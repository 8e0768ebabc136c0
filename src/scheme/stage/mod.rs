//! The stages that schemes are made of, one file a kind. A file holds everything that the scheme layer knows of its
//! stage: the fields and the canonical text, the facts, the key, the plan or step. This file lists the kinds; `rules`
//! says what a file must answer.

mod block_scrambling;
mod block_statistic;
mod colour_shuffling;
mod error;
mod fields;
mod gaussian_blur;
pub(super) mod key;
mod keystream;
mod laplace_noise;
mod mixing;
mod negative_positive;
mod nibble_shuffling;
mod pixel_negative_positive;
mod pixel_shuffling;
mod rotation_inversion;
pub(super) mod rules;
mod sign_flip;
mod value;

pub use block_scrambling::BlockScrambling;
pub use block_statistic::BlockStatistic;
pub use colour_shuffling::{ColourShuffling, Orders};
pub use error::StageError;
pub use gaussian_blur::{GaussianBlur, Radius};
pub use key::{Shape, StageKey};
pub use keystream::Keystream;
pub use laplace_noise::{Epsilon, LaplaceNoise};
pub use mixing::Mixing;
pub use negative_positive::NegativePositive;
pub use nibble_shuffling::NibbleShuffling;
pub use pixel_negative_positive::PixelNegativePositive;
pub use pixel_shuffling::PixelShuffling;
pub use rotation_inversion::RotationInversion;
pub use sign_flip::SignFlip;
pub use value::{KeyScope, Order};

use super::Block;
use crate::image::Geometry;
use fields::Fields;
use rules::{Kind, Rules};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Makes [`Stage`], [`KINDS`] and what depends on the kind from the list of the kinds.
macro_rules! stages {
    ($($kind:ident: $words:literal,)*) => {
        /// One stage of a scheme. All tables are gathers; definitions in `docs/SCHEDULE.md`, "Stages".
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        #[non_exhaustive]
        pub enum Stage {
            $(#[doc = $words] $kind($kind),)*
        }

        /// The kinds of stages, by the names that begin their canonical texts, each with its fields.
        pub const KINDS: [(&str, &[&str]); [$($kind::NAME),*].len()] = [$(($kind::NAME, $kind::FIELDS)),*];

        $(impl From<$kind> for Stage {
            fn from(stage: $kind) -> Self {
                Self::$kind(stage)
            }
        })*

        impl Stage {
            /// What the stage's file says of it.
            pub(super) fn rules(&self) -> &dyn Rules {
                match self {
                    $(Self::$kind(stage) => stage,)*
                }
            }

            /// The stage of this kind with these fields, as a canonical text or a scheme's file has them. `key`,
            /// `order` and `orders` may be left out.
            ///
            /// # Errors
            /// When there is no such kind, a field is unknown or missing, or a value means nothing.
            pub fn from_fields(kind: &str, given: &[(&str, &str)]) -> Result<Self, StageError> {
                match kind {
                    $($kind::NAME => {
                        $kind::read(&Fields::new($kind::NAME, $kind::FIELDS, given)?).map(Self::from)
                    })*
                    _ => Err(StageError::Kind { kind: kind.to_owned() }),
                }
            }
        }
    };
}

stages! {
    PixelShuffling: "A permutation of the samples inside every block.",
    SignFlip: "Samples of every block are negated.",
    NibbleShuffling: "Nibbles of every block are shuffled and negated.",
    RotationInversion: "Blocks are turned and mirrored.",
    NegativePositive: "Whole blocks are negated.",
    PixelNegativePositive: "Samples of the image are negated.",
    ColourShuffling: "The channels of every block change their order.",
    BlockScrambling: "A permutation of the blocks.",
    BlockStatistic: "Every block is filled with a statistic of itself.",
    Mixing: "Several images become one.",
    GaussianBlur: "Every sample becomes a mean of its neighbours.",
    LaplaceNoise: "Every block gets noise of its own.",
    Keystream: "XOR with a stream of the image's own.",
}

impl Stage {
    /// The block that the stage works on, if it does.
    pub fn block(&self) -> Option<Block> {
        self.rules().facts().block
    }

    /// The block that must tile the image, if one must.
    pub fn tile(&self) -> Option<Block> {
        let facts = self.rules().facts();
        facts.block.filter(|_| facts.tiles)
    }

    /// Whether every image has a key of its own.
    pub fn keyed_per_image(&self) -> bool {
        self.rules().facts().keyed_per_image
    }

    /// Whether what the stage does can be undone with the key.
    pub fn has_inverse(&self) -> bool {
        self.rules().facts().has_inverse
    }

    /// Whether the stage mixes several images into one, and so gives floats.
    pub fn mixes(&self) -> bool {
        self.rules().facts().mixes
    }

    /// Why the stage does nothing to images of this geometry, if it does nothing.
    pub fn idle(&self, geometry: Geometry) -> Option<&'static str> {
        self.rules().idle(geometry)
    }

    /// What the stage does, in words.
    pub fn explain(&self) -> String {
        self.rules().explain()
    }
}

impl fmt::Display for Stage {
    /// The canonical text. It goes into the key schedule and into `imgveil.json`, so it is part of the published
    /// contract (`docs/SCHEDULE.md`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rules().fmt(f)
    }
}

impl FromStr for Stage {
    type Err = StageError;

    /// Reads a canonical text, and nothing else: what is read is written back the same.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || StageError::Stage(text.to_owned());
        let (kind, rest) = text.split_once(' ').ok_or_else(unknown)?;
        let fields: Option<Vec<(&str, &str)>> = rest.split(' ').map(|word| word.split_once('=')).collect();
        let stage = Stage::from_fields(kind, &fields.ok_or_else(unknown)?).map_err(|_| unknown())?;
        if stage.to_string() == text { Ok(stage) } else { Err(unknown()) }
    }
}

impl TryFrom<String> for Stage {
    type Error = StageError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Stage> for String {
    fn from(stage: Stage) -> String {
        stage.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_texts_round_trip_and_nothing_else_is_read() {
        for text in [
            "pixel-shuffling block=4x8 key=shared",
            "pixel-shuffling block=16x16 key=shared order=channel-row-column",
            "sign-flip block=1x1 key=block",
            "nibble-shuffling block=4x4 key=block",
            "rotation-inversion block=16x16",
            "negative-positive block=8x4",
            "pixel-negative-positive key=image",
            "pixel-shuffling block=4x4 key=image order=channel-row-column",
            "sign-flip block=4x4 key=image",
            "nibble-shuffling block=4x4 key=image",
            "rotation-inversion block=4x4 key=image",
            "negative-positive block=4x8 key=image",
            "colour-shuffling block=4x4 key=image",
            "block-scrambling block=4x4 key=image",
            "colour-shuffling block=1x1 key=image",
            "colour-shuffling block=16x16 key=block orders=as-published",
            "block-scrambling block=16x16",
            "block-statistic block=4x4 statistic=median",
            "mixing images=4 key=image",
            "gaussian-blur radius=8",
            "laplace-noise block=16x8 epsilon=0.5 m=16 key=image",
            "keystream key=image",
        ] {
            assert_eq!(text.parse::<Stage>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "keystream",
            "pixel-shuffling block=4 key=shared",
            "pixel-shuffling key=shared block=4x4",
            "pixel-shuffling block=4x4 key=pixel",
            "pixel-shuffling block=4x4 key=shared order=row-column-channel",
            "sign-flip block=0x4 key=shared",
            "sign-flip block=04x4 key=shared",
            "rotation-inversion block=4x8",
            "rotation-inversion block=4x4 key=block",
            "negative-positive block=4x4 key=shared",
            "colour-shuffling block=1x1 key=image orders=as-published",
            "colour-shuffling block=4x4 key=shared",
            "block-scrambling block=4x4 key=shared",
            "block-statistic block=4x4 statistic=mode",
            "block-statistic block=4x4",
            "gaussian-blur radius=0",
            "gaussian-blur radius=65",
            "gaussian-blur radius=08",
            "laplace-noise block=16x16 epsilon=0.50 m=16 key=image",
            "laplace-noise block=16x16 epsilon=0 m=16 key=image",
            "laplace-noise block=16x16 epsilon=0.5 m=0 key=image",
            "laplace-noise block=16x16 epsilon=0.5 m=16",
            "laplace-noise block=16x16 m=16 key=image",
            "mixing images=1 key=image",
            "mixing images=04 key=image",
        ] {
            assert!(text.parse::<Stage>().is_err(), "{text}");
        }
    }

    #[test]
    fn errors_say_what_a_stage_has() {
        let words = |kind: &str, fields: &[(&str, &str)]| Stage::from_fields(kind, fields).unwrap_err().to_string();
        assert!(words("shuffle", &[]).contains("pixel-shuffling, sign-flip"));
        assert!(words("block-scrambling", &[("block", "4"), ("order", "x")]).contains("it has block, key"));
        assert!(words("block-scrambling", &[]).contains("needs the field `block`"));
        assert!(words("pixel-negative-positive", &[("key", "block")]).contains("only shared and image"));
    }
}
