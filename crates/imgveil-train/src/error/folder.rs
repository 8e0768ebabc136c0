//! Errors of a run's folder.

use crate::chart::ChartError;
use std::path::PathBuf;

/// Why a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The folder of a new run is not empty.
    #[error("{0} exists and is not empty")]
    Exists(PathBuf),
    /// The folder of a run to resume is not empty and holds no run.
    #[error("{0} is not empty and holds no run that could go on")]
    NoRun(PathBuf),
    /// The folder holds a run of another configuration or set.
    #[error("{path} holds another run: {difference}")]
    Other {
        /// The folder.
        path: PathBuf,
        /// What differs.
        difference: String,
    },
    /// Another process trains in the folder.
    #[error("another process trains in {0}")]
    Busy(PathBuf),
    /// A file of the folder is damaged.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The operating system refused.
    #[error(transparent)]
    Write(#[from] imgveil_data::Error),
    /// The contents of a file could not be encoded.
    #[error("cannot make {file}: {reason}")]
    Encode {
        /// The file.
        file: &'static str,
        /// Why.
        reason: String,
    },
    /// The curves could not be drawn.
    #[error(transparent)]
    Curves(#[from] ChartError),
}
