//! SIA-GAN: the generator learns to give images that a discriminator takes for plain ones. The two sets share no image.
//!
//! Losses and settings are those of section IV-D, equations 3 and 4, and section V-A: the hinge losses of Miyato et al.
//! 2018, Adam with rates of 1e-4 (generator) and 4e-4 (discriminator) and coefficients 0 and 0.9. The published program
//! adds the loss of a classifier of the restored images, which the paper does not have; it is left out.

use super::discriminator::Discriminator;
use super::generator::Generator;
use super::view::View;
use super::{Inverse, InverseConfig, InverseEpoch, Mean, order};
use crate::backend::Backend;
use crate::error::{DataError, Error};
use crate::feed::Split;
use crate::model::{Rule, seeded};
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use std::sync::Arc;

const GENERATOR_RATE: f64 = 1e-4;
const DISCRIMINATOR_RATE: f64 = 4e-4;

/// Learns from encrypted images, or mixtures, and from `public` plain images of the same kind, not among them. `hear`
/// is told of every epoch, and stops by `false`. Sides must be 8 or more.
///
/// # Errors
/// When the two sets differ in size, or the device fails.
pub fn from_public(
    backend: &Backend,
    encrypted: &Arc<Split>,
    public: &Arc<Split>,
    config: &InverseConfig,
    hear: &mut dyn FnMut(InverseEpoch) -> bool,
) -> Result<Inverse, Error> {
    let geometry = encrypted.geometry;
    if public.geometry != geometry {
        return Err(DataError::Mixed { split: "public", found: public.geometry, expected: geometry }.into());
    }
    let device = backend.device().autodiff();
    let (channels, size) = (geometry.channels(), [geometry.height(), geometry.width()]);
    let block = config.block.map(|block| [block.height as usize, block.width as usize]);
    let mut generator =
        seeded(Generator::new(channels, size, block, config.width, &device), Rule::Convolutional, config.seed);
    let judge = Discriminator::new(channels, size, config.discriminator, &device);
    let mut discriminator = seeded(judge, Rule::Convolutional, config.seed.wrapping_add(1));
    let adam = || AdamConfig::new().with_beta_1(0.0).with_beta_2(0.9).with_epsilon(1e-8);
    let (mut of_generator, mut of_discriminator) = (adam().init(), adam().init());
    let (mut encrypted_view, mut public_view) = (View::of(backend, encrypted)?, View::of(backend, public)?);
    for epoch in 1..=config.epochs {
        let (mut loss, mut judged) = (Mean::default(), Mean::default());
        let encrypted_order = order("encrypted images", config, encrypted.len(), epoch);
        let public_order = order("public images", config, public.len(), epoch);
        // An epoch is a pass over the encrypted images; the public ones begin anew where there are fewer.
        for (batch, others) in encrypted_order.iter().zip(public_order.iter().cycle()) {
            let images = encrypted_view.batch(batch)?;
            let real = public_view.batch(others)?;
            let restored = generator.forward(images);
            let of_real = relu(discriminator.forward(real).neg() + 1.0).mean();
            let of_restored = relu(discriminator.forward(restored.clone().detach()) + 1.0).mean();
            let hinge = of_real + of_restored;
            judged.add(&hinge);
            let gradients = GradientsParams::from_grads(hinge.backward(), &discriminator);
            discriminator = of_discriminator.step(DISCRIMINATOR_RATE, discriminator, gradients);
            let score = discriminator.forward(restored).mean().neg();
            loss.add(&score);
            let gradients = GradientsParams::from_grads(score.backward(), &generator);
            generator = of_generator.step(GENERATOR_RATE, generator, gradients);
        }
        let told = InverseEpoch { epoch, loss: loss.fetch(backend)?, discriminator: Some(judged.fetch(backend)?) };
        if !hear(told) {
            break;
        }
    }
    Ok(Inverse { backend: backend.clone(), generator: generator.valid(), batch: config.batch.max(2) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::engine::{Device, DeviceChoice};
    use imgveil::internal::image::Geometry;
    use imgveil_data::set::Loaded;

    fn split(level: usize) -> Arc<Split> {
        let (geometry, images) = (Geometry::new(8, 8, 1).unwrap(), 16);
        let samples = (0..images * 64).map(|i| (level + i * 37 % 23) as u8).collect();
        let names = (0..images).map(|image| image.to_string()).collect();
        Arc::new(Split::new(Loaded { geometry, samples, labels: vec![0; images], names }, 1, None))
    }

    /// What is restored becomes like the plain images, which are dark in one run and bright in another.
    #[test]
    fn restored_images_become_like_plain_ones() {
        let backend = Backend::open(Device::open(&DeviceChoice::Cpu).unwrap()).unwrap();
        let config = InverseConfig { epochs: 60, batch: 8, width: 8, discriminator: 64, ..InverseConfig::default() };
        let encrypted = split(116);
        let brightness = |public: usize| {
            let inverse = from_public(&backend, &encrypted, &split(public), &config, &mut |_| true).unwrap();
            let samples = inverse.restore(&encrypted).unwrap();
            samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / samples.len() as f64
        };
        let (dark, bright) = (brightness(10), brightness(220));
        assert!(bright > dark + 40.0, "{dark} {bright}");
    }
}
