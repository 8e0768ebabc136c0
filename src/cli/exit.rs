//! Exit codes (the README lists them; others rely on them) and which error means which.

use imgveil::dataset::{DatasetError, LoadError};
use imgveil::engine::EngineError;
use imgveil::job::JobError;
use imgveil::key::file::KeyFileError;
use imgveil::scheme::{CompileError, PresetError};

/// Done.
pub const DONE: u8 = 0;
/// Failed: the system, the disk, the device.
pub const FAILED: u8 = 1;
/// The command asks for something impossible as it is written.
pub const USAGE: u8 = 2;
/// Some files were set aside, the rest is done.
pub const PARTLY: u8 = 3;
/// Wrong key or damaged key file.
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

impl From<PresetError> for Failure {
    fn from(error: PresetError) -> Self {
        failure(&error, USAGE)
    }
}

impl From<CompileError> for Failure {
    fn from(error: CompileError) -> Self {
        failure(&error, USAGE)
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
            DatasetError::Missing(_) | DatasetError::OutputExists(_) | DatasetError::Collision(_) => USAGE,
            DatasetError::Empty { .. }
            | DatasetError::Foreign(_)
            | DatasetError::Unfinished(_)
            | DatasetError::Npz { .. }
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
            JobError::Mixed { .. } | JobError::AlreadyEncrypted { .. } | JobError::Inside { .. } => USAGE,
            JobError::WrongKey { .. } => KEY,
            JobError::NotEncrypted(_) | JobError::NothingReadable { .. } => DATASET,
            JobError::Worker => FAILED,
        };
        failure(&error, code)
    }
}
