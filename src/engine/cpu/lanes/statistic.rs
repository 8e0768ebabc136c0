//! The statistic of every block, of sixteen images at once.

use super::{Column, LANES};
use crate::engine::statistic::Statistic;
use crate::image::{Depth, Geometry};
use fearless_simd::{Level, prelude::*, u8x16, u8x32, u16x32};

/// Fills every block (rows, columns) of the images in `columns` with its statistic.
pub fn fill(geometry: Geometry, block: (u32, u32), statistic: Statistic, columns: &mut [Column]) {
    fearless_simd::dispatch!(Level::new(), simd => fill_with(simd, geometry, block, statistic, columns));
}

#[inline(always)]
fn fill_with<S: Simd>(simd: S, geometry: Geometry, block: (u32, u32), statistic: Statistic, columns: &mut [Column]) {
    simd.vectorize(
        #[inline(always)]
        || match geometry.depth() {
            Depth::U8 => each_block::<S, u8x32<S>>(simd, geometry, block, statistic, columns),
            _ => each_block::<S, u16x32<S>>(simd, geometry, block, statistic, columns),
        },
    );
}

#[inline(always)]
fn each_block<S: Simd, V: Samples<S>>(
    simd: S,
    geometry: Geometry,
    block: (u32, u32),
    statistic: Statistic,
    columns: &mut [Column],
) {
    let mut values = Vec::<V>::new();
    let mut shape = Shape::default();
    let mut waiting = None;
    for (first, rows, width) in corners(geometry, block) {
        if (rows, width) != (shape.rows, shape.columns) {
            if let Some(alone) = waiting.take() {
                fill_two(simd, statistic, &shape, (alone, alone), &mut values, columns);
            }
            shape = Shape::new(geometry, rows, width);
        }
        match waiting.take() {
            Some(before) => fill_two(simd, statistic, &shape, (before, first), &mut values, columns),
            None => waiting = Some(first),
        }
    }
    if let Some(alone) = waiting {
        fill_two(simd, statistic, &shape, (alone, alone), &mut values, columns);
    }
}

/// Fills the blocks of this shape that begin at two samples.
#[inline(always)]
fn fill_two<S: Simd, V: Samples<S>>(
    simd: S,
    statistic: Statistic,
    shape: &Shape,
    (first, second): (usize, usize),
    values: &mut Vec<V>,
    columns: &mut [Column],
) {
    values.clear();
    for offset in &shape.offsets {
        values.push(V::of(simd, columns, (first + offset, second + offset)));
    }
    let value = statistic_of(simd, statistic, values);
    for offset in &shape.offsets {
        value.put(simd, columns, (first + offset, second + offset));
    }
}

/// Where the samples of one channel of a block lie behind its first one.
#[derive(Default)]
struct Shape {
    rows: usize,
    columns: usize,
    offsets: Vec<usize>,
}

impl Shape {
    fn new(geometry: Geometry, rows: usize, columns: usize) -> Self {
        let (width, channels) = (geometry.width(), geometry.channels());
        let offsets = (0..rows).flat_map(|y| (0..columns).map(move |x| (y * width + x) * channels)).collect();
        Self { rows, columns, offsets }
    }
}

/// The first sample of each block and channel, and the block's rows and columns. Blocks are cut off at the right and
/// lower edges.
fn corners(geometry: Geometry, (rows, columns): (u32, u32)) -> impl Iterator<Item = (usize, usize, usize)> {
    let (height, width, channels) = (geometry.height(), geometry.width(), geometry.channels());
    let (rows, columns) = (rows as usize, columns as usize);
    (0..height).step_by(rows).flat_map(move |y| {
        (0..width).step_by(columns).flat_map(move |x| {
            let (rows, columns) = (rows.min(height - y), columns.min(width - x));
            (0..channels).map(move |channel| ((y * width + x) * channels + channel, rows, columns))
        })
    })
}

/// Two blocks of sixteen images.
const BOTH: usize = 2 * LANES;

/// One sample of two blocks of sixteen images.
trait Samples<S: Simd>: SimdInt<S, Element: Into<u32>> {
    /// The samples of these numbers.
    fn of(simd: S, columns: &[Column], samples: (usize, usize)) -> Self;
    /// Writes them back.
    fn put(self, simd: S, columns: &mut [Column], samples: (usize, usize));
    /// From numbers that are within the depth.
    fn from_numbers(simd: S, numbers: [u64; BOTH]) -> Self;
}

impl<S: Simd> Samples<S> for u8x32<S> {
    #[inline(always)]
    fn of(simd: S, columns: &[Column], (first, second): (usize, usize)) -> Self {
        simd.combine_u8x16(u8x16::from_slice(simd, &columns[first]), u8x16::from_slice(simd, &columns[second]))
    }

    #[inline(always)]
    fn put(self, simd: S, columns: &mut [Column], (first, second): (usize, usize)) {
        let (own, other) = simd.split_u8x32(self);
        own.store_slice(&mut columns[first]);
        other.store_slice(&mut columns[second]);
    }

    #[inline(always)]
    fn from_numbers(simd: S, numbers: [u64; BOTH]) -> Self {
        numbers.map(|number| number as u8).simd_into(simd)
    }
}

/// The column of the lower bytes comes before that of the upper ones.
impl<S: Simd> Samples<S> for u16x32<S> {
    #[inline(always)]
    fn of(simd: S, columns: &[Column], (first, second): (usize, usize)) -> Self {
        let column = |i: usize| u8x16::from_slice(simd, &columns[i]);
        let (low, high) = (column(2 * first), column(2 * first + 1));
        let own = simd.combine_u8x16(low.zip_low(high), low.zip_high(high));
        let (low, high) = (column(2 * second), column(2 * second + 1));
        let other = simd.combine_u8x16(low.zip_low(high), low.zip_high(high));
        Self::from_bytes(simd.combine_u8x32(own, other))
    }

    #[inline(always)]
    fn put(self, simd: S, columns: &mut [Column], (first, second): (usize, usize)) {
        let (own, other) = simd.split_u8x64(self.to_bytes());
        for (half, sample) in [(own, first), (other, second)] {
            let (a, b) = simd.split_u8x32(half);
            a.unzip_low(b).store_slice(&mut columns[2 * sample]);
            a.unzip_high(b).store_slice(&mut columns[2 * sample + 1]);
        }
    }

    #[inline(always)]
    fn from_numbers(simd: S, numbers: [u64; BOTH]) -> Self {
        numbers.map(|number| number as u16).simd_into(simd)
    }
}

/// The statistic, for every image, of one or more values.
#[inline(always)]
fn statistic_of<S: Simd, V: Samples<S>>(simd: S, statistic: Statistic, values: &mut [V]) -> V {
    let m = values.len();
    match statistic {
        Statistic::Max => {
            let mut most = values[0];
            for &value in &values[1..] {
                most = most.max(value);
            }
            most
        }
        Statistic::Min => {
            let mut least = values[0];
            for &value in &values[1..] {
                least = least.min(value);
            }
            least
        }
        Statistic::Mean => mean(simd, values),
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

/// The mean, half rounded up.
#[inline(always)]
fn mean<S: Simd, V: Samples<S>>(simd: S, values: &[V]) -> V {
    let m = values.len() as u64;
    let mut all = [0u64; BOTH];
    // So many samples of 16 bits have a sum below 2^32.
    for some in values.chunks(1 << 16) {
        let mut sums = [0u32; BOTH];
        for value in some {
            for (sum, &value) in sums.iter_mut().zip(value.as_slice()) {
                *sum += value.into();
            }
        }
        for (all, sum) in all.iter_mut().zip(sums) {
            *all += u64::from(sum);
        }
    }
    V::from_numbers(simd, all.map(|sum| (2 * sum + m) / (2 * m)))
}

/// The mean of two values, half rounded up: `a | b` exceeds the mean by half of the differing bits.
#[inline(always)]
fn mean_of<S: Simd, V: Samples<S>>(a: V, b: V) -> V {
    (a | b) - ((a ^ b) >> 1u32)
}

/// Sorts every lane: Batcher's merge exchange (Knuth, The Art of Computer Programming 3, algorithm 5.2.2M), which
/// compares the same positions for all values.
#[inline(always)]
fn sort<S: Simd, V: Samples<S>>(values: &mut [V]) {
    let n = values.len();
    let highest = n.next_power_of_two() / 2;
    let mut p = highest;
    while p > 0 {
        let (mut q, mut r, mut d) = (highest, 0, p);
        loop {
            // All i below n - d with i & p == r: runs of p.
            let end = n.saturating_sub(d);
            let mut run = r;
            while run < end {
                for i in run..end.min(run + p) {
                    let (a, b) = (values[i], values[i + d]);
                    (values[i], values[i + d]) = (a.min(b), a.max(b));
                }
                run += 2 * p;
            }
            if q == p {
                break;
            }
            (d, q, r) = (q - p, q / 2, p);
        }
        p /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::statistic::{self, blocks};
    use proptest::prelude::*;

    /// The statistic by the vectors of an instruction set.
    fn found<S: Simd>(simd: S, of: Statistic, values: &[[u16; LANES]], wide: bool) -> Vec<u16> {
        let columns: Vec<Column> = match wide {
            true => values.iter().flat_map(|value| [value.map(|v| v as u8), value.map(|v| (v >> 8) as u8)]).collect(),
            false => values.iter().map(|value| value.map(|v| v as u8)).collect(),
        };
        // The second block is the first one backwards, with the same statistic.
        let last = values.len() - 1;
        let numbers = (0..=last).map(|sample| (sample, last - sample));
        if wide {
            let mut lanes: Vec<u16x32<S>> = numbers.map(|samples| u16x32::of(simd, &columns, samples)).collect();
            statistic_of(simd, of, &mut lanes).as_slice().to_vec()
        } else {
            let mut lanes: Vec<u8x32<S>> = numbers.map(|samples| u8x32::of(simd, &columns, samples)).collect();
            statistic_of(simd, of, &mut lanes).as_slice().iter().copied().map(u16::from).collect()
        }
    }

    proptest! {
        #[test]
        fn statistics_in_lanes_are_those_of_single_values(
            values in prop::collection::vec(any::<[u16; LANES]>(), 1..300),
            wide: bool,
        ) {
            let depth = if wide { u16::MAX } else { 255 };
            let values: Vec<[u16; LANES]> = values.iter().map(|value| value.map(|v| v & depth)).collect();
            for of in [Statistic::Median, Statistic::Mean, Statistic::Max, Statistic::Min] {
                let found = fearless_simd::dispatch!(Level::new(), simd => found(simd, of, &values, wide));
                for (lane, found) in found.into_iter().enumerate() {
                    let mut alone: Vec<u32> = values.iter().map(|value| u32::from(value[lane % LANES])).collect();
                    let expected = statistic::statistic_of(of, &mut alone);
                    prop_assert_eq!(u32::from(found), expected, "{:?}", of);
                }
            }
        }
    }

    proptest! {
        /// Whole images: blocks that are cut off, an odd number of blocks, all depths.
        #[test]
        fn every_block_is_filled(
            (h, w, rgb, bits) in (1u32..14, 1u32..14, any::<bool>(), 8u32..=16),
            (rows, columns) in (1u32..6, 1u32..6),
            seed: u64,
        ) {
            let depth = Depth::new(bits).unwrap();
            let geometry = Geometry::new(h, w, if rgb { 3 } else { 1 }).unwrap().with_depth(depth);
            let mut stream = crate::schedule::Stream::new(&[3; 32], seed);
            let images: Vec<Vec<u8>> = (0..LANES).map(|_| {
                let mut image = vec![0; geometry.bytes()];
                for sample in 0..geometry.samples() {
                    depth.set_sample(&mut image, sample, (stream.word() & depth.max()) as u16);
                }
                image
            }).collect();
            let mut side_by_side: Vec<Column> =
                (0..geometry.bytes()).map(|i| std::array::from_fn(|lane| images[lane][i])).collect();
            for of in [Statistic::Median, Statistic::Mean, Statistic::Max, Statistic::Min] {
                let before = side_by_side.clone();
                fill(geometry, (rows, columns), of, &mut side_by_side);
                for (lane, image) in images.iter().enumerate() {
                    let mut expected = image.clone();
                    for samples in blocks(geometry, (rows, columns)) {
                        let mut values: Vec<u32> =
                            samples.clone().map(|i| u32::from(depth.sample(image, i))).collect();
                        let value = statistic::statistic_of(of, &mut values) as u16;
                        samples.for_each(|i| depth.set_sample(&mut expected, i, value));
                    }
                    let found: Vec<u8> = side_by_side.iter().map(|column| column[lane]).collect();
                    prop_assert!(found == expected, "{:?}, image {}", of, lane);
                }
                side_by_side = before;
            }
        }
    }

    #[test]
    fn the_mean_of_many_large_samples_does_not_overflow() {
        let values = vec![[u16::MAX; LANES]; (1 << 16) + 3];
        let mean = fearless_simd::dispatch!(Level::new(), simd => found(simd, Statistic::Mean, &values, true));
        assert_eq!(mean, [u16::MAX; BOTH]);
    }
}
