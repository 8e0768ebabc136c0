//! Blocks that tile an image, as stages ask for them.

use super::{Block, CompileError, KeyScope, Order};
use crate::engine::{OwnKeys, OwnPlan, Step};
use crate::image::Geometry;
use crate::plan::blocks::Blocks;
use crate::plan::{Plan, PlanError, Unit};

/// An image cut into blocks that tile it.
pub(super) struct Tiling(Blocks);

impl Tiling {
    /// `geometry` in blocks of `block`.
    pub fn new(block: Block, geometry: Geometry) -> Result<Self, CompileError> {
        let (height, width) = (geometry.height(), geometry.width());
        if height < block.height as usize || width < block.width as usize {
            return Err(CompileError::Small { block, height, width });
        }
        let blocks = Blocks::new(geometry, (block.height, block.width));
        blocks.map(Self).ok_or(CompileError::Tiling { block, height, width })
    }

    /// The same with another order of a block's samples.
    pub fn ordered(self, order: Order) -> Self {
        match order {
            Order::RowColumnChannel => self,
            Order::ChannelRowColumn => Self(self.0.channels_first()),
        }
    }

    /// The step that draws an image's own plan from these keys.
    pub fn own_plan(&self, keys: OwnKeys) -> Step {
        Step::OwnPlan(OwnPlan { blocks: self.0, keys, inverse: false })
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.0.count()
    }

    /// How many keys there are for the blocks.
    pub fn keys(&self, scope: KeyScope) -> usize {
        match scope {
            KeyScope::Block => self.blocks(),
            KeyScope::Shared | KeyScope::Image => 1,
        }
    }

    /// D: samples of a block.
    pub fn samples(&self) -> usize {
        self.0.samples()
    }

    /// The image's sample that is sample `i` of block `b`.
    pub fn sample(&self, b: usize, i: usize) -> usize {
        self.0.sample(b, i)
    }

    /// Nibbles of a block: those that hold bits of the depth.
    pub fn nibbles(&self) -> usize {
        self.0.nibbles()
    }

    /// The image's nibble that is nibble `i` of block `b`: all lowest nibbles come first.
    pub fn nibble(&self, b: usize, i: usize) -> usize {
        self.0.nibble(b, i)
    }

    /// A plan from `entry(b, i)`: what sample `i` of output block `b` is.
    pub fn plan(&self, mut entry: impl FnMut(usize, usize) -> u32) -> Result<Plan, PlanError> {
        let mut table = vec![0; self.0.geometry().samples()];
        for b in 0..self.blocks() {
            let corner = self.0.corner(b);
            for i in 0..self.samples() {
                table[corner + self.0.offset(i)] = entry(b, i);
            }
        }
        Plan::from_table(self.0.geometry(), Unit::Sample, table)
    }

    /// A plan from `entry(b, i)`: what nibble `i` of output block `b` is.
    pub fn nibble_plan(&self, mut entry: impl FnMut(usize, usize) -> u32) -> Result<Plan, PlanError> {
        // Nibbles above the depth stay where they are.
        let mut table: Vec<u32> = (0..Unit::Nibble.elements(self.0.geometry())? as u32).collect();
        for b in 0..self.blocks() {
            for i in 0..self.nibbles() {
                table[self.nibble(b, i)] = entry(b, i);
            }
        }
        Plan::from_table(self.0.geometry(), Unit::Nibble, table)
    }
}
