//! Signs and channel orders of single pixels, with the image's own keys.

use super::{Execute, Lossy, Step};
use crate::engine::cpu::scratch::Scratch;
use crate::engine::image_ref::ImageRef;
use crate::image::{Depth, Geometry};
use crate::schedule::{Stream, Subkey};

/// The orders of three channels, indexed by digit: output channel j is input channel `COLOUR_ORDERS[d][j]`.
pub const COLOUR_ORDERS: [[u8; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Keys per image, pixel by pixel: first the sign bits, then the orders of the channels. An engine draws both itself,
/// from the image's own stream.
#[derive(Clone)]
pub struct PixelKeys {
    /// The key of pixel negative-positive, which comes first.
    pub negative: Option<Subkey>,
    /// The key of the colour shuffling of single pixels, which comes second.
    pub colour: Option<Subkey>,
    /// Whether to undo both, in the reverse order.
    pub inverse: bool,
}

impl PixelKeys {
    /// These keys and the next ones, folded into one step if colours follow signs.
    pub fn then(self, next: PixelKeys) -> [Option<PixelKeys>; 2] {
        match (&self, &next) {
            (PixelKeys { colour: None, inverse: false, .. }, PixelKeys { negative: None, inverse: false, .. }) => {
                [None, Some(PixelKeys { negative: self.negative, ..next })]
            }
            _ => [Some(self), Some(next)],
        }
    }
}

impl Execute for PixelKeys {
    fn name(&self) -> &'static str {
        "PixelKeyed"
    }

    fn inverse(&self) -> Result<Step, Lossy> {
        Ok(Step::PixelKeyed(PixelKeys { inverse: !self.inverse, ..self.clone() }))
    }

    fn keyed_per_image(&self) -> bool {
        true
    }

    fn on_cpu(&self, geometry: Geometry, refs: &[ImageRef], scratch: &mut Scratch, images: &mut [u8]) {
        for (shown, image) in refs.iter().zip(images.chunks_exact_mut(geometry.bytes())) {
            pixel_keyed(geometry, self, shown.stream(), &mut scratch.drawing.masks, image);
        }
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, _: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        let negative = self.negative.as_ref().map(words);
        let colour = self.colour.as_ref().map(words);
        Ok(vec![Box::new(on_gpu::OnGpu { negative, colour, inverse: self.inverse })])
    }
}

/// Keys one image with its own signs and colour orders: the twin of `shaders/shared/pixel_keys.wgsl`. Signs come before
/// colours, and after them when both are undone.
fn pixel_keyed(geometry: Geometry, keys: &PixelKeys, id: u64, masks: &mut Vec<u8>, image: &mut [u8]) {
    if let (Some(subkey), false) = (&keys.negative, keys.inverse) {
        flip(geometry, subkey, id, masks, image);
    }
    // One channel has one order.
    if let (Some(subkey), 3) = (&keys.colour, geometry.channels()) {
        reorder(geometry, subkey, id, keys.inverse, image);
    }
    if let (Some(subkey), true) = (&keys.negative, keys.inverse) {
        flip(geometry, subkey, id, masks, image);
    }
}

/// Flips the samples whose sign bit is set, channel by channel. `masks` is memory.
fn flip(geometry: Geometry, subkey: &Subkey, id: u64, masks: &mut Vec<u8>, image: &mut [u8]) {
    let (pixels, channels, depth) = (geometry.pixels(), geometry.channels(), geometry.depth());
    let mut stream = Stream::new(subkey, id);
    for channel in 0..channels {
        stream.masks(pixels, masks);
        match (depth, channels) {
            (Depth::U8, 1) => image.iter_mut().zip(&*masks).for_each(|(sample, mask)| *sample ^= mask),
            (Depth::U8, _) => {
                let samples = image[channel..].iter_mut().step_by(channels);
                samples.zip(&*masks).for_each(|(sample, mask)| *sample ^= mask);
            }
            _ => {
                let upper = (depth.max() >> 8) as u8;
                let samples = image.as_chunks_mut::<2>().0[channel..].iter_mut().step_by(channels);
                samples.zip(&*masks).for_each(|(sample, mask)| {
                    sample[0] ^= mask;
                    sample[1] ^= mask & upper;
                });
            }
        }
    }
}

/// Gives the channels of every pixel their order, or undoes that.
fn reorder(geometry: Geometry, subkey: &Subkey, id: u64, inverse: bool, image: &mut [u8]) {
    /// `N` is the number of bytes of a sample.
    fn pixels<const N: usize>(orders: &[[u8; 3]; 6], digits: &[u32], samples: &mut [[u8; N]]) {
        for (pixel, &digit) in samples.as_chunks_mut::<3>().0.iter_mut().zip(digits) {
            *pixel = orders[digit as usize].map(|channel| pixel[usize::from(channel)]);
        }
    }
    let orders = match inverse {
        false => COLOUR_ORDERS,
        // Where each channel went to.
        true => COLOUR_ORDERS.map(|order| {
            let mut back = [0; 3];
            (0..).zip(order).for_each(|(to, from)| back[usize::from(from)] = to);
            back
        }),
    };
    let digits = Stream::digits(subkey, id, 6, geometry.pixels());
    match geometry.depth() {
        Depth::U8 => pixels::<1>(&orders, &digits, image.as_chunks_mut().0),
        _ => pixels::<2>(&orders, &digits, image.as_chunks_mut().0),
    }
}

#[cfg(feature = "gpu")]
pub use on_gpu::{PIXEL_KEYED_BYTES, PIXEL_KEYED_FLOATS};

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

    /// Signs and channel orders keyed per image, packed words to packed words.
    pub static PIXEL_KEYED_BYTES: Kernel = Kernel {
        name: "pixel_keyed_bytes",
        wgsl: wgsl!(
            "shared/source.wgsl",
            "shared/chacha20.wgsl",
            "shared/staged.wgsl",
            "shared/colour_orders.wgsl",
            "shared/pixel_keys.wgsl",
            "pixel_keyed_bytes.wgsl"
        ),
        plan: false,
        scale: false,
        writes: Writes::Words,
    };
    /// Signs and channel orders keyed per image, packed words to normalised floats.
    pub static PIXEL_KEYED_FLOATS: Kernel = Kernel {
        name: "pixel_keyed_floats",
        wgsl: wgsl!(
            "shared/source.wgsl",
            "shared/chacha20.wgsl",
            "shared/staged.wgsl",
            "shared/colour_orders.wgsl",
            "shared/pixel_keys.wgsl",
            "pixel_keyed_floats.wgsl"
        ),
        plan: false,
        scale: true,
        writes: Writes::Floats,
    };

    /// The step on a device, with the words of its keys.
    pub struct OnGpu {
        pub negative: Option<Words>,
        pub colour: Option<Words>,
        pub inverse: bool,
    }

    impl GpuStep for OnGpu {
        fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
            let mut constants = batch.constants(Unit::Sample);
            constants.push(("NEGATIVE", u32::from(self.negative.is_some())));
            constants.push(("COLOUR", u32::from(self.colour.is_some())));
            constants.push(("INVERSE", u32::from(self.inverse)));
            let (key, colour) = (self.negative.unwrap_or_default(), self.colour.unwrap_or_default());
            Dispatch {
                kernel: if batch.floats { &PIXEL_KEYED_FLOATS } else { &PIXEL_KEYED_BYTES },
                constants,
                params: Params { key, colour, ..batch.params() },
                grid: grid(batch.pixels().div_ceil(16), batch.images, 1),
                plan: None,
            }
        }
    }

    impl Drop for OnGpu {
        fn drop(&mut self) {
            zeroize::Zeroize::zeroize(&mut self.negative);
            zeroize::Zeroize::zeroize(&mut self.colour);
        }
    }
}
