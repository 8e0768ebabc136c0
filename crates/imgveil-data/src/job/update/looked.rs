//! What is known when the input and the set are compared.

use super::compare::Compared;
use crate::job::earlier::Earlier;
use crate::job::preflight::Preflighted;
use crate::job::request::EncryptRequest;
use crate::set::Source;
use std::path::PathBuf;

/// What is known when input and set are compared.
pub(super) struct Looked {
    pub request: EncryptRequest,
    pub set: Preflighted,
    pub earlier: Earlier,
    pub encrypted: Box<dyn Source>,
    pub compared: Compared,
    /// The file of names. `None` if names are kept.
    pub names: Option<PathBuf>,
}
