//! Errors of matching a model with a key.

use super::WeightsError;
use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::CompileError;
use std::path::PathBuf;

/// Why a model cannot be matched with a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyMatchedError {
    /// The weights cannot be read or written.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The output exists.
    #[error("{0} exists")]
    Exists(PathBuf),
    /// The output cannot be written.
    #[error(transparent)]
    Write(#[from] imgveil_data::Error),
    /// The scheme cannot be compiled at this size.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The file does not hold a vision transformer.
    #[error("{path} is no vision transformer with timm's names: {reason}")]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The number of patches does not determine the size of the images.
    #[error("the size of the images cannot be told from {0} patches")]
    Size(usize),
    /// The images have another size than the model's.
    #[error(
        "images of {geometry} are not what the model sees: it has {patches} patches of {}x{} pixels and \
         {channels} channels",
        .patch[0], .patch[1]
    )]
    Geometry {
        /// The images.
        geometry: Geometry,
        /// The model's patches.
        patches: usize,
        /// Rows and columns of a patch.
        patch: [usize; 2],
        /// Its channels.
        channels: usize,
    },
    /// The scheme does not treat all patches alike.
    #[error(
        "scheme `{scheme}` cannot be matched by a model with patches of {}x{} pixels: {reason}",
        .patch[0], .patch[1]
    )]
    Scheme {
        /// The scheme's name.
        scheme: String,
        /// Rows and columns of a patch.
        patch: [usize; 2],
        /// Why.
        reason: &'static str,
    },
}
