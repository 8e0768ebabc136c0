//! What a self-test found.

use crate::engine::EngineError;
use crate::image::GeometryError;
use crate::scheme::{CompileError, PresetError, StageError};

/// Why a check of the self-test failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The device gave other values than expected.
    #[error("{what}: {differing} of {of} values differ; the first is number {}", .first.unwrap_or_default())]
    Differs {
        /// What was compared.
        what: String,
        /// Values that differ.
        differing: usize,
        /// Values compared.
        of: usize,
        /// The first value that differs.
        first: Option<usize>,
    },
    /// Something other than a comparison of values did not hold.
    #[error("{what}: {found}, {expected} was expected")]
    Other {
        /// What was measured.
        what: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The device failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A scheme of the self-test does not compile. This is a fault of this library.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// An image of the self-test has no geometry. This is a fault of this library.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// A stage of the self-test is none. This is a fault of this library.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A preset does not have the options that the self-test gives it. This is a fault of this library.
    #[error(transparent)]
    Preset(#[from] PresetError),
}
