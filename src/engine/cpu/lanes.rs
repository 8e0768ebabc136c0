//! A plan over sixteen images at once. The images are laid side by side, byte for byte, so that one entry of the table moves
//! and flips a byte of all of them, as one vector: the table, which is four times as large as the image that it is for, is
//! read once for sixteen images instead of once for each.
//!
//! Two transpositions of 16x16 bytes stand around that, one on the way in and one on the way out. Results are those of the
//! plain loops in `cpu.rs`, which stay as the oracle and for batches of a few images.

use crate::image::Depth;
use crate::plan::{FLIP, Plan, Unit};
use wide::{u8x16, u16x8};

/// Images side by side.
pub const LANES: usize = 16;

/// The largest image, in bytes, that is worked on in lanes: a thread holds sixteen of them.
pub const LARGEST: usize = 4 << 20;

/// What a thread keeps from group to group: byte `i` of all images at place `i`.
pub type Columns = Vec<u8x16>;

/// All bits of a sample, or none: by the flip of an entry.
const SAMPLE: [u8x16; 2] = [u8x16::new([0; LANES]), u8x16::new([255; LANES])];
/// The same for a nibble in the lower half of a byte.
const NIBBLE: [u8x16; 2] = [u8x16::new([0; LANES]), u8x16::new([15; LANES])];

/// Up to sixteen images through a plan, from `images` to `output`, where they lie one behind the other.
pub fn permute(plan: &Plan, images: &[&[u8]], columns: &mut Columns, output: &mut [u8]) {
    lay(images, columns);
    move_all(plan, columns, plan.geometry().bytes(), output);
}

/// Up to sixteen images, one behind the other, through a plan, in place.
pub fn permute_in_place(plan: &Plan, columns: &mut Columns, images: &mut [u8]) {
    let size = plan.geometry().bytes();
    let rows: Vec<&[u8]> = images.chunks_exact(size).collect();
    lay(&rows, columns);
    move_all(plan, columns, size, images);
}

fn move_all(plan: &Plan, columns: &Columns, size: usize, output: &mut [u8]) {
    let table = plan.table();
    match (plan.unit(), plan.geometry().depth()) {
        (Unit::Sample, Depth::U8) => interleaved(size, output, |i| sample(columns, table[i])),
        (Unit::Sample, Depth::U16) => interleaved(size, output, |i| {
            let entry = table[i / 2];
            columns[2 * (entry & !FLIP) as usize + i % 2] ^ SAMPLE[(entry >> 31) as usize]
        }),
        (Unit::Nibble, _) => interleaved(size, output, |i| nibbles(columns, table[2 * i], table[2 * i + 1])),
    }
}

/// A byte of all images: where an entry says that it comes from.
#[inline(always)]
fn sample(columns: &Columns, entry: u32) -> u8x16 {
    columns[(entry & !FLIP) as usize] ^ SAMPLE[(entry >> 31) as usize]
}

/// A byte of all images from two entries, that of its lower nibble first.
#[inline(always)]
fn nibbles(columns: &Columns, low: u32, high: u32) -> u8x16 {
    let nibble = |entry: u32| {
        let source = entry & !FLIP;
        let pairs: u16x8 = bytemuck::cast(columns[(source / 2) as usize]);
        // Two bytes at a time: what comes in from the neighbour is cut off.
        let moved: u8x16 = bytemuck::cast(pairs >> (4 * (source % 2)));
        (moved & NIBBLE[1]) ^ NIBBLE[(entry >> 31) as usize]
    };
    let upper: u16x8 = bytemuck::cast(nibble(high));
    nibble(low) | bytemuck::cast::<u16x8, u8x16>(upper << 4u32)
}

/// Lays images side by side. Where there are fewer than sixteen, the other places hold nothing of interest.
fn lay(images: &[&[u8]], columns: &mut Columns) {
    let size = images.first().map_or(0, |image| image.len());
    columns.resize(size.next_multiple_of(LANES), u8x16::ZERO);
    let (tiles, _) = columns.as_chunks_mut::<LANES>();
    for (place, tile) in tiles.iter_mut().enumerate() {
        let at = place * LANES;
        // Apart, so that the compiler knows the width of nearly all copies: else it calls a function for every sixteen bytes, and
        // that takes longer than all the rest.
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

/// Writes images of `size` bytes one behind the other, byte `i` of all of them as `column(i)` says.
#[inline(always)]
fn interleaved(size: usize, output: &mut [u8], column: impl Fn(usize) -> u8x16) {
    let images = output.len() / size;
    let whole = size / LANES * LANES;
    let mut tile = [u8x16::ZERO; LANES];
    for at in (0..whole).step_by(LANES) {
        for (i, place) in tile.iter_mut().enumerate() {
            *place = column(at + i);
        }
        transpose(&mut tile);
        // Places are counted out: cutting the output into images would divide by their size, for every tile.
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

/// Byte `j` of row `i` becomes byte `i` of row `j`: four times, the second half of the rows is shuffled into the first.
// In a function of its own: pasted into a loop, the compiler takes the shuffles apart into single bytes.
#[inline(never)]
fn transpose(rows: &mut [u8x16; LANES]) {
    *rows = shuffled(shuffled(shuffled(shuffled(*rows))));
}

#[inline(always)]
fn shuffled(rows: [u8x16; LANES]) -> [u8x16; LANES] {
    let low = |i: usize| u8x16::unpack_low(rows[i], rows[i + LANES / 2]);
    let high = |i: usize| u8x16::unpack_high(rows[i], rows[i + LANES / 2]);
    // Spelled out: as a loop, it may stay one.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Geometry;
    use proptest::prelude::*;

    /// A plan from random numbers; not always a permutation.
    fn plan(geometry: Geometry, nibbles: bool, seed: u64) -> Plan {
        let unit = if nibbles { Unit::Nibble } else { Unit::Sample };
        let elements = unit.elements(geometry).unwrap() as u32;
        let mut stream = crate::schedule::Stream::new(&[3; 32], seed);
        let order = stream.permutation(elements);
        let flips = stream.bits(elements as usize);
        let entry = |(source, flip): (&u32, bool)| (source / 3 * 2) | if flip { FLIP } else { 0 };
        Plan::from_table(geometry, unit, order.iter().zip(flips).map(entry).collect()).unwrap()
    }

    /// The plan, element by element.
    fn naive(plan: &Plan, image: &[u8]) -> Vec<u8> {
        let bits = plan.bits() as usize;
        let element = |i: usize| (0..bits).map(move |b| image[(i * bits + b) / 8] >> ((i * bits + b) % 8) & 1 == 1);
        let mut output = vec![0; image.len()];
        for (i, &entry) in plan.table().iter().enumerate() {
            for (b, bit) in element((entry & !FLIP) as usize).enumerate() {
                let bit = bit ^ (entry & FLIP != 0);
                output[(i * bits + b) / 8] |= u8::from(bit) << ((i * bits + b) % 8);
            }
        }
        output
    }

    proptest! {
        #[test]
        fn lanes_are_the_plan_image_by_image(
            (h, w, rgb, deep) in (1u32..20, 1u32..20, any::<bool>(), any::<bool>()),
            nibbles: bool,
            count in 1usize..=LANES,
            seed: u64,
        ) {
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap();
            let geometry = if deep { geometry.with_depth(Depth::U16) } else { geometry };
            let (plan, size) = (plan(geometry, nibbles, seed), geometry.bytes());
            let mut state = seed | 1;
            let input: Vec<u8> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            }).take(count * size).collect();
            let rows: Vec<&[u8]> = input.chunks_exact(size).collect();
            let expected: Vec<u8> = rows.iter().flat_map(|image| naive(&plan, image)).collect();
            let mut columns = Columns::new();
            let mut output = vec![0; input.len()];
            permute(&plan, &rows, &mut columns, &mut output);
            prop_assert!(output == expected);
            let mut images = input.clone();
            permute_in_place(&plan, &mut columns, &mut images);
            prop_assert!(images == expected);
        }
    }
}
