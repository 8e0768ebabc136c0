//! Label inference: what one number of an encrypted image says about its label.
//!
//! Attacker: has encrypted images and no key; whether a label goes with a large or a small number he knows from any
//! images of the kind. Cost: nothing. Gives back: an AUC for each class. A block keeps its values up to negation, so
//! how much their distances from the middle differ stays as it is in the plain image.

use crate::auc::auc;
use crate::layout::Level;
use crate::statistics::{folded, logarithm, moments};
use crate::{Batch, Error};
use rayon::prelude::*;

/// The side of the blocks whose spread is taken.
const SIDE: usize = 4;

/// What the number says about one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OfClass {
    /// The class.
    pub class: u32,
    /// Its images.
    pub images: usize,
    /// How well the number of the encrypted images tells the class from the others: 0.5 is guessing, 1 always.
    pub encrypted: f64,
    /// The same with the plain images, where they are known.
    pub plain: Option<f64>,
}

/// One number for each image, the mean over all blocks of 4x4 pixels of what permutations and flips leave as it is.
///
/// Samples: the logarithm of the standard deviation of the samples' distances from the middle of the range, channel by
/// channel. Nibbles: the sum of the squares of the shares that each distance from the middle has, which is large where
/// few nibbles differ.
///
/// # Errors
///
/// If samples are no whole number of nibbles.
pub fn spread(batch: &Batch, level: Level) -> Result<Vec<f64>, Error> {
    let (shape, max) = (batch.shape(), batch.max());
    if !level.fits(max) {
        return Err(Error::NotApplicable(format!("samples up to {max} are no whole number of nibbles")));
    }
    let images: Vec<&[u16]> = batch.iter().collect();
    let of_image = |image: &&[u16]| {
        let (mut sum, mut count) = (0.0, 0.0f64);
        for top in (0..shape.height).step_by(SIDE) {
            for left in (0..shape.width).step_by(SIDE) {
                let (bottom, right) = ((top + SIDE).min(shape.height), (left + SIDE).min(shape.width));
                let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| (y * shape.width) + x));
                if level == Level::Nibble {
                    let samples = pixels.flat_map(|pixel| (0..shape.channels).map(move |c| pixel * shape.channels + c));
                    sum += concentration(level.cut(&samples.map(|sample| image[sample]).collect::<Vec<_>>(), max));
                    count += 1.0;
                    continue;
                }
                for channel in 0..shape.channels {
                    let sample = |pixel: usize| image[pixel * shape.channels + channel];
                    let folded = pixels.clone().map(|pixel| folded(sample(pixel), f32::from(max)));
                    sum += f64::from(logarithm(moments(folded).1));
                    count += 1.0;
                }
            }
        }
        sum / count
    };
    Ok(images.par_iter().map(of_image).collect())
}

/// The sum of the squares of the shares of each distance from the middle.
fn concentration(nibbles: Vec<u16>) -> f64 {
    let mut counts = [0.0f64; 8];
    nibbles.iter().for_each(|&nibble| counts[usize::from(nibble.min(15 - nibble))] += 1.0);
    counts.iter().map(|count| (count / nibbles.len() as f64).powi(2)).sum()
}

/// How well [`spread`] tells each class from the others.
///
/// # Errors
///
/// When the numbers of images and labels differ, or there are fewer than two classes.
pub fn labels(encrypted: &Batch, plain: Option<&Batch>, labels: &[u32], level: Level) -> Result<Vec<OfClass>, Error> {
    if labels.len() != encrypted.len() {
        return Err(Error::Mismatch(format!("{} labels", labels.len()), format!("{} images", encrypted.len())));
    }
    if let Some(plain) = plain {
        encrypted.must_match(plain)?;
    }
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    if classes.len() < 2 {
        return Err(Error::NotApplicable("all images have one label".to_owned()));
    }
    let hidden = spread(encrypted, level)?;
    let shown = plain.map(|plain| spread(plain, level)).transpose()?;
    let area = |numbers: &[f64], class: u32| {
        let of = |is: bool| {
            let chosen = numbers.iter().zip(labels).filter(|(_, label)| (**label == class) == is);
            chosen.map(|(number, _)| *number).collect::<Vec<f64>>()
        };
        // Which side is which, the attacker knows from other images.
        auc(&of(true), &of(false)).map_or(0.5, |area| area.max(1.0 - area))
    };
    Ok(classes
        .into_iter()
        .map(|class| OfClass {
            class,
            images: labels.iter().filter(|&&label| label == class).count(),
            encrypted: area(&hidden, class),
            plain: shown.as_deref().map(|numbers| area(numbers, class)),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    /// Negation and moves inside of blocks leave the number as it is.
    #[test]
    fn what_schemes_keep_is_what_is_measured() {
        let shape = Shape { height: 8, width: 8, channels: 1 };
        let plain = Batch::new(shape, 255, (0..64).map(|i| (i * i * 7 % 256) as u16).collect()).unwrap();
        let turned = Batch::new(shape, 255, plain.samples().iter().rev().copied().collect()).unwrap();
        for level in [Level::Sample, Level::Nibble] {
            let of = |batch: &Batch| spread(batch, level).unwrap()[0];
            assert!((of(&plain.negative()) - of(&plain)).abs() < 1e-6, "{level:?}");
            assert!((of(&turned) - of(&plain)).abs() < 1e-6, "{level:?}");
        }
        // 3 is 3 from its end and 10 is 5: each is half of the nibbles, and a quarter twice is a half.
        let flat = Batch::new(shape, 255, vec![0x3a; 64]).unwrap();
        assert_eq!(spread(&flat, Level::Nibble).unwrap(), [0.5]);
        // 3 and 12 are as far from their ends.
        let even = Batch::new(shape, 255, vec![0x3c; 64]).unwrap();
        assert_eq!(spread(&even, Level::Nibble).unwrap(), [1.0]);
    }
}
