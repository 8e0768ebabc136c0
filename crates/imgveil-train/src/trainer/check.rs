//! Checks that are made before training begins.

use crate::config::Config;
use crate::data::TrainingSet;
use crate::error::{Error, TrainError};
use crate::model::{AdaptationConfig, ModelConfig};
use crate::weights::Weights;
use std::collections::HashSet;

/// Checks whether a set can be trained on with a configuration. [`train`](crate::train) calls it too. Returns notes
/// on the initial weights.
///
/// # Errors
/// When an encrypted set is to be augmented, fresh keys are asked for where images have none of their own, there are
/// fewer than two training images, a split has none of the classes of the training images, the first convolution is
/// larger than the images, the blocks of an adaptation network do not tile them, the initial weights do not fit, the
/// warm-up is as long as the run, or early stopping has no validation images.
pub fn check(set: &TrainingSet, config: &Config) -> Result<Vec<String>, Error> {
    Ok(checked(set, config)?)
}

/// [`check`] with the error's detail.
pub(super) fn checked(set: &TrainingSet, config: &Config) -> Result<Vec<String>, TrainError> {
    if set.encrypted && !config.augment.is_none() {
        return Err(TrainError::AugmentEncrypted);
    }
    if config.fresh_keys && (set.encrypted || set.key.is_none() || !set.program.keyed_per_image()) {
        return Err(TrainError::FreshKeys);
    }
    if set.train.len() < 2 {
        return Err(TrainError::TooFew(set.train.len()));
    }
    let learned: HashSet<u32> = set.train.labels.iter().copied().collect();
    for (name, split) in [("validation", &set.val), ("test", &set.test)] {
        let labels = split.as_ref().map_or(&[][..], |split| &split.labels);
        if !labels.is_empty() && !labels.iter().any(|label| learned.contains(label)) {
            return Err(TrainError::Disjoint(name));
        }
    }
    let geometry = set.train.geometry;
    if let Some(patch) = config.patch
        && (patch[0] > geometry.height() || patch[1] > geometry.width())
    {
        return Err(TrainError::Patch { patch, geometry });
    }
    if let Some(warmup) = config.warmup.filter(|&warmup| warmup > 0 && warmup >= config.epochs) {
        return Err(TrainError::Warmup { warmup, epochs: config.epochs });
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
        Some(path) => Ok(Weights::read(path)?.compare(&model(set, config))?),
        None => Ok(Vec::new()),
    }
}

/// The network for a set.
pub(crate) fn model(set: &TrainingSet, config: &Config) -> ModelConfig {
    let (classes, block) = (set.classes.len(), set.scheme.block());
    let mut model = ModelConfig::new(config.model, config.adapt, set.train.geometry, classes, block);
    model.normalise = config.normalise;
    if config.patch.is_some() {
        model.patch = config.patch;
    }
    model
}
