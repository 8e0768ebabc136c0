//! Values of the fields that several kinds of stages have, and the names of values in canonical texts.

use super::StageError;
use std::fmt;
use std::str::FromStr;

/// What has a key of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyScope {
    /// One key for all blocks of all images (the default). A convolution with the block's size and stride can learn to
    /// undo it.
    #[default]
    Shared,
    /// A key for every block, the same in all images. It is harder to attack and harder to learn from.
    Block,
    /// A key for every image, and in it for every block or pixel. No two images, and no two blocks, share anything.
    Image,
}

/// The names of an enumeration's values in canonical texts.
pub(super) trait Named: Sized + Copy + PartialEq + 'static {
    const NAMES: &'static [(&'static str, Self)];

    /// The value with this name.
    fn named(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, value)| *value)
    }

    /// The name of this value.
    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }
}

impl Named for KeyScope {
    const NAMES: &'static [(&'static str, Self)] =
        &[("shared", KeyScope::Shared), ("block", KeyScope::Block), ("image", KeyScope::Image)];
}

impl KeyScope {
    /// What a canonical text says of the scope. It says nothing of the default of a stage whose texts had no scope in
    /// earlier versions.
    pub(super) fn unless(self, default: Self) -> String {
        if self == default { String::new() } else { format!(" key={self}") }
    }

    /// What people are told of a stage that is the same in all images unless its scope says otherwise.
    pub(super) fn in_images(self) -> &'static str {
        match self {
            KeyScope::Image => ", in every image others",
            KeyScope::Shared | KeyScope::Block => "",
        }
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for KeyScope {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        KeyScope::named(text).ok_or_else(|| StageError::KeyScope(text.to_owned()))
    }
}

/// The order in which the samples of a block are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Order {
    /// Row, column, channel (the default).
    #[default]
    RowColumnChannel,
    /// Channel, row, column: as vision transformers flatten a patch.
    ChannelRowColumn,
}

impl Order {
    /// What a canonical text says of the order. It says nothing of the default.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Order::RowColumnChannel => "",
            Order::ChannelRowColumn => " order=channel-row-column",
        }
    }

    /// What people are told of the order. Nothing is said of the default.
    pub(super) fn explain(self) -> &'static str {
        match self {
            Order::RowColumnChannel => "",
            Order::ChannelRowColumn => " (samples are counted channel by channel, as vision transformers do)",
        }
    }
}

impl Named for Order {
    const NAMES: &'static [(&'static str, Self)] =
        &[("row-column-channel", Order::RowColumnChannel), ("channel-row-column", Order::ChannelRowColumn)];
}

impl FromStr for Order {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Order::named(text).ok_or_else(|| StageError::Order(text.to_owned()))
    }
}
