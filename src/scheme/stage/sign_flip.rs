//! Sign flip.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit, flip};
use super::{KeyScope, Order, Shape, StageError, StageKey};
use crate::engine::{ElementKeys, OwnKeys, Step};
use crate::image::Geometry;
use crate::plan::Plan;
use crate::schedule::Subkey;
use crate::scheme::axes::Axes;
use crate::scheme::tiling::Tiling;
use crate::scheme::{Block, CompileError};
use std::fmt;

/// Sign flip (negative-positive transform): `p -> max - p` where the key says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignFlip {
    /// The block.
    pub block: Block,
    /// One set of signs for all blocks, one each, or in every image others.
    pub scope: KeyScope,
    /// How a block's samples are counted.
    pub order: Order,
}

impl Kind for SignFlip {
    const NAME: &'static str = "sign-flip";
    const FIELDS: &'static [&'static str] = &["block", "key", "order"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        let (block, scope) = (fields.block()?, fields.scope(&["shared", "block", "image"])?);
        Ok(Self { block, scope, order: fields.or_default("order")? })
    }
}

impl fmt::Display for SignFlip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={} key={}{}", Self::NAME, self.block, self.scope, self.order.suffix())
    }
}

impl Rules for SignFlip {
    fn facts(&self) -> Facts {
        let keyed_per_image = self.scope == KeyScope::Image;
        Facts { block: Some(self.block), keyed_per_image, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        let whose = match self.scope {
            KeyScope::Shared => "in all blocks at the same places",
            KeyScope::Block => "in every block at places of its own",
            KeyScope::Image => "in every block of every image at places of its own",
        };
        let Self { block, order, .. } = self;
        format!("some samples of every {block} block are negated (p becomes max - p), {whose}{}", order.explain())
    }

    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError> {
        let tiling = Tiling::new(self.block, geometry)?;
        Ok(Shape { flips: Some((tiling.keys(self.scope), tiling.samples())), ..Shape::default() })
    }

    fn axes(&self, geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::samples(&Tiling::new(self.block, geometry)?, self.scope))
    }

    fn plan(&self, key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        let tiling = Tiling::new(self.block, geometry)?.ordered(self.order);
        let (n, all) = (tiling.samples(), key.flips.len());
        Ok(tiling.plan(|b, i| tiling.sample(b, i) as u32 | flip(key.flips[b * n % all + i]))?)
    }

    fn step_per_image(&self, subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        let keys = ElementKeys::Samples { shuffle: None, flip: Some(subkey) };
        Ok(Tiling::new(self.block, geometry)?.ordered(self.order).own_plan(OwnKeys::Elements(keys)))
    }
}
