//! Learned inverses: networks that an attacker trains to turn encrypted images into plain ones.
//!
//! [`from_pairs`] learns from images of which the attacker has both forms: the inverse transformation network of Ito,
//! Kinoshita, Aprilpyone & Kiya, "Image to Perturbation", IEEE Access 9, 2021. [`from_public`] learns from encrypted
//! images and from other, plain ones: SIA-GAN (Madono, Tanaka, Onishi & Ogawa, "SIA-GAN: Scrambling Inversion Attack
//! Using Generative Adversarial Network", IEEE Access 9, 2021). Both train the generator of the second paper. The
//! attacks of `imgveil-attack` need no training, and are stronger wherever one key encrypts all images.
//!
//! Mixtures (InstaHide) are attacked by their absolute values, which undo the random signs. The network learns to give
//! the image that has the largest weight in each.

mod adversary;
mod discriminator;
mod generator;
mod memory;
mod pairs;
mod spectral;
mod view;

pub use adversary::from_public;
pub use pairs::{Encrypted, from_pairs};
pub use view::mixtures;

use self::generator::Generator;
use self::view::View;
use crate::backend::Backend;
use crate::error::Error;
use crate::feed::Split;
use burn::tensor::Tensor;
use imgveil::internal::image::Geometry;
use imgveil::internal::schedule::Stream;
use imgveil::internal::scheme::Block;
use std::sync::Arc;

/// How an inverse is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseConfig {
    /// The blocks of the scheme. The images must be a whole number of them. Every block gets a sub-network of its own,
    /// as under one key the blocks at one place are encrypted alike. `None`: all places are treated alike, which fits
    /// keys per image.
    pub block: Option<Block>,
    /// Passes over the images.
    pub epochs: usize,
    /// Images of a step.
    pub batch: usize,
    /// The channels of the generator's decoder. The paper has 64.
    pub width: usize,
    /// The channels of the discriminator's last map, a multiple of 64. The paper has 1024.
    pub discriminator: usize,
    /// The seed of the initial weights and of the order of images.
    pub seed: u64,
}

impl Default for InverseConfig {
    fn default() -> Self {
        Self { block: None, epochs: 100, batch: 64, width: 64, discriminator: 1024, seed: 0 }
    }
}

/// What is known after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct InverseEpoch {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The mean loss of the generator: the mean squared error, or the negative mean score of the discriminator.
    pub loss: f32,
    /// The mean loss of the discriminator.
    pub discriminator: Option<f32>,
}

/// A trained inverse.
pub struct Inverse {
    backend: Backend,
    generator: Generator,
    batch: usize,
}

impl Inverse {
    /// Restores images, or mixtures if it learned from mixtures: samples, image after image, as a [`Split`] holds them.
    ///
    /// # Errors
    /// When the device fails.
    pub fn restore(&self, encrypted: &Arc<Split>) -> Result<Vec<u8>, Error> {
        let geometry = encrypted.geometry;
        let mut view = View::of(&self.backend, encrypted)?;
        let mut samples = Vec::with_capacity(encrypted.len() * geometry.bytes());
        let all: Vec<usize> = (0..encrypted.len()).collect();
        for part in all.chunks(self.batch) {
            let images = self.generator.forward(view.batch(part)?);
            let values = crate::evaluate::fetch(&self.backend, images)?;
            samples.extend(values.chunks_exact(geometry.samples()).flat_map(|image| stored(image, geometry)));
        }
        Ok(samples)
    }
}

/// An image (C, H, W) from -1 to 1 as stored samples (H, W, C).
pub fn stored(image: &[f32], geometry: Geometry) -> Vec<u8> {
    let (pixels, channels, max) = (geometry.pixels(), geometry.channels(), geometry.depth().max() as f32);
    let sample = |i: usize| ((image[i % channels * pixels + i / channels] + 1.0) / 2.0 * max).round().clamp(0.0, max);
    let bytes = geometry.depth().bytes();
    (0..geometry.samples()).flat_map(|i| (sample(i) as u32).to_le_bytes().into_iter().take(bytes)).collect()
}

/// The order of the images in an epoch, in batches of two or more: batch norm cannot learn from one.
fn order(what: &str, config: &InverseConfig, images: usize, epoch: usize) -> Vec<Vec<usize>> {
    let key = blake3::derive_key(&format!("imgveil inverse, order of {what}"), &config.seed.to_le_bytes());
    let order = Stream::new(&key, epoch as u64).permutation(images as u32);
    let order: Vec<usize> = order.into_iter().map(|index| index as usize).collect();
    order.chunks(config.batch.max(2)).filter(|batch| batch.len() >= 2).map(<[_]>::to_vec).collect()
}

/// The mean of losses that stay on the device until an epoch ends.
#[derive(Default)]
struct Mean {
    sum: Option<Tensor<1>>,
    steps: usize,
}

impl Mean {
    fn add(&mut self, loss: &Tensor<1>) {
        let loss = loss.clone().inner();
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum + loss,
            None => loss,
        });
        self.steps += 1;
    }

    fn fetch(self, backend: &Backend) -> Result<f32, Error> {
        let Some(sum) = self.sum else { return Ok(f32::NAN) };
        Ok(crate::evaluate::scalar(backend, sum)? / self.steps as f32)
    }
}
