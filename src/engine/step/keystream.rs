//! XOR with the image's own ChaCha20 stream.

use super::{Execute, Lossy, Step};
use crate::engine::cpu::scratch::Scratch;
use crate::engine::image_ref::ImageRef;
use crate::image::Geometry;
use crate::schedule::{Stream, Subkey};

/// XOR with the image's own ChaCha20 stream under this subkey, within the depth: a sample of 12 bits takes the lowest
/// 12 of its 16 bits of the stream. The step is its own inverse.
#[derive(Clone)]
pub struct Keystream(pub Subkey);

impl Execute for Keystream {
    fn name(&self) -> &'static str {
        "Keystream"
    }

    fn inverse(&self) -> Result<Step, Lossy> {
        Ok(Step::Keystream(self.clone()))
    }

    fn keyed_per_image(&self) -> bool {
        true
    }

    fn on_cpu(&self, geometry: Geometry, refs: &[ImageRef], _: &mut Scratch, images: &mut [u8]) {
        for (shown, image) in refs.iter().zip(images.chunks_exact_mut(geometry.bytes())) {
            Stream::new(&self.0, shown.stream()).xor(image);
            let depth = geometry.depth();
            if depth.bits() < depth.stored_bits() {
                // Of the plain image, these bits are all 0.
                let upper = (depth.max() >> 8) as u8;
                image.as_chunks_mut::<2>().0.iter_mut().for_each(|sample| sample[1] &= upper);
            }
        }
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, _: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        Ok(vec![Box::new(on_gpu::OnGpu(words(&self.0)))])
    }
}

#[cfg(feature = "gpu")]
pub use on_gpu::{KEYSTREAM_BYTES, KEYSTREAM_FLOATS};

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

    /// A keystream, packed words to packed words.
    pub static KEYSTREAM_BYTES: Kernel = Kernel {
        name: "keystream_bytes",
        wgsl: wgsl!("shared/source.wgsl", "shared/chacha20.wgsl", "shared/staged.wgsl", "keystream_bytes.wgsl"),
        plan: false,
        scale: false,
        writes: Writes::Words,
    };
    /// A keystream, packed words to normalised floats.
    pub static KEYSTREAM_FLOATS: Kernel = Kernel {
        name: "keystream_floats",
        wgsl: wgsl!("shared/source.wgsl", "shared/chacha20.wgsl", "shared/staged.wgsl", "keystream_floats.wgsl"),
        plan: false,
        scale: true,
        writes: Writes::Floats,
    };

    /// The step on a device, with the words of its key.
    pub struct OnGpu(pub Words);

    impl GpuStep for OnGpu {
        fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
            Dispatch {
                kernel: if batch.floats { &KEYSTREAM_FLOATS } else { &KEYSTREAM_BYTES },
                constants: batch.constants(Unit::Sample),
                params: Params { key: self.0, ..batch.params() },
                // A block of ChaCha20 has 16 words.
                grid: grid(batch.stride().div_ceil(16), batch.images, 1),
                plan: None,
            }
        }
    }

    impl Drop for OnGpu {
        fn drop(&mut self) {
            zeroize::Zeroize::zeroize(&mut self.0);
        }
    }
}
