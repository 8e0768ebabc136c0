//! The training loop: epochs over a shuffled feed, cross-entropy, an optimiser under a cosine schedule, evaluation on the
//! validation images after each epoch and on the test images at the end.

use super::checkpoint::ModelInfo;
use super::metrics::{Scores, ScoresError, softmax_rows};
use super::model::{AdaptationConfig, AdaptationKind, ModelConfig, ModelKind, Network};
use super::optimiser::cosine;
use super::{Augment, Backend, Feed, FeedError, Labels, OptimiserKind, RunFolder, RunFolderError, TrainingSet};
use super::{Weights, WeightsError};
use crate::engine::gpu::Counts;
use crate::image::View;
use crate::schedule::Stream;
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;
use serde::Serialize;
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
    /// Images of a step.
    pub batch: usize,
    /// The optimiser.
    pub optimiser: OptimiserKind,
    /// Its learning rate at the beginning.
    pub learning_rate: f64,
    /// Its weight decay.
    pub weight_decay: f64,
    /// Decides initial weights, order of the images and augmentation.
    pub seed: u64,
    /// Random views of the plain images.
    pub augment: Augment,
}

/// How good a network is on a split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// Images.
    pub images: usize,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Right answers.
    pub accuracy: f64,
    /// Mean of the classes' recalls.
    pub balanced_accuracy: f64,
    /// Area under the ROC curve; more than two classes: mean of one against the rest. `None` when only one class is there.
    pub auc: Option<f64>,
    /// Rows: true class; columns: predicted class.
    pub confusion: Vec<Vec<u64>>,
}

/// One pass over the training images.
#[derive(Clone, Debug, Serialize)]
pub struct Epoch {
    /// From 1.
    pub epoch: usize,
    /// At its last step.
    pub learning_rate: f64,
    /// Mean loss of its steps: cross-entropy, and the penalties of an adaptation network.
    pub train_loss: f64,
    /// On the validation images, after it.
    pub val: Option<Evaluation>,
    /// Training speed.
    pub images_per_second: f64,
    /// Its training steps, without evaluation.
    pub seconds: f64,
}

/// What crossed between host and device in training steps (not in evaluation).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepTraffic {
    /// Training steps.
    pub steps: u64,
    /// Bytes up, for each image.
    pub host_to_device_per_image: f64,
    /// Bytes down in all: 4 for each loss that was shown.
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
    /// The whole run.
    pub seconds: f64,
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
    /// A step over so many images is done.
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
    /// The loss is no number any more.
    #[error(
        "the loss became {loss} in epoch {epoch}: training diverged; try a smaller --lr (it was {learning_rate}) or another \
         optimiser"
    )]
    Diverged {
        /// The loss.
        loss: f32,
        /// When.
        epoch: usize,
        /// With which learning rate.
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
        geometry: crate::image::Geometry,
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
        geometry: crate::image::Geometry,
    },
    /// The weights to begin with do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Fewer than two images.
    #[error("{0} training images are too few: at least two are needed")]
    TooFew(usize),
}

/// Whether a set can be trained on in this way; [`train`] checks it too. Returns notes on weights that were given.
///
/// # Errors
/// When an encrypted set is to be augmented, there are too few images, the first convolution is larger than they are, or an
/// adaptation network's blocks do not tile them, or weights do not fit.
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
/// and the last epoch.
///
/// # Errors
/// When training diverges, the device fails, or the folder cannot be written.
pub fn train(
    backend: &Backend,
    set: &TrainingSet,
    config: &Config,
    folder: Option<&RunFolder>,
    progress: &mut dyn Progress,
) -> Result<Outcome, TrainError> {
    check(set, config)?;
    let started = Instant::now();
    let device = backend.device().autodiff();
    let model = model(set, config);
    let mut network = model.init(config.seed, &device);
    if let Some(path) = &config.weights {
        network = Weights::open(path)?.load(&model, network)?;
    }
    let parameters = network.parameters();
    let title = format!("{} on {}", config.model.name(), set.scheme.name);
    if let Some(folder) = folder {
        folder.model(&ModelInfo { model, classes: set.classes.clone(), scheme: set.scheme.clone() })?;
    }
    let mut optimiser = config.optimiser.build(config.weight_decay);
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);

    let key = set.key.as_ref();
    let mut train_feed = Feed::new(backend, &set.program, key, &set.train)?;
    let mut val_feed = set.val.as_ref().map(|split| Feed::new(backend, &set.evaluation, key, split)).transpose()?;

    let batches = Batches::new(config, set.train.len());
    let all_steps = config.epochs * batches.per_epoch();
    let mut epochs: Vec<Epoch> = Vec::new();
    let mut best: Option<(f64, usize, Network)> = None;
    let mut traffic = Counts::default();
    let (mut step, mut images_seen, mut training_seconds) = (0, 0, 0.0);
    for epoch in 1..=config.epochs {
        let order = batches.epoch(epoch);
        train_feed.begin_epoch(epoch as u32);
        progress.epoch_begins(epoch, order.len());
        let (begun, before) = (Instant::now(), counts(backend));
        let mut loss_sum: Option<Tensor<1>> = None;
        let mut images_of_epoch = 0;
        let mut learning_rate = config.learning_rate;
        for wanted in &order {
            let batch = train_feed.batch(wanted)?;
            let (logits, penalty) = network.forward_with_penalty(batch.images);
            let loss = match batch.labels {
                Labels::Hard(labels) => cross_entropy.forward(logits, labels),
                Labels::Soft(shares) => soft_cross_entropy(logits, shares),
            };
            let loss = penalty.map_or(loss.clone(), |penalty| loss + penalty);
            // Kept on the device, weighted by the batch's size: fetching it would wait for the device.
            let weighted = loss.clone().inner() * wanted.len() as f32;
            loss_sum = Some(match loss_sum {
                Some(sum) => sum + weighted,
                None => weighted,
            });
            let shown = match progress.wants_loss() {
                true => Some(scalar(backend, loss.clone().inner())?),
                false => None,
            };
            if let Some(loss) = shown
                && !loss.is_finite()
            {
                return Err(TrainError::Diverged { loss, epoch, learning_rate });
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            learning_rate = cosine(config.learning_rate, step, all_steps);
            network = optimiser.step(learning_rate, network, gradients);
            step += 1;
            images_of_epoch += wanted.len();
            progress.step(wanted.len(), shown);
        }
        let sum = loss_sum.map(|sum| scalar(backend, sum)).transpose()?.unwrap_or(f32::NAN);
        let train_loss = sum / images_of_epoch as f32;
        if !train_loss.is_finite() {
            return Err(TrainError::Diverged { loss: train_loss, epoch, learning_rate });
        }
        let seconds = begun.elapsed().as_secs_f64();
        training_seconds += seconds;
        images_seen += images_of_epoch;
        let now = counts(backend) - before;
        traffic = Counts {
            host_to_device: traffic.host_to_device + now.host_to_device,
            device_to_host: traffic.device_to_host + now.device_to_host,
            dispatches: traffic.dispatches + now.dispatches,
        };
        let trained = network.valid();
        let val = match &mut val_feed {
            Some(feed) => Some(evaluate(backend, &trained, feed, config.batch, set.classes.len())?),
            None => None,
        };
        // Without validation the last epoch is as good as any.
        let score = val.as_ref().map_or(epoch as f64, |val| val.auc.unwrap_or(val.balanced_accuracy));
        if best.as_ref().is_none_or(|(best, ..)| score > *best) {
            if let Some(folder) = folder {
                folder.checkpoint("best.bpk", trained.clone())?;
            }
            best = Some((score, epoch, trained.clone()));
        }
        let images_per_second = images_of_epoch as f64 / seconds.max(1e-9);
        let epoch = Epoch { epoch, learning_rate, train_loss: train_loss.into(), val, images_per_second, seconds };
        progress.epoch_ends(&epoch);
        epochs.push(epoch);
        if let Some(folder) = folder {
            folder.checkpoint("last.bpk", trained)?;
            folder.epochs(&title, &epochs)?;
        }
    }
    // The test images are looked at once, at the end.
    drop((train_feed, val_feed));
    let (mut test, mut test_last) = (None, None);
    if let Some(split) = &set.test {
        let mut feed = Feed::new(backend, &set.evaluation, key, split)?;
        let classes = set.classes.len();
        if let Some((_, _, best)) = &best {
            test = Some(evaluate(backend, best, &mut feed, config.batch, classes)?);
        }
        test_last = Some(evaluate(backend, &network.valid(), &mut feed, config.batch, classes)?);
    }
    Ok(Outcome {
        epochs,
        best_epoch: best.map_or(0, |(_, epoch, _)| epoch),
        test,
        test_last,
        parameters,
        images_per_second: images_seen as f64 / f64::max(training_seconds, 1e-9),
        seconds: started.elapsed().as_secs_f64(),
        traffic: backend.gpu().map(|_| StepTraffic {
            steps: step as u64,
            host_to_device_per_image: traffic.host_to_device as f64 / images_seen.max(1) as f64,
            device_to_host: traffic.device_to_host,
            dispatches_per_step: traffic.dispatches as f64 / step.max(1) as f64,
        }),
    })
}

/// The mean over a batch of the cross-entropy against shares of the classes (N, classes) that add up to 1.
fn soft_cross_entropy(logits: Tensor<2>, shares: Tensor<2>) -> Tensor<1> {
    (log_softmax(logits, 1) * shares).sum_dim(1).mean().neg()
}

fn counts(backend: &Backend) -> Counts {
    backend.gpu().map_or_else(Counts::default, |gpu| gpu.traffic().counts())
}

/// Fetches one number.
fn scalar(backend: &Backend, tensor: Tensor<1>) -> Result<f32, TrainError> {
    Ok(fetch(backend, tensor)?.first().copied().unwrap_or(f32::NAN))
}

fn fetch<const D: usize>(backend: &Backend, tensor: Tensor<D>) -> Result<Vec<f32>, TrainError> {
    let data = tensor.try_into_data().map_err(|e| TrainError::Fetch(e.to_string()))?;
    let values = data.try_to_vec::<f32>().map_err(|e| TrainError::Fetch(format!("{e:?}")))?;
    if let Some(gpu) = backend.gpu() {
        gpu.traffic().add_down(size_of_val(&values[..]) as u64);
    }
    Ok(values)
}

/// A network's scores on a split; the network is without gradients. In batches of the size that training fits in memory.
fn evaluate(
    backend: &Backend,
    network: &Network,
    feed: &mut Feed<'_>,
    batch: usize,
    classes: usize,
) -> Result<Evaluation, TrainError> {
    let all: Vec<(usize, View)> = (0..feed.len()).map(|index| (index, View::IDENTITY)).collect();
    let mut probabilities = Vec::with_capacity(all.len() * classes);
    for wanted in all.chunks(batch.max(1)) {
        let logits = network.forward(feed.batch(wanted)?.images);
        probabilities.extend(softmax_rows(&fetch(backend, logits)?, classes));
    }
    let scores = Scores::new(classes, probabilities, feed.labels().to_vec())?;
    Ok(Evaluation {
        images: all.len(),
        loss: scores.log_loss(),
        accuracy: scores.accuracy(),
        balanced_accuracy: scores.balanced_accuracy(),
        auc: scores.auc(),
        confusion: scores.confusion(),
    })
}

/// The order of the images in every epoch, and their views: drawn from the seed, the same on every device.
struct Batches {
    key: [u8; 32],
    images: usize,
    batch: usize,
    augment: Augment,
}

impl Batches {
    fn new(config: &Config, images: usize) -> Self {
        let key = blake3::derive_key("imgveil order of images", &config.seed.to_le_bytes());
        Self { key, images, batch: config.batch.max(2), augment: config.augment }
    }

    /// Steps of an epoch. A last batch of one image is left out: batch norm cannot learn from it.
    fn per_epoch(&self) -> usize {
        self.images / self.batch + usize::from(self.images % self.batch >= 2)
    }

    fn epoch(&self, epoch: usize) -> Vec<Vec<(usize, View)>> {
        let mut stream = Stream::new(&self.key, epoch as u64);
        let order = stream.permutation(self.images as u32);
        let mut batches: Vec<Vec<(usize, View)>> = order
            .chunks(self.batch)
            .map(|part| part.iter().map(|&index| (index as usize, self.augment.view(&mut stream))).collect())
            .collect();
        batches.truncate(self.per_epoch());
        batches
    }
}
