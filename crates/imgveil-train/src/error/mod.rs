//! The crate's error type, and the detail behind it.

mod checkpoint;
mod data;
mod folder;
mod key_matched;
mod predict;
mod study;
mod train;
mod weights;

pub use checkpoint::CheckpointError;
pub use data::DataError;
pub use folder::FolderError;
pub use key_matched::KeyMatchedError;
pub use predict::PredictError;
pub use study::{GridError, ResultsError, RowError, StudyError};
pub use train::TrainError;
pub use weights::WeightsError;

use crate::feed::FeedError;
use imgveil::internal::engine::EngineError;
use imgveil::internal::scheme::{CustomError, PresetError};
use std::fmt;
use std::path::PathBuf;

/// An error of this crate: what kind of failure it is, and the detail behind it.
#[derive(Debug)]
pub struct Error(Box<ErrorDetail>);

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is not valid, or its parts do not go together.
    Invalid,
    /// A file that was named does not exist.
    NotFound,
    /// Something exists where a new file or folder was to be made.
    Exists,
    /// Another process uses the folder.
    Busy,
    /// A file is damaged or of another format.
    Damaged,
    /// The key is not the one that is needed.
    WrongKey,
    /// The set has too little to learn from.
    Data,
    /// Training diverged.
    Diverged,
    /// The device failed or lacks a feature.
    Device,
    /// The operating system refused, or a file could not be encoded.
    Io,
    /// A failure of the core or of the data crate; see [`std::error::Error::source`].
    Other,
}

/// The detail behind an [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)] // each is named after what fails
pub enum ErrorDetail {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Train(#[from] TrainError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    #[error(transparent)]
    Weights(#[from] WeightsError),
    #[error(transparent)]
    KeyMatched(#[from] KeyMatchedError),
    #[error(transparent)]
    Predict(#[from] PredictError),
    #[error(transparent)]
    Grid(#[from] GridError),
    #[error(transparent)]
    Results(#[from] ResultsError),
    #[error(transparent)]
    Study(#[from] StudyError),
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Set(#[from] imgveil_data::Error),
    #[error(transparent)]
    Preset(#[from] PresetError),
    #[error(transparent)]
    Custom(#[from] CustomError),
    /// The file of a scheme cannot be read.
    #[error("cannot read the scheme file {path}: {source}")]
    SchemeFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl Error {
    /// The detail behind the error.
    pub fn detail(&self) -> &ErrorDetail {
        &self.0
    }

    /// Takes the detail out of the error.
    pub fn into_detail(self) -> ErrorDetail {
        *self.0
    }

    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.0)
    }
}

impl<E: Into<ErrorDetail>> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}

/// The kind of a file that could not be read.
fn read(source: &std::io::Error) -> ErrorKind {
    if source.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Io }
}

impl ErrorDetail {
    fn kind(&self) -> ErrorKind {
        use ErrorKind::{Damaged, Data, Device, Exists, Invalid, Io, Other, WrongKey};
        match self {
            Self::Data(error) => match error {
                DataError::Dataset(_) | DataError::Load(_) | DataError::Compile(_) => Other,
                DataError::AlreadyEncrypted(_) | DataError::NoKey(_) | DataError::Mixed { .. } => Invalid,
                DataError::Classes { .. } | DataError::NoTraining(_) => Data,
            },
            Self::Folder(error) => folder(error),
            Self::Train(error) => train(error),
            Self::Checkpoint(error) => checkpoint(error),
            Self::Weights(error) => weights(error),
            Self::KeyMatched(error) => match error {
                KeyMatchedError::Weights(error) => weights(error),
                KeyMatchedError::Exists(_) => Exists,
                KeyMatchedError::Write(_) | KeyMatchedError::Compile(_) => Other,
                KeyMatchedError::Model { .. }
                | KeyMatchedError::Size(_)
                | KeyMatchedError::Geometry { .. }
                | KeyMatchedError::Scheme { .. } => Invalid,
            },
            Self::Predict(error) => match error {
                PredictError::Checkpoint(error) => checkpoint(error),
                PredictError::Weights(error) => weights(error),
                PredictError::Dataset(_) | PredictError::Load(_) | PredictError::Compile(_) => Other,
                PredictError::Train(error) => train(error),
                PredictError::OtherKey { .. } => WrongKey,
                PredictError::Empty { .. } => Data,
                PredictError::NotWhole { .. }
                | PredictError::AlreadyEncrypted(_)
                | PredictError::NoKey { .. }
                | PredictError::OtherScheme { .. }
                | PredictError::OtherDepth { .. }
                | PredictError::Size { .. } => Invalid,
            },
            Self::Grid(GridError::Read { source, .. }) | Self::SchemeFile { source, .. } => read(source),
            Self::Grid(GridError::Row { source: RowError::Scheme(error), .. }) => error.kind(),
            Self::Grid(_) | Self::Preset(_) | Self::Custom(_) => Invalid,
            Self::Results(ResultsError::Read { source, .. }) => read(source),
            Self::Results(_) => Damaged,
            Self::Study(StudyError::Write(_)) => Other,
            Self::Study(_) => Io,
            Self::Feed(_) | Self::Engine(_) => Device,
            Self::Set(_) => Other,
        }
    }
}

fn folder(error: &FolderError) -> ErrorKind {
    match error {
        FolderError::Exists(_) | FolderError::NoRun(_) => ErrorKind::Exists,
        FolderError::Other { .. } => ErrorKind::Invalid,
        FolderError::Busy(_) => ErrorKind::Busy,
        FolderError::Damaged { .. } => ErrorKind::Damaged,
        FolderError::Write(_) => ErrorKind::Other,
        FolderError::Encode { .. } | FolderError::Curves(_) => ErrorKind::Io,
    }
}

fn train(error: &TrainError) -> ErrorKind {
    match error {
        TrainError::Feed(_) | TrainError::Fetch(_) | TrainError::Precision => ErrorKind::Device,
        TrainError::Folder(error) => folder(error),
        TrainError::Diverged { .. } | TrainError::Scores(_) => ErrorKind::Diverged,
        TrainError::Weights(error) => weights(error),
        TrainError::TooFew(_) | TrainError::Disjoint(_) => ErrorKind::Data,
        TrainError::Compile(_)
        | TrainError::AugmentEncrypted
        | TrainError::FreshKeys
        | TrainError::Patch { .. }
        | TrainError::Adaptation { .. }
        | TrainError::Warmup { .. }
        | TrainError::Patience => ErrorKind::Invalid,
    }
}

fn checkpoint(error: &CheckpointError) -> ErrorKind {
    match error {
        CheckpointError::Read { source, .. } => read(source),
        CheckpointError::Damaged { .. } => ErrorKind::Damaged,
    }
}

fn weights(error: &WeightsError) -> ErrorKind {
    match error {
        WeightsError::Read { source, .. } => read(source),
        WeightsError::Checkpoint(error) => checkpoint(error),
        WeightsError::Format { .. } | WeightsError::Kind { .. } => ErrorKind::Damaged,
        WeightsError::Missing { .. } | WeightsError::Shape { .. } => ErrorKind::Invalid,
        WeightsError::Exists(_) => ErrorKind::Exists,
        WeightsError::Write(_) => ErrorKind::Other,
        WeightsError::Encode(_) => ErrorKind::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn an_error_has_a_kind_a_text_and_its_source() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        let error = Error::from(CheckpointError::Read { path: "run/model.json".into(), source });
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("cannot read run/model.json: "));
        assert!(error.source().unwrap().downcast_ref::<std::io::Error>().is_some());
        let error = Error::from(TrainError::Weights(WeightsError::Exists("a".into())));
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Exists, "a exists"));
    }
}
