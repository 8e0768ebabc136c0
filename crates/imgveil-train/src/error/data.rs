//! Errors of data sets for training.

use imgveil::internal::image::Geometry;
use imgveil::internal::scheme::CompileError;
use imgveil_data::set::LoadError;
use std::path::PathBuf;

/// Why a set cannot be trained on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The set cannot be opened.
    #[error(transparent)]
    Dataset(#[from] imgveil_data::Error),
    /// Its images cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The scheme does not fit the images.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// A scheme, resizing or a way of reading was given for a set that is encrypted already.
    #[error("{0} is encrypted already: train on it without a scheme or resizing (or give the plain set and the key)")]
    AlreadyEncrypted(PathBuf),
    /// The scheme needs a key, and there is none.
    #[error("scheme {0} needs a key")]
    NoKey(String),
    /// The set has fewer than two classes.
    #[error("{path} has {classes} class(es); training needs at least two: a folder for each, or a labels array")]
    Classes {
        /// The set.
        path: PathBuf,
        /// The number of its classes.
        classes: usize,
    },
    /// The set has no training images.
    #[error("{0} has no training images: expected a train/ folder or array, or class folders")]
    NoTraining(PathBuf),
    /// The splits have images of different geometries.
    #[error("the {split} images are {found} (height x width x channels) and the training images {expected}")]
    Mixed {
        /// The split.
        split: &'static str,
        /// The geometry of its images.
        found: Geometry,
        /// The geometry of the training images.
        expected: Geometry,
    },
}
