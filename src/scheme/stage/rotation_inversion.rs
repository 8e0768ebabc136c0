//! Block rotation and inversion.

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

/// Block rotation and inversion: every block under one of the 8 symmetries of the square.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RotationInversion {
    /// The block, a square.
    pub block: Block,
    /// The same key for all images, with a part for each block, or in every image another key.
    pub scope: KeyScope,
}

impl Kind for RotationInversion {
    const NAME: &'static str = "rotation-inversion";
    const FIELDS: &'static [&'static str] = &["block", "key"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        let block = fields.block()?;
        if block.height != block.width {
            return Err(StageError::NotSquare { stage: Self::NAME, block });
        }
        Ok(Self { block, scope: fields.scope(&["block", "image"])? })
    }
}

impl fmt::Display for RotationInversion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={}{}", Self::NAME, self.block, self.scope.unless(KeyScope::Block))
    }
}

impl Rules for RotationInversion {
    fn facts(&self) -> Facts {
        Facts {
            block: Some(self.block),
            keyed_per_image: self.scope == KeyScope::Image,
            whole_blocks: true,
            digits: Some("symmetry"),
            ..Facts::new(Self::NAME)
        }
    }

    fn explain(&self) -> String {
        format!(
            "every {} block is turned and mirrored in one of the 8 ways in which a square falls on itself{}",
            self.block,
            self.scope.in_images()
        )
    }

    fn idle(&self, _: Geometry) -> Option<&'static str> {
        self.block.is_pixel().then_some("a block is a single pixel")
    }

    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape { digits: Some((8, Tiling::new(self.block, geometry)?.blocks())), ..Shape::default() })
    }

    fn axes(&self, geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::blocks(&Tiling::new(self.block, geometry)?))
    }

    fn plan(&self, key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        let tiling = Tiling::new(self.block, geometry)?;
        let (side, channels) = (self.block.height as usize, geometry.channels());
        Ok(tiling.plan(|b, i| {
            let (pixel, channel) = (i / channels, i % channels);
            let (mut y, mut x) = (pixel / side, pixel % side);
            // From the output back to the input: a block is mirrored last, so that is undone first.
            if key.digits[b] >= 4 {
                x = side - 1 - x;
            }
            for _ in 0..key.digits[b] % 4 {
                (y, x) = (x, side - 1 - y);
            }
            tiling.sample(b, (y * side + x) * channels + channel) as u32
        })?)
    }

    fn step_per_image(&self, subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        let keys = BlockKeys { turn: Some(subkey), ..BlockKeys::default() };
        Ok(Tiling::new(self.block, geometry)?.own_plan(OwnKeys::Blocks(keys)))
    }
}
