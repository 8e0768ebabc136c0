//! Whether a file can hold what its header promises. Checked before memory is allocated: a header of a few bytes may
//! promise gigabytes.

use crate::format::ReadErrorKind;
use imgveil::internal::image::Geometry;

/// The largest expansion of deflate: 258 bytes from two bits.
pub(super) const DEFLATE: u64 = 1032;

/// The largest expansion of JPEG. A block of 64 samples takes at least one bit (progressive, with the mean only). Six
/// such blocks give 768 bytes of RGB if colour has half the resolution, and at most ten blocks share their colour.
pub(super) const JPEG: u64 = 2048;

/// An estimated bound for WebP, where an image of one colour takes no bits at all.
pub(super) const WEBP: u64 = 1 << 16;

/// The largest expansion of run lengths in BMP: a run of 255 pixels takes two bytes, a jump over as many rows four.
pub(super) const BMP_RUNS: u64 = 1 << 14;

/// Images up to this size are decoded whatever the file's size is.
const CHEAP: u64 = 64 << 20;

/// Checks that `stored` bytes of a file can become `raw` bytes if a byte becomes at most `ratio`.
pub(super) fn plausible(raw: u64, stored: u64, ratio: u64) -> Result<(), ReadErrorKind> {
    if raw <= stored.saturating_mul(ratio) || (ratio > 1 && raw <= CHEAP) {
        return Ok(());
    }
    let wrong = format!("its header promises {raw} bytes of pixels, and the file has only {stored}");
    Err(ReadErrorKind::Damaged(wrong))
}

/// The memory limit of a decoder for an image: its samples, the same with alpha, and a working space.
pub(super) fn room(geometry: Geometry) -> usize {
    geometry.bytes().saturating_mul(4).saturating_add(64 << 20)
}
