//! What is in the place of an output.

use super::earlier::Earlier;
use super::error::JobError;
use super::request::EncryptRequest;
use super::{identity, names_file, options};
use crate::Memory;
use crate::set::arrays::archive;
use crate::set::manifest::UNSEALED;
use crate::set::{Encoding, MANIFEST, Manifest, PARTITION_MANIFEST, SetError, is_npz, manifest_file};

/// The finished set in the place of the output, if the same run wrote it: its classes keep their numbers.
///
/// # Errors
/// If its file of names is about other images.
pub(super) fn earlier(request: &EncryptRequest) -> Result<Option<Earlier>, JobError> {
    if request.options.partition.is_some() || request.scheme.mixes() {
        return Ok(None);
    }
    let key = request.secret.key();
    let Some(manifest) = manifest(request) else { return Ok(None) };
    let encoding = request.options.encoding.unwrap_or_else(|| Encoding::of_path(&request.output));
    let same = manifest.format != UNSEALED && manifest.run == identity::of_encryption(request, encoding);
    if !same || manifest.authenticate(key, &request.output.join(MANIFEST)).is_err() {
        return Ok(None);
    }
    let names = names_file::path(request);
    Earlier::new(manifest, request.options.naming, key, names.as_deref()).map(Some)
}

/// The manifest in the place of the output. What cannot be read is reported when the output is opened.
fn manifest(request: &EncryptRequest) -> Option<Manifest> {
    let output = &request.output;
    let manifest = match is_npz(output) {
        true => archive::manifest(output, Memory::default()),
        false => manifest_file::read(&output.join(MANIFEST), Memory::default()),
    };
    manifest.ok().flatten()
}

/// Says what the output is where an error only says that there is something: a finished set under this key, and with
/// which other options, or a set under another key.
pub(super) fn explained(request: &EncryptRequest, error: JobError) -> JobError {
    let output = request.output.clone();
    let JobError::Set(SetError::OutputExists(place)) = &error else { return error };
    if *place != output {
        return error;
    }
    let path = output.join(MANIFEST);
    let Some(manifest) = manifest(request) else {
        let entries = output.read_dir().into_iter().flatten().flatten();
        let parts =
            entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(PARTITION_MANIFEST));
        return if parts { SetError::Unmerged(output).into() } else { error };
    };
    let key = request.secret.key();
    if manifest.key != key.fingerprint() {
        return JobError::OtherSetThere { output, key: manifest.key };
    }
    if let Err(forged) = manifest.authenticate(key, &path) {
        return forged.into();
    }
    if manifest.scheme.mixes() {
        return JobError::MixturesThere(output);
    }
    let encoding = request.options.encoding.unwrap_or_else(|| Encoding::of_path(&output));
    let mut was = manifest.options.clone();
    was.extend([format!("scheme={}", manifest.scheme), format!("encoding={}", manifest.encoding)]);
    let mut is = options::described(request, encoding);
    // A set says nothing of the place of its input.
    is.retain(|option| !option.starts_with("input="));
    JobError::SetThere { output, differences: options::differences(&was, &is, false) }
}
