//! The order of the images in every epoch, and their augmentations. Both are drawn from the seed and are the same on
//! every device.

use crate::augment::Augment;
use crate::config::Config;
use crate::loss::Balance;
use imgveil::internal::image::Augmentation;
use imgveil::internal::schedule::Stream;

/// Draws the batches of every epoch of a run.
pub(super) struct Batches {
    key: [u8; 32],
    images: usize,
    batch: usize,
    augment: Augment,
    /// The images of each class, if all classes are shown equally often.
    classes: Option<Vec<Vec<u32>>>,
}

impl Batches {
    /// The batches for images with these labels.
    pub fn new(config: &Config, labels: &[u32]) -> Self {
        let key = blake3::derive_key("imgveil order of images", &config.seed.to_le_bytes());
        let classes = (config.balance == Balance::Sampler).then(|| by_class(labels));
        Self { key, images: labels.len(), batch: config.batch.max(2), augment: config.augment, classes }
    }

    /// The number of batches in an epoch. A last batch of one image is left out, as batch norm cannot learn from it.
    pub fn per_epoch(&self) -> usize {
        self.images / self.batch + usize::from(self.images % self.batch >= 2)
    }

    /// The batches of an epoch: images with their augmentations. Epochs are counted from 1.
    pub fn epoch(&self, epoch: usize) -> Vec<Vec<(usize, Augmentation)>> {
        let mut stream = Stream::new(&self.key, epoch as u64);
        let order = match &self.classes {
            Some(classes) => balanced(classes, self.images, &mut stream),
            None => stream.permutation(self.images as u32),
        };
        let mut batches: Vec<Vec<(usize, Augmentation)>> = order
            .chunks(self.batch)
            .map(|part| part.iter().map(|&index| (index as usize, self.augment.draw(&mut stream))).collect())
            .collect();
        batches.truncate(self.per_epoch());
        batches
    }
}

/// The images of each class. Classes without images are left out.
fn by_class(labels: &[u32]) -> Vec<Vec<u32>> {
    let mut classes = std::collections::BTreeMap::<u32, Vec<u32>>::new();
    for (image, &label) in labels.iter().enumerate() {
        classes.entry(label).or_default().push(image as u32);
    }
    classes.into_values().collect()
}

/// Draws `images` images in random order, equally many of every class, or one more. All images of a class are drawn
/// before one of them is drawn again.
fn balanced(classes: &[Vec<u32>], images: usize, stream: &mut Stream) -> Vec<u32> {
    let mut drawn = Vec::with_capacity(images);
    // The classes that show one image more differ from epoch to epoch.
    for (place, class) in stream.permutation(classes.len() as u32).into_iter().enumerate() {
        let class = &classes[class as usize];
        let share = images / classes.len() + usize::from(place < images % classes.len());
        let end = drawn.len() + share;
        while drawn.len() < end {
            let order = stream.permutation(class.len() as u32);
            let missing = end - drawn.len();
            drawn.extend(order.into_iter().take(missing).map(|i| class[i as usize]));
        }
    }
    stream.permutation(images as u32).into_iter().map(|place| drawn[place as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelKind;

    fn counts(order: &[Vec<(usize, Augmentation)>], images: usize) -> Vec<usize> {
        let mut counts = vec![0; images];
        order.iter().flatten().for_each(|&(image, _)| counts[image] += 1);
        counts
    }

    #[test]
    fn the_sampler_shows_every_class_equally_often() {
        // 90 of class 0, 7 of class 2, 4 of class 3, none of class 1; in no order.
        let label = |i: usize| match i * 37 % 101 {
            0..90 => 0,
            90..97 => 2,
            _ => 3,
        };
        let labels: Vec<u32> = (0..101).map(label).collect();
        let config = Config { batch: 10, balance: Balance::Sampler, ..Config::new(ModelKind::Cnn) };
        let batches = Batches::new(&config, &labels);
        // 101 images make 10 batches of 10. The remaining image makes no batch.
        assert_eq!((batches.per_epoch(), batches.epoch(1).len()), (10, 10));
        let all = Batches { batch: 101, ..Batches::new(&config, &labels) };
        let mut firsts = std::collections::HashSet::new();
        for epoch in 1..20 {
            let order = all.epoch(epoch);
            let seen = counts(&order, 101);
            let of = |class| labels.iter().zip(&seen).filter(move |(label, _)| **label == class).map(|(_, &n)| n);
            let mut shown = [0, 2, 3].map(|class| of(class).sum::<usize>());
            shown.sort_unstable();
            assert_eq!(shown, [33, 34, 34]);
            for class in [0, 2, 3] {
                let (least, most) = (of(class).min().unwrap(), of(class).max().unwrap());
                assert!(most - least <= 1, "class {class}: {least} to {most} times");
            }
            // The classes are mixed.
            assert!(order[0].windows(2).filter(|pair| labels[pair[0].0] != labels[pair[1].0]).count() > 30);
            firsts.insert(order[0][0].0);
        }
        assert!(firsts.len() > 5);
        assert_eq!(all.epoch(3), all.epoch(3));
    }

    #[test]
    fn without_it_every_image_comes_once() {
        let config = Config { batch: 10, ..Config::new(ModelKind::Cnn) };
        let batches = Batches::new(&config, &[0; 95]);
        assert_eq!(counts(&batches.epoch(1), 95), [1; 95]);
    }
}
