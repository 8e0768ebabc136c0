//! What an attacker's network sees of images.

use crate::backend::Backend;
use crate::error::{DataError, Error};
use crate::feed::{Feed, Split};
use burn::tensor::Tensor;
use imgveil::internal::engine::Program;
use imgveil::internal::image::Augmentation;
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{Scheme, compile};
use std::sync::Arc;

/// Images as the network gets them: samples from -1 to 1. Of mixtures, whose signs are flipped at random, it gets the
/// absolute values, from 0 to 1, on the same scale.
pub(super) struct View {
    feed: Feed,
    mixed: bool,
}

impl View {
    /// Images, or mixtures, as they are.
    pub fn of(backend: &Backend, split: &Arc<Split>) -> Result<Self, Error> {
        let mixed = !split.floats.is_empty();
        Ok(Self { feed: Feed::new(backend, Program::identity(split.geometry), None, split.clone())?, mixed })
    }

    /// Plain images through a scheme.
    pub fn encrypted(backend: &Backend, plain: &Arc<Split>, scheme: &Scheme, key: &Key) -> Result<Self, Error> {
        let program = compile(scheme, key, plain.geometry).map_err(DataError::Compile)?;
        let images = plain.samples.chunks_exact(plain.geometry.bytes());
        let ids = images.enumerate().map(|(i, image)| ImageId::new(key, &i.to_string(), plain.geometry, image));
        let split = Split { ids: ids.collect(), ..Split::clone(plain) };
        let feed = Feed::new(backend, program, Some(key), split)?;
        Ok(Self { feed, mixed: scheme.mixes() })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.feed.len()
    }

    /// A batch of images, (N, C, H, W).
    pub fn batch(&mut self, images: &[usize]) -> Result<Tensor<4>, Error> {
        let batch = self.raw(images)?;
        Ok(if self.mixed { batch.abs() * 2.0 - 1.0 } else { batch })
    }

    /// The image that each of these is mostly made of: itself, or of a mixture the one with the largest weight.
    pub fn wanted(&self, images: &[usize]) -> Vec<usize> {
        images.iter().map(|&image| self.feed.strongest(image)).collect()
    }

    /// A batch with the signs of mixtures.
    fn raw(&mut self, images: &[usize]) -> Result<Tensor<4>, Error> {
        let picks: Vec<_> = images.iter().map(|&index| (index, Augmentation::IDENTITY)).collect();
        Ok(self.feed.batch(&picks)?.images)
    }
}

/// Mixes images under a scheme that does so, once. Returns the mixtures, and for each the image that has the largest
/// weight in it.
///
/// # Errors
/// When the scheme does not fit the images, or the device fails.
pub fn mixtures(
    backend: &Backend,
    plain: &Arc<Split>,
    scheme: &Scheme,
    key: &Key,
) -> Result<(Split, Vec<usize>), Error> {
    let mut view = View::encrypted(backend, plain, scheme, key)?;
    let all: Vec<usize> = (0..plain.len()).collect();
    let mut floats = Vec::with_capacity(plain.len() * plain.geometry.samples());
    for part in all.chunks(64) {
        floats.extend(crate::evaluate::fetch(backend, view.raw(part)?)?);
    }
    let strongest = view.wanted(&all);
    Ok((Split { samples: Vec::new(), floats, ..Split::clone(plain) }, strongest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::engine::{Device, DeviceChoice};
    use imgveil::internal::image::Geometry;
    use imgveil::internal::scheme::{Options, Preset};
    use imgveil_data::set::Loaded;

    /// Image i is black but for place i. So a mixture tells the share of every image.
    #[test]
    fn the_strongest_image_of_a_mixture_is_named() {
        let (geometry, images) = (Geometry::new(8, 8, 1).unwrap(), 64);
        let samples: Vec<u8> = (0..images * images).map(|i| if i / images == i % images { 127 } else { 0 }).collect();
        let names = (0..images).map(|i| i.to_string()).collect();
        let plain = Split::new(Loaded { geometry, samples, labels: vec![0; images], names }, 1, None);
        let backend = Backend::open(Device::open(&DeviceChoice::Cpu).unwrap()).unwrap();
        let scheme = Preset::InstaHide.scheme(Options::default()).unwrap();
        let key = Key::from_bytes([3; 32]);
        let (mixed, strongest) = mixtures(&backend, &Arc::new(plain), &scheme, &key).unwrap();
        assert_eq!((mixed.len(), mixed.floats.len(), strongest.len()), (images, images * images, images));
        for (mixture, &image) in mixed.floats.chunks_exact(images).zip(&strongest) {
            let brightest = (0..images).min_by(|&a, &b| mixture[a].abs().total_cmp(&mixture[b].abs()));
            assert_eq!(brightest, Some(image));
        }
        // Some are mostly another image than the one that they are named for.
        assert!((0..images).any(|image| strongest[image] != image));
        // The signs are flipped at random, and the network does not see them.
        assert!(mixed.floats.iter().any(|&sample| sample > 0.9) && mixed.floats.iter().any(|&sample| sample < -0.9));
        let seen = View::of(&backend, &Arc::new(mixed)).unwrap().batch(&[0]).unwrap();
        assert!(seen.into_data().iter::<f32>().filter(|&sample| sample == 1.0).count() >= images - 4);
    }
}
