//! Plans of the images' own: every image draws a plan from its own streams, and is moved and flipped by it.

mod block_keys;
mod element_keys;
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
use crate::plan::{FLIP, Unit};
use crate::plan::blocks::Blocks;

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
            self.pairs(shown.stream(), drawing, |to, from, flip| table[to] = from as u32 | u32::from(flip) << 24 & FLIP);
            gather(geometry, self.unit(), table, before, image);
        }
    }

    #[cfg(feature = "gpu")]
    fn on_gpu(&self, _: &Gpu) -> Result<Vec<Box<dyn GpuStep>>, EngineError> {
        Ok(on_gpu::steps(self))
    }
}
