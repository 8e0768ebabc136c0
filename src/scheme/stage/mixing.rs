//! Mixing of several images.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit};
use super::{Shape, StageError};
use crate::engine::{self, Step};
use crate::image::{Depth, Geometry};
use crate::schedule::Subkey;
use crate::scheme::CompileError;
use std::fmt;

/// Mixes several images of a set into one, with weights and signs of its own; gives floats. Must be the last stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mixing {
    /// How many.
    pub images: u32,
}

impl Kind for Mixing {
    const NAME: &'static str = "mixing";
    const FIELDS: &'static [&'static str] = &["images", "key"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        fields.scope(&["image"])?;
        let text = fields.needed("images")?;
        let images = text.parse().ok().filter(|images| (2..=8).contains(images));
        Ok(Self { images: images.ok_or_else(|| StageError::Images(text.to_owned()))? })
    }
}

impl fmt::Display for Mixing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} images={} key=image", Self::NAME, self.images)
    }
}

impl Rules for Mixing {
    fn facts(&self) -> Facts {
        Facts { keyed_per_image: true, has_inverse: false, mixes: true, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        format!(
            "every image is added up with {} others of its set, with weights of the mixture's own, and some values are \
             negated; labels are added up alike; floats come out, and nothing gives the images back exactly",
            self.images - 1
        )
    }

    fn shape(&self, _: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape::default())
    }

    fn check(&self, geometry: Geometry) -> Result<(), Unfit> {
        match geometry.depth() {
            Depth::U8 => Ok(()),
            _ => Err(CompileError::MixingDepth.into()),
        }
    }

    fn step_per_image(&self, subkey: Subkey, _: Geometry) -> Result<Step, CompileError> {
        Ok(Step::Mix(engine::Mixing { images: self.images, subkey }))
    }
}
