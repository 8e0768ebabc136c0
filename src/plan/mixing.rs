//! Mixing several images into one (`docs/SCHEDULE.md`, "Mixing"): partners, weights and signs, all from the key. Integers
//! alone, so that every machine gives the same bits.

use crate::schedule::{ImageId, Stream, Subkey};

/// The weights of a mixture add up to this.
pub const WEIGHT_ONE: u32 = 1 << 16;

/// The soft label of a mixture: the share of each of `classes` classes, from the class and weight of every image in it.
pub fn soft_label(mixed: &[(u32, u32)], classes: usize) -> Vec<f32> {
    let mut shares = vec![0; classes];
    for &(class, weight) in mixed {
        if let Some(share) = shares.get_mut(class as usize) {
            *share += weight;
        }
    }
    // 16 bits: exact in a float.
    shares.into_iter().map(|share| share as f32 / WEIGHT_ONE as f32).collect()
}

/// Mixes `images` images into one, with signs of the mixture's own.
#[derive(Clone)]
pub struct Mixing {
    /// How many: the image itself and its partners.
    pub images: u32,
    /// The stage's subkey.
    pub subkey: Subkey,
}

impl Mixing {
    /// What `|S|` is at most: 255 times [`WEIGHT_ONE`].
    pub const FULL_SCALE: u32 = 255 * WEIGHT_ONE;

    /// The partners of every image of a part with `count` images: `images - 1` lists, a partner of each image in each.
    /// `stream` is the part's stream.
    pub fn partners(&self, stream: u64, count: u32) -> Vec<Vec<u32>> {
        let mut stream = Stream::new(&self.subkey, stream);
        (1..self.images).map(|_| stream.permutation(count)).collect()
    }

    /// The weights of the image with this id and its partners, in units of 1 / [`WEIGHT_ONE`]; they add up to that.
    /// `samples` is the number of samples of an image.
    pub fn weights(&self, id: ImageId, samples: usize) -> Vec<u32> {
        let mut stream = Stream::at(&self.subkey, id.stream(), samples.div_ceil(32) as u64);
        let (drawn, sum) = loop {
            let drawn: Vec<u64> = (0..self.images).map(|_| stream.half_normal()).collect();
            // A half-normal number has some 36 bits: sums of a few, times 20, are far from 64.
            let (sum, max) = (drawn.iter().sum::<u64>(), drawn.iter().copied().max().unwrap_or_default());
            if sum > 0 && (20 * max <= 13 * sum) {
                break (drawn, sum);
            }
        };
        let mut weights: Vec<u32> = drawn.iter().map(|&a| (a * u64::from(WEIGHT_ONE) / sum) as u32).collect();
        // Rounded down, the others leave the first what it is due or a little more.
        weights[0] = WEIGHT_ONE - weights[1..].iter().sum::<u32>();
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_and_none_is_above_the_bound() {
        let mixing = Mixing { images: 4, subkey: Subkey::new([3; 32]) };
        let mut first = 0.0;
        for i in 0..2000u64 {
            let weights = mixing.weights(ImageId(i.to_le_bytes()), 784);
            assert_eq!(weights.iter().sum::<u32>(), WEIGHT_ONE);
            // 0.65 of the whole, and what rounding the other three leaves over.
            assert!(weights.iter().all(|&w| w <= 42_598 + 3), "{weights:?}");
            first += f64::from(weights[0]) / f64::from(WEIGHT_ONE);
        }
        // No place is better than another: a quarter each. Spread 0.15, so the mean's is 0.0034.
        assert!((first / 2000.0 - 0.25).abs() < 0.02, "{first}");
    }
}
