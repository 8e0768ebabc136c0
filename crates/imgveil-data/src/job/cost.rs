//! What images cost in memory while they go through a job. The factors are above what was measured, with PNGs of random
//! samples: 3.0 to 4.1 bytes for a byte of samples of 8 bits, 5.8 to 7.1 where samples have two bytes, and 2 to 3.5
//! tables. `docs/encrypting.md` states them for users.

use crate::Memory;
use crate::format::{ReadError, ReadErrorKind};
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Scheme, Stage};

/// Bytes for each byte of samples: the decoder's output, often with alpha and as words; the image; the image on the
/// device, before and after; the encoded file.
const OF_SAMPLES: u64 = 6;

/// The same where a sample has two bytes: decoders and encoders also hold them in the other order of bytes.
const OF_WORDS: u64 = 8;

/// Bytes of a table's entry.
const ENTRY: u64 = 4;

/// The tables of a plan that live at one time: the plan, its inverse or the key that it is made of, and that of the
/// size before.
const TABLES: u64 = 3;

/// One more while two plans become one.
const TABLES_OF_SEVERAL: u64 = 4;

/// The bytes that one image takes alone: `length` bytes of its file, its samples, and the tables of its size.
pub(super) fn alone(geometry: Geometry, scheme: &Scheme, length: u64) -> u64 {
    samples(geometry).saturating_add(tables(geometry, scheme)).saturating_add(length)
}

/// The bytes that the samples of one image take alone, under any scheme.
pub(super) fn samples(geometry: Geometry) -> u64 {
    let factor = if geometry.depth().bytes() == 1 { OF_SAMPLES } else { OF_WORDS };
    (geometry.bytes() as u64).saturating_mul(factor)
}

/// The bytes of the tables that a scheme takes for images of a size.
fn tables(geometry: Geometry, scheme: &Scheme) -> u64 {
    // Keys per image are drawn where they are used, and a statistic or a mixture has no table.
    let has_table = |stage: &&Stage| match stage {
        Stage::BlockStatistic(_) | Stage::Mixing(_) | Stage::GaussianBlur(_) => false,
        other => !other.keyed_per_image(),
    };
    let tables = match scheme.stages.iter().filter(has_table).count() {
        0 => return 0,
        1 => TABLES,
        _ => TABLES_OF_SEVERAL,
    };
    // A nibble is half a byte, and has an entry of its own where a stage moves nibbles.
    let nibbles = scheme.stages.iter().any(|stage| matches!(stage, Stage::NibbleShuffling(_)));
    let elements = if nibbles { 2 * geometry.bytes() } else { geometry.samples() };
    (elements as u64).saturating_mul(ENTRY * tables)
}

/// Checks that an image goes through a job.
///
/// # Errors
/// If it does not fit into memory, even alone.
pub(super) fn check(
    memory: Memory,
    geometry: Geometry,
    scheme: &Scheme,
    length: u64,
    name: &str,
) -> Result<(), ReadError> {
    memory.check(alone(geometry, scheme, length)).map_err(|error| ReadError::new(name, ReadErrorKind::Memory(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::image::Depth;
    use imgveil::internal::scheme::{KeyScope, Options, Preset};

    /// What was measured on the CPU, from PNG to PNG and back, in hundredths of the bytes of samples, and how far above
    /// it the estimate may be.
    #[test]
    fn estimates_are_above_what_was_measured_and_not_far() {
        let bits = |bits: u32| {
            let geometry = Geometry::new(2048, 2048, 1).unwrap();
            geometry.with_depth(Depth::new(bits).unwrap())
        };
        let scheme = |preset: Preset, options: Options| preset.scheme(options).unwrap();
        let plain = Options::default();
        let own = Options { key_scope: Some(KeyScope::Block), ..plain };
        for (what, scheme, depth, measured) in [
            ("none", scheme(Preset::None, plain), 8, 401),
            ("keystream", scheme(Preset::Keystream, plain), 8, 398),
            ("np", scheme(Preset::Np, plain), 8, 1209),
            ("skk", scheme(Preset::Skk, plain), 8, 1549),
            ("none", scheme(Preset::None, plain), 16, 708),
            ("keystream", scheme(Preset::Keystream, plain), 16, 577),
            ("shuffle-flip", scheme(Preset::ShuffleFlip, plain), 16, 1104),
            ("a key for every block", scheme(Preset::ShuffleFlip, own), 16, 1298),
        ] {
            let geometry = bits(depth);
            let estimate = alone(geometry, &scheme, 0) * 100 / geometry.bytes() as u64;
            assert!(estimate >= measured, "{what} of {depth} bits: {estimate} < {measured}");
            assert!(estimate * 10 <= measured * 16, "{what} of {depth} bits: {estimate} is far above {measured}");
        }
    }
}
