//! Errors of training.

use super::{DATASET, DEVICE, FAILED, Failure, KEY, USAGE, failure};

impl From<imgveil_train::DataError> for Failure {
    fn from(error: imgveil_train::DataError) -> Self {
        use imgveil_train::DataError;
        let words = error.to_string();
        match error {
            DataError::Dataset(error) => error.into(),
            DataError::Load(error) => error.into(),
            DataError::Compile(error) => error.into(),
            DataError::AlreadyEncrypted(_) | DataError::NoKey(_) | DataError::Mixed { .. } => {
                Failure { words, code: USAGE }
            }
            DataError::Classes { .. } | DataError::NoTraining(_) => Failure { words, code: DATASET },
        }
    }
}

impl From<imgveil_train::RunFolderError> for Failure {
    fn from(error: imgveil_train::RunFolderError) -> Self {
        use imgveil_train::RunFolderError;
        let code = match error {
            RunFolderError::Exists(_)
            | RunFolderError::NoRun(_)
            | RunFolderError::Other { .. }
            | RunFolderError::Busy(_) => USAGE,
            _ => FAILED,
        };
        Failure { words: error.to_string(), code }
    }
}

impl From<imgveil_train::TrainError> for Failure {
    fn from(error: imgveil_train::TrainError) -> Self {
        use imgveil_train::TrainError;
        let code = match error {
            TrainError::Folder(error) => return error.into(),
            TrainError::Weights(error) => return error.into(),
            TrainError::AugmentEncrypted
            | TrainError::Patch { .. }
            | TrainError::Adaptation { .. }
            | TrainError::Warmup { .. }
            | TrainError::Patience => USAGE,
            TrainError::Precision => DEVICE,
            TrainError::TooFew(_) => DATASET,
            _ => FAILED,
        };
        Failure { words: error.to_string(), code }
    }
}

impl From<imgveil_train::CheckpointError> for Failure {
    fn from(error: imgveil_train::CheckpointError) -> Self {
        use imgveil_train::CheckpointError;
        let code = match &error {
            CheckpointError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => USAGE,
            CheckpointError::Read { .. } => FAILED,
            CheckpointError::Damaged { .. } => DATASET,
        };
        failure(&error, code)
    }
}

impl From<imgveil_train::WeightsError> for Failure {
    fn from(error: imgveil_train::WeightsError) -> Self {
        use imgveil_train::WeightsError;
        let code = match error {
            WeightsError::Checkpoint(error) => return error.into(),
            WeightsError::Write(error) => return error.into(),
            WeightsError::Read { ref source, .. } if source.kind() == std::io::ErrorKind::NotFound => USAGE,
            WeightsError::Read { .. } | WeightsError::Encode(_) => FAILED,
            WeightsError::Missing { .. } | WeightsError::Shape { .. } | WeightsError::Exists(_) => USAGE,
            WeightsError::Format { .. } | WeightsError::Kind { .. } => DATASET,
        };
        failure(&error, code)
    }
}

impl From<imgveil_train::KeyMatchedError> for Failure {
    fn from(error: imgveil_train::KeyMatchedError) -> Self {
        use imgveil_train::KeyMatchedError;
        match error {
            KeyMatchedError::Weights(error) => error.into(),
            KeyMatchedError::Write(error) => error.into(),
            KeyMatchedError::Compile(error) => error.into(),
            KeyMatchedError::Exists(_)
            | KeyMatchedError::Model { .. }
            | KeyMatchedError::Size(_)
            | KeyMatchedError::Geometry { .. }
            | KeyMatchedError::Scheme { .. } => failure(&error, USAGE),
        }
    }
}

impl From<imgveil_train::PredictError> for Failure {
    fn from(error: imgveil_train::PredictError) -> Self {
        use imgveil_train::PredictError;
        match error {
            PredictError::Checkpoint(error) => error.into(),
            PredictError::Weights(error) => error.into(),
            PredictError::Dataset(error) => error.into(),
            PredictError::Load(error) => error.into(),
            PredictError::Compile(error) => error.into(),
            PredictError::Train(error) => error.into(),
            PredictError::AlreadyEncrypted(_)
            | PredictError::NoKey { .. }
            | PredictError::NotWhole { .. }
            | PredictError::OtherScheme { .. }
            | PredictError::Size { .. } => failure(&error, USAGE),
            PredictError::OtherKey { .. } => failure(&error, KEY),
            PredictError::Empty { .. } => failure(&error, DATASET),
        }
    }
}

impl From<imgveil_train::study::GridError> for Failure {
    fn from(error: imgveil_train::study::GridError) -> Self {
        use imgveil_train::study::GridError;
        let code = match &error {
            GridError::Read { source, .. } if source.kind() != std::io::ErrorKind::NotFound => FAILED,
            GridError::Read { .. } | GridError::Syntax { .. } | GridError::Invalid { .. } => USAGE,
        };
        failure(&error, code)
    }
}

impl From<imgveil_train::study::StudyError> for Failure {
    fn from(error: imgveil_train::study::StudyError) -> Self {
        use imgveil_train::study::StudyError;
        match error {
            StudyError::Write(error) => error.into(),
            StudyError::Chart(_) | StudyError::Csv(_) => failure(&error, FAILED),
        }
    }
}
