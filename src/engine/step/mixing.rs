//! Mixing several images into one (`docs/SCHEDULE.md`, "Mixing"): partners, weights and signs, all from the key. It
//! uses integers only, so that every machine gives the same bits.

use super::{Execute, Lossy, Step};
use crate::engine::cpu::scratch::Scratch;
use crate::engine::image_ref::ImageRef;
use crate::image::Geometry;
use crate::schedule::{ImageId, Stream, Subkey};

/// The sum of the weights of a mixture.
pub const WEIGHT_ONE: u32 = 1 << 16;

/// The soft label of a mixture: the share of each of `classes` classes. `mixed` has the class and the weight of every
/// image in the mixture.
pub fn soft_label(mixed: &[(u32, u32)], classes: usize) -> Vec<f32> {
    let mut shares = vec![0; classes];
    for &(class, weight) in mixed {
        if let Some(share) = shares.get_mut(class as usize) {
            *share += weight;
        }
    }
    // Shares have 16 bits: a float holds them exactly.
    shares.into_iter().map(|share| share as f32 / WEIGHT_ONE as f32).collect()
}

/// Mixes `images` images into one and flips signs of the mixture.
#[derive(Clone)]
pub struct Mixing {
    /// How many images a mixture has: the image itself and its partners.
    pub images: u32,
    /// The stage's subkey.
    pub subkey: Subkey,
}

impl Mixing {
    /// The maximum of `|S|`: 255 times [`WEIGHT_ONE`].
    pub const FULL_SCALE: u32 = 255 * WEIGHT_ONE;

    /// The partners of every image of a part with `count` images: `images - 1` lists, each with one partner per image.
    /// `stream` is the part's stream.
    pub fn partners(&self, stream: u64, count: u32) -> Vec<Vec<u32>> {
        let mut stream = Stream::new(&self.subkey, stream);
        (1..self.images).map(|_| stream.permutation(count)).collect()
    }

    /// The weights of the image with this id and of its partners, in units of 1 / [`WEIGHT_ONE`]. Their sum is
    /// [`WEIGHT_ONE`]. `samples` is the number of samples of an image.
    pub fn weights(&self, id: ImageId, samples: usize) -> Vec<u32> {
        let mut stream = Stream::at(&self.subkey, id.stream(), samples.div_ceil(32) as u64);
        let (drawn, sum) = loop {
            let drawn: Vec<u64> = (0..self.images).map(|_| stream.half_normal()).collect();
            // A half-normal number has about 36 bits, so the sum of a few, times 20, is far below 64 bits.
            let (sum, max) = (drawn.iter().sum::<u64>(), drawn.iter().copied().max().unwrap_or_default());
            if sum > 0 && (20 * max <= 13 * sum) {
                break (drawn, sum);
            }
        };
        let mut weights: Vec<u32> = drawn.iter().map(|&a| (a * u64::from(WEIGHT_ONE) / sum) as u32).collect();
        // The other weights are rounded down, so the first gets its share or a little more.
        weights[0] = WEIGHT_ONE - weights[1..].iter().sum::<u32>();
        weights
    }
}

impl Execute for Mixing {
    fn name(&self) -> &'static str {
        "Mix"
    }

    fn inverse(&self) -> Result<Step, Lossy> {
        Err(Lossy("mixing adds several images up"))
    }

    fn keyed_per_image(&self) -> bool {
        true
    }

    // A mixing step is the last of its program and gives floats: the executor calls `add` and `finish`.
    fn on_cpu(&self, _: Geometry, _: &[ImageRef], _: &mut Scratch, _: &mut [u8]) {}

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, _: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        Ok(vec![Box::new(on_gpu::OnGpu { key: words(&self.subkey), images: self.images })])
    }
}

/// Adds a weighted image to the sums of a mixture. Together with [`finish`], the twin of `shaders/mix_floats.wgsl`.
pub fn add(sums: &mut [i32], weight: u32, image: &[u8]) {
    for (sum, &p) in sums.iter_mut().zip(image) {
        *sum += weight as i32 * (2 * i32::from(p) - 255);
    }
}

/// Writes a mixture (C, H, W) from its sums, with the signs from the stream of its first image.
pub fn finish(mixing: &Mixing, geometry: Geometry, stream: u64, sums: &[i32], output: &mut [f32]) {
    let signs = Stream::new(&mixing.subkey, stream).bits(geometry.samples());
    // Every sum is an integer below 2^24, so a float holds it; there is one product and one rounding.
    let unit = 1.0 / Mixing::FULL_SCALE as f32;
    let channels = geometry.channels();
    for (channel, plane) in output.chunks_exact_mut(geometry.pixels()).enumerate() {
        for (pixel, place) in plane.iter_mut().enumerate() {
            let sample = pixel * channels + channel;
            let value = sums[sample] as f32 * unit;
            *place = f32::from_bits(value.to_bits() ^ u32::from(signs[sample]) << 31);
        }
    }
}

#[cfg(feature = "gpu")]
pub use on_gpu::MIX_FLOATS;

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

    /// Mixes several images into one, as floats.
    pub static MIX_FLOATS: Kernel = Kernel {
        name: "mix_floats",
        wgsl: wgsl!("shared/source.wgsl", "shared/chacha20.wgsl", "mix_floats.wgsl"),
        plan: false,
        scale: false,
        writes: Writes::Floats,
    };

    /// The step on a device: the key of the signs, and the number of images that are mixed.
    pub struct OnGpu {
        pub key: Words,
        pub images: u32,
    }

    impl GpuStep for OnGpu {
        fn gathers(&self) -> bool {
            true
        }

        fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
            let images = batch.images as u32 / self.images;
            let unit = 1.0 / Mixing::FULL_SCALE as f32;
            let params = Params { key: self.key, group: self.images, images, unit, ..batch.params() };
            Dispatch {
                kernel: &MIX_FLOATS,
                constants: batch.constants(Unit::Sample),
                params,
                // A workgroup handles 2048 samples.
                grid: grid(u64::from(params.samples).div_ceil(32), u64::from(images), 1),
                plan: None,
            }
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

    #[test]
    fn weights_add_up_and_none_is_above_the_bound() {
        let mixing = Mixing { images: 4, subkey: Subkey::new([3; 32]) };
        let mut first = 0.0;
        for i in 0..2000u64 {
            let weights = mixing.weights(ImageId(i.to_le_bytes()), 784);
            assert_eq!(weights.iter().sum::<u32>(), WEIGHT_ONE);
            // 0.65 of the whole, plus the remainders from rounding the other three.
            assert!(weights.iter().all(|&w| w <= 42_598 + 3), "{weights:?}");
            first += f64::from(weights[0]) / f64::from(WEIGHT_ONE);
        }
        // No position is preferred: each has a quarter on average. The standard deviation is 0.15, that of the mean
        // 0.0034.
        assert!((first / 2000.0 - 0.25).abs() < 0.02, "{first}");
    }
}
