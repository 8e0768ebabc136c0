//! Images side by side in vectors of sixteen bytes, which all processors have.

use super::{Columns, LANES};
use crate::image::Depth;
use crate::plan::{FLIP, Plan, Unit};
use wide::{u8x16, u16x8};

/// The mask for a sample: no bits without a flip, all bits with one.
const SAMPLE: [u8x16; 2] = [u8x16::new([0; LANES]), u8x16::new([255; LANES])];
/// The same for a nibble in the lower half of a byte.
const NIBBLE: [u8x16; 2] = [u8x16::new([0; LANES]), u8x16::new([15; LANES])];

/// Sends the columns through a plan and writes the images, from byte `from` of each on. `from` is a multiple of
/// sixteen.
pub fn permute(plan: &Plan, columns: &Columns, from: usize, output: &mut [u8]) {
    let size = plan.geometry().bytes();
    let table = plan.table();
    match (plan.unit(), plan.geometry().depth()) {
        (Unit::Sample, Depth::U8) => interleaved(from, size, output, |i| sample(columns, table[i])),
        (Unit::Sample, depth) => {
            let upper = u8x16::new([(depth.max() >> 8) as u8; LANES]);
            let masks = [SAMPLE, [SAMPLE[0], upper]];
            interleaved(from, size, output, |i| {
                let entry = table[i / 2];
                columns[2 * (entry & !FLIP) as usize + i % 2] ^ masks[i % 2][(entry >> 31) as usize]
            });
        }
        (Unit::Nibble, _) => interleaved(from, size, output, |i| nibbles(columns, table[2 * i], table[2 * i + 1])),
    }
}

/// Writes the images of the columns, as they are, from byte `from` of each on. `from` is a multiple of sixteen.
pub fn write(columns: &Columns, from: usize, size: usize, output: &mut [u8]) {
    interleaved(from, size, output, |i| columns[i]);
}

/// A byte of all images: the source of an entry.
#[inline(always)]
fn sample(columns: &Columns, entry: u32) -> u8x16 {
    columns[(entry & !FLIP) as usize] ^ SAMPLE[(entry >> 31) as usize]
}

/// A byte of all images from two entries, the entry of its lower nibble first.
#[inline(always)]
fn nibbles(columns: &Columns, low: u32, high: u32) -> u8x16 {
    let nibble = |entry: u32| {
        let source = entry & !FLIP;
        let pairs: u16x8 = bytemuck::cast(columns[(source / 2) as usize]);
        // The shift is on two bytes at a time: bits from the neighbouring byte are masked out.
        let moved: u8x16 = bytemuck::cast(pairs >> (4 * (source % 2)));
        (moved & NIBBLE[1]) ^ NIBBLE[(entry >> 31) as usize]
    };
    let upper: u16x8 = bytemuck::cast(nibble(high));
    nibble(low) | bytemuck::cast::<u16x8, u8x16>(upper << 4u32)
}

/// Interleaves images, from byte `from` of each on. `from` is a multiple of sixteen. If there are fewer than sixteen
/// images, the contents of the other lanes do not matter.
pub fn lay(images: &[&[u8]], from: usize, columns: &mut Columns) {
    let size = images.first().map_or(0, |image| image.len());
    let (tiles, _) = columns.as_chunks_mut::<LANES>();
    for (place, tile) in tiles.iter_mut().enumerate().skip(from / LANES) {
        let at = place * LANES;
        // A separate case, so that the compiler knows the width of nearly all copies. Otherwise it calls a function for
        // every sixteen bytes, which takes longer than all the rest.
        if at + LANES <= size {
            for (row, image) in tile.iter_mut().zip(images) {
                *row = u8x16::new(image[at..].as_chunks::<LANES>().0[0]);
            }
        } else {
            for (row, image) in tile.iter_mut().zip(images) {
                let mut bytes = [0; LANES];
                bytes[..size - at].copy_from_slice(&image[at..]);
                *row = u8x16::new(bytes);
            }
        }
        transpose(tile);
    }
}

/// Writes images of `size` bytes one after the other, from byte `from` of each on. `column(i)` gives byte `i` of all of
/// them. `from` is a multiple of sixteen.
#[inline(always)]
fn interleaved(from: usize, size: usize, output: &mut [u8], column: impl Fn(usize) -> u8x16) {
    let images = output.len() / size;
    let whole = size / LANES * LANES;
    let mut tile = [u8x16::ZERO; LANES];
    for at in (from..whole).step_by(LANES) {
        for (i, place) in tile.iter_mut().enumerate() {
            *place = column(at + i);
        }
        transpose(&mut tile);
        // Positions are computed here: cutting the output into images would divide by their size, for every tile.
        for (image, row) in tile.iter().enumerate().take(images) {
            output[image * size + at..][..LANES].copy_from_slice(&row.to_array());
        }
    }
    for at in whole..size {
        for (image, byte) in column(at).to_array().into_iter().enumerate().take(images) {
            output[image * size + at] = byte;
        }
    }
}

/// Byte `j` of row `i` becomes byte `i` of row `j`: four times, the second half of the rows is interleaved with the
/// first.
// Kept out of line: when inlined into a loop, the compiler splits the shuffles into single bytes.
#[inline(never)]
fn transpose(rows: &mut [u8x16; LANES]) {
    *rows = shuffled(shuffled(shuffled(shuffled(*rows))));
}

#[inline(always)]
fn shuffled(rows: [u8x16; LANES]) -> [u8x16; LANES] {
    let low = |i: usize| u8x16::unpack_low(rows[i], rows[i + LANES / 2]);
    let high = |i: usize| u8x16::unpack_high(rows[i], rows[i + LANES / 2]);
    // Written out, because the compiler may not unroll a loop here.
    [
        low(0),
        high(0),
        low(1),
        high(1),
        low(2),
        high(2),
        low(3),
        high(3),
        low(4),
        high(4),
        low(5),
        high(5),
        low(6),
        high(6),
        low(7),
        high(7),
    ]
}
