//! Nibble shuffling.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit, flip};
use super::{KeyScope, Shape, StageError, StageKey};
use crate::engine::{ElementKeys, OwnKeys, Step};
use crate::image::Geometry;
use crate::plan::{Plan, Unit};
use crate::schedule::{Stream, Subkey};
use crate::scheme::axes::Axes;
use crate::scheme::key_space::log2_odd_factorial;
use crate::scheme::tiling::Tiling;
use crate::scheme::{Block, CompileError};
use std::fmt;

/// Shuffling of a block's nibbles between two flips of the same nibbles: Tanaka's LE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NibbleShuffling {
    /// The block.
    pub block: Block,
    /// One key for all blocks, one each, or in every image others.
    pub scope: KeyScope,
}

impl Kind for NibbleShuffling {
    const NAME: &'static str = "nibble-shuffling";
    const FIELDS: &'static [&'static str] = &["block", "key"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        Ok(Self { block: fields.block()?, scope: fields.scope(&["shared", "block", "image"])? })
    }
}

impl fmt::Display for NibbleShuffling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={} key={}", Self::NAME, self.block, self.scope)
    }
}

impl Rules for NibbleShuffling {
    fn facts(&self) -> Facts {
        let keyed_per_image = self.scope == KeyScope::Image;
        Facts { block: Some(self.block), keyed_per_image, nibbles: true, flips: "rev", ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        format!(
            "the samples of every {} block are cut into nibbles of 4 bits; some are negated, all change places inside \
             the block, and those at the same places are negated again; {}",
            self.block,
            match self.scope {
                KeyScope::Shared => "all blocks share one key",
                KeyScope::Block => "every block has a key of its own",
                KeyScope::Image => "every block of every image has a key of its own",
            }
        )
    }

    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError> {
        let tiling = Tiling::new(self.block, geometry)?;
        let each = Some((tiling.keys(self.scope), tiling.nibbles()));
        Ok(Shape { permutations: each, flips: each, ..Shape::default() })
    }

    fn check(&self, geometry: Geometry) -> Result<(), Unfit> {
        Ok(Unit::Nibble.elements(geometry).map(drop)?)
    }

    fn axes(&self, geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::nibbles(&Tiling::new(self.block, geometry)?, self.scope))
    }

    // Key after key. The permutation of a key comes before its signs.
    fn draw(&self, shape: Shape, subkey: &Subkey, _: Geometry) -> StageKey {
        let (count, n) = shape.permutations.unwrap_or_default();
        let (mut key, mut stream) = (StageKey::default(), Stream::new(subkey, 0));
        key.permutations.reserve_exact(count * n);
        key.flips.reserve_exact(count * n);
        for _ in 0..count {
            key.permutations.extend(stream.permutation(n as u32));
            key.flips.extend(stream.bits(n));
        }
        key
    }

    // The same bits flip before and after. Only their difference along the permutation's cycles is seen.
    fn key_space(&self, shape: Shape) -> f64 {
        let (keys, n) = shape.permutations.unwrap_or_default();
        keys as f64 * log2_odd_factorial(n as u64)
    }

    fn plan(&self, key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        let tiling = Tiling::new(self.block, geometry)?;
        let (n, all) = (tiling.nibbles(), key.permutations.len());
        Ok(tiling.nibble_plan(|b, i| {
            let first = b * n % all;
            let source = key.permutations[first + i] as usize;
            // Flipped before by the source's bit, and after by its own.
            tiling.nibble(b, source) as u32 | flip(key.flips[first + source] != key.flips[first + i])
        })?)
    }

    fn step_per_image(&self, subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        Ok(Tiling::new(self.block, geometry)?.own_plan(OwnKeys::Elements(ElementKeys::Nibbles(subkey))))
    }
}
