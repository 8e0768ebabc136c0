//! The moves that schemes are made of, and their canonical texts: the texts go into the key schedule and into
//! `imgveil.json`, so they are part of the published contract (`docs/SCHEDULE.md`).

use serde::{Deserialize, Serialize};
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

/// Whether all blocks of an image share one key or each has its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyScope {
    /// One key for all blocks (the default): a convolution with the block's size and stride can learn to undo it.
    #[default]
    Shared,
    /// A key for every block: harder to attack and harder to learn from.
    Block,
}

impl KeyScope {
    fn text(self) -> &'static str {
        match self {
            KeyScope::Shared => "shared",
            KeyScope::Block => "block",
        }
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl FromStr for KeyScope {
    type Err = StageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [KeyScope::Shared, KeyScope::Block]
            .into_iter()
            .find(|scope| scope.text() == text)
            .ok_or_else(|| StageError::KeyScope(text.to_owned()))
    }
}

/// One move of a scheme. All tables are gathers; definitions in `docs/SCHEDULE.md`, "Stages".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Stage {
    /// Pixel shuffling: a permutation of the samples inside every block.
    PixelShuffling {
        /// The block.
        block: Block,
        /// One permutation for all blocks, or one each.
        scope: KeyScope,
    },
    /// Sign flip (negative-positive transform): `p -> 255 - p` where the key says so.
    SignFlip {
        /// The block.
        block: Block,
        /// One set of signs for all blocks, or one each.
        scope: KeyScope,
    },
    /// Block scrambling: a permutation of the blocks.
    BlockScrambling {
        /// The block.
        block: Block,
    },
    /// XOR with a ChaCha20 stream of the image's own: real encryption, nothing to learn from.
    Keystream,
}

/// A text that names no stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StageError {
    /// Not a block size.
    #[error("`{0}` is not a block size: write 4 for 4x4 pixels, or HEIGHTxWIDTH such as 4x8 (1 to 65535 a side)")]
    Block(String),
    /// Not a key scope.
    #[error("`{0}` is not a key scope: write `shared` (one key for all blocks) or `block` (a key per block)")]
    KeyScope(String),
    /// Not a stage.
    #[error("`{0}` is not a stage that this version knows; a newer imgveil may have written it")]
    Stage(String),
}

impl Stage {
    /// The block that the stage works on, if it does.
    pub fn block(&self) -> Option<Block> {
        match *self {
            Stage::PixelShuffling { block, .. } | Stage::SignFlip { block, .. } | Stage::BlockScrambling { block } => {
                Some(block)
            }
            Stage::Keystream => None,
        }
    }
}

impl fmt::Display for Stage {
    /// The canonical text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::PixelShuffling { block, scope } => write!(f, "pixel-shuffling block={block} key={scope}"),
            Stage::SignFlip { block, scope } => write!(f, "sign-flip block={block} key={scope}"),
            Stage::BlockScrambling { block } => write!(f, "block-scrambling block={block}"),
            Stage::Keystream => f.write_str("keystream key=image"),
        }
    }
}

impl FromStr for Stage {
    type Err = StageError;

    /// Reads a canonical text, and nothing else: what is read is written back the same.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split(' ');
        let name = words.next().unwrap_or_default();
        let mut value = |field: &str| words.next().and_then(|word| word.strip_prefix(field)).unwrap_or_default();
        let stage = match name {
            "pixel-shuffling" => {
                Stage::PixelShuffling { block: value("block=").parse()?, scope: value("key=").parse()? }
            }
            "sign-flip" => Stage::SignFlip { block: value("block=").parse()?, scope: value("key=").parse()? },
            "block-scrambling" => Stage::BlockScrambling { block: value("block=").parse()? },
            "keystream" => Stage::Keystream,
            _ => return Err(StageError::Stage(text.to_owned())),
        };
        match stage.to_string() == text {
            true => Ok(stage),
            false => Err(StageError::Stage(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Stage {
    type Error = StageError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Stage> for String {
    fn from(stage: Stage) -> String {
        stage.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_texts_round_trip_and_nothing_else_is_read() {
        for text in [
            "pixel-shuffling block=4x8 key=shared",
            "sign-flip block=1x1 key=block",
            "block-scrambling block=16x16",
            "keystream key=image",
        ] {
            assert_eq!(text.parse::<Stage>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "keystream",
            "pixel-shuffling block=4 key=shared",
            "pixel-shuffling key=shared block=4x4",
            "sign-flip block=0x4 key=shared",
            "block-scrambling block=4x4 key=shared",
            "sign-flip block=04x4 key=shared",
        ] {
            assert!(text.parse::<Stage>().is_err(), "{text}");
        }
    }
}
