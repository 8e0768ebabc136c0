//! Moving and flipping elements: a plan. Its kernels also copy images unchanged, for programs without a step.

use super::{Execute, Lossy, Step};
use crate::engine::cpu::lanes::{self, Vectors};
use crate::engine::cpu::scratch::{FEWEST, Scratch};
use crate::engine::image_ref::ImageRef;
use crate::image::{Depth, Geometry};
use crate::plan::{FLIP, Plan, Unit};

impl Execute for Plan {
    fn name(&self) -> &'static str {
        "Permute"
    }

    fn inverse(&self) -> Result<Step, Lossy> {
        Plan::inverse(self).map(Step::Permute).ok_or(Lossy("colour shuffling as published drops channels"))
    }

    fn in_lanes(&self) -> bool {
        true
    }

    fn on_cpu(&self, geometry: Geometry, refs: &[ImageRef], scratch: &mut Scratch, images: &mut [u8]) {
        if refs.len() >= FEWEST {
            return lanes::permute_in_place(Vectors::fastest(), self, &mut scratch.columns, images);
        }
        for image in images.chunks_exact_mut(geometry.bytes()) {
            scratch.image.clear();
            scratch.image.extend_from_slice(image);
            permute(self, &scratch.image, image);
        }
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, gpu: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        Ok(vec![Box::new(Permute(Some(PlanTables::new(gpu, self)?)))])
    }
}

/// Sends a few images through a plan. In `output`, the results follow each other.
pub fn from_images(plan: &Plan, images: &[&[u8]], scratch: &mut Scratch, output: &mut [u8]) {
    if images.len() >= FEWEST {
        return lanes::permute(Vectors::fastest(), plan, images, &mut scratch.columns, output);
    }
    for (image, output) in images.iter().zip(output.chunks_exact_mut(plan.geometry().bytes())) {
        permute(plan, image, output);
    }
}

/// Sends one image through a plan: the twin of `shaders/permute_bytes.wgsl`.
fn permute(plan: &Plan, input: &[u8], output: &mut [u8]) {
    gather(plan.geometry(), plan.unit(), plan.table(), input, output);
}

/// Sends one image through a table, which has an entry for every element: its source, and whether it is flipped.
pub(super) fn gather(geometry: Geometry, unit: Unit, table: &[u32], input: &[u8], output: &mut [u8]) {
    let source = |entry: u32| (entry & !FLIP) as usize;
    // All bits are one if the flip bit is set, else zero. This avoids a branch.
    let flip = |entry: u32| (entry as i32) >> 31;
    match (unit, geometry.depth()) {
        (Unit::Sample, Depth::U8) => {
            for (sample, &entry) in output.iter_mut().zip(table) {
                *sample = input[source(entry)] ^ flip(entry) as u8;
            }
        }
        (Unit::Sample, depth) => {
            let upper = (depth.max() >> 8) as u8;
            for (sample, &entry) in output.chunks_exact_mut(2).zip(table) {
                let from = 2 * source(entry);
                sample[0] = input[from] ^ flip(entry) as u8;
                sample[1] = input[from + 1] ^ (flip(entry) as u8 & upper);
            }
        }
        (Unit::Nibble, _) => {
            let nibble = |entry: u32| {
                let from = source(entry);
                (input[from / 2] >> (4 * (from % 2)) ^ flip(entry) as u8) & 15
            };
            for (byte, entries) in output.iter_mut().zip(table.chunks_exact(2)) {
                *byte = nibble(entries[0]) | nibble(entries[1]) << 4;
            }
        }
    }
}

#[cfg(feature = "gpu")]
pub use on_gpu::*;

#[cfg(feature = "gpu")]
use {
    crate::engine::EngineError,
    crate::engine::gpu::{device::Gpu, dispatch::GpuStep, plan_tables::PlanTables},
};

#[cfg(feature = "gpu")]
mod on_gpu {
    use super::*;
    use crate::engine::gpu::dispatch::{Batch, Dispatch};
    use crate::engine::gpu::kernel::{Kernel, Writes, grid_of_rows, grid_of_tiles, grid_without_strides, wgsl};
    use crate::plan::tiles::{CHUNK, Layout};

    /// A plan, packed words to packed words.
    pub static PERMUTE_BYTES: Kernel = Kernel {
        name: "permute_bytes",
        wgsl: wgsl!("shared/source.wgsl", "permute_bytes.wgsl"),
        plan: true,
        scale: false,
        writes: Writes::Words,
    };
    /// A plan, packed words to normalised floats.
    pub static PERMUTE_FLOATS: Kernel = Kernel {
        name: "permute_floats",
        wgsl: wgsl!("shared/source.wgsl", "permute_floats.wgsl"),
        plan: true,
        scale: true,
        writes: Writes::Floats,
    };
    /// A plan in tiles, packed words to packed words.
    pub static PERMUTE_TILES_BYTES: Kernel = Kernel {
        name: "permute_tiles_bytes",
        wgsl: wgsl!("shared/tiles.wgsl", "permute_tiles_bytes.wgsl"),
        plan: true,
        scale: false,
        writes: Writes::Words,
    };
    /// A plan in tiles, packed words to normalised floats.
    pub static PERMUTE_TILES_FLOATS: Kernel = Kernel {
        name: "permute_tiles_floats",
        wgsl: wgsl!("shared/normalised.wgsl", "shared/tiles.wgsl", "permute_tiles_floats.wgsl"),
        plan: true,
        scale: false,
        writes: Writes::Floats,
    };
    /// Copies packed words unchanged.
    pub static COPY_BYTES: Kernel =
        Kernel { name: "copy_bytes", wgsl: wgsl!("copy_bytes.wgsl"), plan: false, scale: false, writes: Writes::Words };
    /// Packed 8-bit samples, otherwise unchanged, to normalised floats.
    pub static SCALE_FLOATS: Kernel = Kernel {
        name: "scale_floats",
        wgsl: wgsl!("shared/normalised.wgsl", "scale_floats.wgsl"),
        plan: false,
        scale: false,
        writes: Writes::Floats,
    };

    /// What flips every second byte of an image, in every byte of a word: the upper byte of a sample of two bytes, or a
    /// sample of one.
    fn odd_bytes(depth: Depth) -> u32 {
        let ones = if depth == Depth::U8 { depth.max() } else { depth.max() >> 8 };
        ones * 0x0101_0101
    }

    /// A plan on a device; without a plan, copies images unchanged.
    pub struct Permute(pub Option<PlanTables>);

    impl GpuStep for Permute {
        fn dispatch<'a>(&'a self, gpu: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
            let (geometry, depth) = (batch.geometry, batch.geometry.depth());
            let (images, pixels, stride, channels) = (batch.images, batch.pixels(), batch.stride(), batch.channels());
            let params = batch.params();
            let unit = self.0.as_ref().map_or(Unit::Sample, PlanTables::unit);
            let layout = if batch.floats { Layout::Planar } else { Layout::Interleaved };
            let tables = self.0.as_ref().filter(|_| !batch.augmented);
            if let Some(tiles) = tables.and_then(|tables| tables.tiles(gpu, layout, images as usize)) {
                let mut constants = vec![("NIBBLES", u32::from(unit == Unit::Nibble)), ("UPPER", odd_bytes(depth))];
                let mut kernel = &PERMUTE_TILES_BYTES;
                if batch.floats {
                    constants.push(("DEPTH", depth.bits()));
                    kernel = &PERMUTE_TILES_FLOATS;
                }
                let grid = grid_of_tiles(tiles.count, images);
                return Dispatch { kernel, constants, params, grid, plan: Some(&tiles.buffer) };
            }
            if self.0.is_none() && !batch.augmented && geometry.bytes().is_multiple_of(CHUNK) {
                let (kernel, parts) =
                    if batch.floats { (&SCALE_FLOATS, pixels / 4) } else { (&COPY_BYTES, stride / 4) };
                let fits = !batch.floats || depth == Depth::U8 && pixels.is_multiple_of(4);
                if let Some(grid) = grid_without_strides(parts, images).filter(|_| fits) {
                    return Dispatch { kernel, constants: Vec::new(), params, grid, plan: None };
                }
            }
            let mut constants = batch.constants(unit);
            constants.push(("PLAN", u32::from(self.0.is_some())));
            let plan = self.0.as_ref().map(|tables| tables.table(gpu));
            let (kernel, grid) = if batch.floats {
                (&PERMUTE_FLOATS, grid_of_rows(pixels, images, channels))
            } else {
                (&PERMUTE_BYTES, grid_of_rows(stride, images, 1))
            };
            Dispatch { kernel, constants, params, grid, plan }
        }
    }
}
