//! Errors of weights in the safetensors format.

use super::CheckpointError;
use std::path::PathBuf;

/// Why weights cannot be read or do not fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The operating system refused.
    #[error("cannot read the weights {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not in the safetensors format.
    #[error("{path} is no file of weights in the safetensors format, or it is damaged: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor of the network is not in the file.
    #[error(
        "{path} has no tensor `{name}`, which a {model} has ({missing} of {all} are missing): weights of \
         another network?"
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The first missing tensor.
        name: String,
        /// The network.
        model: &'static str,
        /// The number of missing tensors.
        missing: usize,
        /// The number of tensors of the network.
        all: usize,
    },
    /// A tensor has another shape than the network needs.
    #[error(
        "tensor `{name}` in {path} is {found:?}, and a {model} has {expected:?} there: weights of another network?"
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape in the file.
        found: Vec<usize>,
        /// The network.
        model: &'static str,
        /// The shape that it needs.
        expected: Vec<usize>,
    },
    /// A tensor does not hold floats.
    #[error("tensor `{name}` in {path} holds {kind}: only floats (F64, F32, F16, BF16) can be weights")]
    Kind {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        kind: String,
    },
    /// The checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The output exists.
    #[error("{0} exists")]
    Exists(PathBuf),
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] imgveil_data::Error),
    /// The contents of the file cannot be encoded.
    #[error("the weights cannot be written as safetensors: {0}")]
    Encode(String),
}
