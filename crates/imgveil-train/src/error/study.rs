//! Errors of studies.

use super::Error;
use crate::chart::ChartError;
use std::path::PathBuf;

/// Why a file is not the grid of a study.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GridError {
    /// The operating system refused.
    #[error("cannot read the grid {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a field that a grid does not have.
    #[error("{path} is no grid of a study: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The place and the cause.
        reason: String,
    },
    /// The file is TOML, but not a valid grid.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The grid names no data set, and none was given beside it.
    #[error("{path}: there are no images: add `data = \"IN\"`")]
    NoData {
        /// The file.
        path: PathBuf,
    },
    /// A scheme needs a key; the grid names none, and none was given beside it.
    #[error("{path}: scheme {scheme} needs a key: add `key = \"FILE\"`")]
    NoKey {
        /// The file.
        path: PathBuf,
        /// The scheme.
        scheme: String,
    },
    /// The settings of a row do not make a training run.
    #[error("{path}: {row}: {source}")]
    Row {
        /// The file.
        path: PathBuf,
        /// The row, for the user.
        row: String,
        /// The cause.
        source: RowError,
    },
}

/// Why the settings of a row do not make a training run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// There is no such setting.
    #[error("there is no setting `{0}`")]
    Unknown(String),
    /// A setting has a value that it cannot have.
    #[error("`{name}` cannot be `{value}`: {reason}")]
    Value {
        /// The setting.
        name: String,
        /// The value, as text.
        value: String,
        /// The cause.
        reason: String,
    },
    /// A setting that is on or off has another value.
    #[error("`{name}` is on or off, not `{value}`")]
    Switch {
        /// The setting.
        name: String,
        /// The value, as text.
        value: String,
    },
    /// A setting that needs a value is switched on.
    #[error("`{0}` needs a value")]
    NoValue(String),
    /// Two settings exclude each other.
    #[error("`{0}` and `{1}` exclude each other")]
    Both(&'static str, &'static str),
    /// An option of built-in schemes was given for a scheme of the user's own.
    #[error("`{option}` is for the built-in schemes, and {scheme} is a scheme file")]
    BuiltIn {
        /// The option.
        option: &'static str,
        /// The scheme's file.
        scheme: String,
    },
    /// The scheme cannot be read, or is none.
    #[error(transparent)]
    Scheme(Box<Error>),
}

/// Why the folder of a run gives no figures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The operating system refused.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A file does not belong to a training run.
    #[error("{path} is no such file of a training run: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The run has neither test nor validation scores.
    #[error("{0} has neither test nor validation scores")]
    NoScores(PathBuf),
}

/// Why the table or a chart of a study cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The operating system refused.
    #[error(transparent)]
    Write(#[from] imgveil_data::Error),
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The table could not be made.
    #[error("cannot make the table: {0}")]
    Csv(#[from] csv::Error),
}
