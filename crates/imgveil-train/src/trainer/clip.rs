//! Limits the gradients of a step (Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural
//! networks", ICML 2013, section 3.2): if the norm of all gradients together is above a limit, all are scaled down to
//! it.
//!
//! The norm stays on the device. Fetching it would make the host wait in every step.

use crate::model::Network;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// Keeps the norm from dividing by zero.
const TINY: f64 = 1e-12;

/// Scales the gradients of a network so that their norm is at most `limit`.
pub(super) fn clip(gradients: &mut GradientsParams, network: &Network, limit: f64) {
    let mut squares = Squares { gradients, sum: None };
    network.visit(&mut squares);
    let Some(sum) = squares.sum else { return };
    // 1 if the norm is within the limit.
    let factor = ((sum + TINY).sqrt().recip() * limit).clamp_max(1.0);
    network.visit(&mut Scale { gradients, factor });
}

/// The sum of the squares of all gradients.
struct Squares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for Squares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running means have no gradient.
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let square = gradient.powi_scalar(2).sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

/// Multiplies all gradients by a factor.
struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: Tensor<1>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let factor = self.factor.clone().reshape([1; D]);
            self.gradients.register::<D>(param.id, gradient * factor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ModelConfig, ModelKind};
    use burn::tensor::Device;
    use imgveil::internal::image::Geometry;

    /// All gradients of a network as one vector.
    struct Values<'a>(&'a GradientsParams, Vec<f32>);

    impl ModuleVisitor for Values<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                self.1.extend(gradient.into_data().try_to_vec::<f32>().unwrap());
            }
        }
    }

    fn values(gradients: &GradientsParams, network: &Network) -> Vec<f32> {
        let mut values = Values(gradients, Vec::new());
        network.visit(&mut values);
        values.1
    }

    fn norm(values: &[f32]) -> f64 {
        values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn gradients_keep_their_direction_and_get_the_norm_of_the_limit() {
        let device = Device::flex().autodiff();
        let model = ModelConfig::new(ModelKind::Cnn, None, Geometry::new(8, 8, 1).unwrap(), 2, None);
        let network = model.init(1, &device);
        let images = Tensor::<1, burn::tensor::Int>::arange(0..256, &device).float().sin().reshape([4, 1, 8, 8]);
        let gradients = || {
            let loss = network.forward(images.clone()).powi_scalar(2).mean();
            GradientsParams::from_grads(loss.backward(), &network)
        };
        let before = values(&gradients(), &network);
        let length = norm(&before);
        assert!(length > 0.0);
        for limit in [length / 7.0, length * 7.0] {
            let mut clipped = gradients();
            clip(&mut clipped, &network, limit);
            let after = values(&clipped, &network);
            assert_eq!(after.len(), before.len());
            assert!((norm(&after) / limit.min(length) - 1.0).abs() < 1e-4);
            let factor = limit.min(length) / length;
            let apart = before.iter().zip(&after).map(|(&a, &b)| (f64::from(a) * factor - f64::from(b)).abs());
            assert!(apart.fold(0.0, f64::max) < 1e-4 * length);
        }
    }
}
