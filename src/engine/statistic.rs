//! Blocks of an image and their statistics.

use crate::image::Geometry;

/// A statistic of the samples of a block. The numbers are those of `shaders/block_statistic.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Statistic {
    /// The middle value. For an even number of values, the mean of the middle two, half rounded up.
    Median = 0,
    /// The mean, half rounded up.
    Mean = 1,
    /// The largest.
    Max = 2,
    /// The smallest.
    Min = 3,
}

/// The samples of each block and channel. Blocks have the given rows and columns and are cut off at the right and lower
/// edges.
pub fn blocks(
    geometry: Geometry,
    (rows, columns): (u32, u32),
) -> impl Iterator<Item = impl Iterator<Item = usize> + Clone> {
    let (height, width, channels) = (geometry.height(), geometry.width(), geometry.channels());
    let (rows, columns) = (rows as usize, columns as usize);
    let corners = (0..height).step_by(rows).flat_map(move |y| (0..width).step_by(columns).map(move |x| (y, x)));
    corners.flat_map(move |(top, left)| {
        let (bottom, right) = (height.min(top + rows), width.min(left + columns));
        (0..channels).map(move |channel| {
            (top..bottom).flat_map(move |y| (left..right).map(move |x| (y * width + x) * channels + channel))
        })
    })
}

/// The statistic of one or more values.
pub fn statistic_of(statistic: Statistic, values: &mut [u32]) -> u32 {
    let m = values.len();
    match statistic {
        Statistic::Max => values.iter().copied().max().unwrap_or_default(),
        Statistic::Min => values.iter().copied().min().unwrap_or_default(),
        Statistic::Mean => {
            let sum: u64 = values.iter().map(|&value| u64::from(value)).sum();
            ((2 * sum + m as u64) / (2 * m as u64)) as u32
        }
        Statistic::Median => {
            let (below, upper, _) = values.select_nth_unstable(m / 2);
            match (m % 2, below.iter().max()) {
                (0, Some(lower)) => (lower + *upper).div_ceil(2),
                _ => *upper,
            }
        }
    }
}
