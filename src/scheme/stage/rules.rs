//! The two traits that every file of this folder implements for its stage. The compiler, the tables, the key space and
//! the advice on JPEG ask these traits. Only presets and published conventions name stages by their kind.

use super::fields::Fields;
use super::key::{Keyed, Shape, StageKey};
use super::{Stage, StageError};
use crate::engine::Step;
use crate::image::Geometry;
use crate::plan::{Plan, PlanError};
use crate::schedule::Subkey;
use crate::scheme::axes::Axes;
use crate::scheme::key_space::log2_keys;
use crate::scheme::{Block, CompileError};
use std::fmt;

/// A kind of stage: its name, and how its fields are read.
pub(super) trait Kind: Rules + Into<Stage> {
    /// The name that begins its canonical text, and that TOML files give.
    const NAME: &'static str;

    /// The fields that it has.
    const FIELDS: &'static [&'static str];

    /// The stage with these fields.
    fn read(fields: &Fields<'_>) -> Result<Self, StageError>;
}

/// What the scheme layer knows of a stage. `Display` writes the canonical text, which is part of the published contract
/// (`docs/SCHEDULE.md`, "Stages").
pub(in crate::scheme) trait Rules: fmt::Display {
    /// The facts.
    fn facts(&self) -> Facts;

    /// What the stage does, in words.
    fn explain(&self) -> String;

    /// Why the stage does nothing to images of this geometry, if it does nothing.
    fn idle(&self, _geometry: Geometry) -> Option<&'static str> {
        None
    }

    /// The shape of the key. Not asked of stages that are keyed per image.
    ///
    /// # Errors
    /// When the block does not tile the image.
    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError>;

    /// Whether the stage can be compiled for images whose shape of a key is known.
    fn check(&self, _geometry: Geometry) -> Result<(), Unfit> {
        Ok(())
    }

    /// The shape of the arrays that hold the key in written-out tables.
    ///
    /// # Errors
    /// When the block does not tile the image.
    fn axes(&self, _geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::none())
    }

    /// Draws the key. Its shape is not empty.
    fn draw(&self, shape: Shape, subkey: &Subkey, _geometry: Geometry) -> StageKey {
        StageKey::of_shape(shape, subkey)
    }

    /// How many different things keys of this shape can do, as a logarithm to base 2. Not asked of stages that are idle
    /// or keyed per image.
    fn key_space(&self, shape: Shape) -> f64 {
        log2_keys(shape)
    }

    /// The plan under this key, which has the stage's shape.
    fn plan(&self, _key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        Ok(Plan::identity(geometry))
    }

    /// The step of a stage that is keyed per image.
    ///
    /// # Errors
    /// When the block does not tile the image.
    fn step_per_image(&self, _subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        Ok(Step::Permute(Plan::identity(geometry)))
    }

    /// The step that the stage compiles to.
    fn step(&self, key: Keyed<'_>, geometry: Geometry) -> Result<Step, Unfit> {
        match key {
            Keyed::Fixed(key) => Ok(Step::Permute(self.plan(&key, geometry)?)),
            Keyed::Image(subkey) => Ok(self.step_per_image(subkey, geometry)?),
        }
    }
}

/// The row of facts of a stage.
#[derive(Clone, Copy)]
pub(in crate::scheme) struct Facts {
    /// The name of its kind.
    pub name: &'static str,
    /// The block that it works on, if it does.
    pub block: Option<Block>,
    /// Whether the block must tile the image.
    pub tiles: bool,
    /// Whether every image has a key of its own.
    pub keyed_per_image: bool,
    /// Whether what it does can be undone with the key.
    pub has_inverse: bool,
    /// Whether it mixes several images into one, and so gives floats.
    pub mixes: bool,
    /// Whether it cuts samples into nibbles of 4 bits.
    pub nibbles: bool,
    /// Whether it moves or changes blocks as wholes. They stay as smooth inside as they were, and JPEG compresses
    /// nothing else.
    pub whole_blocks: bool,
    /// Whether it leaves images smooth everywhere, without blocks.
    pub smooth: bool,
    /// The word for flips in names of arrays that no published experiment gives.
    pub flips: &'static str,
    /// The same word for digits, if the stage has any.
    pub digits: Option<&'static str>,
}

impl Facts {
    /// The facts of most stages without a block. A stage's row says what is different.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            block: None,
            tiles: true,
            keyed_per_image: false,
            has_inverse: true,
            mixes: false,
            nibbles: false,
            whole_blocks: false,
            smooth: false,
            flips: "flip",
            digits: None,
        }
    }
}

/// Why a stage cannot be compiled for a geometry. A stage does not know its number in the scheme.
pub(in crate::scheme) enum Unfit {
    /// It makes no valid plan.
    Plan(PlanError),
    /// Another reason.
    Other(CompileError),
}

impl Unfit {
    /// The error of the stage with this number.
    pub fn at(self, stage: usize) -> CompileError {
        match self {
            Self::Plan(source) => CompileError::Plan { stage, source },
            Self::Other(error) => error,
        }
    }
}

impl From<PlanError> for Unfit {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl From<CompileError> for Unfit {
    fn from(error: CompileError) -> Self {
        Self::Other(error)
    }
}

/// The bit of a table's entry that flips, if `is`.
pub(super) fn flip(is: bool) -> u32 {
    if is { crate::plan::FLIP } else { 0 }
}
