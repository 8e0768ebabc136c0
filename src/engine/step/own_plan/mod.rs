//! Plans of the images' own: every image draws a plan from its own streams, and is moved and flipped by it.

mod block_keys;
mod element_keys;
pub(crate) mod in_a_vector;
#[cfg(feature = "gpu")]
mod on_gpu;
mod rows;

pub use block_keys::BlockKeys;
pub use element_keys::ElementKeys;
#[cfg(feature = "gpu")]
pub use on_gpu::{BLOCK_KEYS, ELEMENT_KEYS, OWN_PLAN_BYTES, OWN_PLAN_FLOATS};

use super::permute::gather;
use super::{Execute, Lossy, Step};
use crate::engine::cpu::scratch::{Drawing, Scratch};
use crate::engine::image_ref::ImageRef;
use crate::image::{Depth, Geometry};
use crate::plan::blocks::Blocks;
use crate::plan::{FLIP, Unit};

#[cfg(feature = "gpu")]
use crate::engine::{
    EngineError,
    gpu::{device::Gpu, dispatch::GpuStep},
};

/// Moves and flips the elements of every image by a plan of its own.
#[derive(Clone)]
pub struct OwnPlan {
    /// The blocks of the images.
    pub blocks: Blocks,
    /// What is drawn.
    pub keys: OwnKeys,
    /// Whether to undo it.
    pub inverse: bool,
}

/// What an image's plan is drawn from.
#[derive(Clone)]
pub enum OwnKeys {
    /// Keys of whole blocks.
    Blocks(BlockKeys),
    /// Keys of the elements inside blocks.
    Elements(ElementKeys),
}

impl OwnPlan {
    /// What the plan moves.
    pub fn unit(&self) -> Unit {
        match &self.keys {
            OwnKeys::Blocks(_) => Unit::Sample,
            OwnKeys::Elements(keys) => keys.unit(),
        }
    }

    /// These keys and the next ones, folded into one step if possible.
    pub fn then(self, next: OwnPlan) -> [Option<OwnPlan>; 2] {
        let folded = match (&self.keys, &next.keys) {
            _ if self.inverse || next.inverse || self.blocks != next.blocks => None,
            (OwnKeys::Blocks(before), OwnKeys::Blocks(next)) => before.then(next).map(OwnKeys::Blocks),
            (OwnKeys::Elements(before), OwnKeys::Elements(next)) => before.then(next).map(OwnKeys::Elements),
            _ => None,
        };
        match folded {
            Some(keys) => [None, Some(OwnPlan { keys, ..next })],
            None => [Some(self), Some(next)],
        }
    }

    /// Draws an image's plan: for every element that may move, its source, and 255 if it is flipped, else 0.
    fn pairs(&self, id: u64, drawing: &mut Drawing, mut add: impl FnMut(usize, usize, u8)) {
        let inverse = self.inverse;
        let add = move |to, from, flip| if inverse { add(from, to, flip) } else { add(to, from, flip) };
        match &self.keys {
            OwnKeys::Blocks(keys) => keys.pairs(&self.blocks, id, drawing, add),
            OwnKeys::Elements(keys) => keys.pairs(&self.blocks, id, drawing, add),
        }
    }

    /// Draws an image's plan and sends the image through it, block by block, if samples are moved that are bytes.
    fn bytes(&self, id: u64, drawing: &mut Drawing, before: &[u8], image: &mut [u8]) {
        match &self.keys {
            OwnKeys::Blocks(keys) => keys.bytes(&self.blocks, id, self.inverse, drawing, before, image),
            OwnKeys::Elements(keys) => keys.bytes(&self.blocks, id, self.inverse, drawing, before, image),
        }
    }
}

impl Execute for OwnPlan {
    fn name(&self) -> &'static str {
        "OwnPlan"
    }

    fn inverse(&self) -> Result<Step, Lossy> {
        Ok(Step::OwnPlan(OwnPlan { inverse: !self.inverse, ..self.clone() }))
    }

    fn keyed_per_image(&self) -> bool {
        true
    }

    fn on_cpu(&self, geometry: Geometry, refs: &[ImageRef], scratch: &mut Scratch, images: &mut [u8]) {
        let samples_of_a_byte = self.unit() == Unit::Sample && geometry.depth() == Depth::U8;
        for (shown, image) in refs.iter().zip(images.chunks_exact_mut(geometry.bytes())) {
            let Scratch { image: before, table, drawing, .. } = scratch;
            before.clear();
            before.extend_from_slice(image);
            if samples_of_a_byte {
                self.bytes(shown.stream(), drawing, before, image);
                continue;
            }
            table.clear();
            // Nibbles above the depth stay where they are.
            table.extend(0..(geometry.samples() * self.unit().per_sample(geometry.depth())) as u32);
            self.pairs(shown.stream(), drawing, |to, from, flip| {
                table[to] = from as u32 | u32::from(flip) << 24 & FLIP
            });
            gather(geometry, self.unit(), table, before, image);
        }
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, _: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        Ok(on_gpu::steps(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::FLIP;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    fn subkey(byte: u8) -> Option<crate::schedule::Subkey> {
        (byte > 0).then(|| Zeroizing::new([byte; 32]))
    }

    proptest! {
        /// Of bytes, one by one by the table; block by block; and back. Scratch memory is used for other blocks before.
        #[test]
        fn images_of_bytes_are_moved_like_tables(
            shapes in prop::collection::vec(
                (1u32..5, 1u32..5, prop_oneof![1u32..21, Just(4)], 1u32..21, any::<bool>(), any::<bool>()),
                1..4,
            ),
            keys: [u8; 4],
            whole: bool,
            id: u64,
        ) {
            let mut scratch = Scratch::default();
            for (down, across, height, width, rgb, first) in shapes {
                let width = if whole { height } else { width };
                let geometry = Geometry::new(down * height, across * width, if rgb { 3 } else { 1 }).unwrap();
                let blocks = Blocks::new(geometry, (height, width)).unwrap();
                let keys = keys.map(|key| subkey(key % 3));
                let [a, b, c, d] = keys;
                let (blocks, keys) = if whole {
                    (blocks, OwnKeys::Blocks(BlockKeys { turn: a, negative: b, colour: c, scramble: d }))
                } else {
                    let blocks = if first { blocks.channels_first() } else { blocks };
                    (blocks, OwnKeys::Elements(ElementKeys::Samples { shuffle: a, flip: b }))
                };
                let plan = OwnPlan { blocks, keys, inverse: false };
                let mut table: Vec<u32> = (0..geometry.samples() as u32).collect();
                let add = |to: usize, from: usize, flip: u8| table[to] = from as u32 | u32::from(flip) << 24 & FLIP;
                plan.pairs(id, &mut Drawing::default(), add);
                let image: Vec<u8> = (0..geometry.bytes()).map(|i| (i * 37 + i / 256) as u8).collect();
                let mut expected = image.clone();
                gather(geometry, Unit::Sample, &table, &image, &mut expected);
                let shown = [ImageRef::new(0).with_id(crate::schedule::ImageId(id.to_le_bytes()))];
                let mut found = image.clone();
                plan.on_cpu(geometry, &shown, &mut scratch, &mut found);
                prop_assert!(found == expected);
                OwnPlan { inverse: true, ..plan }.on_cpu(geometry, &shown, &mut scratch, &mut found);
                prop_assert!(found == image);
            }
        }
    }
}
