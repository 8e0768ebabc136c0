//! One channel of an image.

use crate::Shape;

/// The samples of one channel, row by row.
pub(super) fn plane(image: &[u16], shape: Shape, channel: usize) -> Vec<f64> {
    image.iter().skip(channel).step_by(shape.channels).map(|&sample| f64::from(sample)).collect()
}

/// The mean of a value over all channels.
pub(super) fn mean_of_channels(shape: Shape, value: impl Fn(usize) -> f64) -> f64 {
    (0..shape.channels).map(value).sum::<f64>() / shape.channels as f64
}
