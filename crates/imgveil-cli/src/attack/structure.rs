//! What is public about a scheme: its stages tell what moves, and inside which blocks. No key is needed to know it.

use imgveil::internal::scheme::{Block, KeyScope, Scheme, Stage};
use imgveil_attack::{Layout, Level, Shape, Statistics, Within};

/// The structure of a scheme, if it moves and negates elements with keys that all images share.
pub fn layout(scheme: &Scheme) -> Option<Layout> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut level, mut within, mut scrambled) = (Level::Sample, None, None);
    for stage in &scheme.stages {
        if stage.keyed_per_image() || stage.mixes() || !stage.has_inverse() && !is_published_order(stage) {
            return None;
        }
        blocks.extend(stage.block().filter(|block| *block != Block::square(1)));
        let inside = match stage {
            Stage::PixelShuffling(stage) => of_scope(stage.scope),
            Stage::SignFlip(stage) => of_scope(stage.scope),
            Stage::NibbleShuffling(stage) => {
                level = Level::Nibble;
                of_scope(stage.scope)
            }
            Stage::RotationInversion(_) | Stage::NegativePositive(_) => Within::Turned,
            Stage::ColourShuffling(stage) if stage.block != Block::square(1) => Within::Turned,
            Stage::PixelNegativePositive(_) | Stage::ColourShuffling(_) => Within::PerBlock,
            Stage::BlockScrambling(stage) => {
                scrambled = Some(stage.block);
                continue;
            }
            _ => return None,
        };
        // Two kinds together are some permutation with flips in each block.
        within = Some(match within {
            None => inside,
            Some(before) if before == inside => before,
            Some(_) => Within::PerBlock,
        });
    }
    let tile = scheme.tile();
    let one = blocks.iter().all(|block| *block == tile);
    if scrambled.is_some_and(|block| block != tile) {
        return None;
    }
    // Blocks of several sizes make a permutation inside the smallest block that all of them tile.
    let within = if one { within.unwrap_or(Within::Shared) } else { Within::PerBlock };
    let block = (tile.height as usize, tile.width as usize);
    Some(Layout { level, block, within, scrambled: scrambled.is_some() })
}

/// The channel table as published: it loses channels, and moves whole blocks all the same.
fn is_published_order(stage: &Stage) -> bool {
    matches!(stage, Stage::ColourShuffling(_))
}

fn of_scope(scope: KeyScope) -> Within {
    if scope == KeyScope::Shared { Within::Shared } else { Within::PerBlock }
}

/// The side of the blocks that are compared where a scheme has none.
const SIDE: usize = 4;

/// The statistics of blocks that an attacker compares.
pub fn statistics(scheme: Option<&Scheme>, shape: Shape) -> Statistics {
    let nibbles = scheme.is_some_and(|scheme| scheme.stages.iter().any(|s| matches!(s, Stage::NibbleShuffling(_))));
    let scrambled = scheme.is_some_and(|scheme| scheme.stages.iter().any(|s| matches!(s, Stage::BlockScrambling(_))));
    let tile = scheme.map_or(Block::square(1), Scheme::tile);
    let side = |block: u32, side: usize| if block == 1 { SIDE.min(side) } else { (block as usize).min(side) };
    Statistics {
        level: if nibbles { Level::Nibble } else { Level::Sample },
        block: (side(tile.height, shape.height), side(tile.width, shape.width)),
        scrambled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::scheme::{Options, Preset};

    fn of(text: &str) -> Option<Layout> {
        layout(&text.parse().unwrap())
    }

    #[test]
    fn presets_have_the_structure_that_their_stages_say() {
        let is = |text: &str, level, side, within, scrambled| {
            assert_eq!(of(text), Some(Layout { level, block: (side, side), within, scrambled }), "{text}");
        };
        is("none", Level::Sample, 1, Within::Shared, false);
        is("shuffle-flip", Level::Sample, 4, Within::Shared, false);
        is("shuffle-flip key=block scramble block=8", Level::Sample, 8, Within::PerBlock, true);
        is("le", Level::Nibble, 4, Within::Shared, false);
        is("ele", Level::Nibble, 4, Within::PerBlock, true);
        is("etc", Level::Sample, 16, Within::Turned, true);
        is("etc orders=as-published", Level::Sample, 16, Within::Turned, true);
        is("vit", Level::Sample, 16, Within::Shared, true);
        is("skk", Level::Sample, 1, Within::PerBlock, false);
        for none in ["keystream", "skk key=image", "skk-filter", "instahide"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn blocks_of_several_sizes_are_one_of_all() {
        let stages = |texts: &[&str]| Scheme {
            name: "own".to_owned(),
            stages: texts.iter().map(|text| text.parse().unwrap()).collect(),
        };
        let inside = stages(&["pixel-shuffling block=4x4 key=shared", "sign-flip block=8x2 key=shared"]);
        assert_eq!(layout(&inside).unwrap().block, (8, 4));
        assert_eq!(layout(&inside).unwrap().within, Within::PerBlock);
        let across = stages(&["pixel-shuffling block=8x8 key=shared", "block-scrambling block=4x4"]);
        assert_eq!(layout(&across), None);
        let mixed = stages(&["rotation-inversion block=4x4", "sign-flip block=4x4 key=shared"]);
        assert_eq!(layout(&mixed).unwrap().within, Within::PerBlock);
        let filter = Preset::SkkFilter.scheme(Options::default()).unwrap();
        let shape = Shape { height: 10, width: 3, channels: 1 };
        assert_eq!(statistics(Some(&filter), shape).block, (4, 3));
    }
}
