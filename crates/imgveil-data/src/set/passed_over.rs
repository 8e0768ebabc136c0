//! Files of a set that are passed over.

use crate::format::PassedOverReason;
use serde::Serialize;
use std::path::PathBuf;

/// A file of a set, or a member of a shard, that is passed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// The file, relative to the set.
    pub path: PathBuf,
    /// Why.
    pub reason: PassedOverReason,
}

impl PassedOver {
    /// A file that is passed over.
    pub(crate) fn new(path: impl Into<PathBuf>, reason: PassedOverReason) -> Self {
        Self { path: path.into(), reason }
    }
}
