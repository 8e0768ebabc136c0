//! The salt of the set that an encryption writes: that of an earlier run in the same output, or a new one. Partitions,
//! which share no file, derive it from the secret and the list of images.

use super::error::JobError;
use super::identity;
use super::journal;
use super::output::{folder, journal_name, manifest_name};
use super::request::EncryptRequest;
use crate::set::arrays::archive;
use crate::set::{Encoding, Item, SetError, manifest_file};
use imgveil::internal::sealed::Salt;

/// The salt of a run: the one that was asked for, or else as [`found`] says.
///
/// # Errors
/// As [`found`]. Also if the output has another salt than was asked for.
pub(super) fn of_run(request: &EncryptRequest, encoding: Encoding, items: &[Item]) -> Result<Option<Salt>, JobError> {
    let found = found(request, encoding, &identity::of_encryption(request, encoding))?;
    match (request.options.salt, found, request.options.partition) {
        (Some(given), Some(found), _) if found != Some(given) => {
            Err(SetError::OutputExists(request.output.clone()).into())
        }
        (_, Some(found), _) => Ok(found),
        (Some(given), None, _) => Ok(Some(given)),
        (None, None, Some(one)) => Ok(Some(identity::salt_of_partitions(request, encoding, items, one.of()))),
        (None, None, None) => Salt::random().map(Some).map_err(|e| JobError::Random(e.to_string())),
    }
}

/// The salt of a run of this identity that is not an encryption, as [`of_run`] says.
///
/// # Errors
/// As [`of_run`].
pub(super) fn of_other_run(request: &EncryptRequest, encoding: Encoding, run: &str) -> Result<Salt, JobError> {
    match (request.options.salt, found(request, encoding, run)?.flatten()) {
        (Some(given), Some(found)) if found != given => Err(SetError::OutputExists(request.output.clone()).into()),
        (_, Some(salt)) | (Some(salt), None) => Ok(salt),
        (None, None) => Salt::random().map_err(|e| JobError::Random(e.to_string())),
    }
}

/// The salt of what is there already, or `None`. A run that continues takes the salt from the journal, a run that adds
/// to a complete set from its manifest. A complete set of format 1 has no salt.
///
/// # Errors
/// If the journal was changed.
fn found(request: &EncryptRequest, encoding: Encoding, run: &str) -> Result<Option<Option<Salt>>, JobError> {
    let root = folder(&request.output, encoding);
    let partition = request.options.partition;
    let head = journal::peek(&root.join(journal_name(partition)), request.secret.key(), run)?;
    if let Some(salt) = head.and_then(|head| head.salt.parse().ok()) {
        return Ok(Some(Some(salt)));
    }
    let memory = request.options.read.memory;
    // What cannot be read is reported when the output is opened.
    let manifest = match encoding {
        Encoding::Npz => archive::manifest(&request.output, memory).ok().flatten(),
        _ => manifest_file::read(&root.join(manifest_name(partition)), memory).ok().flatten(),
    };
    Ok(manifest.filter(|manifest| manifest.run == run).map(|manifest| manifest.salt))
}
