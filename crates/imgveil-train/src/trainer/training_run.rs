//! The state of a training run and one pass over its images.

use super::check::model;
use super::clip::clip;
use super::traffic::{Passed, counts};
use crate::backend::Backend;
use crate::batches::Batches;
use crate::checkpoint::{ModelInfo, load_weights, weights};
use crate::config::Config;
use crate::data::TrainingSet;
use crate::error::{FolderError, TrainError};
use crate::evaluate::scalar;
use crate::feed::Feed;
use crate::loss::{Balance, CrossEntropy, class_weights};
use crate::model::Network;
use crate::optimiser::Schedule;
use crate::outcome::{Epoch, best_epoch};
use crate::progress::Progress;
use crate::run_folder::RunFolder;
use crate::state::{STATE, State};
use crate::weights::Weights;
use burn::module::Module;
use burn::optim::{GradientsAccumulator, ModuleOptimizer};
use burn::tensor::{Bytes, DType, Tensor};
use imgveil::internal::image::Depth;
use std::time::Instant;

/// The state of a training run between two epochs.
pub(super) struct TrainingRun<'a> {
    backend: &'a Backend,
    config: &'a Config,
    title: String,
    pub network: Network,
    optimiser: ModuleOptimizer,
    loss: CrossEntropy,
    /// The loss of giving every class the same probability.
    guessing: f64,
    batches: Batches,
    schedule: Schedule,
    pub epochs: Vec<Epoch>,
    /// The weights after the best epoch.
    pub best: Option<Network>,
    /// The weights after the best epoch as bytes, if the run has a folder.
    best_bytes: Option<Vec<u8>>,
    /// Seconds spent by earlier processes.
    pub seconds_before: f64,
    pub traffic: Passed,
}

impl<'a> TrainingRun<'a> {
    /// A new run, or the run that was interrupted in `folder`.
    pub fn new(
        backend: &'a Backend,
        set: &TrainingSet,
        config: &'a Config,
        folder: Option<&RunFolder>,
    ) -> Result<Self, TrainError> {
        let device = backend.device().autodiff();
        if !config.precision.is_supported(&device) {
            return Err(TrainError::Precision);
        }
        let model = model(set, config);
        let mut network = model.init(config.seed, &device);
        if let Some(path) = &config.weights {
            network = Weights::read(path)?.put(&model, network)?;
        }
        let weights_of_classes = match config.balance {
            Balance::Weights => Some(class_weights(&set.train.labels, set.classes.len())),
            Balance::None | Balance::Sampler => None,
        };
        let batches = Batches::new(config, &set.train.labels);
        let per_epoch = batches.per_epoch().div_ceil(config.accumulate.max(1));
        let steps = config.epochs * per_epoch;
        let mut run = Self {
            backend,
            config,
            title: format!("{} on {}", config.model.name(), set.scheme.name),
            network,
            optimiser: config.optimiser.build(config.weight_decay),
            loss: CrossEntropy::new(config.label_smoothing, weights_of_classes.as_deref(), &device),
            guessing: (set.classes.len() as f64).ln(),
            batches,
            schedule: Schedule {
                base: config.learning_rate,
                steps,
                warmup: config.warmup.map_or(steps / 10, |epochs| epochs * per_epoch),
            },
            epochs: Vec::new(),
            best: None,
            best_bytes: None,
            seconds_before: 0.0,
            traffic: Passed::default(),
        };
        if let Some(folder) = folder {
            let key = set.fingerprint.map(|fingerprint| fingerprint.to_string());
            let depth = Some(set.train.geometry.depth()).filter(|&depth| depth != Depth::U8).map(Depth::bits);
            folder.model(&ModelInfo { model, classes: set.classes.clone(), scheme: set.scheme.clone(), key, depth })?;
            if let Some(state) = folder.state()? {
                folder.follow(&run.title, &state)?;
                run.restore(state).map_err(|reason| folder.damaged(STATE, reason))?;
            }
        }
        Ok(run)
    }

    /// Restores the state that an earlier process stored.
    fn restore(&mut self, state: State) -> Result<(), String> {
        self.network = load_weights(self.network.clone(), state.last.clone())?;
        let best = state.best.unwrap_or(state.last);
        self.best = Some(load_weights(self.network.valid(), best.clone())?);
        self.best_bytes = Some(best);
        let optimiser = self.optimiser.clone().from_bytes(Bytes::from_bytes_vec(state.optimiser));
        self.optimiser = optimiser.map_err(|e| e.to_string())?;
        self.epochs = state.epochs;
        self.seconds_before = state.seconds;
        Ok(())
    }

    /// Whether all epochs are done, or early stopping applies.
    pub fn is_over(&self) -> bool {
        let done = self.epochs.len();
        let patience = self.config.patience.unwrap_or(usize::MAX);
        done >= self.config.epochs || done > 0 && done - best_epoch(&self.epochs) >= patience
    }

    /// One pass over the training images.
    pub fn pass(&mut self, feed: &mut Feed, progress: &mut dyn Progress) -> Result<Epoch, TrainError> {
        let epoch = self.epochs.len() + 1;
        let order = self.batches.epoch(epoch);
        feed.begin_epoch(epoch as u32);
        progress.epoch_begins(epoch, order.len());
        let (begun, before) = (Instant::now(), counts(self.backend));
        let accumulate = self.config.accumulate.max(1);
        let first_step = (epoch - 1) * order.len().div_ceil(accumulate);
        let mut sum: Option<Tensor<1>> = None;
        let (mut images, mut batches) = (0, 0usize);
        let mut learning_rate = self.config.learning_rate;
        let mut ready = feed.batches(&order);
        for (step, group) in order.chunks(accumulate).enumerate() {
            let of_step: usize = group.iter().map(Vec::len).sum();
            let mut gradients = GradientsAccumulator::new();
            let (precision, network) = (self.config.precision, self.config.precision.of_step(&self.network));
            for picks in group {
                let Some(batch) = ready.next().transpose()? else { break };
                let (logits, penalty) = network.forward_with_penalty(precision.images(batch.images));
                let loss = self.loss.forward(logits.cast(DType::F32), batch.labels);
                let loss = penalty.map_or(loss.clone(), |penalty| loss + penalty);
                // The sum stays on the device, weighted by the size of the batch, because fetching a loss waits for the
                // device.
                let weighted = loss.clone().inner() * picks.len() as f32;
                let total = match sum.take() {
                    Some(sum) => sum + weighted,
                    None => weighted,
                };
                sum = Some(total.clone());
                images += picks.len();
                batches += 1;
                let shown = if progress.wants_loss() { Some(self.finite(loss.clone().inner(), epoch)?) } else { None };
                // Divergence in a long epoch must be noticed even if no loss is shown.
                if batches >= 64 && batches.is_power_of_two() {
                    self.mean_loss(total, images, epoch)?;
                }
                // The batch's share of the mean over the step's images.
                let part = match group.len() {
                    1 => loss,
                    _ => loss * (picks.len() as f64 / of_step as f64),
                };
                gradients.accumulate(&self.network, precision.gradients(part, &network));
                progress.step(picks.len(), shown);
            }
            learning_rate = self.schedule.rate(first_step + step);
            let mut gradients = gradients.grads();
            if let Some(limit) = self.config.clip {
                clip(&mut gradients, &self.network, limit);
            }
            self.network = self.optimiser.step(learning_rate, self.network.clone(), gradients);
        }
        let train_loss = match sum {
            Some(sum) => self.mean_loss(sum, images, epoch)?,
            None => f32::NAN,
        };
        let seconds = begun.elapsed().as_secs_f64();
        self.traffic.add(counts(self.backend) - before, batches, images);
        let images_per_second = images as f64 / seconds.max(1e-9);
        let train_loss = train_loss.into();
        Ok(Epoch { epoch, learning_rate, train_loss, val: None, images_per_second, seconds, device_bytes: None })
    }

    /// Fetches the mean loss of the epoch so far. After the first epoch, which may begin with a few large losses, it
    /// must not be so large that training cannot recover.
    fn mean_loss(&self, sum: Tensor<1>, images: usize, epoch: usize) -> Result<f32, TrainError> {
        let loss = self.finite(sum / images as f32, epoch)?;
        let lost = epoch > 1 && f64::from(loss) > LOST * self.guessing;
        if lost { Err(self.diverged(loss, epoch)) } else { Ok(loss) }
    }

    /// Fetches a loss, which must be finite.
    fn finite(&self, loss: Tensor<1>, epoch: usize) -> Result<f32, TrainError> {
        let loss = scalar(self.backend, loss)?;
        if loss.is_finite() { Ok(loss) } else { Err(self.diverged(loss, epoch)) }
    }

    fn diverged(&self, loss: f32, epoch: usize) -> TrainError {
        let learning_rate = self.config.learning_rate;
        TrainError::Diverged { loss, epoch, guessing: self.guessing, learning_rate }
    }

    /// Records a finished epoch and the weights after it.
    pub fn keep(
        &mut self,
        folder: Option<&RunFolder>,
        trained: Network,
        epoch: Epoch,
        seconds: f64,
    ) -> Result<(), TrainError> {
        self.epochs.push(epoch);
        let is_best = best_epoch(&self.epochs) == self.epochs.len();
        if is_best {
            self.best = Some(trained.clone());
        }
        let Some(folder) = folder else { return Ok(()) };
        let encode = |file| move |reason| FolderError::Encode { file, reason };
        let last = weights(trained).map_err(encode("last.bpk"))?;
        self.best_bytes = if is_best { None } else { self.best_bytes.take() };
        let optimiser = self.optimiser.into_bytes().map_err(|e| encode(STATE)(e.to_string()))?.to_vec();
        let state =
            State { epochs: std::mem::take(&mut self.epochs), seconds, last, best: self.best_bytes.take(), optimiser };
        let written = folder.epoch(&self.title, &state);
        self.epochs = state.epochs;
        self.best_bytes = Some(state.best.unwrap_or(state.last));
        Ok(written?)
    }
}

/// Training counts as diverged when its loss is this many times the loss of guessing.
const LOST: f64 = 20.0;
