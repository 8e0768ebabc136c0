//! Errors of training.

use super::{FolderError, WeightsError};
use crate::feed::FeedError;
use crate::metrics::ScoresError;
use imgveil::internal::scheme::CompileError;

/// Why training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// No batch could be made.
    #[error(transparent)]
    Feed(#[from] FeedError),
    /// The scheme does not fit the images.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The run's folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The loss is not finite, or far worse than the loss of guessing.
    #[error(
        "the loss became {loss} in epoch {epoch} (guessing costs {guessing:.3}): training diverged at learning rate \
         {learning_rate}"
    )]
    Diverged {
        /// The loss.
        loss: f32,
        /// The epoch.
        epoch: usize,
        /// The loss of giving every class the same probability.
        guessing: f64,
        /// The highest learning rate.
        learning_rate: f64,
    },
    /// A value could not be fetched from the device.
    #[error("the device failed while fetching results: {0}")]
    Fetch(String),
    /// The network's outputs are no probabilities.
    #[error("the network's outputs cannot be scored: {0}; training diverged")]
    Scores(#[from] ScoresError),
    /// Augmentation of a set that is encrypted already.
    #[error(
        "augmentation comes before encryption, but this set is encrypted already: train on the plain set with the key"
    )]
    AugmentEncrypted,
    /// Fresh keys without a scheme that has keys per image, or for a set that is encrypted already.
    #[error("fresh keys need plain images, their key, and a scheme in which every image has a key of its own")]
    FreshKeys,
    /// A first convolution larger than the images.
    #[error("a first convolution of {patch:?} is larger than the images, {geometry}")]
    Patch {
        /// Its kernel.
        patch: [usize; 2],
        /// The images.
        geometry: imgveil::internal::image::Geometry,
    },
    /// Blocks of an adaptation network that do not tile the images.
    #[error(
        "the adaptation network needs blocks that tile the images, and blocks of {}x{} do not tile {geometry}",
        .block[0], .block[1]
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
    #[error("a warm-up of {warmup} epochs leaves nothing of {epochs}")]
    Warmup {
        /// Epochs of warm-up.
        warmup: usize,
        /// Epochs of the run.
        epochs: usize,
    },
    /// Early stopping without validation images.
    #[error("early stopping needs validation images, and this set has none")]
    Patience,
    /// 16-bit floats on a device that has none.
    #[error("this device has no 16-bit floats")]
    Precision,
    /// A split without any of the classes of the training images.
    #[error("no {0} image is of a class of the training images: its scores would mean nothing")]
    Disjoint(&'static str),
    /// Fewer than two images.
    #[error("{0} training images are too few: at least two are needed")]
    TooFew(usize),
}
