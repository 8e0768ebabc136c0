//! A plan, or a block statistic, on sixteen images at once. The images are interleaved byte by byte, so that one entry
//! of the table moves and flips the same byte of all of them, as one vector. The table is four times as large as its
//! image; it is read once for sixteen images instead of once for each.
//!
//! The bytes are transposed in tiles of 16x16, once on the way in and once on the way out. The results are the same as
//! those of the steps' plain loops, which remain as the oracle and for batches of a few images.

use crate::engine::statistic::{Statistic, blocks};
use crate::image::{Depth, Geometry};
use crate::plan::{FLIP, Plan, Unit};
use wide::{u8x16, u16x8};

/// The number of images side by side.
pub const LANES: usize = 16;

/// The largest image, in bytes, that is processed in lanes, because a thread holds sixteen of them.
pub const LARGEST: usize = 4 << 20;

/// Memory that a thread keeps from group to group: element `i` is byte `i` of all images.
pub type Columns = Vec<u8x16>;

/// The mask for a sample: no bits without a flip, all bits with one.
const SAMPLE: [u8x16; 2] = [u8x16::new([0; LANES]), u8x16::new([255; LANES])];
/// The same for a nibble in the lower half of a byte.
const NIBBLE: [u8x16; 2] = [u8x16::new([0; LANES]), u8x16::new([15; LANES])];

/// Sends up to sixteen images through a plan. In `output`, the results follow each other.
pub fn permute(plan: &Plan, images: &[&[u8]], columns: &mut Columns, output: &mut [u8]) {
    lay(images, columns);
    move_all(plan, columns, plan.geometry().bytes(), output);
}

/// Sends up to sixteen images, which follow each other in memory, through a plan, in place.
pub fn permute_in_place(plan: &Plan, columns: &mut Columns, images: &mut [u8]) {
    let size = plan.geometry().bytes();
    let rows: Vec<&[u8]> = images.chunks_exact(size).collect();
    lay(&rows, columns);
    move_all(plan, columns, size, images);
}

/// Fills every block (rows, columns) of up to sixteen images of 8-bit samples with its statistic. The images follow
/// each other in memory.
pub fn block_statistic(
    geometry: Geometry,
    block: (u32, u32),
    statistic: Statistic,
    columns: &mut Columns,
    images: &mut [u8],
) {
    let size = geometry.bytes();
    let rows: Vec<&[u8]> = images.chunks_exact(size).collect();
    lay(&rows, columns);
    let mut values = Vec::new();
    for samples in blocks(geometry, block) {
        values.clear();
        values.extend(samples.clone().map(|sample| columns[sample]));
        let value = statistic_of(statistic, &mut values);
        samples.for_each(|sample| columns[sample] = value);
    }
    interleaved(size, images, |i| columns[i]);
}

/// The statistic, for every image, of one or more values.
fn statistic_of(statistic: Statistic, values: &mut [u8x16]) -> u8x16 {
    let m = values.len();
    match statistic {
        Statistic::Max => values.iter().fold(u8x16::new([0; LANES]), |most, &value| most.max(value)),
        Statistic::Min => values.iter().fold(u8x16::new([255; LANES]), |least, &value| least.min(value)),
        Statistic::Mean => {
            let mut sums = [0u32; LANES];
            for value in &*values {
                sums.iter_mut().zip(value.to_array()).for_each(|(sum, value)| *sum += u32::from(value));
            }
            let m = m as u32;
            u8x16::new(sums.map(|sum| ((2 * sum + m) / (2 * m)) as u8))
        }
        Statistic::Median => {
            sort(values);
            let upper = values[m / 2];
            match m % 2 {
                0 => mean_of(values[m / 2 - 1], upper),
                _ => upper,
            }
        }
    }
}

/// The mean of two values, half rounded up.
fn mean_of(a: u8x16, b: u8x16) -> u8x16 {
    // `a | b` exceeds the mean by half of the differing bits. The shift is on two bytes at a time, so the mask clears
    // the bit that would come in from the neighbouring byte.
    let differing: u16x8 = bytemuck::cast((a ^ b) & u8x16::new([254; LANES]));
    (a | b) - bytemuck::cast::<u16x8, u8x16>(differing >> 1u32)
}

/// Sorts every lane: Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M), which
/// compares the same positions for all values.
fn sort(values: &mut [u8x16]) {
    let n = values.len();
    let highest = n.next_power_of_two() / 2;
    let mut p = highest;
    while p > 0 {
        let (mut q, mut r, mut d) = (highest, 0, p);
        loop {
            for i in (0..n.saturating_sub(d)).filter(|i| i & p == r) {
                let (a, b) = (values[i], values[i + d]);
                (values[i], values[i + d]) = (a.min(b), a.max(b));
            }
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
}

fn move_all(plan: &Plan, columns: &Columns, size: usize, output: &mut [u8]) {
    let table = plan.table();
    match (plan.unit(), plan.geometry().depth()) {
        (Unit::Sample, Depth::U8) => interleaved(size, output, |i| sample(columns, table[i])),
        (Unit::Sample, depth) => {
            let upper = u8x16::new([(depth.max() >> 8) as u8; LANES]);
            let masks = [SAMPLE, [SAMPLE[0], upper]];
            interleaved(size, output, |i| {
                let entry = table[i / 2];
                columns[2 * (entry & !FLIP) as usize + i % 2] ^ masks[i % 2][(entry >> 31) as usize]
            });
        }
        (Unit::Nibble, _) => interleaved(size, output, |i| nibbles(columns, table[2 * i], table[2 * i + 1])),
    }
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

/// Interleaves images. If there are fewer than sixteen, the contents of the other lanes do not matter.
fn lay(images: &[&[u8]], columns: &mut Columns) {
    let size = images.first().map_or(0, |image| image.len());
    columns.resize(size.next_multiple_of(LANES), u8x16::ZERO);
    let (tiles, _) = columns.as_chunks_mut::<LANES>();
    for (place, tile) in tiles.iter_mut().enumerate() {
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

/// Writes images of `size` bytes one after the other. `column(i)` gives byte `i` of all of them.
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

#[cfg(test)]
mod tests {
    use super::*;
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

    /// Applies the plan element by element.
    fn naive(plan: &Plan, image: &[u8]) -> Vec<u8> {
        let depth = plan.geometry().depth();
        let bits = if plan.unit() == Unit::Nibble { 4 } else { depth.stored_bits() as usize };
        let element = |i: usize| (0..bits).map(move |b| image[(i * bits + b) / 8] >> ((i * bits + b) % 8) & 1 == 1);
        let mut output = vec![0; image.len()];
        for (i, &entry) in plan.table().iter().enumerate() {
            for (b, bit) in element((entry & !FLIP) as usize).enumerate() {
                let bit = bit ^ (entry & FLIP != 0 && b < plan.bits() as usize);
                output[(i * bits + b) / 8] |= u8::from(bit) << ((i * bits + b) % 8);
            }
        }
        output
    }

    proptest! {
        #[test]
        fn statistics_in_lanes_are_those_of_single_values(
            values in prop::collection::vec(any::<[u8; LANES]>(), 1..300),
        ) {
            for statistic in [Statistic::Median, Statistic::Mean, Statistic::Max, Statistic::Min] {
                let mut lanes: Vec<u8x16> = values.iter().map(|&value| u8x16::new(value)).collect();
                let found = super::statistic_of(statistic, &mut lanes).to_array();
                for (lane, found) in found.into_iter().enumerate() {
                    let mut alone: Vec<u32> = values.iter().map(|value| u32::from(value[lane])).collect();
                    let expected = crate::engine::statistic::statistic_of(statistic, &mut alone);
                    prop_assert_eq!(u32::from(found), expected, "{:?}", statistic);
                }
            }
        }

        #[test]
        fn lanes_are_the_plan_image_by_image(
            (h, w, rgb, bits) in (1u32..20, 1u32..20, any::<bool>(), 8u32..=16),
            nibbles: bool,
            count in 1usize..=LANES,
            seed: u64,
        ) {
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap();
            let depth = Depth::new(bits).unwrap();
            let whole = if bits == 8 { Depth::U8 } else { Depth::U16 };
            let geometry = geometry.with_depth(if nibbles { whole } else { depth });
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
