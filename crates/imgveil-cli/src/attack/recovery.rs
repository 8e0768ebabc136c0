//! What a scheme's stages tell an attacker who has encrypted images alone. They are public.

use super::structure;
use imgveil::internal::scheme::{Block, Scheme, Stage};
use imgveil_attack::ciphertext::{BlockChanges, Moves, Structure};
use imgveil_attack::{Layout, Level, Within};

/// The side of blocks that an attacker assumes who knows nothing.
const SIDE: usize = 4;

/// All that may happen to the samples of a block.
const MOST: Moves = Moves { shuffled: true, flipped: true };

/// The structure of a scheme, which picks the attack; or why there is none.
///
/// Without a scheme, or for one that leaves nothing to hold on to, it is the structure of the most usual scheme, to
/// show that nothing comes of it.
pub fn recovery(scheme: Option<&Scheme>) -> Result<Structure, String> {
    let usual = Structure::Samples { block: SIDE, moves: MOST, key_per_block: false, scrambled: false };
    let Some(scheme) = scheme else { return Ok(usual) };
    let has = |is: fn(&Stage) -> bool| scheme.stages.iter().any(is);
    let Some(layout) = structure::layout(scheme) else {
        // Keys of single pixels, perhaps with a statistic of blocks behind them.
        let key_per_image = has(Stage::keyed_per_image);
        let filter = scheme.stages.iter().find_map(|stage| match stage {
            Stage::BlockStatistic(statistic) => Some(statistic.block),
            _ => None,
        });
        if let Some(own) = with_own_keys(scheme)? {
            return Ok(own);
        }
        return Ok(match (has(|stage| matches!(stage, Stage::PixelNegativePositive(_))), filter) {
            (true, None) => Structure::Pixels { key_per_image },
            (true, Some(block)) => Structure::FilteredPixels { block: square(scheme, block)?, key_per_image },
            (false, _) => usual,
        });
    };
    let Layout { level, within, scrambled, .. } = layout;
    let block = square(scheme, scheme.tile())?;
    let key_per_block = within != Within::Shared;
    let moves = Moves {
        shuffled: has(|stage| matches!(stage, Stage::PixelShuffling(_))),
        flipped: has(|stage| matches!(stage, Stage::SignFlip(_))),
    };
    Ok(match (level, within) {
        (Level::Nibble, _) => Structure::Nibbles { block, key_per_block, scrambled },
        (Level::Sample, Within::Turned) => Structure::Blocks { block, changes: changes(scheme), key_per_image: false },
        (Level::Sample, Within::PerBlock) if scheme.tile() == Block::square(1) => {
            Structure::Pixels { key_per_image: false }
        }
        // Stages of several kinds in one block are some permutation with flips.
        (Level::Sample, Within::PerBlock) if !moves.shuffled && !moves.flipped => {
            Structure::Samples { block, moves: MOST, key_per_block, scrambled }
        }
        (Level::Sample, _) => Structure::Samples { block, moves, key_per_block, scrambled },
    })
}

/// What is done to blocks as wholes.
fn changes(scheme: &Scheme) -> BlockChanges {
    let has = |is: fn(&Stage) -> bool| scheme.stages.iter().any(is);
    BlockChanges {
        turned: has(|stage| matches!(stage, Stage::RotationInversion(_))),
        negated: has(|stage| matches!(stage, Stage::NegativePositive(_))),
        reordered: has(|stage| matches!(stage, Stage::ColourShuffling(_))),
    }
}

/// The structure of moves by keys per image; none if there are others. Blocks that are moved as wholes make a jigsaw of
/// every image. Of blocks whose samples are moved or flipped, each in its own way, tones are left.
fn with_own_keys(scheme: &Scheme) -> Result<Option<Structure>, String> {
    let (mut moved, mut flipped) = (false, false);
    for stage in &scheme.stages {
        match stage {
            Stage::PixelShuffling(_) => moved = true,
            Stage::SignFlip(_) | Stage::NibbleShuffling(_) => flipped = true,
            Stage::NegativePositive(_) | Stage::RotationInversion(_) | Stage::BlockScrambling(_) => {}
            Stage::ColourShuffling(stage) if stage.block != Block::square(1) => {}
            _ => return Ok(None),
        }
    }
    let block = square(scheme, scheme.tile())?;
    Ok(Some(match moved || flipped {
        false => Structure::Blocks { block, changes: changes(scheme), key_per_image: true },
        true => Structure::Tones { block, flipped: flipped || changes(scheme).negated },
    }))
}

/// The side of a square block.
fn square(scheme: &Scheme, block: Block) -> Result<usize, String> {
    if block.height == block.width {
        return Ok(block.height as usize);
    }
    Err(format!("there is no attack on encrypted images alone for {}: its blocks are no squares", scheme.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_an_attack_or_says_why_not() {
        let of = |text: &str| recovery(Some(&text.parse().unwrap()));
        let samples = |block, shuffled, flipped, key_per_block, scrambled| {
            Ok(Structure::Samples { block, moves: Moves { shuffled, flipped }, key_per_block, scrambled })
        };
        assert_eq!(of("shuffle-flip block=8"), samples(8, true, true, false, false));
        assert_eq!(of("shuffle-flip key=block scramble"), samples(4, true, true, true, true));
        assert_eq!(of("np"), samples(4, false, true, false, false));
        assert_eq!(of("vit sign-flip"), samples(16, true, true, false, true));
        assert_eq!(of("le"), Ok(Structure::Nibbles { block: 4, key_per_block: false, scrambled: false }));
        assert_eq!(of("ele block=8"), Ok(Structure::Nibbles { block: 8, key_per_block: true, scrambled: true }));
        assert!(matches!(of("etc"), Ok(Structure::Blocks { block: 16, .. })));
        assert!(matches!(of("etc-image"), Ok(Structure::Blocks { block: 4, key_per_image: true, .. })));
        assert_eq!(of("shuffle-flip-image"), Ok(Structure::Tones { block: 4, flipped: true }));
        assert_eq!(of("vit-image block=8"), Ok(Structure::Tones { block: 8, flipped: false }));
        assert_eq!(of("skk"), Ok(Structure::Pixels { key_per_image: false }));
        assert_eq!(of("skk key=image"), Ok(Structure::Pixels { key_per_image: true }));
        let filtered = |block, key_per_image| Ok(Structure::FilteredPixels { block, key_per_image });
        assert_eq!(of("skk-filter"), filtered(4, false));
        assert_eq!(of("skk-filter key=image block=8"), filtered(8, true));
        assert_eq!(of("keystream"), samples(4, true, true, false, false));
        assert!(of("shuffle-flip block=4x8").unwrap_err().contains("squares"));
    }
}
