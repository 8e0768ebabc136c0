//! The speed of training steps: what encryption in the feed costs, beside steps on plain images.

use crate::backend::Backend;
use crate::error::{Error, TrainError};
use crate::evaluate::scalar;
use crate::feed::{Feed, Split};
use crate::loss::CrossEntropy;
use crate::model::{ModelConfig, ModelKind, Network};
use crate::optimiser::OptimiserKind;
use crate::outcome::StepTraffic;
use crate::trainer::{Passed, counts};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use imgveil::Key;
use imgveil::internal::image::{Augmentation, Geometry};
use imgveil::internal::scheme::{Scheme, compile};
use imgveil_data::set::Loaded;
use std::time::Instant;

/// What is measured.
#[derive(Clone, Debug)]
pub struct StepBench {
    /// The network.
    pub model: ModelKind,
    /// The images, which are drawn.
    pub geometry: Geometry,
    /// Images per batch.
    pub batch: usize,
    /// Seconds of training for each scheme, spread over the rounds.
    pub seconds: f64,
}

/// The figures of one scheme.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct StepFigures {
    /// The scheme and its options.
    pub scheme: String,
    /// The median over the rounds.
    pub images_per_second: f64,
    /// The slowest and the fastest round, in images per second.
    pub range: [f64; 2],
    /// What the first step took, with the compilation of kernels.
    pub first_step_seconds: f64,
    /// What crossed between host and device.
    pub traffic: StepTraffic,
}

/// Every scheme has this many rounds. The schemes take turns, so that a device that becomes warm or busy slows all of
/// them alike.
const ROUNDS: usize = 5;
const CLASSES: usize = 2;
/// Batches of different images.
const BATCHES: usize = 4;

/// Trains a network with each scheme in turn, and takes the time of the steps. Each scheme has a network of its own,
/// from the same weights: the one that `imgveil train` takes for plain images, so that figures differ by the cost of
/// encryption alone. (Training takes a first layer of whole blocks for schemes with blocks, which is another network
/// and often a faster one.) The optimiser is AdamW.
///
/// # Errors
/// When a scheme does not fit the images, or the device fails.
pub fn step_bench(
    backend: &Backend,
    bench: &StepBench,
    schemes: &[(String, Scheme)],
) -> Result<Vec<StepFigures>, Error> {
    Ok(figures(backend, bench, schemes)?)
}

fn figures(backend: &Backend, bench: &StepBench, schemes: &[(String, Scheme)]) -> Result<Vec<StepFigures>, TrainError> {
    let mut subjects = Vec::new();
    for (name, scheme) in schemes {
        let mut subject = Subject::new(backend, bench, name, scheme)?;
        let started = Instant::now();
        subject.steps(1)?;
        subject.first = started.elapsed().as_secs_f64();
        // Kernels are tuned in the first steps.
        let started = Instant::now();
        subject.steps(3)?;
        let each = started.elapsed().as_secs_f64() / 3.0;
        subject.per_round = ((bench.seconds / ROUNDS as f64 / each.max(1e-9)) as usize).clamp(1, 10_000);
        subject.passed = Passed::default();
        subjects.push(subject);
    }
    for _ in 0..ROUNDS {
        for subject in &mut subjects {
            subject.round()?;
        }
    }
    Ok(subjects.into_iter().map(Subject::figures).collect())
}

/// A scheme that is measured.
struct Subject<'a> {
    backend: &'a Backend,
    batch: usize,
    scheme: String,
    feed: Feed,
    network: Network,
    optimiser: ModuleOptimizer,
    loss: CrossEntropy,
    first: f64,
    per_round: usize,
    /// Images per second of each round.
    rates: Vec<f64>,
    passed: Passed,
}

impl<'a> Subject<'a> {
    fn new(backend: &'a Backend, bench: &StepBench, name: &str, scheme: &Scheme) -> Result<Self, TrainError> {
        let key = Key::from_bytes([7; 32]);
        let (geometry, images) = (bench.geometry, bench.batch * BATCHES);
        let noise = |i: usize| ((i as u32).wrapping_mul(2_654_435_761) >> 24) as u8;
        let loaded = Loaded {
            geometry,
            samples: (0..images * geometry.samples()).map(noise).collect(),
            labels: (0..images as u32).map(|i| i % CLASSES as u32).collect(),
            names: (0..images).map(|i| i.to_string()).collect(),
        };
        let program = compile(scheme, &key, geometry)?;
        let feed = Feed::new(backend, program, Some(&key), Split::new(loaded, CLASSES, Some(&key)))?;
        let device = backend.device().autodiff();
        let network = ModelConfig::new(bench.model, None, geometry, CLASSES, None).init(1, &device);
        let optimiser = OptimiserKind::AdamW.build(OptimiserKind::AdamW.default_weight_decay());
        let loss = CrossEntropy::new(0.0, None, &device);
        let (scheme, batch) = (name.to_owned(), bench.batch);
        let (rates, passed) = (Vec::new(), Passed::default());
        Ok(Self { backend, batch, scheme, feed, network, optimiser, loss, first: 0.0, per_round: 1, rates, passed })
    }

    /// Takes steps, and waits for the device once, after the last one.
    fn steps(&mut self, count: usize) -> Result<(), TrainError> {
        let before = counts(self.backend);
        let picks = |batch: usize| -> Vec<(usize, Augmentation)> {
            (0..self.batch).map(|i| (batch % BATCHES * self.batch + i, Augmentation::IDENTITY)).collect()
        };
        let order: Vec<_> = (0..count).map(picks).collect();
        let mut last: Option<Tensor<1>> = None;
        let mut batches = self.feed.batches(&order);
        while let Some(batch) = batches.next().transpose()? {
            let loss = self.loss.forward(self.network.forward(batch.images), batch.labels);
            last = Some(loss.clone().inner());
            let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
            self.network = self.optimiser.step(1e-3, self.network.clone(), gradients);
        }
        let passed = counts(self.backend) - before;
        if let Some(loss) = last {
            scalar(self.backend, loss)?;
        }
        self.passed.add(passed, count, count * self.batch);
        Ok(())
    }

    fn round(&mut self) -> Result<(), TrainError> {
        let started = Instant::now();
        self.steps(self.per_round)?;
        self.rates.push((self.per_round * self.batch) as f64 / started.elapsed().as_secs_f64().max(1e-9));
        Ok(())
    }

    fn figures(mut self) -> StepFigures {
        self.rates.sort_by(f64::total_cmp);
        StepFigures {
            scheme: self.scheme,
            images_per_second: self.rates[self.rates.len() / 2],
            range: [self.rates[0], self.rates[self.rates.len() - 1]],
            first_step_seconds: self.first,
            traffic: self.passed.of_steps(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::scheme::{Options, Preset};

    #[test]
    fn all_schemes_train_the_same_network() {
        let backend = Backend::open(imgveil::internal::engine::Device::cpu()).unwrap();
        let geometry = Geometry::new(16, 16, 1).unwrap();
        let bench = StepBench { model: ModelKind::ResNet18, geometry, batch: 2, seconds: 0.0 };
        let weights = |preset: Preset| {
            let scheme = preset.scheme(Options::default()).unwrap();
            let subject = Subject::new(&backend, &bench, preset.name(), &scheme).unwrap();
            subject.network.parameters()
        };
        assert_eq!(weights(Preset::None), weights(Preset::ShuffleFlip));
        assert_eq!(weights(Preset::None), weights(Preset::Ele));
    }
}
