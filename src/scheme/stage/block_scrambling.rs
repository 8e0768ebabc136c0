//! Block scrambling.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit};
use super::{KeyScope, Shape, StageError, StageKey};
use crate::engine::{BlockKeys, OwnKeys, Step};
use crate::image::Geometry;
use crate::plan::Plan;
use crate::schedule::Subkey;
use crate::scheme::axes::Axes;
use crate::scheme::tiling::Tiling;
use crate::scheme::{Block, CompileError};
use std::fmt;

/// Block scrambling: a permutation of the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockScrambling {
    /// The block.
    pub block: Block,
    /// One permutation for all images, or in every image another.
    pub scope: KeyScope,
}

impl Kind for BlockScrambling {
    const NAME: &'static str = "block-scrambling";
    const FIELDS: &'static [&'static str] = &["block", "key"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        Ok(Self { block: fields.block()?, scope: fields.scope(&["shared", "image"])? })
    }
}

impl fmt::Display for BlockScrambling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={}{}", Self::NAME, self.block, self.scope.unless(KeyScope::Shared))
    }
}

impl Rules for BlockScrambling {
    fn facts(&self) -> Facts {
        let keyed_per_image = self.scope == KeyScope::Image;
        Facts { block: Some(self.block), keyed_per_image, whole_blocks: true, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        format!("the {} blocks change places in the image{}", self.block, self.scope.in_images())
    }

    fn idle(&self, geometry: Geometry) -> Option<&'static str> {
        let one = (self.block.height as usize, self.block.width as usize) == (geometry.height(), geometry.width());
        one.then_some("the image is a single block")
    }

    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape { permutations: Some((1, Tiling::new(self.block, geometry)?.blocks())), ..Shape::default() })
    }

    fn axes(&self, geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::blocks(&Tiling::new(self.block, geometry)?))
    }

    fn plan(&self, key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        let tiling = Tiling::new(self.block, geometry)?;
        Ok(tiling.plan(|b, i| tiling.sample(key.permutations[b] as usize, i) as u32)?)
    }

    fn step_per_image(&self, subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        let keys = BlockKeys { scramble: Some(subkey), ..BlockKeys::default() };
        Ok(Tiling::new(self.block, geometry)?.own_plan(OwnKeys::Blocks(keys)))
    }
}
