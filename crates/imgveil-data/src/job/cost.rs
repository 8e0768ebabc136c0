//! What images cost in memory while they go through a job. The factors are upper bounds: PNGs of
//! 4000x4000 grey samples took a quarter to a half of what they give. `docs/encrypting.md` states them for users.

use crate::Memory;
use crate::format::{ReadError, ReadErrorKind};
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::{Scheme, Stage};

/// Bytes for each byte of samples: the decoder's output, often with alpha and as words; the image; the image on the
/// device, before and after; the encoded file.
pub(super) const OF_SAMPLES: u64 = 6;

/// Bytes of a table's entry.
const ENTRY: u64 = 4;

/// The tables that live at one time while a plan is compiled: the plan so far, the next one, and that of the size
/// before.
const TABLES: u64 = 4;

/// The bytes that one image takes alone: `length` bytes of its file, its samples, and the tables of its size.
pub(super) fn alone(geometry: Geometry, scheme: &Scheme, length: u64) -> u64 {
    let samples = (geometry.bytes() as u64).saturating_mul(OF_SAMPLES);
    samples.saturating_add(tables(geometry, scheme)).saturating_add(length)
}

/// The bytes of the tables that a scheme takes for images of a size.
fn tables(geometry: Geometry, scheme: &Scheme) -> u64 {
    if scheme.stages.is_empty() {
        return 0;
    }
    // A nibble is half a byte, and has an entry of its own where a stage moves nibbles.
    let nibbles = scheme.stages.iter().any(|stage| matches!(stage, Stage::NibbleShuffling(_)));
    let elements = if nibbles { 2 * geometry.bytes() } else { geometry.samples() };
    (elements as u64).saturating_mul(ENTRY * TABLES)
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
