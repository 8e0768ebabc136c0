//! Puts an updated set in the place of the set. Until then it lies in a folder of its own ([`work`]), or for an `.npz`
//! file in a file beside it, and the set is as it was. The new manifest is written there last. From then on the update
//! is decided: whoever comes next moves the files, whatever was moved already.

use crate::job::error::JobError;
use crate::job::journal::Journal;
use crate::job::output::{folder, is_ledger, journal_name};
use crate::set::arrays::{archive, labels_file};
use crate::set::{Encoding, MANIFEST, Manifest, SetError, Split, UPDATE, beside, manifest_file, remove};
use crate::{Memory, regular_file};
use imgveil::internal::key::Key;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the updated set of `output` is written.
pub(super) fn work(output: &Path, encoding: Encoding) -> PathBuf {
    match encoding {
        Encoding::Npz => beside(output, "imgveil-update.npz"),
        _ => output.join(UPDATE),
    }
}

/// The files of a set.
fn files(manifest: &Manifest) -> BTreeSet<String> {
    let file = |path: &str| manifest.encoding.file_of(path).to_string_lossy().replace('\\', "/");
    let mut files: BTreeSet<String> = manifest.images.iter().map(|entry| file(&entry.path)).collect();
    if manifest.encoding == Encoding::Npy {
        let mut labelled: BTreeMap<Split, bool> = BTreeMap::new();
        for entry in &manifest.images {
            *labelled.entry(entry.split).or_insert(true) &= entry.label.is_some();
        }
        files.extend(labelled.into_iter().filter(|(_, all)| *all).map(|(split, _)| labels_file(split)));
    }
    files
}

/// Checks that no file of another is where the updated set will have one.
///
/// # Errors
/// If there is one.
pub(super) fn check_free<'a>(
    output: &Path,
    manifest: &Manifest,
    wanted: impl Iterator<Item = &'a str>,
) -> Result<(), JobError> {
    let ours = files(manifest);
    for path in wanted.filter(|path| !ours.contains(*path)) {
        let mut at = output.to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        for (number, part) in parts.iter().enumerate() {
            at.push(part);
            let Ok(found) = std::fs::symlink_metadata(&at) else { break };
            if !found.is_dir() || number + 1 == parts.len() {
                return Err(SetError::InTheWay { path: at, what: regular_file::kind(found.file_type()) }.into());
            }
        }
    }
    Ok(())
}

/// Completes an update that is decided. Returns whether there was one.
///
/// # Errors
/// If a manifest has not the key's seal, or the operating system refuses.
pub(super) fn complete(output: &Path, key: &Key) -> Result<bool, JobError> {
    if crate::set::is_npz(output) {
        let work = work(output, Encoding::Npz);
        let open = Journal::is_begun(&folder(&work, Encoding::Npz).join(journal_name(None)));
        if open || !work.exists() {
            return Ok(false);
        }
        let manifest = archive::manifest(&work, Memory::default())?;
        let manifest = manifest.ok_or_else(|| SetError::OutputExists(work.clone()))?;
        manifest.authenticate(key, &work.join(MANIFEST))?;
        if archive::manifest(output, Memory::default())?.is_none_or(|old| old.salt != manifest.salt) {
            return Err(SetError::OutputExists(work).into());
        }
        std::fs::rename(&work, output).map_err(SetError::writing(output))?;
        // Removing fails only if somebody put something there.
        let _ = std::fs::remove_dir(folder(&work, Encoding::Npz));
        return Ok(true);
    }
    let work = output.join(UPDATE);
    if !std::fs::symlink_metadata(&work).is_ok_and(|found| found.is_dir()) {
        return Ok(false);
    }
    let decided = work.join(MANIFEST);
    let Some(new) = manifest_file::read(&decided, Memory::default())? else { return Ok(false) };
    new.authenticate(key, &decided)?;
    let path = output.join(MANIFEST);
    let old = manifest_file::read(&path, Memory::default())?.ok_or_else(|| SetError::Missing(path.clone()))?;
    old.authenticate(key, &path)?;
    if old.salt != new.salt {
        return Err(SetError::OutputExists(work).into());
    }
    let wanted = files(&new);
    for file in &wanted {
        let from = work.join(file);
        if std::fs::symlink_metadata(&from).is_err() {
            continue;
        }
        let to = output.join(file);
        make_folders(output, file)?;
        moved(&from, &to)?;
    }
    let hashes: HashMap<&str, &str> = match old.encoding {
        Encoding::Png | Encoding::Jpeg { .. } => {
            old.images.iter().map(|entry| (entry.path.as_str(), entry.blake3.as_str())).collect()
        }
        _ => HashMap::new(),
    };
    for file in files(&old).difference(&wanted) {
        let target = output.join(file);
        // A file with other contents is not the one that was written.
        if hashes.get(file.as_str()).is_none_or(|hash| hash_of(&target).as_deref() == Some(*hash)) {
            remove(&target).map_err(SetError::writing(&target))?;
            // Succeeds if it was the last file of its folder.
            let _ = target.parent().filter(|folder| *folder != output).map(std::fs::remove_dir);
        }
    }
    moved(&decided, &path)?;
    discard(output, new.encoding)?;
    Ok(true)
}

/// Moves a file. Another process may have done so since this one looked.
fn moved(from: &Path, to: &Path) -> Result<(), SetError> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !from.exists() && to.exists() => Ok(()),
        result => result.map_err(SetError::writing(to)),
    }
}

/// Removes the folder of an update that is complete or was never begun: the journal and the ledger that a run leaves
/// which is killed at its very end, and empty folders. What else is there is not imgveil's, so that it stays, and the
/// folder with it. Links are not followed.
///
/// # Errors
/// If the operating system refuses.
pub(super) fn discard(output: &Path, encoding: Encoding) -> Result<(), JobError> {
    let folder = folder(&work(output, encoding), encoding);
    if !std::fs::symlink_metadata(&folder).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    for entry in folder.read_dir().map_err(SetError::reading(&folder))? {
        let entry = entry.map_err(SetError::reading(&folder))?;
        let name = entry.file_name();
        if name == *journal_name(None) || is_ledger(&name.to_string_lossy()) {
            remove(&entry.path()).map_err(SetError::writing(&entry.path()))?;
        }
    }
    remove_empty(&folder);
    Ok(())
}

/// Removes a folder and the folders in it, as far as they are empty.
fn remove_empty(folder: &Path) {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.for_each(|entry| remove_empty(&entry.path()));
    // Fails if something is in it.
    let _ = std::fs::remove_dir(folder);
}

/// Makes the folders of a file of the set, without following a link.
fn make_folders(output: &Path, file: &str) -> Result<(), SetError> {
    let mut at = output.to_owned();
    for part in Path::new(file).parent().into_iter().flat_map(Path::components) {
        at.push(part);
        match std::fs::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => {}
            Ok(found) => return Err(SetError::InTheWay { path: at, what: regular_file::kind(found.file_type()) }),
            Err(_) => std::fs::create_dir(&at).map_err(SetError::writing(&at))?,
        }
    }
    Ok(())
}

/// BLAKE3 of a file, as hex digits.
fn hash_of(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    regular_file::open_no_link(path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(blake3::hash(&bytes).to_hex().to_string())
}
