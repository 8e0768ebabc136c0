//! Schemes: lists of stages. `stage` has a file for each kind of stage, `preset` the schemes of the literature by name,
//! and `custom` reads schemes of one's own. `compile` turns a scheme, a key and a geometry into a
//! [`crate::engine::Program`]; `import` does it with written-out tables. `about`, `key_space` and `jpeg` say what
//! people should know before they use a scheme. Never touches pixels.

mod about;
mod axes;
mod block;
mod compile;
mod convention;
mod custom;
mod error;
mod import;
mod jpeg;
mod key_space;
mod limits;
mod name;
mod preset;
mod representative;
mod risk;
mod secret;
pub mod stage;
mod text;
mod tiling;

pub use crate::engine::Statistic;
pub use about::{About, Choice, PerImage};
pub use block::Block;
pub use compile::{check, compile, write_out};
pub use custom::{CustomError, CustomProblem, LONGEST_SCHEME};
pub use error::{CompileError, ImportError, NamedArray};
pub use import::export;
pub use jpeg::Jpeg;
pub use key_space::KeySpace;
pub use limits::MOST_STAGES;
pub use name::{LONGEST_NAME, NameError};
pub use preset::{Options, PRESETS, Preset, PresetError};
pub use representative::representative;
pub use risk::{Attacker, Risk};
pub use secret::Secret;
pub use stage::{Epsilon, KINDS, KeyScope, Order, Orders, Radius, Shape, Stage, StageError, StageKey};
pub use text::SchemeTextError;

use crate::image::{Depth, Geometry};
use serde::{Deserialize, Serialize};

/// A named list of stages. The stages alone decide the bits; the name is for people.
///
/// `Display` writes the text that `FromStr` reads, such as `shuffle-flip block=8x8`. Schemes that no preset makes have
/// no such text. They are written as [`Scheme::describe`] does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scheme {
    /// The preset's name, such as `shuffle-flip`, or one of the user's own.
    #[serde(deserialize_with = "name::read")]
    pub name: String,
    /// The stages in the order in which they encrypt, in their canonical texts.
    #[serde(deserialize_with = "limits::stages")]
    pub stages: Vec<Stage>,
}

impl Scheme {
    /// The canonical text of the whole list, as the key schedule hashes it: stages joined by `; `.
    pub fn canonical(&self) -> String {
        let stages: Vec<String> = self.stages.iter().map(Stage::to_string).collect();
        stages.join("; ")
    }

    /// The name and the stages, for people: `np [sign-flip block=4x4 key=shared]`.
    pub fn describe(&self) -> String {
        if self.stages.is_empty() { self.name.clone() } else { format!("{} [{}]", self.name, self.canonical()) }
    }

    /// The block that the scheme works on: that of its first stage that has one. The first layer of a network can be
    /// fitted to it.
    pub fn block(&self) -> Option<Block> {
        self.stages.iter().find_map(Stage::block)
    }

    /// The smallest block that images must be tiled by: height and width both the least common multiple of all stages'.
    pub fn tile(&self) -> Block {
        let lcm = |a: u32, b: u32| {
            let (mut x, mut y) = (a, b);
            while y != 0 {
                (x, y) = (y, x % y);
            }
            // Saturating: an absurd tile divides no image and is reported as such.
            (a / x).saturating_mul(b)
        };
        self.stages.iter().filter_map(Stage::tile).fold(Block { height: 1, width: 1 }, |tile, block| Block {
            height: lcm(tile.height, block.height),
            width: lcm(tile.width, block.width),
        })
    }

    /// Whether every image has a key of its own.
    pub fn keyed_per_image(&self) -> bool {
        self.stages.iter().any(Stage::keyed_per_image)
    }

    /// Whether a stage has one key for all images. Without such a stage, images that were encrypted under different
    /// secrets are to an observer as images of one secret.
    pub fn shares_key(&self) -> bool {
        // What has neither a key per image nor an inverse, such as a blur, has no key.
        self.stages.iter().any(|stage| stage.has_inverse() && !stage.keyed_per_image())
    }

    /// Whether blocks are moved or changed by keys of each image's own, and by no others: the place and the form of a
    /// block say nothing that holds for two images.
    pub fn moves_by_image(&self) -> bool {
        let moves = |stage: &Stage| stage.keyed_per_image() && stage.has_inverse() && stage.block().is_some();
        !self.shares_key() && self.stages.iter().any(moves)
    }

    /// Whether it can be undone with the key.
    pub fn has_inverse(&self) -> bool {
        self.stages.iter().all(Stage::has_inverse)
    }

    /// Whether it mixes images, and so gives floats.
    pub fn mixes(&self) -> bool {
        self.stages.iter().any(Stage::mixes)
    }

    /// The smallest depth, from `depth` on, that the scheme works on: a stage that cuts samples into nibbles needs
    /// whole ones.
    pub fn depth(&self, depth: Depth) -> Depth {
        let nibbles = self.stages.iter().any(|stage| stage.rules().facts().nibbles);
        if nibbles { depth.whole_nibbles() } else { depth }
    }

    /// The stages that do nothing to images of this geometry, each with the reason.
    pub fn idle(&self, geometry: Geometry) -> Vec<(Stage, &'static str)> {
        self.stages.iter().filter_map(|stage| Some((*stage, stage.idle(geometry)?))).collect()
    }
}
