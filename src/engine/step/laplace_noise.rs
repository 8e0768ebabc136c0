//! Laplace noise for every block and channel, from the image's own stream.

use super::{Execute, Lossy, Step};
use crate::engine::cpu::scratch::Scratch;
use crate::engine::image_ref::ImageRef;
use crate::engine::statistic::blocks;
use crate::image::Geometry;
use crate::schedule::{Stream, Subkey};

/// Adds a number of Laplace noise to all samples of a block and channel (`docs/SCHEDULE.md`, "Stages").
#[derive(Clone)]
pub struct LaplaceNoise {
    /// Rows and columns of a block. Blocks at the right and lower edges are cut off.
    pub block: (u32, u32),
    /// The scale of the noise times ln 2, in units of 1/256 of a sample. At most 2^24.
    pub scale: u32,
    /// The key of the noise.
    pub subkey: Subkey,
}

impl Execute for LaplaceNoise {
    fn name(&self) -> &'static str {
        "LaplaceNoise"
    }

    fn inverse(&self) -> Result<Step, Lossy> {
        Err(Lossy("noise cuts samples off at the ends of their range"))
    }

    fn keyed_per_image(&self) -> bool {
        true
    }

    fn on_cpu(&self, geometry: Geometry, refs: &[ImageRef], _: &mut Scratch, images: &mut [u8]) {
        let (depth, max) = (geometry.depth(), geometry.depth().max());
        for (shown, image) in refs.iter().zip(images.chunks_exact_mut(geometry.bytes())) {
            let mut stream = Stream::new(&self.subkey, shown.stream());
            for samples in blocks(geometry, self.block) {
                let word = stream.word();
                let noise = magnitude(self.scale, word);
                for sample in samples {
                    let value = u32::from(depth.sample(image, sample));
                    let value = if word >> 31 == 1 { value.saturating_sub(noise) } else { max.min(value + noise) };
                    depth.set_sample(image, sample, value as u16);
                }
            }
        }
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, _: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        Ok(vec![Box::new(on_gpu::OnGpu { block: self.block, scale: self.scale, key: words(&self.subkey) })])
    }
}

/// `scale * -log2(u)`, rounded half up to whole samples, for u = (2w + 1) / 2^32 with the lower 31 bits w of a word.
/// The twin of `magnitude` in `shaders/shared/laplace.wgsl`.
fn magnitude(scale: u32, word: u32) -> u32 {
    let odd = word << 1 | 1;
    let whole = 31 - odd.leading_zeros();
    // The fraction of log2, bit by bit: a number in [1, 2) is squared, and halved where that is 2 or more.
    let (mut x, mut fraction) = ((odd << (31 - whole)) >> 16, 0);
    for _ in 0..16 {
        let square = x * x;
        let above = square >> 31;
        fraction = fraction << 1 | above;
        x = square >> (15 + above);
    }
    let bits = (32 << 16) - (whole << 16 | fraction);
    let (units, part) = (bits >> 16, bits & 0xffff);
    let scaled = scale * units + (((scale >> 12) * part + (((scale & 0xfff) * part) >> 12)) >> 4);
    (scaled + 128) >> 8
}

#[cfg(feature = "gpu")]
pub use on_gpu::{LAPLACE_BYTES, LAPLACE_FLOATS};

#[cfg(feature = "gpu")]
use {
    crate::engine::EngineError,
    crate::engine::gpu::{
        device::Gpu,
        dispatch::{GpuStep, words},
    },
};

#[cfg(feature = "gpu")]
mod on_gpu {
    use super::*;
    use crate::engine::gpu::dispatch::{Batch, Dispatch, Params, Words};
    use crate::engine::gpu::kernel::{Kernel, Writes, grid, wgsl};
    use crate::plan::Unit;

    /// Noise on blocks, packed words to packed words.
    pub static LAPLACE_BYTES: Kernel = Kernel {
        name: "laplace_bytes",
        wgsl: wgsl!("shared/source.wgsl", "shared/chacha20.wgsl", "shared/laplace.wgsl", "laplace_bytes.wgsl"),
        plan: false,
        scale: false,
        writes: Writes::Words,
    };
    /// Noise on blocks, packed words to normalised floats.
    pub static LAPLACE_FLOATS: Kernel = Kernel {
        name: "laplace_floats",
        wgsl: wgsl!("shared/source.wgsl", "shared/chacha20.wgsl", "shared/laplace.wgsl", "laplace_floats.wgsl"),
        plan: false,
        scale: true,
        writes: Writes::Floats,
    };

    /// The step on a device, with the words of its key.
    pub struct OnGpu {
        pub block: (u32, u32),
        pub scale: u32,
        pub key: Words,
    }

    impl GpuStep for OnGpu {
        fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
            let (kernel, grid) = if batch.floats {
                (&LAPLACE_FLOATS, grid(batch.pixels(), batch.images, batch.channels()))
            } else {
                (&LAPLACE_BYTES, grid(batch.stride(), batch.images, 1))
            };
            let params = Params { statistic: self.scale, key: self.key, ..batch.params_of_blocks(self.block) };
            Dispatch { kernel, constants: batch.constants(Unit::Sample), params, grid, plan: None }
        }
    }

    impl Drop for OnGpu {
        fn drop(&mut self) {
            zeroize::Zeroize::zeroize(&mut self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against floats: half a sample of rounding, and the fraction's last bits.
    #[test]
    fn magnitudes_are_exponential() {
        let scale = (31.875 * std::f64::consts::LN_2 * 256.0) as u32;
        let mut sum = 0.0;
        for i in 0..100_000u32 {
            let word = i.wrapping_mul(2_654_435_761);
            let u = f64::from(word << 1 | 1) / 4_294_967_296.0;
            let exact = -31.875 * u.ln();
            let found = f64::from(magnitude(scale, word));
            assert!((found - exact).abs() < 0.6, "{word}: {found}, {exact}");
            sum += found;
        }
        assert!((sum / 100_000.0 - 31.875).abs() < 0.5, "{sum}");
        // The ends of the range, at the largest scale: no overflow.
        assert!(magnitude(1 << 24, 0x7fff_ffff) <= 4);
        assert_eq!(magnitude(1 << 24, 0), 32 << 16);
        assert_eq!(magnitude(0, 0), 0);
    }
}
