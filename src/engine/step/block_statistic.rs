//! Filling every block, channel by channel, with its own statistic.

use super::{Execute, Lossy, Step};
use crate::engine::cpu::lanes;
use crate::engine::cpu::scratch::{FEWEST, Scratch};
use crate::engine::image_ref::ImageRef;
pub use crate::engine::statistic::Statistic;
use crate::engine::statistic::{blocks, statistic_of};
use crate::image::Geometry;

/// Fills every block with its statistic (`docs/SCHEDULE.md`, "Stages").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockStatistic {
    /// Rows and columns of a block. Blocks at the right and lower edges are cut off.
    pub block: (u32, u32),
    /// The statistic.
    pub statistic: Statistic,
}

impl Execute for BlockStatistic {
    fn name(&self) -> &'static str {
        "BlockStatistic"
    }

    fn inverse(&self) -> Result<Step, Lossy> {
        Err(Lossy("the block statistic keeps one value of each block"))
    }

    fn in_lanes(&self) -> bool {
        true
    }

    fn on_cpu(&self, geometry: Geometry, refs: &[ImageRef], scratch: &mut Scratch, images: &mut [u8]) {
        if refs.len() >= FEWEST {
            return lanes::block_statistic(geometry, self.block, self.statistic, &mut scratch.columns, images);
        }
        for image in images.chunks_exact_mut(geometry.bytes()) {
            fill(geometry, self, image);
        }
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, _: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        Ok(vec![Box::new(on_gpu::Values(*self)), Box::new(on_gpu::Fill(self.block))])
    }
}

/// Fills every block with its statistic: the twin of `shaders/block_statistic.wgsl` and `shaders/fill_bytes.wgsl`.
fn fill(geometry: Geometry, step: &BlockStatistic, image: &mut [u8]) {
    let depth = geometry.depth();
    let mut values = Vec::new();
    for samples in blocks(geometry, step.block) {
        values.clear();
        values.extend(samples.clone().map(|sample| u32::from(depth.sample(image, sample))));
        let value = statistic_of(step.statistic, &mut values);
        for sample in samples {
            depth.set_sample(image, sample, value as u16);
        }
    }
}

#[cfg(feature = "gpu")]
pub use on_gpu::{BLOCK_STATISTIC, FILL_BYTES, FILL_FLOATS};

#[cfg(feature = "gpu")]
use {
    crate::engine::EngineError,
    crate::engine::gpu::{device::Gpu, dispatch::GpuStep},
};

#[cfg(feature = "gpu")]
mod on_gpu {
    use super::*;
    use crate::engine::gpu::dispatch::{self, Batch, Dispatch, Params};
    use crate::engine::gpu::kernel::{Kernel, Writes, grid, wgsl};
    use crate::plan::Unit;

    /// From packed words to the statistic of every block and channel.
    pub static BLOCK_STATISTIC: Kernel = Kernel {
        name: "block_statistic",
        wgsl: wgsl!("shared/source.wgsl", "block_statistic.wgsl"),
        plan: false,
        scale: false,
        writes: Writes::Words,
    };
    /// Fills blocks with their statistics, as packed words.
    pub static FILL_BYTES: Kernel = Kernel {
        name: "fill_bytes",
        wgsl: wgsl!("shared/source.wgsl", "shared/fill.wgsl", "fill_bytes.wgsl"),
        plan: false,
        scale: false,
        writes: Writes::Words,
    };
    /// Fills blocks with their statistics, as normalised floats.
    pub static FILL_FLOATS: Kernel = Kernel {
        name: "fill_floats",
        wgsl: wgsl!("shared/source.wgsl", "shared/fill.wgsl", "fill_floats.wgsl"),
        plan: false,
        scale: true,
        writes: Writes::Floats,
    };

    /// The first dispatch: the statistics.
    pub struct Values(pub BlockStatistic);

    impl GpuStep for Values {
        fn image_bytes(&self, geometry: Geometry) -> u64 {
            let (rows, columns) = dispatch::blocks(geometry, self.0.block);
            u64::from(rows) * u64::from(columns) * geometry.channels() as u64 * 4
        }

        fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
            let params = Params { statistic: self.0.statistic as u32, ..batch.params_of_blocks(self.0.block) };
            let parts = u64::from(params.blocks) * u64::from(batch.channels());
            Dispatch {
                kernel: &BLOCK_STATISTIC,
                constants: batch.constants(Unit::Sample),
                params,
                grid: grid(parts, batch.images, 1),
                plan: None,
            }
        }
    }

    /// The second dispatch: blocks (rows, columns) filled with their statistics.
    pub struct Fill(pub (u32, u32));

    impl GpuStep for Fill {
        fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
            let (kernel, grid) = if batch.floats {
                (&FILL_FLOATS, grid(batch.pixels(), batch.images, batch.channels()))
            } else {
                (&FILL_BYTES, grid(batch.stride(), batch.images, 1))
            };
            Dispatch {
                kernel,
                constants: batch.constants(Unit::Sample),
                params: batch.params_of_blocks(self.0),
                grid,
                plan: None,
            }
        }
    }
}
