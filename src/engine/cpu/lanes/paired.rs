//! Images side by side in vectors of 32 bytes: two neighbouring bytes of sixteen images in one vector. AVX2 has such
//! vectors; AVX-512 has twice as many registers for them, which saves storing half of a tile on the way.
//!
//! Each function works on groups of exactly sixteen images and on their first [`whole`] bytes; `plain` does the rest.

use super::{Column, LANES};
use crate::image::Depth;
use crate::plan::{FLIP, Plan, Unit};
use fearless_simd::{Avx2, Avx512, prelude::*, u8x16, u8x32, u32x8};

/// Bytes of an image in a tile.
const WIDE: usize = 2 * LANES;

/// How many bytes of an image are in whole tiles.
pub fn whole(size: usize) -> usize {
    size / WIDE * WIDE
}

/// All bits of a byte if an entry is flipped, else none.
#[inline(always)]
fn flip(entry: u32) -> u8 {
    ((entry as i32) >> 31) as u8
}

/// The same code for two instruction sets.
// In the loops, indices are plain numbers and tiles have constant lengths: with iterators over slices, compilers keep
// vectors in memory.
macro_rules! instruction_set {
    ($name:ident, $level:ident) => {
        pub mod $name {
            use super::*;

            type Tile = [u8x32<$level>; LANES];

            fearless_simd::kernel!(
                /// In both halves of the vectors, byte `j` of row `i` becomes byte `i` of row `j`: four times, the
                /// second half of the rows is interleaved with the first.
                #[inline(always)]
                fn transpose(token: $level, rows: &mut Tile) -> () {
                    use core::arch::x86_64::{_mm256_unpackhi_epi8, _mm256_unpacklo_epi8};
                    for _ in 0..4 {
                        let before = *rows;
                        for i in 0..LANES / 2 {
                            let (a, b) = (before[i].into(), before[i + LANES / 2].into());
                            rows[2 * i] = _mm256_unpacklo_epi8(a, b).simd_into(token);
                            rows[2 * i + 1] = _mm256_unpackhi_epi8(a, b).simd_into(token);
                        }
                    }
                }
            );

            fearless_simd::kernel!(
                /// Interleaves images.
                pub fn lay(token: $level, images: &[&[u8]; LANES], columns: &mut [Column]) -> () {
                    let size = images[0].len();
                    let mut rows: Tile = [u8x32::splat(token, 0); LANES];
                    for (place, tile) in columns[..size].as_chunks_mut::<WIDE>().0.iter_mut().enumerate() {
                        for i in 0..LANES {
                            rows[i] = u8x32::from_slice(token, &images[i][place * WIDE..][..WIDE]);
                        }
                        transpose(token, &mut rows);
                        for i in 0..LANES {
                            let (first, second) = token.split_u8x32(rows[i]);
                            first.store_slice(&mut tile[i]);
                            second.store_slice(&mut tile[i + LANES]);
                        }
                    }
                }
            );

            fearless_simd::kernel!(
                /// Writes a tile of columns to byte `at` of all images, and flips the bits that are set in `flips`.
                #[inline(always)]
                fn put(token: $level, tile: &mut Tile, flips: &[u8; WIDE], at: usize, output: &mut [u8]) -> () {
                    transpose(token, tile);
                    let (size, flips) = (output.len() / LANES, u8x32::from_slice(token, flips));
                    for i in 0..LANES {
                        (tile[i] ^ flips).store_slice(&mut output[i * size + at..][..WIDE]);
                    }
                }
            );

            fearless_simd::kernel!(
                /// A vector of two columns.
                #[inline(always)]
                fn pair(token: $level, first: &Column, second: &Column) -> u8x32<$level> {
                    token.combine_u8x16(u8x16::from_slice(token, first), u8x16::from_slice(token, second))
                }
            );

            fearless_simd::kernel!(
                /// Writes the images of the columns, as they are.
                pub fn write(token: $level, columns: &[Column], output: &mut [u8]) -> () {
                    let mut tile: Tile = [u8x32::splat(token, 0); LANES];
                    let size = output.len() / LANES;
                    for (place, from) in columns[..size].as_chunks::<WIDE>().0.iter().enumerate() {
                        for i in 0..LANES {
                            tile[i] = pair(token, &from[i], &from[i + LANES]);
                        }
                        put(token, &mut tile, &[0; WIDE], place * WIDE, output);
                    }
                }
            );

            /// Sends the columns through a plan and writes the images.
            pub fn permute(token: $level, plan: &Plan, columns: &[Column], output: &mut [u8]) {
                match (plan.unit(), plan.geometry().depth()) {
                    (Unit::Sample, Depth::U8) => samples(token, plan.table(), columns, output),
                    (Unit::Sample, depth) => {
                        wide_samples(token, plan.table(), (depth.max() >> 8) as u8, columns, output)
                    }
                    (Unit::Nibble, _) => nibbles(token, plan.table(), columns, output),
                }
            }

            fearless_simd::kernel!(
                /// Samples of one byte.
                fn samples(token: $level, table: &[u32], columns: &[Column], output: &mut [u8]) -> () {
                    let mut tile: Tile = [u8x32::splat(token, 0); LANES];
                    for (place, entries) in table.as_chunks::<WIDE>().0.iter().enumerate() {
                        let mut flips = [0; WIDE];
                        for i in 0..WIDE {
                            flips[i] = flip(entries[i]);
                        }
                        for i in 0..LANES {
                            let (first, second) = (entries[i] & !FLIP, entries[i + LANES] & !FLIP);
                            tile[i] = pair(token, &columns[first as usize], &columns[second as usize]);
                        }
                        put(token, &mut tile, &flips, place * WIDE, output);
                    }
                }
            );

            fearless_simd::kernel!(
                /// Samples of two bytes. `upper` has the bits of the second byte that samples use.
                fn wide_samples(token: $level, table: &[u32], upper: u8, columns: &[Column], output: &mut [u8]) -> () {
                    let (samples, _) = columns.as_chunks::<2>();
                    let mut tile: Tile = [u8x32::splat(token, 0); LANES];
                    for (place, entries) in table.as_chunks::<LANES>().0.iter().enumerate() {
                        let mut flips = [0; WIDE];
                        for i in 0..LANES {
                            flips[2 * i] = flip(entries[i]);
                            flips[2 * i + 1] = flip(entries[i]) & upper;
                        }
                        for i in 0..LANES / 2 {
                            let first = &samples[(entries[i] & !FLIP) as usize];
                            let second = &samples[(entries[i + LANES / 2] & !FLIP) as usize];
                            tile[2 * i] = pair(token, &first[0], &second[0]);
                            tile[2 * i + 1] = pair(token, &first[1], &second[1]);
                        }
                        put(token, &mut tile, &flips, place * WIDE, output);
                    }
                }
            );

            fearless_simd::kernel!(
                /// Nibbles.
                fn nibbles(token: $level, table: &[u32], columns: &[Column], output: &mut [u8]) -> () {
                    use core::arch::x86_64::{_mm256_slli_epi16, _mm256_srlv_epi32};
                    // How far the halves of a vector move down: by a nibble where the source is an upper one.
                    let halves = |first: u32, second: u32| {
                        u32x8::simd_from(
                            token,
                            [
                                4 * first,
                                4 * first,
                                4 * first,
                                4 * first,
                                4 * second,
                                4 * second,
                                4 * second,
                                4 * second,
                            ],
                        )
                    };
                    let downs = [halves(0, 0), halves(1, 0), halves(0, 1), halves(1, 1)];
                    let lower = u8x32::splat(token, 15);
                    let mut tile: Tile = [lower; LANES];
                    for (place, entries) in table.as_chunks::<{ 2 * WIDE }>().0.iter().enumerate() {
                        let mut flips = [0; WIDE];
                        for i in 0..WIDE {
                            flips[i] = flip(entries[2 * i]) & 15 | flip(entries[2 * i + 1]) & 240;
                        }
                        for i in 0..LANES {
                            // The lower nibbles of two bytes, then their upper ones. Shifts are on four bytes at a
                            // time: bits from neighbouring bytes are masked out.
                            let (a, b) = (entries[2 * i], entries[2 * (i + LANES)]);
                            let from = |entry: u32| &columns[((entry & !FLIP) / 2) as usize];
                            let down = downs[(a & 1 | (b & 1) << 1) as usize];
                            let moved = _mm256_srlv_epi32(pair(token, from(a), from(b)).into(), down.into());
                            let low: u8x32<$level> = moved.simd_into(token);
                            let (a, b) = (entries[2 * i + 1], entries[2 * (i + LANES) + 1]);
                            let down = downs[(a & 1 | (b & 1) << 1) as usize];
                            let moved = _mm256_srlv_epi32(pair(token, from(a), from(b)).into(), down.into());
                            let high: u8x32<$level> = moved.simd_into(token);
                            let up: u8x32<$level> = _mm256_slli_epi16::<4>((high & lower).into()).simd_into(token);
                            tile[i] = low & lower | up;
                        }
                        put(token, &mut tile, &flips, place * WIDE, output);
                    }
                }
            );
        }
    };
}

instruction_set!(avx2, Avx2);
instruction_set!(avx512, Avx512);
