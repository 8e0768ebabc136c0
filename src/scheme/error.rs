//! Errors of compiling a scheme, and of bringing written-out tables into one.

use super::{Block, Stage};
use crate::image::Geometry;
use crate::plain::Plain;
use crate::plan::PlanError;
use crate::tables::dimensions;
use std::fmt;

/// Why a scheme cannot be compiled for a geometry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The block does not divide the image.
    #[error("blocks of {block} pixels do not tile an image of {height}x{width}")]
    Tiling {
        /// The block.
        block: Block,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// The image is smaller than one block.
    #[error("blocks of {block} pixels are larger than an image of {height}x{width}")]
    Small {
        /// The block.
        block: Block,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// A stage made no valid plan.
    #[error("stage {stage} made no valid plan: {source}")]
    Plan {
        /// Number of the stage, from 0.
        stage: usize,
        /// What is wrong.
        source: PlanError,
    },
    /// Mixing gives floats, and nothing works on them after it.
    #[error("mixing gives floats, so it must be the last stage; {0} comes after it")]
    AfterMixing(String),
    /// Mixing of 16-bit samples.
    #[error("mixing works on 8-bit samples, and these images have 16 bits a sample: bring them to 8 bits first")]
    MixingDepth,
    /// The scheme has no tables, or those given are not of this scheme at this size.
    #[error(transparent)]
    Tables(#[from] ImportError),
}

/// Why a scheme has no tables, or these are none of its tables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A stage draws a key for every image.
    #[error(
        "scheme `{scheme}` has no tables: stage {number} ({stage}) draws a key for every image, and a table would \
         have to hold one for each; use the key file itself (-k)"
    )]
    PerImage {
        /// The scheme's name.
        scheme: String,
        /// Number of the stage, from 0.
        number: usize,
        /// The stage.
        stage: Stage,
    },
    /// No stage has a key.
    #[error(
        "scheme `{scheme}` has no tables: nothing that it does to images of {geometry} depends on a key; use the key \
         file itself (-k)"
    )]
    Keyless {
        /// The scheme's name.
        scheme: String,
        /// The images.
        geometry: Geometry,
    },
    /// An array that the scheme needs.
    #[error(
        "the tables have no {array}{}, of shape {expected}: add it, or choose the scheme that they are for",
        .instead.map(|name| format!(" nor `{name}` in its stead")).unwrap_or_default()
    )]
    Missing {
        /// What is missing.
        array: NamedArray,
        /// The name of an array that would do as well.
        instead: Option<&'static str>,
        /// The shape that it must have, in words.
        expected: String,
    },
    /// An array that the scheme does not know.
    #[error(
        "the tables have an array `{}`, and those of scheme `{scheme}` are {}: remove it, or choose the scheme that \
         the tables are for",
        .array.plain(), .known.join(", ")
    )]
    Unknown {
        /// Its name.
        array: String,
        /// The scheme's name.
        scheme: String,
        /// The arrays that the scheme knows.
        known: Vec<String>,
    },
    /// Two arrays of which only one can be meant.
    #[error("the tables have both `{one}` and `{other}`, and scheme `{scheme}` takes one of them: remove the other")]
    Both {
        /// One name.
        one: &'static str,
        /// The other.
        other: &'static str,
        /// The scheme's name.
        scheme: String,
    },
    /// A shape that does not go with the scheme and the images.
    #[error(
        "in the tables, {array} has shape {}, and for images of {geometry} it must have {expected}: check that the \
         tables were made for this block and size",
        dimensions(.found)
    )]
    Shape {
        /// Which array.
        array: NamedArray,
        /// Its shape.
        found: Vec<u32>,
        /// The shape that it must have, in words.
        expected: String,
        /// The images.
        geometry: Geometry,
    },
    /// A value that means nothing.
    #[error("in the tables, {array} has {value} at {index}, and its values are 0 to {}: correct it", .below - 1)]
    Range {
        /// Which array.
        array: NamedArray,
        /// Where the value stands.
        index: String,
        /// The value.
        value: u32,
        /// What it must be below.
        below: u32,
    },
    /// A value that comes twice where every value comes once.
    #[error("in the tables, {array} is no permutation: {value} stands at {first} and again at {index}: correct it")]
    NotPermutation {
        /// Which array.
        array: NamedArray,
        /// The first entry that repeats another.
        index: String,
        /// The entry that it repeats.
        first: String,
        /// The value of both.
        value: u32,
    },
}

impl ImportError {
    /// Whether it is the scheme that has no tables, whatever they are.
    pub fn is_about_the_scheme(&self) -> bool {
        matches!(self, Self::PerImage { .. } | Self::Keyless { .. })
    }
}

/// An array and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedArray {
    /// The array's name.
    pub name: String,
    /// Number of the stage that it is for, from 0.
    pub number: usize,
    /// That stage.
    pub stage: Stage,
}

impl fmt::Display for NamedArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "array `{}` (stage {}, {})", self.name, self.number, self.stage)
    }
}
