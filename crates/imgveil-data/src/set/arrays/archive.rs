//! The `.npz` file as an archive: its members and its manifest.

use crate::Memory;
use crate::limits::{FREE_MANIFEST, MANIFEST_RATIO, MOST_MEMBERS};
use crate::regular_file::{self, Retrying};
use crate::set::{MANIFEST, Manifest, SetError, manifest_file};
use std::fs::File;
use std::io::{BufReader, Read, Seek, Write};
use std::path::Path;

/// An opened archive.
pub(crate) type Archive = zip::ZipArchive<BufReader<Retrying<File>>>;

/// An error about an `.npz` file.
pub(crate) fn bad(path: &Path, reason: String) -> SetError {
    SetError::Npz { path: path.to_owned(), reason }
}

/// Opens an `.npz` file without reading its members.
pub(crate) fn archive(path: &Path) -> Result<Archive, SetError> {
    let file = regular_file::open(path).map_err(SetError::reading(path))?;
    let zip = zip::ZipArchive::new(BufReader::new(Retrying(file))).map_err(|e| bad(path, e.to_string()))?;
    if zip.len() > MOST_MEMBERS {
        return Err(bad(path, format!("it has {} members, and {MOST_MEMBERS} are the most", zip.len())));
    }
    if zip.has_duplicate_names() {
        // Other readers may take the other one.
        return Err(bad(path, "it has two members of one name".into()));
    }
    Ok(zip)
}

/// Reads the manifest in an `.npz` file, if it has one.
pub(crate) fn read_manifest(zip: &mut Archive, path: &Path, memory: Memory) -> Result<Option<Manifest>, SetError> {
    let Some(file) = find(zip, MANIFEST).map_err(|reason| bad(path, reason))? else { return Ok(None) };
    let plausible = file.compressed_size().saturating_mul(MANIFEST_RATIO).max(FREE_MANIFEST);
    let limit = plausible.min(manifest_file::longest(memory));
    drop(file);
    let text = member(zip, MANIFEST, limit).map_err(|reason| bad(path, reason))?;
    let Some(text) = text else { return Ok(None) };
    manifest_file::parse(&text, &path.join(MANIFEST), memory).map(Some)
}

/// Options for members without time stamps, so that the same set has the same bytes, and without compression, because
/// encrypted pixels do not compress.
pub(crate) fn stored() -> zip::write::SimpleFileOptions {
    zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
}

/// Writes the manifest as a member.
pub(crate) fn write_manifest<W: Write + Seek>(zip: &mut zip::ZipWriter<W>, manifest: &Manifest) -> Result<(), String> {
    zip.start_file(MANIFEST, stored()).map_err(|e| e.to_string())?;
    zip.write_all(&manifest.to_text().map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// A member to read. `None` if there is none of this name.
pub(crate) fn find<'a>(
    zip: &'a mut Archive,
    name: &str,
) -> Result<Option<zip::read::ZipFile<'a, BufReader<Retrying<File>>>>, String> {
    match zip.by_name(name) {
        Ok(file) => Ok(Some(file)),
        Err(zip::result::ZipError::FileNotFound) => Ok(None),
        Err(e) => Err(format!("{name}: {e}")),
    }
}

/// Reads a member of at most `limit` bytes. `None` if there is none of this name.
pub(crate) fn member(zip: &mut Archive, name: &str, limit: u64) -> Result<Option<Vec<u8>>, String> {
    let Some(file) = find(zip, name)? else { return Ok(None) };
    // The buffer grows with the data, so a wrong size in the header allocates nothing.
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
    if bytes.len() as u64 > limit {
        return Err(format!("{name} is larger than the set needs it to be; take the file from its source again"));
    }
    Ok(Some(bytes))
}

/// The manifest of an `.npz` file, if it has one.
///
/// # Errors
/// If the file cannot be read, or its manifest is damaged.
pub(crate) fn manifest(path: &Path, memory: Memory) -> Result<Option<Manifest>, SetError> {
    read_manifest(&mut archive(path)?, path, memory)
}
