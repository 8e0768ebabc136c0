//! Mixed precision (Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3): a network computes in 16
//! bits and learns in 32.
//!
//! The stored weights are 32 bits wide. Every step copies them to 16 bits, and the gradients of the copy are applied
//! to the stored weights. Normalisation, losses and penalties are computed in 32 bits.

use crate::model::Network;
use crate::parameters::{self, ParameterMapper};
use crate::unknown::unknown;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

/// The number format in which a network computes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::EnumString, strum::VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_precision)]
#[non_exhaustive]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// 16-bit floats for convolutions and products of matrices; weights are kept in 32 bits.
    Mixed,
}

fn no_precision(text: &str) -> String {
    unknown::<Precision>(text, "precision")
}

/// The loss is multiplied by this before the gradients are computed, and the gradients are divided by it. Small
/// gradients would otherwise be zero in 16 bits.
const LOSS_SCALE: f64 = 1024.0;

impl Precision {
    /// Whether a device supports it.
    pub(super) fn is_supported(self, device: &Device) -> bool {
        self == Self::F32 || device.supports_dtype(DType::F16)
    }

    /// The network that computes a step.
    pub(super) fn of_step(self, network: &Network) -> Network {
        match self {
            Self::F32 => network.clone(),
            Self::Mixed => parameters::map(network.clone(), &mut ToHalf),
        }
    }

    /// Images in this format.
    pub(super) fn images(self, images: Tensor<4>) -> Tensor<4> {
        match self {
            Self::F32 => images,
            Self::Mixed => images.cast(DType::F16),
        }
    }

    /// The gradients of a loss of a step's network, for the stored network.
    pub(super) fn gradients(self, loss: Tensor<1>, of_step: &Network) -> GradientsParams {
        match self {
            Self::F32 => GradientsParams::from_grads(loss.backward(), of_step),
            Self::Mixed => {
                let mut gradients = GradientsParams::from_grads((loss * LOSS_SCALE).backward(), of_step);
                of_step.visit(&mut Unscale(&mut gradients));
                gradients
            }
        }
    }
}

/// Copies weights to 16 bits, as leaves of their own for gradients. Parameters of a normalisation are shared with the
/// stored network, so that it gets the running means and variances.
struct ToHalf;

impl ParameterMapper for ToHalf {
    fn map<const D: usize>(&mut self, path: &[String], param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if path.iter().any(|name| name.contains("norm")) {
            return param;
        }
        Param::initialized(param.id, Tensor::from_inner(param.val().inner().cast(DType::F16)).require_grad())
    }
}

/// Divides gradients by the scale of the loss, in 32 bits.
struct Unscale<'a>(&'a mut GradientsParams);

impl ModuleVisitor for Unscale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.0.remove::<D>(param.id) {
            self.0.register::<D>(param.id, gradient.cast(DType::F32) / LOSS_SCALE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AdaptationKind, MODELS, ModelConfig, ModelKind};
    use imgveil::internal::image::Geometry;

    /// The products of two sets of gradients: with each other and with themselves.
    struct Products<'a> {
        a: &'a GradientsParams,
        b: &'a GradientsParams,
        sums: [f64; 3],
        tensors: usize,
    }

    impl ModuleVisitor for Products<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let of = |gradients: &GradientsParams| gradients.get::<D>(param.id);
            // Running means have no gradient.
            let (Some(a), Some(b)) = (of(self.a), of(self.b)) else { return };
            let values = |tensor: Tensor<D>| tensor.into_data().try_to_vec::<f32>().unwrap();
            for (a, b) in values(a).into_iter().zip(values(b)) {
                let (a, b) = (f64::from(a), f64::from(b));
                self.sums = [self.sums[0] + a * b, self.sums[1] + a * a, self.sums[2] + b * b];
            }
            self.tensors += 1;
        }
    }

    fn networks() -> impl Iterator<Item = (String, Network)> {
        let device = Device::flex().autodiff();
        let plain = MODELS.into_iter().map(|kind| (kind, None));
        let adapted = [AdaptationKind::Le, AdaptationKind::Ele].map(|kind| (ModelKind::Cnn, Some(kind)));
        plain.chain(adapted).map(move |(kind, adaptation)| {
            let config = ModelConfig::new(kind, adaptation, Geometry::new(32, 32, 1).unwrap(), 3, None);
            (format!("{} {adaptation:?}", kind.name()), config.init(5, &device))
        })
    }

    fn images(device: &Device) -> Tensor<4> {
        let value = |i: u32| (i.wrapping_mul(2_654_435_761) >> 16) as f32 / 32768.0 - 1.0;
        let values: Vec<f32> = (0..4 * 1024).map(value).collect();
        Tensor::<1>::from_floats(&values[..], device).reshape([4, 1, 32, 32])
    }

    /// Every network has gradients in 16 bits, and all of them are in range. In networks with few batch norms they are
    /// close to the gradients in 32 bits. Dozens of batch norms over four images amplify the rounding of the weights
    /// too much for a comparison.
    #[test]
    fn gradients_of_16_bits_are_nearly_those_of_32() {
        let images = images(&Device::flex().autodiff());
        for (name, network) in networks() {
            let gradients = |precision: Precision| {
                let of_step = precision.of_step(&network);
                let (logits, penalty) = of_step.forward_with_penalty(precision.images(images.clone()));
                let loss = logits.cast(DType::F32).powi_scalar(2).mean();
                let loss = penalty.map_or(loss.clone(), |penalty| loss + penalty);
                precision.gradients(loss, &of_step)
            };
            let (whole, half) = (gradients(Precision::F32), gradients(Precision::Mixed));
            assert_eq!(whole.len(), half.len(), "{name}");
            let mut products = Products { a: &whole, b: &half, sums: [0.0; 3], tensors: 0 };
            network.visit(&mut products);
            let [both, a, b] = products.sums;
            assert_eq!(products.tensors, whole.len(), "{name}");
            assert!(a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite(), "{name} {a} {b}");
            if !["cnn", "vit"].iter().any(|shallow| name.starts_with(shallow)) {
                continue;
            }
            let (cosine, ratio) = (both / (a * b).sqrt(), (b / a).sqrt());
            // A 16-bit float has 11 significant bits, an error of 5e-4 at most. It grows from layer to layer.
            assert!(cosine > 0.99 && (0.95..1.05).contains(&ratio), "{name} {cosine} {ratio}");
        }
    }
}
