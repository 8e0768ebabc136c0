//! Errors of reading a stage.

use super::KINDS;
use super::value::KeyScope;
use crate::plain::Plain;
use crate::scheme::Block;

/// A text that names no stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// Not a block size.
    #[error(
        "`{}` is not a block size: write 4 for 4x4 pixels, or HEIGHTxWIDTH such as 4x8 (1 to 65535 a side)",
        .0.plain()
    )]
    Block(String),
    /// Not a key scope.
    #[error(
        "`{}` is not a key scope: write `shared` (one key for all blocks), `block` (a key per block) or `image` (a key \
         per image)",
        .0.plain()
    )]
    KeyScope(String),
    /// A key scope that this stage does not have.
    #[error("{stage} has no key scope `{scope}`, only {}", .known.join(" and "))]
    Scope {
        /// The stage.
        stage: &'static str,
        /// As given.
        scope: KeyScope,
        /// Those that it has.
        known: &'static [&'static str],
    },
    /// A key per image for orders that lose channels.
    #[error("{stage} with a key per image has the six permutations only: leave the orders out")]
    PermutationsOnly {
        /// The stage.
        stage: &'static str,
    },
    /// Not an order.
    #[error("`{}` is not an order: write `row-column-channel` or `channel-row-column`", .0.plain())]
    Order(String),
    /// Not a table of channel orders.
    #[error("`{}` is not a channel table: write `permutations` or `as-published`", .0.plain())]
    Orders(String),
    /// Not a statistic.
    #[error("`{}` is not a statistic: write median, mean, max or min", .0.plain())]
    Statistic(String),
    /// Not a number of images to mix.
    #[error("`{}` is not a number of images to mix: write 2 to 8", .0.plain())]
    Images(String),
    /// Not a radius.
    #[error("`{}` is no radius of a blur: write 1 to 64", .0.plain())]
    Radius(String),
    /// Not a privacy bound.
    #[error("`{}` is no epsilon: write 0.001 to 1000, with up to three digits behind the point", .0.plain())]
    Epsilon(String),
    /// Not a number of pixels that noise hides.
    #[error("`{}` is no number of pixels that noise hides: write 1 to 1000000", .0.plain())]
    Pixels(String),
    /// A block that is not a square, where the stage turns blocks.
    #[error("{stage} turns blocks, so they must be squares, and {block} is none")]
    NotSquare {
        /// The stage.
        stage: &'static str,
        /// As given.
        block: Block,
    },
    /// A field that the stage needs.
    #[error("{stage} needs the field `{field}`")]
    Missing {
        /// The stage.
        stage: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field that the stage does not have.
    #[error("{stage} has no field `{}`; it has {}", .field.plain(), .known.join(", "))]
    Field {
        /// The stage.
        stage: &'static str,
        /// The field.
        field: String,
        /// Those that it has.
        known: &'static [&'static str],
    },
    /// Not a stage.
    #[error("`{}` is not a stage that this version knows; a newer imgveil may have written it", .0.plain())]
    Stage(String),
    /// Not a kind of stage.
    #[error("`{}` is not a stage; the stages are {}", .kind.plain(), KINDS.map(|(name, _)| name).join(", "))]
    Kind {
        /// As given.
        kind: String,
    },
}

impl StageError {
    /// The field that the error is about, if it is about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Block(_) | Self::NotSquare { .. } => Some("block"),
            Self::KeyScope(_) | Self::Scope { .. } | Self::PermutationsOnly { .. } => Some("key"),
            Self::Order(_) => Some("order"),
            Self::Orders(_) => Some("orders"),
            Self::Statistic(_) => Some("statistic"),
            Self::Images(_) => Some("images"),
            Self::Radius(_) => Some("radius"),
            Self::Epsilon(_) => Some("epsilon"),
            Self::Pixels(_) => Some("m"),
            Self::Field { field, .. } => Some(field),
            Self::Missing { .. } | Self::Stage(_) => None,
            Self::Kind { .. } => Some("stage"),
        }
    }
}
