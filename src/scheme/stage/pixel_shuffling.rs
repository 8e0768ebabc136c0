//! Pixel shuffling.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit};
use super::{KeyScope, Order, Shape, StageError, StageKey};
use crate::engine::{ElementKeys, OwnKeys, Step};
use crate::image::Geometry;
use crate::plan::Plan;
use crate::schedule::Subkey;
use crate::scheme::axes::Axes;
use crate::scheme::tiling::Tiling;
use crate::scheme::{Block, CompileError};
use std::fmt;

/// Pixel shuffling: a permutation of the samples inside every block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PixelShuffling {
    /// The block.
    pub block: Block,
    /// One permutation for all blocks, one each, or in every image others.
    pub scope: KeyScope,
    /// How a block's samples are counted.
    pub order: Order,
}

impl Kind for PixelShuffling {
    const NAME: &'static str = "pixel-shuffling";
    const FIELDS: &'static [&'static str] = &["block", "key", "order"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        let (block, scope) = (fields.block()?, fields.scope(&["shared", "block", "image"])?);
        Ok(Self { block, scope, order: fields.or_default("order")? })
    }
}

impl fmt::Display for PixelShuffling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={} key={}{}", Self::NAME, self.block, self.scope, self.order.suffix())
    }
}

impl Rules for PixelShuffling {
    fn facts(&self) -> Facts {
        let keyed_per_image = self.scope == KeyScope::Image;
        Facts { block: Some(self.block), keyed_per_image, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        let whose = match self.scope {
            KeyScope::Shared => "by one permutation for all blocks",
            KeyScope::Block => "every block by a permutation of its own",
            KeyScope::Image => "every block of every image by a permutation of its own",
        };
        let Self { block, order, .. } = self;
        format!("the samples of every {block} block change places inside it, {whose}{}", order.explain())
    }

    fn idle(&self, geometry: Geometry) -> Option<&'static str> {
        (self.block.is_pixel() && geometry.channels() == 1).then_some("a block is a single sample")
    }

    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError> {
        let tiling = Tiling::new(self.block, geometry)?;
        Ok(Shape { permutations: Some((tiling.keys(self.scope), tiling.samples())), ..Shape::default() })
    }

    fn axes(&self, geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::samples(&Tiling::new(self.block, geometry)?, self.scope))
    }

    fn plan(&self, key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        let tiling = Tiling::new(self.block, geometry)?.ordered(self.order);
        let (n, all) = (tiling.samples(), key.permutations.len());
        Ok(tiling.plan(|b, i| tiling.sample(b, key.permutations[b * n % all + i] as usize) as u32)?)
    }

    fn step_per_image(&self, subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        let keys = ElementKeys::Samples { shuffle: Some(subkey), flip: None };
        Ok(Tiling::new(self.block, geometry)?.ordered(self.order).own_plan(OwnKeys::Elements(keys)))
    }
}
