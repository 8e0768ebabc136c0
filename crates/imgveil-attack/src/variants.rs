//! What an attacker cannot know: turns and signs of all images together.

use crate::symmetry::Symmetry;
use crate::{Batch, Error, Shape, metric};
use rayon::prelude::*;

/// Images that decide which variant is nearest, at most.
const DECIDING: usize = 10;

/// What an attack leaves open. A person who looks at the result sees it at once, so that it does not count as a
/// defence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ambiguity {
    /// All images may be turned or mirrored together.
    pub turned: bool,
    /// All samples p may be `max - p` together.
    pub negative: bool,
    /// The channels of all images may be in another order.
    pub reordered: bool,
    /// Each channel may be negative by itself.
    pub negative_channels: bool,
    /// All this for every image by itself, not for all images together.
    pub each_image: bool,
}

/// The variant of recovered images that is nearest to the plain ones, and its SSIM for each image.
///
/// One variant is chosen for all images together, by the mean SSIM of up to ten of them, unless images are open each by
/// itself.
///
/// # Errors
///
/// If the batches differ, or the images are too small for SSIM.
pub fn nearest_variant(recovered: &Batch, plain: &Batch, open: Ambiguity) -> Result<(Batch, Vec<f64>), Error> {
    recovered.must_match(plain)?;
    if open.each_image && plain.len() > 1 {
        let open = Ambiguity { each_image: false, ..open };
        let one = |index: usize| nearest_variant(&recovered.select(&[index]), &plain.select(&[index]), open);
        let found = (0..plain.len()).into_par_iter().map(one).collect::<Result<Vec<_>, _>>()?;
        let samples = found.iter().flat_map(|(image, _)| image.samples().iter().copied()).collect();
        let values = found.iter().map(|(_, values)| values[0]).collect();
        return Ok((Batch::new(plain.shape(), plain.max(), samples)?, values));
    }
    let few: Vec<usize> = (0..DECIDING.min(plain.len())).map(|k| k * plain.len() / DECIDING.min(plain.len())).collect();
    let (few_recovered, few_plain) = (recovered.select(&few), plain.select(&few));
    let scored = variants(plain.shape(), open).into_par_iter().map(|variant| {
        let score = metric::ssim(&variant.of(&few_recovered), &few_plain).map(|values| metric::mean(&values));
        (score, variant)
    });
    let mut best = (f64::NEG_INFINITY, Variant::default());
    for (score, variant) in scored.collect::<Vec<_>>() {
        let score = score?;
        if score > best.0 {
            best = (score, variant);
        }
    }
    let images = best.1.of(recovered);
    let values = metric::ssim(&images, plain)?;
    Ok((images, values))
}

#[derive(Clone, Copy)]
struct Variant {
    symmetry: Symmetry,
    order: [usize; 3],
    negative: [bool; 3],
}

impl Default for Variant {
    fn default() -> Self {
        Self { symmetry: Symmetry::IDENTITY, order: [0, 1, 2], negative: [false; 3] }
    }
}

/// All orders of three channels, the identity first.
pub(crate) const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

fn variants(shape: Shape, open: Ambiguity) -> Vec<Variant> {
    let colour = shape.channels == 3;
    let square = shape.height == shape.width;
    let symmetries = Symmetry::ALL.into_iter().filter(|s| open.turned && (square || !s.transposes()));
    let symmetries: Vec<Symmetry> = if open.turned { symmetries.collect() } else { vec![Symmetry::IDENTITY] };
    let orders = if colour && open.reordered { &ORDERS[..] } else { &ORDERS[..1] };
    let negatives: Vec<[bool; 3]> = match (open.negative_channels && colour, open.negative || open.negative_channels) {
        (true, _) => (0..8).map(|bits| [0, 1, 2].map(|c| bits >> c & 1 == 1)).collect(),
        (false, true) => vec![[false; 3], [true; 3]],
        (false, false) => vec![[false; 3]],
    };
    let mut all = Vec::new();
    for &symmetry in &symmetries {
        for &order in orders {
            all.extend(negatives.iter().map(|&negative| Variant { symmetry, order, negative }));
        }
    }
    all
}

impl Variant {
    fn of(&self, batch: &Batch) -> Batch {
        let Shape { height, width, channels } = batch.shape();
        let max = batch.max();
        let mut samples = Vec::with_capacity(batch.samples().len());
        for image in batch.iter() {
            for row in 0..height {
                for column in 0..width {
                    let (y, x) = self.symmetry.source(row, column, height, width);
                    let pixel = &image[(y * width + x) * channels..][..channels];
                    for c in 0..channels {
                        let sample = if channels == 3 { pixel[self.order[c]] } else { pixel[c] };
                        samples.push(if self.negative[c] { max - sample } else { sample });
                    }
                }
            }
        }
        Batch::new(batch.shape(), max, samples).expect("a permutation of samples")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variant_that_was_made_is_found_and_no_other_is_allowed() {
        let shape = Shape { height: 12, width: 12, channels: 3 };
        let plain = Batch::new(shape, 255, (0..shape.samples()).map(|i| (i * i % 251) as u16).collect()).unwrap();
        let all =
            Ambiguity { turned: true, negative: true, reordered: true, negative_channels: true, each_image: false };
        for variant in variants(shape, all) {
            let (_, values) = nearest_variant(&variant.of(&plain), &plain, all).unwrap();
            assert!((values[0] - 1.0).abs() < 1e-12);
        }
        assert!(nearest_variant(&plain.negative(), &plain, Ambiguity::default()).unwrap().1[0] < 0.5);
        // Of two images with opposite signs, one variant for both sets right only one.
        let pair = Batch::new(shape, 255, [plain.samples(), plain.samples()].concat()).unwrap();
        let mixed = Batch::new(shape, 255, [plain.samples(), plain.negative().samples()].concat()).unwrap();
        let right = |each_image| {
            let open = Ambiguity { negative: true, each_image, ..Ambiguity::default() };
            let values = nearest_variant(&mixed, &pair, open).unwrap().1;
            values.iter().filter(|&&value| value > 1.0 - 1e-12).count()
        };
        assert_eq!((right(false), right(true)), (1, 2));
    }
}
