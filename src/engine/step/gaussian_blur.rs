//! A blur with Gaussian weights, along rows and then along columns.

use super::{Execute, Lossy, Step};
use crate::engine::cpu::scratch::Scratch;
use crate::engine::image_ref::ImageRef;
use crate::image::Geometry;

/// Blurs images with the weights of three box means (`docs/SCHEDULE.md`, "Stages").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GaussianBlur {
    /// The radius of the boxes in pixels, 1 to 64.
    pub radius: u32,
}

impl Execute for GaussianBlur {
    fn name(&self) -> &'static str {
        "GaussianBlur"
    }

    fn inverse(&self) -> Result<Step, Lossy> {
        Err(Lossy("a blur rounds what little is left of fine detail"))
    }

    fn on_cpu(&self, geometry: Geometry, _: &[ImageRef], _: &mut Scratch, images: &mut [u8]) {
        let weights = weights(self.radius);
        let (height, width, channels) = (geometry.height(), geometry.width(), geometry.channels());
        for image in images.chunks_exact_mut(geometry.bytes()) {
            // Along rows, then along columns: lines, samples of a line, the way between them.
            blur_lines(geometry, image, &weights, height, width, |line, at, c| (line * width + at) * channels + c);
            blur_lines(geometry, image, &weights, width, height, |line, at, c| (at * width + line) * channels + c);
        }
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, _: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        let pass = |down| on_gpu::Pass { radius: self.radius, down };
        Ok(vec![Box::new(pass(false)), Box::new(pass(true))])
    }
}

/// The weights of the neighbours at the distances 0 to 3 * radius: those of a box of 2 * radius + 1 pixels, three times
/// over itself. With both sides they add up to the cube of the box.
fn weights(radius: u32) -> Vec<u32> {
    let width = 2 * radius + 1;
    let inner = (0..=radius).map(|distance| (3 * width * width + 1) / 4 - distance * distance);
    let outer = (radius + 1..=3 * radius).map(|distance| {
        let rest = 3 * radius + 1 - distance;
        rest * (rest + 1) / 2
    });
    inner.chain(outer).collect()
}

/// Blurs along one direction: the twin of `blurred` in `shaders/shared/blur.wgsl`.
fn blur_lines(
    geometry: Geometry,
    image: &mut [u8],
    weights: &[u32],
    lines: usize,
    length: usize,
    sample: impl Fn(usize, usize, usize) -> usize,
) {
    let depth = geometry.depth();
    let whole = 2 * weights[1..].iter().map(|&weight| u64::from(weight)).sum::<u64>() + u64::from(weights[0]);
    let mut before = vec![0u64; length];
    for line in 0..lines {
        for channel in 0..geometry.channels() {
            for (at, value) in before.iter_mut().enumerate() {
                *value = u64::from(depth.sample(image, sample(line, at, channel)));
            }
            for at in 0..length {
                let mut sum = u64::from(weights[0]) * before[at] + whole / 2;
                for (distance, &weight) in weights.iter().enumerate().skip(1) {
                    // Beyond the edge, the last sample is repeated.
                    let (near, far) = (at.saturating_sub(distance), (at + distance).min(length - 1));
                    sum += u64::from(weight) * (before[near] + before[far]);
                }
                depth.set_sample(image, sample(line, at, channel), (sum / whole) as u16);
            }
        }
    }
}

#[cfg(feature = "gpu")]
pub use on_gpu::{BLUR_BYTES, BLUR_FLOATS};

#[cfg(feature = "gpu")]
use {
    crate::engine::EngineError,
    crate::engine::gpu::{device::Gpu, dispatch::GpuStep},
};

#[cfg(feature = "gpu")]
mod on_gpu {
    use crate::engine::gpu::device::Gpu;
    use crate::engine::gpu::dispatch::{Batch, Dispatch, GpuStep, Params};
    use crate::engine::gpu::kernel::{Kernel, Writes, grid, wgsl};
    use crate::plan::Unit;

    /// A blur in one direction, packed words to packed words.
    pub static BLUR_BYTES: Kernel = Kernel {
        name: "blur_bytes",
        wgsl: wgsl!("shared/source.wgsl", "shared/blur.wgsl", "blur_bytes.wgsl"),
        plan: false,
        scale: false,
        writes: Writes::Words,
    };
    /// A blur in one direction, packed words to normalised floats.
    pub static BLUR_FLOATS: Kernel = Kernel {
        name: "blur_floats",
        wgsl: wgsl!("shared/source.wgsl", "shared/blur.wgsl", "blur_floats.wgsl"),
        plan: false,
        scale: true,
        writes: Writes::Floats,
    };

    /// One direction.
    pub struct Pass {
        pub radius: u32,
        /// Along columns, and not along rows.
        pub down: bool,
    }

    impl GpuStep for Pass {
        fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
            let (kernel, grid) = if batch.floats {
                (&BLUR_FLOATS, grid(batch.pixels(), batch.images, batch.channels()))
            } else {
                (&BLUR_BYTES, grid(batch.stride(), batch.images, 1))
            };
            let params = Params { statistic: self.radius, blocks: self.down.into(), ..batch.params() };
            Dispatch { kernel, constants: batch.constants(Unit::Sample), params, grid, plan: None }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A box over itself three times, by the definition.
    #[test]
    fn weights_are_those_of_three_boxes() {
        assert_eq!(weights(1), [7, 6, 3, 1]);
        for radius in 1..=64 {
            let box_of = vec![1u32; 2 * radius as usize + 1];
            let over = |a: &[u32], b: &[u32]| {
                let mut sum = vec![0; a.len() + b.len() - 1];
                a.iter().enumerate().for_each(|(i, x)| b.iter().enumerate().for_each(|(j, y)| sum[i + j] += x * y));
                sum
            };
            let three = over(&over(&box_of, &box_of), &box_of);
            assert_eq!(weights(radius), three[three.len() / 2..], "{radius}");
        }
    }
}
