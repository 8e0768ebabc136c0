//! The configuration of a training run.

use crate::augment::Augment;
use crate::loss::Balance;
use crate::model::{AdaptationKind, ModelKind};
use crate::normalise::Normalise;
use crate::optimiser::OptimiserKind;
use crate::precision::Precision;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The network.
    pub model: ModelKind,
    /// The adaptation network in front of it.
    #[serde(default)]
    pub adapt: Option<AdaptationKind>,
    /// A safetensors file with the initial weights. A tensor that is missing or does not fit is drawn from the seed.
    #[serde(default)]
    pub weights: Option<PathBuf>,
    /// Kernel and stride (rows, columns) of the first convolution. `None`: the scheme's block, or the network's usual
    /// patch.
    #[serde(default)]
    pub patch: Option<[usize; 2]>,
    /// What the network does with its input first.
    #[serde(default)]
    pub normalise: Normalise,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of a batch.
    pub batch: usize,
    /// Batches per optimiser step. Their gradients are added up, as if they were one batch.
    #[serde(default = "one")]
    pub accumulate: usize,
    /// The optimiser.
    pub optimiser: OptimiserKind,
    /// The highest learning rate.
    pub learning_rate: f64,
    /// Epochs in which the learning rate rises to its highest value. `None`: a tenth of the run's steps.
    #[serde(default)]
    pub warmup: Option<usize>,
    /// The largest norm of the gradients of a step. Larger gradients are scaled down to it. `None`: no limit.
    #[serde(default)]
    pub clip: Option<f64>,
    /// The weight decay.
    pub weight_decay: f64,
    /// The seed of the initial weights, the order of the images and the augmentations.
    pub seed: u64,
    /// Random augmentations of the plain images.
    #[serde(default)]
    pub augment: Augment,
    /// Whether a scheme that is keyed per image encrypts every image under another key in every epoch.
    #[serde(default)]
    pub fresh_keys: bool,
    /// The share of each label that is spread over all classes, 0 to 1.
    #[serde(default)]
    pub label_smoothing: f64,
    /// How classes of very different sizes are balanced.
    #[serde(default)]
    pub balance: Balance,
    /// Training stops after this many epochs without a better validation score.
    #[serde(default)]
    pub patience: Option<usize>,
    /// The number format in which the network computes while it learns.
    #[serde(default)]
    pub precision: Precision,
}

impl Config {
    /// The default configuration for a network.
    pub fn new(model: ModelKind) -> Self {
        let optimiser = OptimiserKind::default();
        Self {
            model,
            adapt: None,
            weights: None,
            patch: None,
            normalise: Normalise::None,
            epochs: 10,
            batch: 64,
            accumulate: 1,
            optimiser,
            learning_rate: optimiser.default_learning_rate(),
            warmup: None,
            clip: Some(1.0),
            weight_decay: optimiser.default_weight_decay(),
            seed: 0,
            augment: Augment::default(),
            fresh_keys: false,
            label_smoothing: 0.0,
            balance: Balance::None,
            patience: None,
            precision: Precision::F32,
        }
    }

    /// This configuration reduced to a trial: one epoch with batches of `images` images.
    pub fn trial(&self, images: usize) -> Self {
        Self { batch: images, epochs: 1, accumulate: 1, warmup: Some(0), patience: None, ..self.clone() }
    }
}

/// Summaries written before gradients could be accumulated have no such field.
fn one() -> usize {
    1
}
