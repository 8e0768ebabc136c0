//! Negative-positive transform of whole blocks.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit, flip};
use super::{KeyScope, Shape, StageError, StageKey};
use crate::engine::{BlockKeys, OwnKeys, Step};
use crate::image::Geometry;
use crate::plan::Plan;
use crate::schedule::Subkey;
use crate::scheme::axes::Axes;
use crate::scheme::tiling::Tiling;
use crate::scheme::{Block, CompileError};
use std::fmt;

/// Negative-positive transform of whole blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NegativePositive {
    /// The block.
    pub block: Block,
    /// The same key for all images, with a part for each block, or in every image another key.
    pub scope: KeyScope,
}

impl Kind for NegativePositive {
    const NAME: &'static str = "negative-positive";
    const FIELDS: &'static [&'static str] = &["block", "key"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        Ok(Self { block: fields.block()?, scope: fields.scope(&["block", "image"])? })
    }
}

impl fmt::Display for NegativePositive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={}{}", Self::NAME, self.block, self.scope.unless(KeyScope::Block))
    }
}

impl Rules for NegativePositive {
    fn facts(&self) -> Facts {
        let keyed_per_image = self.scope == KeyScope::Image;
        Facts { block: Some(self.block), keyed_per_image, whole_blocks: true, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        format!("some {} blocks are negated as wholes (p becomes max - p){}", self.block, self.scope.in_images())
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

    fn step_per_image(&self, subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        let keys = BlockKeys { negative: Some(subkey), ..BlockKeys::default() };
        Ok(Tiling::new(self.block, geometry)?.own_plan(OwnKeys::Blocks(keys)))
    }
}
