//! Errors of image sets, jobs, and files of keys and tables.

use super::{DATASET, FAILED, Failure, KEY, USAGE, failure};
use imgveil_data::dataset::{DatasetError, LoadError};
use imgveil_data::job::JobError;
use imgveil_data::key_file::KeyFileError;
use imgveil_data::tables_file::TablesFileError;

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let code = match error {
            KeyFileError::Exists(_) | KeyFileError::Missing(_) | KeyFileError::NoFolder(_) => USAGE,
            KeyFileError::Invalid { .. } => KEY,
            KeyFileError::Io { .. } => FAILED,
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
