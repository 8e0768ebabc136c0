//! Negative-positive transform of single samples.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit, flip};
use super::{KeyScope, Shape, StageError, StageKey};
use crate::engine::{PixelKeys, Step};
use crate::image::Geometry;
use crate::plan::{Plan, Unit};
use crate::schedule::{Stream, Subkey};
use crate::scheme::CompileError;
use crate::scheme::axes::Axes;
use std::fmt;

/// Negative-positive transform of every pixel and channel by a bit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PixelNegativePositive {
    /// The same bits for all images (shared), or each image's own.
    pub scope: KeyScope,
}

impl Kind for PixelNegativePositive {
    const NAME: &'static str = "pixel-negative-positive";
    const FIELDS: &'static [&'static str] = &["key"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        Ok(Self { scope: fields.scope(&["shared", "image"])? })
    }
}

impl fmt::Display for PixelNegativePositive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key={}", Self::NAME, self.scope)
    }
}

impl Rules for PixelNegativePositive {
    fn facts(&self) -> Facts {
        Facts { keyed_per_image: self.scope == KeyScope::Image, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        format!(
            "some samples are negated (p becomes max - p), {}",
            match self.scope {
                KeyScope::Image => "in every image others",
                KeyScope::Shared | KeyScope::Block => "the same in all images",
            }
        )
    }

    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape { flips: Some((1, geometry.samples())), ..Shape::default() })
    }

    fn axes(&self, geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::image(geometry))
    }

    // Channel after channel, each from a new word. The key keeps them in stored order.
    fn draw(&self, _: Shape, subkey: &Subkey, geometry: Geometry) -> StageKey {
        let (mut key, mut stream) = (StageKey::default(), Stream::new(subkey, 0));
        let planes: Vec<Vec<bool>> = (0..geometry.channels()).map(|_| stream.bits(geometry.pixels())).collect();
        key.flips = (0..geometry.pixels()).flat_map(|pixel| planes.iter().map(move |plane| plane[pixel])).collect();
        key
    }

    fn plan(&self, key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        let table = (0..).zip(&key.flips).map(|(sample, &is)| sample | flip(is)).collect();
        Ok(Plan::from_table(geometry, Unit::Sample, table)?)
    }

    fn step_per_image(&self, subkey: Subkey, _: Geometry) -> Result<Step, CompileError> {
        Ok(Step::PixelKeyed(PixelKeys { negative: Some(subkey), colour: None, inverse: false }))
    }
}
