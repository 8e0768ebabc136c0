//! The training loop: epochs over a shuffled feed, cross-entropy, an optimiser under a schedule, evaluation on the validation
//! images after each epoch and on the test images at the end.

use super::batches::Batches;
use super::checkpoint::{ModelInfo, load_weights, weights};
use super::evaluate::{evaluate, scalar};
use super::loss::{Balance, CrossEntropy, class_weights};
use super::metrics::ScoresError;
use super::model::{AdaptationConfig, AdaptationKind, ModelConfig, ModelKind, Network};
use super::optimiser::Schedule;
use super::precision::Precision;
use super::state::{STATE, State};
use super::{Augment, Backend, Evaluation, Feed, FeedError, OptimiserKind, RunFolder, RunFolderError, TrainingSet};
use super::{Weights, WeightsError};
use burn::module::Module;
use burn::optim::{GradientsAccumulator, ModuleOptimizer};
use burn::tensor::{Bytes, DType, Tensor};
use imgveil::internal::engine::gpu::Counts;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Instant;

/// How to train.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    /// Which network.
    pub model: ModelKind,
    /// The adaptation network in front of it.
    pub adapt: Option<AdaptationKind>,
    /// Weights to begin with, in the safetensors format; what is not in them or does not fit is drawn.
    pub weights: Option<PathBuf>,
    /// Kernel and stride of the first convolution; the scheme's block (or the network's usual one) when `None`.
    pub patch: Option<[usize; 2]>,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of a batch.
    pub batch: usize,
    /// Batches of a step of the optimiser: their gradients are added up, as if they were one batch.
    pub accumulate: usize,
    /// The optimiser.
    pub optimiser: OptimiserKind,
    /// Its highest learning rate.
    pub learning_rate: f64,
    /// Epochs in which the learning rate rises to it.
    pub warmup: usize,
    /// Its weight decay.
    pub weight_decay: f64,
    /// Decides initial weights, order of the images and augmentation.
    pub seed: u64,
    /// Random views of the plain images.
    pub augment: Augment,
    /// How much of each label is spread over all classes, 0 to 1.
    pub label_smoothing: f64,
    /// What is done about classes of very different sizes.
    pub balance: Balance,
    /// Stop after so many epochs without a better validation score.
    pub patience: Option<usize>,
    /// What the network computes in while it learns.
    pub precision: Precision,
}

impl Config {
    /// The usual way of training a network.
    pub fn new(model: ModelKind) -> Self {
        let optimiser = OptimiserKind::default();
        Self {
            model,
            adapt: None,
            weights: None,
            patch: None,
            epochs: 10,
            batch: 64,
            accumulate: 1,
            optimiser,
            learning_rate: optimiser.default_learning_rate(),
            warmup: 0,
            weight_decay: optimiser.default_weight_decay(),
            seed: 0,
            augment: Augment::default(),
            label_smoothing: 0.0,
            balance: Balance::None,
            patience: None,
            precision: Precision::F32,
        }
    }
}

impl Config {
    /// The same for a trial: an epoch of batches of so many images.
    pub fn trial(&self, images: usize) -> Self {
        Self { batch: images, epochs: 1, accumulate: 1, warmup: 0, patience: None, ..self.clone() }
    }
}

/// One pass over the training images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// At its last step.
    pub learning_rate: f64,
    /// Mean loss of its images: cross-entropy, and the penalties of an adaptation network.
    pub train_loss: f64,
    /// On the validation images, after it.
    pub val: Option<Evaluation>,
    /// Training speed.
    pub images_per_second: f64,
    /// Its training steps, without evaluation.
    pub seconds: f64,
    /// On a GPU: what burn's memory pools hold after it, in bytes.
    pub device_bytes: Option<u64>,
}

/// What crossed between host and device in this process's training steps (not in evaluation).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepTraffic {
    /// Batches that were trained on.
    pub steps: u64,
    /// Bytes up, for each image.
    pub host_to_device_per_image: f64,
    /// Bytes down in all: 4 for each loss that was looked at.
    pub device_to_host: u64,
    /// Dispatches of imgveil's kernels, for each step.
    pub dispatches_per_step: f64,
}

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// All epochs.
    pub epochs: Vec<Epoch>,
    /// The epoch with the best validation AUC (else balanced accuracy); the last one where nothing validates.
    pub best_epoch: usize,
    /// Test images, with the weights of the best epoch.
    pub test: Option<Evaluation>,
    /// Test images, with the weights of the last epoch.
    pub test_last: Option<Evaluation>,
    /// Weights of the network.
    pub parameters: usize,
    /// Training speed over all epochs.
    pub images_per_second: f64,
    /// The whole run, up to where it was cut and since then.
    pub seconds: f64,
    /// Whether it ended before all of its epochs, because they brought nothing better.
    pub stopped_early: bool,
    /// The epochs that an earlier process had done.
    pub resumed: usize,
    /// On a GPU: what crossed the bus.
    pub traffic: Option<StepTraffic>,
}

impl Outcome {
    /// The epoch whose weights are the best.
    pub fn best(&self) -> Option<&Epoch> {
        self.epochs.iter().find(|epoch| epoch.epoch == self.best_epoch)
    }
}

/// Hears how a run goes on, and decides when a loss is fetched to be shown.
pub trait Progress {
    /// An epoch of so many steps begins.
    fn epoch_begins(&mut self, _epoch: usize, _steps: usize) {}
    /// Whether the loss of this step will be shown: only then is it fetched from the device.
    fn wants_loss(&mut self) -> bool {
        false
    }
    /// A batch of so many images is done.
    fn step(&mut self, _images: usize, _loss: Option<f32>) {}
    /// An epoch is done and evaluated.
    fn epoch_ends(&mut self, _epoch: &Epoch) {}
}

/// Nothing is shown.
impl Progress for () {}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// No batch could be made.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The run's folder cannot be written.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// The loss is no number any more, or far worse than guessing.
    #[error(
        "the loss became {loss} in epoch {epoch} (guessing costs {guessing:.3}): training diverged; try --lr {} (it was \
         {learning_rate}), --warmup 1, or another --optimiser",
        .learning_rate / 10.0
    )]
    Diverged {
        /// The loss.
        loss: f32,
        /// When.
        epoch: usize,
        /// The loss of giving every class the same probability.
        guessing: f64,
        /// The highest learning rate.
        learning_rate: f64,
    },
    /// burn could not give a value back.
    #[error("the device failed while fetching results: {0}")]
    Fetch(String),
    /// The network's outputs are no probabilities.
    #[error("the network's outputs cannot be scored: {0}; training diverged, try a smaller --lr")]
    Scores(#[from] ScoresError),
    /// Augmentation of encrypted images.
    #[error(
        "augmentation comes before encryption, but this set is encrypted already: train on the plain set with the key"
    )]
    AugmentEncrypted,
    /// A first convolution larger than the images.
    #[error("a first convolution of {patch:?} (--patch) is larger than the images, {geometry}")]
    Patch {
        /// Its kernel.
        patch: [usize; 2],
        /// The images.
        geometry: imgveil::internal::image::Geometry,
    },
    /// Blocks of an adaptation network that do not tile the images.
    #[error(
        "the adaptation network (--adapt) needs blocks that tile the images, and blocks of {}x{} do not tile {geometry}: use \
         --pad, --crop or --resize, or another --block", .block[0], .block[1]
    )]
    Adaptation {
        /// Its block.
        block: [usize; 2],
        /// The images.
        geometry: imgveil::internal::image::Geometry,
    },
    /// The weights to begin with do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A schedule that only rises.
    #[error("a warm-up of {warmup} epochs (--warmup) leaves nothing of {epochs} (--epochs)")]
    Warmup {
        /// Epochs of warm-up.
        warmup: usize,
        /// Epochs of the run.
        epochs: usize,
    },
    /// Early stopping without validation images.
    #[error("early stopping (--patience) needs validation images, and this set has none")]
    Patience,
    /// 16-bit floats on a device that has none.
    #[error("this device has no 16-bit floats (--precision mixed): leave --precision out")]
    Precision,
    /// Fewer than two images.
    #[error("{0} training images are too few: at least two are needed")]
    TooFew(usize),
}

/// Whether a set can be trained on in this way; [`train`] checks it too. Returns notes on weights that were given.
///
/// # Errors
/// When an encrypted set is to be augmented, there are too few images, the first convolution is larger than they are, an
/// adaptation network's blocks do not tile them, weights do not fit, the warm-up is as long as the run, or early stopping has
/// nothing to go by.
pub fn check(set: &TrainingSet, config: &Config) -> Result<Vec<String>, TrainError> {
    if set.encrypted && !config.augment.is_none() {
        return Err(TrainError::AugmentEncrypted);
    }
    if set.train.len() < 2 {
        return Err(TrainError::TooFew(set.train.len()));
    }
    let geometry = set.train.geometry;
    if let Some(patch) = config.patch
        && (patch[0] > geometry.height() || patch[1] > geometry.width())
    {
        return Err(TrainError::Patch { patch, geometry });
    }
    if config.warmup > 0 && config.warmup >= config.epochs {
        return Err(TrainError::Warmup { warmup: config.warmup, epochs: config.epochs });
    }
    if config.patience.is_some() && set.val.is_none() {
        return Err(TrainError::Patience);
    }
    if let Some(adaptation) = config.adapt.map(|kind| AdaptationConfig::new(kind, set.scheme.block()))
        && !adaptation.tiles([geometry.height(), geometry.width()])
    {
        return Err(TrainError::Adaptation { block: adaptation.block, geometry });
    }
    match &config.weights {
        Some(path) => Ok(Weights::open(path)?.check(&model(set, config))?),
        None => Ok(Vec::new()),
    }
}

/// The network for a set.
fn model(set: &TrainingSet, config: &Config) -> ModelConfig {
    let (classes, block) = (set.classes.len(), set.scheme.block());
    let mut model = ModelConfig::new(config.model, config.adapt, set.train.geometry, classes, block);
    if config.patch.is_some() {
        model.patch = config.patch;
    }
    model
}

/// Trains a network. With a `folder`, metrics and curves are written there after every epoch, and the weights of the best
/// and the last epoch; where an earlier process was cut in it, the run goes on after the last epoch that it finished. On the
/// CPU it then comes to the same figures as a run that was not cut.
///
/// # Errors
/// When training diverges, the device fails, or the folder cannot be written or holds another run.
pub fn train(
    backend: &Backend,
    set: &TrainingSet,
    config: &Config,
    folder: Option<&RunFolder>,
    progress: &mut dyn Progress,
) -> Result<Outcome, TrainError> {
    check(set, config)?;
    let _held = folder.map(|folder| folder.hold(set, config)).transpose()?;
    let started = Instant::now();
    let mut run = Run::new(backend, set, config, folder)?;
    let resumed = run.epochs.len();
    if !run.is_over() {
        let key = set.key.as_ref();
        let mut train_feed = Feed::new(backend, &set.program, key, &set.train)?;
        let mut val_feed = set.val.as_ref().map(|split| Feed::new(backend, &set.evaluation, key, split)).transpose()?;
        while !run.is_over() {
            let mut epoch = run.pass(&mut train_feed, progress)?;
            let trained = run.network.valid();
            if let Some(feed) = &mut val_feed {
                epoch.val = Some(evaluate(backend, &trained, feed, config.batch, set.classes.len())?);
            }
            epoch.device_bytes = backend.reserved_bytes();
            let seconds = run.seconds_before + started.elapsed().as_secs_f64();
            run.keep(folder, trained, epoch, seconds)?;
            progress.epoch_ends(&run.epochs[run.epochs.len() - 1]);
        }
    }
    // The test images are looked at once, at the end.
    let (mut test, mut test_last) = (None, None);
    if let Some(split) = &set.test {
        let mut feed = Feed::new(backend, &set.evaluation, set.key.as_ref(), split)?;
        let classes = set.classes.len();
        if let Some(best) = &run.best {
            test = Some(evaluate(backend, best, &mut feed, config.batch, classes)?);
        }
        test_last = Some(evaluate(backend, &run.network.valid(), &mut feed, config.batch, classes)?);
    }
    let training_seconds: f64 = run.epochs.iter().map(|epoch| epoch.seconds).sum();
    let images_seen: f64 = run.epochs.iter().map(|epoch| epoch.images_per_second * epoch.seconds).sum();
    Ok(Outcome {
        best_epoch: best_epoch(&run.epochs),
        test,
        test_last,
        parameters: run.network.parameters(),
        images_per_second: images_seen / training_seconds.max(1e-9),
        seconds: run.seconds_before + started.elapsed().as_secs_f64(),
        stopped_early: run.epochs.len() < config.epochs,
        resumed,
        traffic: backend.gpu().map(|_| run.traffic.of_steps()),
        epochs: run.epochs,
    })
}

/// The epoch that validated best, the first of several; the last one where nothing validates; 0 where there is none.
fn best_epoch(epochs: &[Epoch]) -> usize {
    let mut best: Option<(f64, usize)> = None;
    for epoch in epochs {
        // Without validation the last epoch is as good as any.
        let score = epoch.val.as_ref().map_or(epoch.epoch as f64, Evaluation::score);
        if best.is_none_or(|(best, _)| score > best) {
            best = Some((score, epoch.epoch));
        }
    }
    best.map_or(0, |(_, epoch)| epoch)
}

/// A run between two epochs.
struct Run<'a> {
    backend: &'a Backend,
    config: &'a Config,
    title: String,
    network: Network,
    optimiser: ModuleOptimizer,
    loss: CrossEntropy,
    /// The loss of giving every class the same probability.
    guessing: f64,
    batches: Batches,
    schedule: Schedule,
    epochs: Vec<Epoch>,
    /// The weights after the best epoch.
    best: Option<Network>,
    /// The same as bytes, where they are kept.
    best_bytes: Option<Vec<u8>>,
    seconds_before: f64,
    traffic: Passed,
}

impl<'a> Run<'a> {
    /// A run from its beginning, or from where one was cut in `folder`.
    fn new(
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
            network = Weights::open(path)?.load(&model, network)?;
        }
        let weights_of_classes = match config.balance {
            Balance::Weights => Some(class_weights(&set.train.labels, set.classes.len())),
            Balance::None | Balance::Sampler => None,
        };
        let batches = Batches::new(config, &set.train.labels);
        let per_epoch = batches.per_epoch().div_ceil(config.accumulate.max(1));
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
                steps: config.epochs * per_epoch,
                warmup: config.warmup * per_epoch,
            },
            epochs: Vec::new(),
            best: None,
            best_bytes: None,
            seconds_before: 0.0,
            traffic: Passed::default(),
        };
        if let Some(folder) = folder {
            let key = set.fingerprint.map(|fingerprint| fingerprint.to_string());
            folder.model(&ModelInfo { model, classes: set.classes.clone(), scheme: set.scheme.clone(), key })?;
            if let Some(state) = folder.state()? {
                folder.follow(&run.title, &state)?;
                run.go_on(state).map_err(|reason| folder.damaged(STATE, reason))?;
            }
        }
        Ok(run)
    }

    /// Takes up where an earlier process was.
    fn go_on(&mut self, state: State) -> Result<(), String> {
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

    /// Whether all epochs are done, or the last ones brought nothing better.
    fn is_over(&self) -> bool {
        let done = self.epochs.len();
        let patience = self.config.patience.unwrap_or(usize::MAX);
        done >= self.config.epochs || done > 0 && done - best_epoch(&self.epochs) >= patience
    }

    /// One pass over the training images.
    fn pass(&mut self, feed: &mut Feed<'_>, progress: &mut dyn Progress) -> Result<Epoch, TrainError> {
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
            for wanted in group {
                let Some(batch) = ready.next().transpose()? else { break };
                let (logits, penalty) = network.forward_with_penalty(precision.images(batch.images));
                let loss = self.loss.forward(logits.cast(DType::F32), batch.labels);
                let loss = penalty.map_or(loss.clone(), |penalty| loss + penalty);
                // Kept on the device, weighted by the batch's size: fetching it would wait for the device.
                let weighted = loss.clone().inner() * wanted.len() as f32;
                let total = match sum.take() {
                    Some(sum) => sum + weighted,
                    None => weighted,
                };
                sum = Some(total.clone());
                images += wanted.len();
                batches += 1;
                let shown = match progress.wants_loss() {
                    true => Some(self.looked_at(loss.clone().inner(), 1.0, epoch)?),
                    false => None,
                };
                // Where nobody looks, a long epoch that learns nothing any more is found out all the same.
                if batches >= 64 && batches.is_power_of_two() {
                    self.looked_at(total, images as f32, epoch)?;
                }
                // A batch's part in the mean over the step's images.
                let part = match group.len() {
                    1 => loss,
                    _ => loss * (wanted.len() as f64 / of_step as f64),
                };
                gradients.accumulate(&self.network, precision.gradients(part, &network));
                progress.step(wanted.len(), shown);
            }
            learning_rate = self.schedule.rate(first_step + step);
            self.network = self.optimiser.step(learning_rate, self.network.clone(), gradients.grads());
        }
        let train_loss = match sum {
            Some(sum) => self.looked_at(sum, images as f32, epoch)?,
            None => f32::NAN,
        };
        let seconds = begun.elapsed().as_secs_f64();
        self.traffic.add(counts(self.backend) - before, batches, images);
        let images_per_second = images as f64 / seconds.max(1e-9);
        let train_loss = train_loss.into();
        Ok(Epoch { epoch, learning_rate, train_loss, val: None, images_per_second, seconds, device_bytes: None })
    }

    /// Fetches a loss, which must be a number, and not one that training does not come back from.
    fn looked_at(&self, sum: Tensor<1>, images: f32, epoch: usize) -> Result<f32, TrainError> {
        let loss = scalar(self.backend, sum)? / images;
        if loss.is_finite() && f64::from(loss) <= LOST * self.guessing {
            return Ok(loss);
        }
        let learning_rate = self.config.learning_rate;
        Err(TrainError::Diverged { loss, epoch, guessing: self.guessing, learning_rate })
    }

    /// Takes note of an epoch that is done, and of the weights after it.
    fn keep(
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
        let encode = |file| move |reason| RunFolderError::Encode { file, reason };
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

/// A loss so many times that of guessing is one that training does not come back from.
const LOST: f64 = 20.0;

/// What crossed the bus, and in how many batches of how many images.
#[derive(Default)]
struct Passed {
    counts: Counts,
    batches: usize,
    images: usize,
}

impl Passed {
    fn add(&mut self, counts: Counts, batches: usize, images: usize) {
        self.counts.host_to_device += counts.host_to_device;
        self.counts.device_to_host += counts.device_to_host;
        self.counts.dispatches += counts.dispatches;
        self.batches += batches;
        self.images += images;
    }

    fn of_steps(&self) -> StepTraffic {
        StepTraffic {
            steps: self.batches as u64,
            host_to_device_per_image: self.counts.host_to_device as f64 / self.images.max(1) as f64,
            device_to_host: self.counts.device_to_host,
            dispatches_per_step: self.counts.dispatches as f64 / self.batches.max(1) as f64,
        }
    }
}

fn counts(backend: &Backend) -> Counts {
    backend.gpu().map_or_else(Counts::default, |gpu| gpu.traffic().counts())
}
