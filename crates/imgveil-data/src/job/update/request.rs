//! The request of an update, and its result.

use crate::job::changes::Changes;
use crate::job::request::EncryptOptions;
use crate::job::summary::{Failure, Summary};
use crate::set::Encoding;
use imgveil::internal::scheme::{Scheme, Secret};
use serde::Serialize;
use std::path::PathBuf;

/// Which set to bring up to date, and with what.
#[derive(Clone, Debug)]
pub struct UpdateRequest {
    /// The set of plain images, as it is now.
    pub input: PathBuf,
    /// The encrypted set.
    pub output: PathBuf,
    /// The key or tables of the set.
    pub secret: Secret,
    /// The scheme, if it was stated: it must be the set's.
    pub scheme: Option<Scheme>,
    /// The form of the output, if it was stated: it must be the set's.
    pub encoding: Option<Encoding>,
    /// What was stated beside. Options of the set that are left out are the set's. A file of labels must be stated if
    /// the set was made with one. `partition`, `retry_failed` and `salt` do nothing.
    pub options: EncryptOptions,
    /// Remove the images that are no longer in the input.
    pub prune: bool,
}

/// What an update did, or would do.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Update {
    /// What was found.
    pub changes: Changes,
    /// Images of the input that cannot be read.
    pub failed: Vec<Failure>,
    /// What was done. `None` if nothing was to do, or only the changes were wanted.
    pub summary: Option<Summary>,
}
