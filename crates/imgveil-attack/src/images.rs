//! Plain batches of images, as an attacker sees them: samples and their largest value.

use crate::Error;
use std::fmt;

/// Height, width and channels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Samples of a pixel: 1 or 3.
    pub channels: usize,
}

impl Shape {
    /// The number of samples of an image.
    #[must_use]
    pub fn samples(&self) -> usize {
        self.height * self.width * self.channels
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.height, self.width, self.channels)
    }
}

/// N images of one shape: N x H x W x C samples, channels interleaved.
///
/// Samples have 8 to 16 bits. None is larger than [`Batch::max`], which is 2^depth - 1.
#[derive(Clone, PartialEq, Eq)]
pub struct Batch {
    shape: Shape,
    max: u16,
    samples: Vec<u16>,
}

impl Batch {
    /// Takes images as 16-bit samples.
    ///
    /// # Errors
    ///
    /// A shape with a side of 0 or with other than 1 or 3 channels, samples that are no whole number of images, a `max`
    /// that is not 2^depth - 1 with a depth of 8 to 16, and a sample larger than `max`.
    pub fn new(shape: Shape, max: u16, samples: Vec<u16>) -> Result<Self, Error> {
        if shape.height == 0 || shape.width == 0 || ![1, 3].contains(&shape.channels) {
            return Err(Error::Unsupported(shape));
        }
        if max < 255 || (u32::from(max) + 1).count_ones() != 1 {
            return Err(Error::InvalidMax(max));
        }
        let of_image = shape.height.checked_mul(shape.width).and_then(|pixels| pixels.checked_mul(shape.channels));
        if !of_image.is_some_and(|of_image| samples.len().is_multiple_of(of_image)) {
            return Err(Error::SampleCount { shape, given: samples.len() });
        }
        if let Some(&sample) = samples.iter().find(|&&sample| sample > max) {
            return Err(Error::SampleTooLarge { sample, max });
        }
        Ok(Self { shape, max, samples })
    }

    /// Takes images as bytes, with a largest sample of 255.
    ///
    /// # Errors
    ///
    /// As [`Batch::new`].
    pub fn from_bytes(shape: Shape, samples: &[u8]) -> Result<Self, Error> {
        Self::new(shape, 255, samples.iter().map(|&sample| u16::from(sample)).collect())
    }

    /// Height, width and channels of each image.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The largest sample that the depth allows, 2^depth - 1.
    #[must_use]
    pub fn max(&self) -> u16 {
        self.max
    }

    /// The number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.samples.len() / self.shape.samples()
    }

    /// Whether there are no images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The samples of all images, one image after the other.
    #[must_use]
    pub fn samples(&self) -> &[u16] {
        &self.samples
    }

    /// The samples of image `index`.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    #[must_use]
    pub fn image(&self, index: usize) -> &[u16] {
        let size = self.shape.samples();
        &self.samples[index * size..(index + 1) * size]
    }

    /// The images, in order.
    pub fn iter(&self) -> std::slice::ChunksExact<'_, u16> {
        self.samples.chunks_exact(self.shape.samples())
    }

    /// The images with the given numbers, in the given order.
    ///
    /// # Panics
    ///
    /// If there is no image of one of the numbers.
    #[must_use]
    pub fn select(&self, indices: &[usize]) -> Self {
        let samples = indices.iter().flat_map(|&index| self.image(index).iter().copied()).collect();
        Self { shape: self.shape, max: self.max, samples }
    }

    /// The samples as bytes, if the largest sample is 255.
    #[must_use]
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        (self.max == 255).then(|| self.samples.iter().map(|&sample| sample as u8).collect())
    }

    /// Every sample p as `max - p`.
    #[must_use]
    pub fn negative(&self) -> Self {
        self.map(|sample| self.max - sample)
    }

    /// Every sample through `change`. What exceeds [`Batch::max`] becomes it.
    #[must_use]
    pub fn map(&self, change: impl Fn(u16) -> u16) -> Self {
        let samples = self.samples.iter().map(|&sample| change(sample).min(self.max)).collect();
        Self { shape: self.shape, max: self.max, samples }
    }

    /// Checks that another batch has as many images of the same shape and depth.
    ///
    /// # Errors
    ///
    /// If it does not.
    pub fn must_match(&self, other: &Self) -> Result<(), Error> {
        if self.shape == other.shape && self.max == other.max && self.len() == other.len() {
            return Ok(());
        }
        Err(Error::Mismatch(self.described(), other.described()))
    }

    fn described(&self) -> String {
        format!("{} images of {} up to {}", self.len(), self.shape, self.max)
    }
}

/// Without the samples.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("shape", &self.shape).field("max", &self.max).field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { height: 2, width: 3, channels: 1 };

    #[test]
    fn what_is_no_batch_is_refused() {
        let refused = |shape, max, samples| Batch::new(shape, max, samples).unwrap_err();
        assert!(matches!(refused(Shape { channels: 2, ..SHAPE }, 255, vec![0; 12]), Error::Unsupported(_)));
        assert!(matches!(refused(Shape { height: 0, ..SHAPE }, 255, vec![]), Error::Unsupported(_)));
        assert!(matches!(refused(SHAPE, 255, vec![0; 7]), Error::SampleCount { given: 7, .. }));
        assert!(matches!(refused(SHAPE, 254, vec![0; 6]), Error::InvalidMax(254)));
        assert!(matches!(refused(SHAPE, 127, vec![0; 6]), Error::InvalidMax(127)));
        assert!(matches!(refused(SHAPE, 255, vec![256; 6]), Error::SampleTooLarge { sample: 256, .. }));
        let huge = Shape { height: usize::MAX, width: 2, channels: 3 };
        assert!(matches!(refused(huge, 255, vec![0; 6]), Error::SampleCount { .. }));
    }

    #[test]
    fn images_are_selected_in_the_order_named() {
        let batch = Batch::new(SHAPE, 4095, (0..18).collect()).unwrap();
        assert_eq!((batch.len(), batch.max(), batch.image(1)[0]), (3, 4095, 6));
        let selected = batch.select(&[2, 0]);
        assert_eq!(selected.samples()[..7], [12, 13, 14, 15, 16, 17, 0]);
        assert_eq!(batch.negative().samples()[1], 4094);
        assert!(batch.must_match(&selected).is_err() && batch.must_match(&batch.negative()).is_ok());
    }

    #[test]
    fn the_largest_depth_has_a_largest_sample_of_65535() {
        assert!(Batch::new(SHAPE, 65535, vec![65535; 6]).is_ok());
        assert_eq!(Batch::new(SHAPE, 65535, vec![65535; 6]).unwrap().to_bytes(), None);
        assert_eq!(Batch::from_bytes(SHAPE, &[7; 6]).unwrap().to_bytes(), Some(vec![7; 6]));
    }
}
