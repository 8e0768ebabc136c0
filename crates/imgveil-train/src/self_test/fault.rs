//! What a self-test of training found.

use crate::error::{Error, TrainError};
use crate::feed::FeedError;
use imgveil::internal::engine::EngineError;
use imgveil::internal::self_test::Fault;

/// Why a check of training failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingFault {
    /// A value is wrong, or the device failed.
    #[error(transparent)]
    Core(#[from] Fault),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A step of this crate failed.
    #[error(transparent)]
    Other(#[from] Error),
    /// Weights cannot be loaded or stored.
    #[error("the weights cannot be loaded or stored: {0}")]
    Weights(String),
}

impl From<FeedError> for TrainingFault {
    fn from(error: FeedError) -> Self {
        Self::Train(error.into())
    }
}

impl From<EngineError> for TrainingFault {
    fn from(error: EngineError) -> Self {
        Self::Core(error.into())
    }
}

/// A value that is not as expected.
pub fn wrong(what: impl Into<String>, found: impl ToString, expected: impl Into<String>) -> TrainingFault {
    Fault::Other { what: what.into(), found: found.to_string(), expected: expected.into() }.into()
}
