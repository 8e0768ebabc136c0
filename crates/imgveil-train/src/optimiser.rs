//! Optimisers, their stored state, and the learning rate over a run.

use crate::unknown::unknown;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, ModuleOptimizer, Optimizer, RecordState, SgdConfig, StateSink, StateSource};
use burn::tensor::{Device, Tensor};

/// The optimisers.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_optimiser)]
#[non_exhaustive]
pub enum OptimiserKind {
    /// Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019). The default: of eight recipes it was the most
    /// stable over seeds, schemes and networks (docs/RESULTS.md, "The recipe").
    #[default]
    AdamW,
    /// Stochastic gradient descent with momentum 0.9.
    Sgd,
}

fn no_optimiser(text: &str) -> String {
    unknown::<OptimiserKind>(text, "optimiser")
}

impl OptimiserKind {
    /// The default learning rate.
    pub fn default_learning_rate(self) -> f64 {
        match self {
            Self::AdamW => 1e-3,
            Self::Sgd => 5e-2,
        }
    }

    /// The default weight decay.
    pub fn default_weight_decay(self) -> f64 {
        match self {
            Self::AdamW => 1e-2,
            Self::Sgd => 5e-4,
        }
    }

    pub(super) fn build(self, weight_decay: f64) -> ModuleOptimizer {
        match self {
            Self::AdamW => {
                let config = AdamWConfig::new().with_weight_decay(weight_decay as f32).with_epsilon(1e-8);
                Kept(config.build()).into()
            }
            Self::Sgd => {
                let momentum = MomentumConfig::new().with_momentum(0.9);
                let decay = WeightDecayConfig::new(weight_decay as f32);
                Kept(SgdConfig::new().with_momentum(Some(momentum)).with_weight_decay(Some(decay)).build()).into()
            }
        }
    }
}

/// An optimiser whose state can be loaded on any machine. burn loads a state to its default device, which is a GPU even
/// on a machine without one. `Kept` loads it to the CPU, and the first step moves it to the device of the weights.
#[derive(Clone)]
struct Kept<O>(O);

#[derive(Clone)]
struct KeptState<S>(S);

impl<S: RecordState> RecordState for KeptState<S> {
    fn state_flatten(&self, prefix: &str, out: &mut StateSink) {
        self.0.state_flatten(prefix, out);
    }

    fn state_unflatten(prefix: &str, source: &mut StateSource, _: &Device) -> Option<Self> {
        S::state_unflatten(prefix, source, &Device::flex()).map(Self)
    }
}

impl<O: Optimizer> Optimizer for Kept<O> {
    type State<const D: usize> = KeptState<O::State<D>>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let (tensor, state) = self.0.step(rate, tensor, gradient, state.map(|state| state.0));
        (tensor, state.map(KeptState))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        KeptState(O::to_device(state.0, device))
    }
}

/// The learning rate over a run: a linear warm-up to `base` (Goyal et al., "Accurate, Large Minibatch SGD", 2017,
/// section 2.2), then the cosine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// The highest rate.
    pub base: f64,
    /// The number of optimiser steps in the run.
    pub steps: usize,
    /// The number of steps in which the rate rises.
    pub warmup: usize,
}

impl Schedule {
    /// The rate of a step. Steps are counted from 0.
    pub fn rate(self, step: usize) -> f64 {
        match step.checked_sub(self.warmup) {
            Some(step) => cosine(self.base, step, self.steps.saturating_sub(self.warmup)),
            None => self.base * (step + 1) as f64 / self.warmup as f64,
        }
    }
}

/// The cosine schedule: from `base` at step 0 towards 0 at step `steps` (Loshchilov & Hutter, "SGDR", ICLR 2017,
/// without restarts).
fn cosine(base: f64, step: usize, steps: usize) -> f64 {
    let progress = step as f64 / steps.max(1) as f64;
    base * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cosine_begins_at_the_base_and_ends_near_zero() {
        assert_eq!(cosine(0.1, 0, 100), 0.1);
        assert!((cosine(0.1, 50, 100) - 0.05).abs() < 1e-12);
        assert!(cosine(0.1, 99, 100) < 1e-4);
        assert!((1..100).all(|step| cosine(1.0, step, 100) < cosine(1.0, step - 1, 100)));
    }

    #[test]
    fn the_rate_rises_in_equal_steps_and_falls_along_the_cosine() {
        let rates =
            |warmup| (0..10).map(|step| Schedule { base: 0.4, steps: 10, warmup }.rate(step)).collect::<Vec<_>>();
        let cosine: Vec<f64> = (0..10).map(|step| super::cosine(0.4, step, 10)).collect();
        assert_eq!(rates(0), cosine);
        let warm = rates(4);
        assert_eq!(warm[..4], [0.1, 0.2, 0.30000000000000004, 0.4]);
        assert_eq!(warm[4..], (0..6).map(|step| super::cosine(0.4, step, 6)).collect::<Vec<_>>());
    }

    /// A step from a loaded state equals the step from the state in memory.
    #[test]
    fn a_loaded_state_goes_on_as_the_kept_one() {
        use crate::model::{ModelConfig, ModelKind};
        use burn::module::Module;
        use burn::optim::GradientsParams;
        use imgveil::internal::image::Geometry;
        let device = Device::flex().autodiff();
        let model = ModelConfig::new(ModelKind::Cnn, None, Geometry::new(8, 8, 1).unwrap(), 2, None);
        // No two pixels are equal, because images of one value have no gradient behind batch norm.
        let images = Tensor::<1, burn::tensor::Int>::arange(0..256, &device).float().sin().reshape([4, 1, 8, 8]);
        for kind in [OptimiserKind::AdamW, OptimiserKind::Sgd] {
            let mut optimiser = kind.build(0.1);
            let step = |optimiser: &mut ModuleOptimizer, network: crate::model::Network| {
                let loss = network.forward(images.clone()).powi_scalar(2).mean();
                let gradients = GradientsParams::from_grads(loss.backward(), &network);
                optimiser.step(0.01, network, gradients)
            };
            let network = step(&mut optimiser, model.init(1, &device));
            // Networks are copied by bytes, because clones share the running statistics of batch norm.
            let bytes = crate::checkpoint::weights(network.valid()).unwrap();
            let copy = || crate::checkpoint::load_weights(model.init(2, &device), bytes.clone()).unwrap();
            let mut loaded = kind.build(0.1).from_bytes(optimiser.into_bytes().unwrap()).unwrap();
            let answers = |network: crate::model::Network| {
                network.valid().forward(images.clone().inner()).into_data().try_to_vec::<f32>().unwrap()
            };
            let kept = answers(step(&mut optimiser, copy()));
            let apart = |other: Vec<f32>| kept.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            let (loaded, fresh) =
                (apart(answers(step(&mut loaded, copy()))), apart(answers(step(&mut kind.build(0.1), copy()))));
            // A loaded state differs by rounding at most. A fresh one makes another step.
            assert!(loaded < 1e-3 * fresh, "{kind:?}: {loaded:e} {fresh:e}");
        }
    }
}
