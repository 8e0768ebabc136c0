//! The schemes that measurements cover.

use super::{Block, KeyScope, Options, PRESETS, Preset, Scheme};

/// Every preset, in blocks of 4 where it has blocks, and what differs much from a preset's defaults.
pub fn representative() -> Vec<(String, Scheme)> {
    let four = Options { block: Some(Block::square(4)), ..Options::default() };
    let per_block = Options { key_scope: Some(KeyScope::Block), scramble: true, ..four };
    let per_image = Options { key_scope: Some(KeyScope::Image), ..Options::default() };
    let preset = |preset: Preset| {
        let scheme = preset.scheme(four).or_else(|_| preset.scheme(Options::default()));
        Some((preset.name().to_owned(), scheme.ok()?))
    };
    let special = [
        ("shuffle-flip per block, scrambled", Preset::ShuffleFlip, per_block),
        ("skk per image", Preset::Skk, per_image),
    ];
    let special =
        special.into_iter().filter_map(|(name, preset, options)| Some((name.to_owned(), preset.scheme(options).ok()?)));
    PRESETS.into_iter().filter_map(preset).chain(special).collect()
}
