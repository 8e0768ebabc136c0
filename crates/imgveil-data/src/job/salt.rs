//! The salt of the set that an encryption writes: that of an earlier run in the same output, or a new one.

use super::error::JobError;
use super::identity;
use super::journal;
use super::output::{folder, journal_name, manifest_name};
use super::request::EncryptRequest;
use crate::set::arrays::archive;
use crate::set::{Encoding, Item, Manifest};
use imgveil::internal::sealed::Salt;

/// The salt of a run. A run that continues takes the salt from the journal, a run that adds to a complete set from its
/// manifest. Otherwise it is random; partitions, which share no file, derive it from the secret and the list of images.
/// `None` for a complete set of format 1, which has none.
///
/// # Errors
/// If the journal was changed, or the operating system gives no random bytes.
pub(super) fn of_run(request: &EncryptRequest, encoding: Encoding, items: &[Item]) -> Result<Option<Salt>, JobError> {
    let run = identity::of_encryption(request, encoding);
    let root = folder(&request.output, encoding);
    let partition = request.options.partition;
    let head = journal::peek(&root.join(journal_name(partition)), request.secret.key())?;
    if let Some(salt) = head.filter(|head| head.run == run).and_then(|head| head.salt.parse().ok()) {
        return Ok(Some(salt));
    }
    // What cannot be read is reported when the output is opened.
    let manifest = match encoding {
        Encoding::Npz => archive::manifest(&request.output).ok().flatten(),
        _ => std::fs::read(root.join(manifest_name(partition))).ok().and_then(|text| Manifest::parse(&text).ok()),
    };
    if let Some(manifest) = manifest.filter(|manifest| manifest.run == run) {
        return Ok(manifest.salt);
    }
    match partition {
        Some(partition) => Ok(Some(identity::salt_of_partitions(request, encoding, items, partition.of()))),
        None => Salt::random().map(Some).map_err(|e| JobError::Random(e.to_string())),
    }
}
