//! Colour component shuffling.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules, Unfit};
use super::value::Named;
use super::{KeyScope, Shape, StageError, StageKey};
use crate::engine::{BlockKeys, COLOUR_ORDERS, OwnKeys, PixelKeys, Step};
use crate::image::Geometry;
use crate::plan::Plan;
use crate::schedule::Subkey;
use crate::scheme::axes::Axes;
use crate::scheme::tiling::Tiling;
use crate::scheme::{Block, CompileError};
use std::fmt;
use std::str::FromStr;

/// The channel orders of the published EtC code: assignments one after another in place.
const AS_PUBLISHED: [[u8; 3]; 6] = [[0, 1, 2], [1, 1, 2], [2, 1, 2], [0, 2, 2], [2, 2, 2], [1, 2, 1]];

/// Colour component shuffling: every block's channels in one of 6 orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ColourShuffling {
    /// The block; 1x1 for single pixels.
    pub block: Block,
    /// The same orders for all images (block), or each image's own.
    pub scope: KeyScope,
    /// What the six are.
    pub orders: Orders,
}

/// The orders of the channels that the six digits of colour shuffling stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Orders {
    /// The six permutations (the default).
    #[default]
    Permutations,
    /// What the published code of EtC does. It assigns channels one after another in place, so that all but one of its
    /// six cases lose a channel. No inverse.
    AsPublished,
}

impl Named for Orders {
    const NAMES: &'static [(&'static str, Self)] =
        &[("permutations", Orders::Permutations), ("as-published", Orders::AsPublished)];
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Orders {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Orders::named(text).ok_or_else(|| StageError::Orders(text.to_owned()))
    }
}

impl Kind for ColourShuffling {
    const NAME: &'static str = "colour-shuffling";
    const FIELDS: &'static [&'static str] = &["block", "key", "orders"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        let (block, scope) = (fields.block()?, fields.scope(&["block", "image"])?);
        let orders = fields.or_default("orders")?;
        if scope == KeyScope::Image && orders != Orders::Permutations {
            return Err(StageError::PermutationsOnly { stage: Self::NAME });
        }
        Ok(Self { block, scope, orders })
    }
}

impl fmt::Display for ColourShuffling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={} key={}", Self::NAME, self.block, self.scope)?;
        match self.orders {
            Orders::Permutations => Ok(()),
            Orders::AsPublished => write!(f, " orders={}", self.orders),
        }
    }
}

impl Rules for ColourShuffling {
    fn facts(&self) -> Facts {
        Facts {
            block: Some(self.block),
            keyed_per_image: self.scope == KeyScope::Image,
            has_inverse: self.orders == Orders::Permutations,
            whole_blocks: self.scope == KeyScope::Block || !self.block.is_pixel(),
            digits: Some("channel"),
            ..Facts::new(Self::NAME)
        }
    }

    fn explain(&self) -> String {
        let of = if self.block.is_pixel() { "pixel".to_owned() } else { format!("{} block", self.block) };
        let in_images = self.scope.in_images();
        let orders = match self.orders {
            Orders::Permutations => "one of their 6 orders",
            Orders::AsPublished => "one of 6 assignments, five of which lose a channel",
        };
        format!("the channels of every {of} are brought into {orders}{in_images}")
    }

    fn idle(&self, geometry: Geometry) -> Option<&'static str> {
        (geometry.channels() == 1).then_some("the images are grey: one channel has one order")
    }

    fn shape(&self, geometry: Geometry) -> Result<Shape, CompileError> {
        let blocks = Tiling::new(self.block, geometry)?.blocks();
        // One channel has one order.
        Ok(Shape { digits: (geometry.channels() == 3).then_some((6, blocks)), ..Shape::default() })
    }

    fn axes(&self, geometry: Geometry) -> Result<Axes, CompileError> {
        Ok(Axes::blocks(&Tiling::new(self.block, geometry)?))
    }

    fn plan(&self, key: &StageKey, geometry: Geometry) -> Result<Plan, Unfit> {
        if geometry.channels() != 3 {
            return Ok(Plan::identity(geometry));
        }
        let tiling = Tiling::new(self.block, geometry)?;
        let table = match self.orders {
            Orders::Permutations => COLOUR_ORDERS,
            Orders::AsPublished => AS_PUBLISHED,
        };
        Ok(tiling.plan(|b, i| {
            let channel = table[key.digits[b] as usize][i % 3];
            tiling.sample(b, i / 3 * 3 + usize::from(channel)) as u32
        })?)
    }

    fn step_per_image(&self, subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        if geometry.channels() != 3 {
            return Ok(Step::Permute(Plan::identity(geometry)));
        }
        if self.block.is_pixel() {
            return Ok(Step::PixelKeyed(PixelKeys { negative: None, colour: Some(subkey), inverse: false }));
        }
        let keys = BlockKeys { colour: Some(subkey), ..BlockKeys::default() };
        Ok(Tiling::new(self.block, geometry)?.own_plan(OwnKeys::Blocks(keys)))
    }
}
