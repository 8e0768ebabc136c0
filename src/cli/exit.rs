//! Exit codes (the README lists them; others rely on them) and which error means which.

use imgveil::dataset::{DatasetError, LoadError};
use imgveil::engine::EngineError;
use imgveil::job::JobError;
use imgveil::key::file::KeyFileError;
use imgveil::preview::PreviewError;
use imgveil::scheme::{CompileError, CustomError, PresetError};
use imgveil::tables::file::TablesFileError;

/// Done.
pub const DONE: u8 = 0;
/// Failed: the system, the disk, the device.
pub const FAILED: u8 = 1;
/// The command asks for something impossible as it is written.
pub const USAGE: u8 = 2;
/// Some files were set aside, the rest is done.
pub const PARTLY: u8 = 3;
/// Wrong key or tables, or a damaged file of one.
pub const KEY: u8 = 4;
/// Damaged or foreign data set.
pub const DATASET: u8 = 5;
/// No such device.
pub const DEVICE: u8 = 6;

/// Words for the user and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong, where, and what to do next.
    pub words: String,
    /// The exit code.
    pub code: u8,
}

/// What a command returns: its exit code.
pub type Outcome = Result<u8, Failure>;

fn failure(error: &dyn std::error::Error, code: u8) -> Failure {
    Failure { words: error.to_string(), code }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let code = match error {
            KeyFileError::Exists(_) | KeyFileError::Missing(_) | KeyFileError::NoFolder(_) => USAGE,
            KeyFileError::Invalid { .. } => KEY,
            KeyFileError::Io { .. } | KeyFileError::Random(_) => FAILED,
        };
        failure(&error, code)
    }
}

impl From<TablesFileError> for Failure {
    fn from(error: TablesFileError) -> Self {
        let code = match error {
            TablesFileError::Exists(_)
            | TablesFileError::Missing(_)
            | TablesFileError::NoFolder(_)
            | TablesFileError::Format(_) => USAGE,
            TablesFileError::Invalid { .. } => KEY,
            TablesFileError::Io { .. } => FAILED,
        };
        failure(&error, code)
    }
}

impl From<PresetError> for Failure {
    fn from(error: PresetError) -> Self {
        failure(&error, USAGE)
    }
}

impl From<CustomError> for Failure {
    fn from(error: CustomError) -> Self {
        failure(&error, USAGE)
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        let code = match &error {
            // Arrays that are not those of the scheme stand for a wrong key.
            CompileError::Tables(error) if !error.is_about_the_scheme() => KEY,
            _ => USAGE,
        };
        failure(&error, code)
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let code = match error {
            EngineError::NoDevice(_) => DEVICE,
            _ => FAILED,
        };
        failure(&error, code)
    }
}

impl From<DatasetError> for Failure {
    fn from(error: DatasetError) -> Self {
        let code = match error {
            DatasetError::Missing(_)
            | DatasetError::OutputExists(_)
            | DatasetError::Collision(_)
            | DatasetError::Unmerged(_)
            | DatasetError::Names { .. }
            | DatasetError::Labels { .. }
            | DatasetError::Mixtures { .. } => USAGE,
            DatasetError::Empty { .. }
            | DatasetError::Foreign(_)
            | DatasetError::Unfinished(_)
            | DatasetError::Npz { .. }
            | DatasetError::Npy { .. }
            | DatasetError::Shards { .. }
            | DatasetError::Manifest { .. } => DATASET,
            DatasetError::Write { .. } | DatasetError::Read { .. } | DatasetError::Encode { .. } => FAILED,
        };
        failure(&error, code)
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let code = match error {
            LoadError::Mixed { .. } => USAGE,
            LoadError::Read(_) | LoadError::Unlabelled(_) => DATASET,
        };
        failure(&error, code)
    }
}

impl From<JobError> for Failure {
    fn from(error: JobError) -> Self {
        let code = match error {
            JobError::Dataset(error) => return error.into(),
            JobError::Compile(error) => return error.into(),
            JobError::Engine(error) => return error.into(),
            JobError::Mixed(_)
            | JobError::MixedArray(_)
            | JobError::AlreadyEncrypted { .. }
            | JobError::Inside { .. }
            | JobError::Busy(_)
            | JobError::Whole(_)
            | JobError::PartOfArray
            | JobError::JpegDepth(_)
            | JobError::NoRoomForMembers
            | JobError::NoName { .. }
            | JobError::OtherNames(_)
            | JobError::Merge { .. }
            | JobError::Lossy { .. }
            | JobError::Floats(_) => USAGE,
            JobError::WrongKey { .. } => KEY,
            JobError::NotEncrypted(_) | JobError::NothingReadable { .. } => DATASET,
            JobError::Worker => FAILED,
        };
        failure(&error, code)
    }
}

impl From<PreviewError> for Failure {
    fn from(error: PreviewError) -> Self {
        let code = match error {
            PreviewError::Dataset(error) => return error.into(),
            PreviewError::Preset(error) => return error.into(),
            PreviewError::Compile(error) => return error.into(),
            PreviewError::Engine(error) => return error.into(),
            PreviewError::Read(_) => DATASET,
            PreviewError::NotPng(_) | PreviewError::Small { .. } => USAGE,
            PreviewError::Geometry(_) | PreviewError::Sheet(_) | PreviewError::NotExact(_) => FAILED,
        };
        failure(&error, code)
    }
}

#[cfg(feature = "train")]
impl From<imgveil::train::DataError> for Failure {
    fn from(error: imgveil::train::DataError) -> Self {
        use imgveil::train::DataError;
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

#[cfg(feature = "train")]
impl From<imgveil::train::RunFolderError> for Failure {
    fn from(error: imgveil::train::RunFolderError) -> Self {
        use imgveil::train::RunFolderError;
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

#[cfg(feature = "train")]
impl From<imgveil::train::TrainError> for Failure {
    fn from(error: imgveil::train::TrainError) -> Self {
        use imgveil::train::TrainError;
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

#[cfg(feature = "train")]
impl From<imgveil::train::CheckpointError> for Failure {
    fn from(error: imgveil::train::CheckpointError) -> Self {
        use imgveil::train::CheckpointError;
        let code = match &error {
            CheckpointError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => USAGE,
            CheckpointError::Read { .. } => FAILED,
            CheckpointError::Damaged { .. } => DATASET,
        };
        failure(&error, code)
    }
}

#[cfg(feature = "train")]
impl From<imgveil::train::WeightsError> for Failure {
    fn from(error: imgveil::train::WeightsError) -> Self {
        use imgveil::train::WeightsError;
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

#[cfg(feature = "train")]
impl From<imgveil::train::KeyMatchedError> for Failure {
    fn from(error: imgveil::train::KeyMatchedError) -> Self {
        use imgveil::train::KeyMatchedError;
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

#[cfg(feature = "train")]
impl From<imgveil::demo::DemoError> for Failure {
    fn from(error: imgveil::demo::DemoError) -> Self {
        use imgveil::demo::DemoError;
        match error {
            DemoError::Dataset(error) => error.into(),
            DemoError::Job(error) => error.into(),
            DemoError::Key(error) => error.into(),
            DemoError::Scheme(error) => error.into(),
            DemoError::Compile(error) => error.into(),
            DemoError::Engine(error) => error.into(),
            DemoError::Data(error) => error.into(),
            DemoError::Preview(error) => error.into(),
            DemoError::Train(error) => error.into(),
            DemoError::Geometry(_) | DemoError::Lossy(_) | DemoError::Sheet(_) | DemoError::NotExact(_) => {
                Failure { words: error.to_string(), code: FAILED }
            }
        }
    }
}

#[cfg(feature = "train")]
impl From<imgveil::train::PredictError> for Failure {
    fn from(error: imgveil::train::PredictError) -> Self {
        use imgveil::train::PredictError;
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

#[cfg(feature = "train")]
impl From<imgveil::study::GridError> for Failure {
    fn from(error: imgveil::study::GridError) -> Self {
        use imgveil::study::GridError;
        let code = match &error {
            GridError::Read { source, .. } if source.kind() != std::io::ErrorKind::NotFound => FAILED,
            GridError::Read { .. } | GridError::Syntax { .. } | GridError::Invalid { .. } => USAGE,
        };
        failure(&error, code)
    }
}

#[cfg(feature = "train")]
impl From<imgveil::study::StudyError> for Failure {
    fn from(error: imgveil::study::StudyError) -> Self {
        use imgveil::study::StudyError;
        match error {
            StudyError::Write(error) => error.into(),
            StudyError::Chart(_) | StudyError::Csv(_) => failure(&error, FAILED),
        }
    }
}

impl From<imgveil::measure::MeasureError> for Failure {
    fn from(error: imgveil::measure::MeasureError) -> Self {
        use imgveil::measure::MeasureError;
        match error {
            MeasureError::Engine(error) => error.into(),
            MeasureError::Compile(error) => error.into(),
            MeasureError::Job(error) => error.into(),
            MeasureError::Wrong { .. } | MeasureError::Disk { .. } => failure(&error, FAILED),
        }
    }
}
