//! Whether a file can hold what its header promises. Checked before memory is allocated: a header of a few bytes may promise
//! gigabytes.

use crate::format::ReadErrorKind;
use imgveil::internal::image::Geometry;

/// How many bytes deflate makes of one at the most: 258 of two bits.
pub(super) const DEFLATE: u64 = 1032;

/// A JPEG block of 64 samples takes a bit at least (progressive, of which only the mean came), and of six such blocks come 768
/// bytes of RGB where colour has half the resolution; ten blocks at the most share their colour.
pub(super) const JPEG: u64 = 2048;

/// One colour all over takes a WebP no bits at all: a bound by judgement, one byte for 65,536.
pub(super) const WEBP: u64 = 1 << 16;

/// A run of 255 pixels takes two bytes; a jump over as many rows, four.
pub(super) const BMP_RUNS: u64 = 1 << 14;

/// Below this, a small file may promise what it likes: it costs nothing to see.
const CHEAP: u64 = 64 << 20;

/// Whether `stored` bytes of a file can hold what becomes `raw` bytes, where a byte becomes `ratio` at the most. Looked at
/// before memory is taken: a header of a few bytes may promise gigabytes.
pub(super) fn plausible(raw: u64, stored: u64, ratio: u64) -> Result<(), ReadErrorKind> {
    if raw <= stored.saturating_mul(ratio) || (ratio > 1 && raw <= CHEAP) {
        return Ok(());
    }
    let wrong = format!("its header promises {raw} bytes of pixels, and the file has only {stored}");
    Err(ReadErrorKind::Damaged(wrong))
}

/// How many bytes a decoder may take for an image: its samples, once more with alpha, and a working space.
pub(super) fn room(geometry: Geometry) -> usize {
    geometry.bytes().saturating_mul(4).saturating_add(64 << 20)
}
