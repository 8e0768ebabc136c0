//! Plans of the images' own on a GPU. The first dispatch writes every image with its plan behind it, the second sends
//! the images through them.

use super::{BlockKeys, ElementKeys, OwnKeys, OwnPlan};
use crate::engine::gpu::device::Gpu;
use crate::engine::gpu::dispatch::{Batch, Dispatch, GpuStep, Params, Words, words};
use crate::engine::gpu::kernel::{Constants, Kernel, Writes, grid, wgsl};
use crate::image::Geometry;
use crate::plan::Unit;
use crate::plan::blocks::Blocks;
use crate::schedule::Subkey;

/// A kernel that draws plans.
macro_rules! drawing {
    ($name:literal, $($file:literal),+) => {
        Kernel {
            name: $name,
            wgsl: wgsl!(
                "shared/source.wgsl",
                "shared/chacha20.wgsl",
                "shared/staged.wgsl",
                "shared/rankings.wgsl",
                "shared/own_plan_written.wgsl",
                $($file),+
            ),
            plan: false,
            scale: false,
            writes: Writes::Words,
        }
    };
}

/// Draws plans of whole blocks.
pub static BLOCK_KEYS: Kernel = drawing!("block_keys", "shared/colour_orders.wgsl", "block_keys.wgsl");
/// Draws plans of the elements inside blocks.
pub static ELEMENT_KEYS: Kernel = drawing!("element_keys", "element_keys.wgsl");
/// The images' own plans, packed words to packed words.
pub static OWN_PLAN_BYTES: Kernel = Kernel {
    name: "own_plan_bytes",
    wgsl: wgsl!("shared/source.wgsl", "shared/own_plan.wgsl", "own_plan_bytes.wgsl"),
    plan: false,
    scale: false,
    writes: Writes::Words,
};
/// The images' own plans, packed words to normalised floats.
pub static OWN_PLAN_FLOATS: Kernel = Kernel {
    name: "own_plan_floats",
    wgsl: wgsl!("shared/source.wgsl", "shared/own_plan.wgsl", "own_plan_floats.wgsl"),
    plan: false,
    scale: true,
    writes: Writes::Floats,
};

/// Elements that a workgroup takes at a time: `RUN` of `shaders/shared/rankings.wgsl`.
const RUN: u64 = 256;

// Flags of `shaders/shared/own_plan_written.wgsl`.
const TURN: u32 = 1;
const SIGNS: u32 = 2;
const COLOUR: u32 = 4;
const PLACES: u32 = 8;
const INVERSE: u32 = 16;
const NIBBLES: u32 = 32;
const CHANNELS_FIRST: u32 = 64;

/// Both dispatches.
pub fn steps(plan: &OwnPlan) -> Vec<Box<dyn GpuStep>> {
    let (blocks, unit, inverse) = (plan.blocks, plan.unit(), plan.inverse);
    vec![Box::new(Draw { blocks, unit, inverse, keys: Keys::of(&plan.keys) }), Box::new(Apply { unit })]
}

/// The words of an image and of its plan.
fn record(geometry: Geometry, unit: Unit) -> u64 {
    geometry.bytes().div_ceil(4) as u64 + geometry.samples() as u64 * unit.per_sample(geometry.depth()) as u64
}

/// The words of the keys, and which there are.
struct Keys {
    blocks: bool,
    negative: Option<Words>,
    colour: Option<Words>,
    turn: Option<Words>,
    places: Option<Words>,
}

impl Keys {
    fn of(keys: &OwnKeys) -> Self {
        let drawn = |key: &Option<Subkey>| key.as_ref().map(words);
        match keys {
            OwnKeys::Blocks(BlockKeys { turn, negative, colour, scramble }) => Self {
                blocks: true,
                negative: drawn(negative),
                colour: drawn(colour),
                turn: drawn(turn),
                places: drawn(scramble),
            },
            OwnKeys::Elements(ElementKeys::Samples { shuffle, flip }) => {
                Self { blocks: false, negative: drawn(flip), colour: None, turn: None, places: drawn(shuffle) }
            }
            OwnKeys::Elements(ElementKeys::Nibbles(key)) => {
                Self { blocks: false, negative: Some(words(key)), colour: None, turn: None, places: Some(words(key)) }
            }
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        [&mut self.negative, &mut self.colour, &mut self.turn, &mut self.places]
            .into_iter()
            .for_each(zeroize::Zeroize::zeroize);
    }
}

/// The first dispatch.
struct Draw {
    blocks: Blocks,
    unit: Unit,
    inverse: bool,
    keys: Keys,
}

impl GpuStep for Draw {
    fn image_bytes(&self, geometry: Geometry) -> u64 {
        4 * record(geometry, self.unit)
    }

    fn augments(&self) -> bool {
        false
    }

    fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
        let Self { blocks, unit, inverse, keys } = self;
        let depth = batch.geometry.depth();
        let levels = unit.used(depth);
        let nibbles = *unit == Unit::Nibble;
        let flags = [
            (keys.turn.is_some(), TURN),
            (keys.negative.is_some(), SIGNS),
            (keys.colour.is_some(), COLOUR),
            (keys.places.is_some(), PLACES),
            (*inverse, INVERSE),
            (nibbles, NIBBLES),
            (blocks.are_channels_first(), CHANNELS_FIRST),
        ];
        let flags = flags.into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag).sum::<u32>();
        let (elements, of_a_block) =
            if keys.blocks { (1, blocks.count()) } else { (blocks.count(), blocks.samples() * levels) };
        let constants = vec![("HALVES", u32::from(!keys.blocks)), ("LONG", u32::from(of_a_block as u64 > RUN))];
        let params = Params {
            record: record(batch.geometry, *unit) as u32,
            flags: flags | (unit.per_sample(depth) << 8) as u32 | (levels << 16) as u32,
            key: keys.negative.unwrap_or_default(),
            colour: keys.colour.unwrap_or_default(),
            turn: keys.turn.unwrap_or_default(),
            places: keys.places.unwrap_or_default(),
            ..batch.params_of_blocks(blocks.block())
        };
        // A workgroup of 64 invocations takes a run.
        let runs = runs(of_a_block as u64, elements as u64);
        let kernel = if keys.blocks { &BLOCK_KEYS } else { &ELEMENT_KEYS };
        Dispatch { kernel, constants, params, grid: grid(64 * runs, batch.images, 1), plan: None }
    }
}

/// `runs_of` of `shaders/shared/rankings.wgsl`.
fn runs(n: u64, count: u64) -> u64 {
    if n <= RUN { count.div_ceil(RUN / n) } else { count * n.div_ceil(RUN) }
}

/// The second dispatch.
struct Apply {
    unit: Unit,
}

impl GpuStep for Apply {
    fn dispatch<'a>(&'a self, _: &'a Gpu, batch: &Batch) -> Dispatch<'a> {
        let constants: Constants = batch.constants(self.unit);
        let params = Params { record: record(batch.geometry, self.unit) as u32, ..batch.params() };
        let (kernel, grid) = if batch.floats {
            (&OWN_PLAN_FLOATS, grid(batch.pixels(), batch.images, batch.channels()))
        } else {
            (&OWN_PLAN_BYTES, grid(batch.stride(), batch.images, 1))
        };
        Dispatch { kernel, constants, params, grid, plan: None }
    }
}
