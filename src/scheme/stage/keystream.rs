//! Keystream.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules};
use super::{Shape, StageError};
use crate::engine::{self, Step};
use crate::image::Geometry;
use crate::schedule::Subkey;
use crate::scheme::CompileError;
use std::fmt;

/// XOR with a ChaCha20 stream of the image's own: real encryption, nothing to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keystream;

impl Kind for Keystream {
    const NAME: &'static str = "keystream";
    const FIELDS: &'static [&'static str] = &["key"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        fields.scope(&["image"])?;
        Ok(Self)
    }
}

impl fmt::Display for Keystream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key=image", Self::NAME)
    }
}

impl Rules for Keystream {
    fn facts(&self) -> Facts {
        Facts { keyed_per_image: true, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        "every byte is XORed with the next of a ChaCha20 stream of the image's own".to_owned()
    }

    fn shape(&self, _: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape::default())
    }

    fn step_per_image(&self, subkey: Subkey, _: Geometry) -> Result<Step, CompileError> {
        Ok(Step::Keystream(engine::Keystream(subkey)))
    }
}
