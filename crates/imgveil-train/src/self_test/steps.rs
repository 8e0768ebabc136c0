//! Steps of training, the same on every device.

use super::fault::TrainingFault;
use super::images::{CLASSES, feed};
use crate::backend::Backend;
use crate::checkpoint::{load_weights, weights};
use crate::evaluate::{fetch, scalar};
use crate::loss::CrossEntropy;
use crate::model::{ModelConfig, ModelKind, Network};
use crate::optimiser::OptimiserKind;
use crate::parameters::{ParameterVisitor, visit};
use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use imgveil::internal::engine::Device;
use imgveil::internal::image::{Augmentation, Geometry};
use imgveil::internal::scheme::{Block, Preset};
use imgveil::internal::self_test::Fault;

/// Rows and columns of the images.
pub const SIDE: u32 = 32;
/// Images of a batch.
pub const BATCH: usize = 8;
const IMAGES: usize = 64;
/// Small enough that rounding is not amplified over 20 steps.
const LEARNING_RATE: f64 = 2e-3;

/// What steps of training gave.
pub struct Trained {
    /// The mean loss of all steps.
    pub loss: f32,
    /// All weights, as one list.
    pub weights: Vec<f32>,
}

/// The initial weights of a network, made on the CPU.
pub fn initial(kind: ModelKind) -> Result<(ModelConfig, Vec<u8>, Vec<f32>), TrainingFault> {
    let geometry = Geometry::new(SIDE, SIDE, 3).map_err(Fault::from)?;
    let config = ModelConfig::new(kind, None, geometry, CLASSES, Some(Block::square(4)));
    let cpu = Backend::open(Device::cpu())?;
    let network = config.init(3, &cpu.device());
    let values = values(&cpu, &network)?;
    Ok((config, weights(network).map_err(TrainingFault::Weights)?, values))
}

/// Trains for `steps` steps. `watched`: the loss is read back after every step, otherwise nothing before the end.
pub fn train(
    backend: &Backend,
    config: &ModelConfig,
    initial: &[u8],
    steps: usize,
    watched: bool,
    mut each: impl FnMut(usize) -> Result<(), TrainingFault>,
) -> Result<Trained, TrainingFault> {
    let device = backend.device().autodiff();
    let mut network = load_weights(config.init(3, &device), initial.to_vec()).map_err(TrainingFault::Weights)?;
    let mut optimiser = OptimiserKind::Sgd.build(0.0);
    let loss = CrossEntropy::new(0.0, None, &device);
    let mut feed = feed(backend, Preset::ShuffleFlip, SIDE, IMAGES)?;
    let mut sum: Option<Tensor<1>> = None;
    for step in 0..steps {
        let picks: Vec<_> = (0..BATCH).map(|i| ((step * BATCH + i) % IMAGES, Augmentation::IDENTITY)).collect();
        let batch = feed.batch(&picks)?;
        let loss = loss.forward(network.forward(batch.images), batch.labels);
        let value = loss.clone().inner();
        if watched {
            scalar(backend, value.clone())?;
        }
        sum = Some(match sum.take() {
            Some(sum) => sum + value,
            None => value,
        });
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        network = optimiser.step(LEARNING_RATE, network, gradients);
        each(step)?;
    }
    let loss = sum.map_or(Ok(0.0), |sum| scalar(backend, sum))? / steps.max(1) as f32;
    Ok(Trained { loss, weights: values(backend, &network)? })
}

/// All weights of a network, one tensor after the other.
pub fn values(backend: &Backend, network: &Network) -> Result<Vec<f32>, TrainingFault> {
    struct Values<'a> {
        backend: &'a Backend,
        values: Result<Vec<f32>, TrainingFault>,
    }
    impl ParameterVisitor for Values<'_> {
        fn visit<const D: usize>(&mut self, _: &[String], param: &Param<Tensor<D>>) {
            let Ok(values) = &mut self.values else { return };
            match fetch(self.backend, param.val()) {
                Ok(more) => values.extend(more),
                Err(error) => self.values = Err(error.into()),
            }
        }
    }
    let mut all = Values { backend, values: Ok(Vec::new()) };
    visit(network, &mut all);
    all.values
}
