//! Signs and channel orders of single pixels, with the image's own keys.

use super::{Execute, Lossy, Step};
use crate::engine::cpu::scratch::Scratch;
use crate::engine::image_ref::ImageRef;
use crate::image::{Depth, Geometry};
use crate::schedule::{Stream, Subkey};
use fearless_simd::{Level, prelude::*, u8x16};

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

/// Flips the samples whose sign bit is set. `masks` is memory.
fn flip(geometry: Geometry, subkey: &Subkey, id: u64, masks: &mut Vec<u8>, image: &mut [u8]) {
    let (pixels, depth) = (geometry.pixels(), geometry.depth());
    // Every channel begins at a new word of the stream.
    let plane = pixels.next_multiple_of(32);
    Stream::new(subkey, id).masks(geometry.channels() * plane, masks);
    if depth != Depth::U8 {
        let upper = (depth.max() >> 8) as u8;
        let (samples, _) = image.as_chunks_mut::<2>();
        for (channel, masks) in masks.chunks_exact(plane).enumerate() {
            for (sample, mask) in samples[channel..].iter_mut().step_by(geometry.channels()).zip(masks) {
                sample[0] ^= mask;
                sample[1] ^= mask & upper;
            }
        }
        return;
    }
    match geometry.channels() {
        3 => {
            let (red, others) = masks.split_at(plane);
            let (green, blue) = others.split_at(plane);
            fearless_simd::dispatch!(Level::new(), simd => flip_pixels(simd, [red, green, blue], image));
        }
        _ => image.iter_mut().zip(&*masks).for_each(|(sample, mask)| *sample ^= mask),
    }
}

/// Flips the samples of pixels of three bytes, sixteen pixels at a time.
#[inline(always)]
fn flip_pixels<S: Simd>(simd: S, masks: [&[u8]; 3], image: &mut [u8]) {
    simd.vectorize(
        #[inline(always)]
        || {
            // Of byte i of three vectors: the place of its mask if it is one of this channel, else none.
            let mut places = [[u8x16::splat(simd, 0); 3]; 3];
            for (vector, places) in places.iter_mut().enumerate() {
                for (channel, place) in places.iter_mut().enumerate() {
                    let mut indices = [255; 16];
                    for (i, index) in indices.iter_mut().enumerate() {
                        let byte = 16 * vector + i;
                        if byte % 3 == channel {
                            *index = (byte / 3) as u8;
                        }
                    }
                    *place = indices.simd_into(simd);
                }
            }
            let (pixels, rest) = image.as_chunks_mut::<48>();
            for (place, pixels) in pixels.iter_mut().enumerate() {
                let red = u8x16::from_slice(simd, &masks[0][16 * place..][..16]);
                let green = u8x16::from_slice(simd, &masks[1][16 * place..][..16]);
                let blue = u8x16::from_slice(simd, &masks[2][16 * place..][..16]);
                for (places, bytes) in places.iter().zip(pixels.as_chunks_mut::<16>().0) {
                    let mask = red.swizzle_dyn_precise(places[0])
                        | green.swizzle_dyn_precise(places[1])
                        | blue.swizzle_dyn_precise(places[2]);
                    (u8x16::from_slice(simd, bytes) ^ mask).store_slice(bytes);
                }
            }
            let done = 16 * pixels.len();
            for (i, sample) in rest.iter_mut().enumerate() {
                *sample ^= masks[i % 3][done + i / 3];
            }
        },
    );
}

/// Gives the channels of every pixel their order, or undoes that.
fn reorder(geometry: Geometry, subkey: &Subkey, id: u64, inverse: bool, image: &mut [u8]) {
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
    let done = match geometry.depth() {
        Depth::U8 => fearless_simd::dispatch!(Level::new(), simd => reorder_pixels(simd, &orders, &digits, image)),
        _ => 0,
    };
    reorder_each(&orders, &digits[done..], &mut image[3 * geometry.depth().bytes() * done..], geometry.depth().bytes());
}

/// Pixel by pixel, of samples of one or two bytes.
fn reorder_each(orders: &[[u8; 3]; 6], digits: &[u32], image: &mut [u8], bytes: usize) {
    fn pixels<const N: usize>(orders: &[[u8; 3]; 6], digits: &[u32], samples: &mut [[u8; N]]) {
        for (pixel, &digit) in samples.as_chunks_mut::<3>().0.iter_mut().zip(digits) {
            *pixel = orders[digit as usize].map(|channel| pixel[usize::from(channel)]);
        }
    }
    match bytes {
        1 => pixels::<1>(orders, digits, image.as_chunks_mut().0),
        _ => pixels::<2>(orders, digits, image.as_chunks_mut().0),
    }
}

/// Five pixels of three bytes at a time, as far as there are sixteen bytes. Gives the number of pixels that are done.
#[inline(always)]
fn reorder_pixels<S: Simd>(simd: S, orders: &[[u8; 3]; 6], digits: &[u32], image: &mut [u8]) -> usize {
    simd.vectorize(
        #[inline(always)]
        || {
            // Where the bytes of pixel i come from, for each digit.
            let mut sources = [[0u64; 6]; 5];
            for (sources, first) in sources.iter_mut().zip((0u64..).step_by(3)) {
                for (source, order) in sources.iter_mut().zip(orders) {
                    let [a, b, c] = order.map(|channel| first + u64::from(channel));
                    *source = a | b << 8 | c << 16;
                }
            }
            let mut done = 0;
            for digits in digits.as_chunks::<5>().0 {
                let Some(bytes) = image[3 * done..].first_chunk_mut::<16>() else { break };
                let [a, b, c, d, e] = std::array::from_fn(|i| sources[i][digits[i] as usize]);
                // The last byte is one of the next pixel and stays.
                let (low, high) = (a | b << 24 | c << 48, c >> 16 | d << 8 | e << 32 | 15 << 56);
                let mut places = [0; 16];
                places[..8].copy_from_slice(&low.to_le_bytes());
                places[8..].copy_from_slice(&high.to_le_bytes());
                let pixels = u8x16::from_slice(simd, bytes);
                pixels.swizzle_dyn_precise(u8x16::from_slice(simd, &places)).store_slice(bytes);
                done += 5;
            }
            done
        },
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sample by sample, from the definition (`docs/SCHEDULE.md`, "Stages").
    fn naive(geometry: Geometry, keys: &PixelKeys, id: u64, image: &[u8]) -> Vec<u8> {
        let (pixels, channels, depth) = (geometry.pixels(), geometry.channels(), geometry.depth());
        let signs: Vec<Vec<bool>> = keys.negative.as_ref().map_or(Vec::new(), |subkey| {
            let mut stream = Stream::new(subkey, id);
            (0..channels).map(|_| stream.bits(pixels)).collect()
        });
        let digits = keys.colour.as_ref().map(|subkey| Stream::digits(subkey, id, 6, pixels));
        let mut output = vec![0; image.len()];
        for p in 0..pixels {
            for j in 0..channels {
                let order =
                    digits.as_ref().filter(|_| channels == 3).map_or([0, 1, 2], |d| COLOUR_ORDERS[d[p] as usize]);
                let c = usize::from(order[j]);
                let (from, to) = if keys.inverse { (j, c) } else { (c, j) };
                let sample = u32::from(depth.sample(image, p * channels + from));
                let flip = if signs.get(c).is_some_and(|plane| plane[p]) { depth.max() } else { 0 };
                depth.set_sample(&mut output, p * channels + to, (sample ^ flip) as u16);
            }
        }
        output
    }

    proptest! {
        #[test]
        fn pixels_are_keyed_as_defined(
            (h, w, rgb, bits) in (1u32..24, 1u32..24, any::<bool>(), 8u32..=16),
            (negative, colour, inverse) in any::<(bool, bool, bool)>(),
            id: u64,
        ) {
            let depth = Depth::new(bits).unwrap();
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap().with_depth(depth);
            let mut stream = Stream::new(&[3; 32], id);
            let mut image = vec![0; geometry.bytes()];
            (0..geometry.samples()).for_each(|i| depth.set_sample(&mut image, i, (stream.word() & depth.max()) as u16));
            let subkey = |n: u8| Subkey::from([n; 32]);
            let keys = PixelKeys { negative: negative.then(|| subkey(1)), colour: colour.then(|| subkey(2)), inverse };
            let expected = naive(geometry, &keys, id, &image);
            pixel_keyed(geometry, &keys, id, &mut Vec::new(), &mut image);
            prop_assert!(image == expected);
        }
    }
}
