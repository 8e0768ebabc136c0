//! Errors of predictions.

use super::{CheckpointError, TrainError, WeightsError};
use crate::feed::FeedError;
use crate::metrics::ScoresError;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::CompileError;
use imgveil_data::set::LoadError;
use std::path::PathBuf;

/// Why nothing can be predicted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PredictError {
    /// The run's network cannot be loaded.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The weights to take instead cannot be read, or are another network's.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The weights to take instead are not complete.
    #[error("{path} does not hold the whole network: {note}")]
    NotWhole {
        /// The file.
        path: PathBuf,
        /// What is missing.
        note: String,
    },
    /// The set cannot be opened.
    #[error(transparent)]
    Dataset(#[from] imgveil_data::Error),
    /// Its images cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The run's scheme does not fit the images.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The device failed, or the network's outputs are no probabilities.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Resizing was asked for with a set that is encrypted already.
    #[error("{0} is encrypted already, and resizing was asked for")]
    AlreadyEncrypted(PathBuf),
    /// Plain images for a network that learned from encrypted ones.
    #[error("{path} is plain, and the network learned from images under {scheme}")]
    NoKey {
        /// The set.
        path: PathBuf,
        /// The network's scheme.
        scheme: String,
    },
    /// The key is not the key of training.
    #[error("the network learned from images under key {expected}, and this is key {found}")]
    OtherKey {
        /// The fingerprint of training.
        expected: String,
        /// The fingerprint of the key or set given.
        found: String,
    },
    /// The scheme is not the scheme of training.
    #[error("the network learned from images under {expected}, and {path} is encrypted under {found}")]
    OtherScheme {
        /// The set.
        path: PathBuf,
        /// The stages of training.
        expected: String,
        /// The stages of the set.
        found: String,
    },
    /// Samples of another depth, which have another scale and, under a scheme, another key.
    #[error("the network learned from samples of {expected} bits, and those of {name} have {found}")]
    OtherDepth {
        /// The name of an image.
        name: String,
        /// The bits in training.
        expected: u32,
        /// The bits of the image.
        found: u32,
    },
    /// Images of another size.
    #[error(
        "the network takes images of {}x{} (height x width) with {channels} channel(s), and {name} is {found}",
        .size[0], .size[1]
    )]
    Size {
        /// The network's height and width.
        size: [usize; 2],
        /// Its channels.
        channels: usize,
        /// The name of an image.
        name: String,
        /// Its geometry.
        found: Geometry,
    },
    /// There are no images to predict.
    #[error("{path} has no images{}", .split.map_or(String::new(), |split| format!(" to {split}")))]
    Empty {
        /// The set.
        path: PathBuf,
        /// The split that was asked for.
        split: Option<&'static str>,
    },
}

impl From<FeedError> for PredictError {
    fn from(error: FeedError) -> Self {
        Self::Train(error.into())
    }
}

impl From<ScoresError> for PredictError {
    fn from(error: ScoresError) -> Self {
        Self::Train(error.into())
    }
}
