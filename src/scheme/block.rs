//! Blocks of an image.

use super::StageError;
use std::fmt;
use std::str::FromStr;

/// The size of a block in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Block {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

impl Block {
    /// A block of `side` x `side` pixels.
    pub const fn square(side: u32) -> Self {
        Self { height: side, width: side }
    }

    /// Whether it is a single pixel.
    pub(super) fn is_pixel(self) -> bool {
        self == Self::square(1)
    }
}

impl fmt::Display for Block {
    /// `HEIGHTxWIDTH`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

impl FromStr for Block {
    type Err = StageError;

    /// `4` (square) or `4x8` (height x width); sides from 1 to 65,535.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let side = |t: &str| {
            t.parse::<u16>().ok().filter(|&n| n > 0).map(u32::from).ok_or_else(|| StageError::Block(text.to_owned()))
        };
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        Ok(Self { height: side(height)?, width: side(width)? })
    }
}
