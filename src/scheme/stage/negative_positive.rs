//! Negative-positive transform of whole blocks.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit, flip};
use super::{Shape, StageError, StageKey};
use crate::image::Geometry;
use crate::plan::Plan;
use crate::scheme::axes::Axes;
use crate::scheme::tiling::Tiling;
use crate::scheme::{Block, CompileError};
use std::fmt;

/// Negative-positive transform of whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NegativePositive {
    /// The block.
    pub block: Block,
}

impl Kind for NegativePositive {
    const NAME: &'static str = "negative-positive";
    const FIELDS: &'static [&'static str] = &["block"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        Ok(Self { block: fields.block()? })
    }
}

impl fmt::Display for NegativePositive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={}", Self::NAME, self.block)
    }
}

impl Rules for NegativePositive {
    fn facts(&self) -> Facts {
        Facts { block: Some(self.block), whole_blocks: true, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        format!("some {} blocks are negated as wholes (p becomes max - p)", self.block)
    }

    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape { flips: Some((1, Tiling::new(self.block, geometry)?.blocks())), ..Shape::default() })
    }

    fn axes(&self, geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::blocks(&Tiling::new(self.block, geometry)?))
    }

    fn plan(&self, key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        let tiling = Tiling::new(self.block, geometry)?;
        Ok(tiling.plan(|b, i| tiling.sample(b, i) as u32 | flip(key.flips[b]))?)
    }
}
