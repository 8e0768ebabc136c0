//! Block statistic.

use super::fields::Fields;
use super::key::Keyed;
use super::rules::{Facts, Kind, Rules, Unfit};
use super::value::Named;
use super::{Shape, StageError};
use crate::engine::{self, Statistic, Step};
use crate::image::Geometry;
use crate::scheme::{Block, CompileError};
use std::fmt;
use std::str::FromStr;

/// Every block filled, channel by channel, with a statistic of itself. Loses the rest. Blocks need not tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockStatistic {
    /// The block.
    pub block: Block,
    /// Which.
    pub statistic: Statistic,
}

impl Named for Statistic {
    const NAMES: &'static [(&'static str, Self)] =
        &[("median", Statistic::Median), ("mean", Statistic::Mean), ("max", Statistic::Max), ("min", Statistic::Min)];
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Statistic {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Statistic::named(text).ok_or_else(|| StageError::Statistic(text.to_owned()))
    }
}

impl Kind for BlockStatistic {
    const NAME: &'static str = "block-statistic";
    const FIELDS: &'static [&'static str] = &["block", "statistic"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        Ok(Self { block: fields.block()?, statistic: fields.needed("statistic")?.parse()? })
    }
}

impl fmt::Display for BlockStatistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} block={} statistic={}", Self::NAME, self.block, self.statistic)
    }
}

impl Rules for BlockStatistic {
    fn facts(&self) -> Facts {
        Facts {
            block: Some(self.block),
            tiles: false,
            has_inverse: false,
            whole_blocks: true,
            ..Facts::new(Self::NAME)
        }
    }

    fn explain(&self) -> String {
        let Self { block, statistic } = self;
        format!("every {block} block is filled, channel by channel, with its {statistic}; the rest of it is lost")
    }

    fn idle(&self, _: Geometry) -> Option<&'static str> {
        self.block.is_pixel().then_some("a block is a single pixel")
    }

    fn shape(&self, _: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape::default())
    }

    fn step(&self, _: Keyed<'_>, _: Geometry) -> Result<Step, Unfit> {
        let block = (self.block.height, self.block.width);
        Ok(Step::BlockStatistic(engine::BlockStatistic { block, statistic: self.statistic }))
    }
}
