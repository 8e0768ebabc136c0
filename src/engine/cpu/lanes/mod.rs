//! A plan, or a block statistic, on sixteen images at once. The images are interleaved byte by byte, so that one entry
//! of the table moves and flips the same byte of all of them, as one vector. The table is four times as large as its
//! image; it is read once for sixteen images instead of once for each.
//!
//! The bytes are transposed in tiles, once on the way in and once on the way out: `plain` takes 16 bytes of each image
//! at a time, `paired` takes 32 where the processor can. The results are the same as those of the steps' plain loops,
//! which remain as the oracle and for batches of a few images.

#[cfg(target_arch = "x86_64")]
mod paired;
mod plain;
mod statistic;

use crate::engine::statistic::Statistic;
use crate::image::Geometry;
use crate::plan::Plan;
use wide::u8x16;

/// The number of images side by side.
pub const LANES: usize = 16;

/// The largest image, in bytes, that is processed in lanes, because a thread holds sixteen of them.
pub const LARGEST: usize = 4 << 20;

/// Memory that a thread keeps from group to group: element `i` is byte `i` of all images.
pub type Columns = Vec<u8x16>;

/// The same byte of all images.
type Column = [u8; LANES];

/// Calls a function of `paired` if these vectors are of 32 bytes, and gives the bytes of each image that it did.
macro_rules! paired {
    ($vectors:expr, $size:expr, $function:ident($($argument:expr),*)) => {
        match $vectors {
            Vectors::Plain => 0,
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx2(token) => {
                paired::avx2::$function(token, $($argument),*);
                paired::whole($size)
            }
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512(token) => {
                paired::avx512::$function(token, $($argument),*);
                paired::whole($size)
            }
        }
    };
}

/// The vectors that a group of images goes through.
#[derive(Clone, Copy, Debug)]
pub enum Vectors {
    /// 16 bytes, on all processors.
    Plain,
    /// 32 bytes.
    #[cfg(target_arch = "x86_64")]
    Avx2(fearless_simd::Avx2),
    /// 32 bytes, and twice as many registers.
    #[cfg(target_arch = "x86_64")]
    Avx512(fearless_simd::Avx512),
}

impl Vectors {
    /// The fastest ones that this processor has.
    pub fn fastest() -> Self {
        match fearless_simd::Level::new() {
            #[cfg(target_arch = "x86_64")]
            fearless_simd::Level::Avx512(token) => Self::Avx512(token),
            #[cfg(target_arch = "x86_64")]
            fearless_simd::Level::Avx2(token) => Self::Avx2(token),
            _ => Self::Plain,
        }
    }

    /// All that this processor has.
    #[cfg(test)]
    fn all() -> Vec<Self> {
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            let level = fearless_simd::Level::new();
            all.extend(level.as_avx2().map(Self::Avx2));
            all.extend(level.as_avx512().map(Self::Avx512));
        }
        all
    }

    /// Interleaves up to sixteen images. If there are fewer, the contents of the other lanes do not matter.
    // Other processors have no vectors of 32 bytes to give the array of images to.
    #[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables))]
    fn lay(self, images: &[&[u8]], columns: &mut Columns) {
        let size = images.first().map_or(0, |image| image.len());
        columns.resize(size.next_multiple_of(LANES), u8x16::ZERO);
        let done = match <&[&[u8]; LANES]>::try_from(images) {
            Ok(images) => paired!(self, size, lay(images, bytemuck::cast_slice_mut(columns))),
            Err(_) => 0,
        };
        plain::lay(images, done, columns);
    }

    /// Sends the columns through a plan and writes the images, which follow each other.
    fn permute(self, plan: &Plan, columns: &Columns, output: &mut [u8]) {
        let size = plan.geometry().bytes();
        let done = match output.len() == LANES * size {
            true => paired!(self, size, permute(plan, bytemuck::cast_slice(columns), output)),
            false => 0,
        };
        plain::permute(plan, columns, done, output);
    }

    /// Writes the images of the columns, of `size` bytes each, as they are.
    fn write(self, columns: &Columns, size: usize, output: &mut [u8]) {
        let done = match output.len() == LANES * size {
            true => paired!(self, size, write(bytemuck::cast_slice(columns), output)),
            false => 0,
        };
        plain::write(columns, done, size, output);
    }
}

/// Sends up to sixteen images through a plan. In `output`, the results follow each other.
pub fn permute(vectors: Vectors, plan: &Plan, images: &[&[u8]], columns: &mut Columns, output: &mut [u8]) {
    vectors.lay(images, columns);
    vectors.permute(plan, columns, output);
}

/// Sends up to sixteen images, which follow each other in memory, through a plan, in place.
pub fn permute_in_place(vectors: Vectors, plan: &Plan, columns: &mut Columns, images: &mut [u8]) {
    let rows: Vec<&[u8]> = images.chunks_exact(plan.geometry().bytes()).collect();
    vectors.lay(&rows, columns);
    vectors.permute(plan, columns, images);
}

/// Fills every block (rows, columns) of up to sixteen images with its statistic. The images follow each other in
/// memory.
pub fn block_statistic(
    geometry: Geometry,
    block: (u32, u32),
    statistic: Statistic,
    columns: &mut Columns,
    images: &mut [u8],
) {
    let (vectors, size) = (Vectors::fastest(), geometry.bytes());
    let rows: Vec<&[u8]> = images.chunks_exact(size).collect();
    vectors.lay(&rows, columns);
    statistic::fill(geometry, block, statistic, bytemuck::cast_slice_mut(columns));
    vectors.write(columns, size, images);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Depth;
    use crate::plan::{FLIP, Unit};
    use proptest::prelude::*;

    /// A plan from random numbers; not always a permutation.
    fn plan(geometry: Geometry, nibbles: bool, seed: u64) -> Plan {
        let unit = if nibbles { Unit::Nibble } else { Unit::Sample };
        let elements = unit.elements(geometry).unwrap() as u32;
        let mut stream = crate::schedule::Stream::new(&[3; 32], seed);
        let order = stream.permutation(elements);
        let flips = stream.bits(elements as usize);
        let entry = |(source, flip): (&u32, bool)| (source - source % 3) | if flip { FLIP } else { 0 };
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
        fn lanes_are_the_plan_image_by_image(
            (h, w, rgb, bits) in (1u32..20, 1u32..20, any::<bool>(), 8u32..=16),
            nibbles: bool,
            count in prop_oneof![1usize..=LANES, Just(LANES)],
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
            for vectors in Vectors::all() {
                let mut output = vec![0; input.len()];
                permute(vectors, &plan, &rows, &mut columns, &mut output);
                prop_assert!(output == expected, "{:?}", vectors);
                let mut images = input.clone();
                permute_in_place(vectors, &plan, &mut columns, &mut images);
                prop_assert!(images == expected, "{:?}, in place", vectors);
                let mut images = vec![0; input.len()];
                vectors.lay(&rows, &mut columns);
                vectors.write(&columns, size, &mut images);
                prop_assert!(images == input, "{:?}, there and back", vectors);
            }
        }
    }
}
