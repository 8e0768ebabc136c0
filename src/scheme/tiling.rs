//! Blocks that tile an image. Blocks are numbered row by row. The samples of a block are counted (row, column, channel)
//! or (channel, row, column).

use super::{Block, CompileError, KeyScope, Order};
use crate::image::Geometry;
use crate::plan::{Plan, PlanError, Unit};

/// An image cut into blocks that tile it.
pub(super) struct Tiling {
    geometry: Geometry,
    block: Block,
    columns: usize,
    order: Order,
}

impl Tiling {
    /// `geometry` in blocks of `block`.
    pub fn new(block: Block, geometry: Geometry) -> Result<Self, CompileError> {
        let (height, width) = (geometry.height(), geometry.width());
        if height < block.height as usize || width < block.width as usize {
            return Err(CompileError::Small { block, height, width });
        }
        if !height.is_multiple_of(block.height as usize) || !width.is_multiple_of(block.width as usize) {
            return Err(CompileError::Tiling { block, height, width });
        }
        Ok(Self { geometry, block, columns: width / block.width as usize, order: Order::default() })
    }

    /// The same with another order of a block's samples.
    pub fn ordered(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// How many blocks there are.
    pub fn blocks(&self) -> usize {
        self.geometry.height() / self.block.height as usize * self.columns
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
        self.block.height as usize * self.block.width as usize * self.geometry.channels()
    }

    /// The image's sample that is sample `i` of block `b`.
    pub fn sample(&self, b: usize, i: usize) -> usize {
        self.corner(b) + self.offset(i)
    }

    /// The image's sample that is the first one of block `b`.
    fn corner(&self, b: usize) -> usize {
        let (row, column) = (b / self.columns * self.block.height as usize, b % self.columns);
        (row * self.geometry.width() + column * self.block.width as usize) * self.geometry.channels()
    }

    /// How far behind a block's first sample its sample `i` lies in the image.
    fn offset(&self, i: usize) -> usize {
        // An image has fewer than 2^31 samples, and this is where compiling a large one spends its time: divisions of
        // 32 bits.
        let (rows, columns, channels) = (self.block.height, self.block.width, self.geometry.channels() as u32);
        let (i, line) = (i as u32, self.geometry.width() as u32 * channels);
        let offset = match self.order {
            Order::RowColumnChannel => i / (columns * channels) * line + i % (columns * channels),
            Order::ChannelRowColumn => {
                let (channel, pixel) = (i / (rows * columns), i % (rows * columns));
                pixel / columns * line + pixel % columns * channels + channel
            }
        };
        offset as usize
    }

    /// Nibbles of a block: those that hold bits of the depth.
    pub fn nibbles(&self) -> usize {
        self.samples() * Unit::Nibble.used(self.geometry.depth())
    }

    /// The image's nibble that is nibble `i` of block `b`: all lowest nibbles come first.
    pub fn nibble(&self, b: usize, i: usize) -> usize {
        let (level, sample) = (i / self.samples(), i % self.samples());
        self.sample(b, sample) * Unit::Nibble.per_sample(self.geometry.depth()) + level
    }

    /// A plan from `entry(b, i)`: what sample `i` of output block `b` is.
    pub fn plan(&self, mut entry: impl FnMut(usize, usize) -> u32) -> Result<Plan, PlanError> {
        let mut table = vec![0; self.geometry.samples()];
        for b in 0..self.blocks() {
            let corner = self.corner(b);
            for i in 0..self.samples() {
                table[corner + self.offset(i)] = entry(b, i);
            }
        }
        Plan::from_table(self.geometry, Unit::Sample, table)
    }

    /// A plan from `entry(b, i)`: what nibble `i` of output block `b` is.
    pub fn nibble_plan(&self, mut entry: impl FnMut(usize, usize) -> u32) -> Result<Plan, PlanError> {
        // Nibbles above the depth stay where they are.
        let mut table: Vec<u32> = (0..Unit::Nibble.elements(self.geometry)? as u32).collect();
        for b in 0..self.blocks() {
            for i in 0..self.nibbles() {
                table[self.nibble(b, i)] = entry(b, i);
            }
        }
        Plan::from_table(self.geometry, Unit::Nibble, table)
    }
}
