//! Joins the parts of a set that several processes wrote: their manifests become one, and so do the lists beside the set.

use super::JobError;
use super::output::manifest_name;
use super::part::Part;
use crate::dataset::manifest::Part as Written;
use crate::dataset::names::{self, Name};
use crate::dataset::work::PARTIAL;
use crate::dataset::{self, DatasetError, Entry, MANIFEST, Manifest};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What was joined.
#[derive(Clone, Debug, Serialize)]
pub struct Merged {
    /// Parts.
    pub parts: u32,
    /// Images of all of them.
    pub images: usize,
    /// The joined file of names, where the parts have theirs beside the set.
    pub names: Option<PathBuf>,
    /// The joined list of what was set aside, where a part has one beside the set.
    pub failed: Option<PathBuf>,
}

/// Joins the parts in a folder. Only manifests are read and written: images lie where they are to be already.
///
/// # Errors
/// When a part is missing, still at work, or of another run.
pub fn merge(root: &Path) -> Result<Merged, JobError> {
    let wrong = |reason: String| JobError::Merge { path: root.to_owned(), reason };
    if !root.is_dir() {
        return Err(DatasetError::Missing(root.to_owned()).into());
    }
    let found = parts(root)?;
    let Some(of) = found.iter().map(|part| part.of()).max() else {
        return Err(wrong("it holds no parts of a set; parts are written by `imgveil encrypt --shard I/N`".into()));
    };
    let all: Vec<Part> = (1..=of).filter_map(|index| Part::new(index, of)).collect();
    let missing: Vec<String> = all.iter().filter(|part| !found.contains(part)).map(Part::to_string).collect();
    if !missing.is_empty() || found.len() > all.len() {
        let words = match found.iter().find(|part| part.of() != of) {
            Some(other) => format!(
                "it holds parts of different divisions, such as {other} and 1/{of}: remove those that are wrong"
            ),
            None => format!("part {} is missing: run it, then merge again", missing.join(", ")),
        };
        return Err(wrong(words));
    }
    let mut joined: Option<Manifest> = None;
    let mut images: Vec<(usize, Entry)> = Vec::new();
    // Machines that see the input under different paths have different runs, and may all the same belong together.
    let mut one_run = true;
    for part in &all {
        let path = root.join(manifest_name(Some(*part)));
        let text = std::fs::read(&path).map_err(|source| DatasetError::Read { path: path.clone(), source })?;
        let manifest =
            Manifest::parse(&text).map_err(|source| DatasetError::Manifest { path: path.clone(), source })?;
        let Some(Written { slots, .. }) = &manifest.part else {
            return Err(wrong(format!("{} is no part's manifest", path.display())));
        };
        if slots.len() != manifest.images.len() {
            return Err(wrong(format!("{} does not say where each of its images belongs", path.display())));
        }
        images.extend(slots.iter().copied().zip(manifest.images.iter().cloned()));
        let first = joined.get_or_insert_with(|| manifest.clone());
        one_run &= first.run == manifest.run;
        let same = |a: &Manifest, b: &Manifest| {
            (&a.scheme, a.key, a.encoding, &a.classes) == (&b.scheme, b.key, b.encoding, &b.classes)
        };
        if !same(first, &manifest) {
            return Err(wrong(format!(
                "part {part} was made with another key, scheme, format or set of classes than part 1/{of}"
            )));
        }
    }
    images.sort_by_key(|(slot, _)| *slot);
    if let Some(pair) = images.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(wrong(format!(
            "two parts hold image {}: the input changed between them; write them again",
            pair[0].1.name
        )));
    }
    let Some(first) = joined else { return Err(wrong("it holds no parts of a set".into())) };
    let images: Vec<Entry> = images.into_iter().map(|(_, entry)| entry).collect();
    let (count, parts) = (images.len(), of);
    let run = if one_run { first.run.clone() } else { String::new() };
    let manifest = Manifest { part: None, run, images, ..first };
    let names = join_names(root, &all)?;
    let failed = join_failed(root, &all)?;
    let path = root.join(MANIFEST);
    let text = manifest.to_text().map_err(|e| DatasetError::Encode { path: path.clone(), reason: e.to_string() })?;
    dataset::write_atomically(&path, &text)?;
    // Last: as long as one is there, merging can be done again.
    for part in &all {
        remove(&root.join(manifest_name(Some(*part))))?;
        remove(&dataset::beside(root, &names_of(*part)))?;
        remove(&dataset::beside(root, &failed_of(*part)))?;
    }
    Ok(Merged { parts, images: count, names, failed })
}

fn names_of(part: Part) -> String {
    format!("names-{}.csv", part.slug())
}

fn failed_of(part: Part) -> String {
    format!("failed-{}.csv", part.slug())
}

/// The parts whose manifests are there.
fn parts(root: &Path) -> Result<Vec<Part>, JobError> {
    let read = |source| DatasetError::Read { path: root.to_owned(), source };
    let mut parts = Vec::new();
    for entry in root.read_dir().map_err(read)? {
        let name = entry.map_err(read)?.file_name().to_string_lossy().into_owned();
        if name.starts_with(PARTIAL) {
            let reason = format!("a part is still at work or was cut ({name}): let it finish, or run it again");
            return Err(JobError::Merge { path: root.to_owned(), reason });
        }
        let slug = name.strip_prefix("imgveil.part-").and_then(|rest| rest.strip_suffix(".json"));
        parts.extend(slug.and_then(|slug| slug.replacen("-of-", "/", 1).parse::<Part>().ok()));
    }
    parts.sort_by_key(|part| part.index());
    Ok(parts)
}

/// Joins the files of names that lie beside the set; parts may have theirs elsewhere.
fn join_names(root: &Path, parts: &[Part]) -> Result<Option<PathBuf>, JobError> {
    let mut joined: Vec<Name> = Vec::new();
    let mut some = false;
    for part in parts {
        let path = dataset::beside(root, &names_of(*part));
        if path.exists() {
            some = true;
            joined.extend(names::read(&path)?);
        }
    }
    let path = names::beside(root);
    if some {
        names::write(&path, joined)?;
    }
    Ok(some.then_some(path))
}

fn join_failed(root: &Path, parts: &[Part]) -> Result<Option<PathBuf>, JobError> {
    let mut joined = String::new();
    for part in parts {
        let path = dataset::beside(root, &failed_of(*part));
        match std::fs::read_to_string(&path) {
            // The first line is the header.
            Ok(text) if joined.is_empty() => joined = text,
            Ok(text) => joined.push_str(text.split_once('\n').map_or("", |(_, rest)| rest)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(DatasetError::Read { path, source }.into()),
        }
    }
    let path = dataset::beside(root, "failed.csv");
    if joined.is_empty() {
        return Ok(None);
    }
    dataset::write_privately(&path, joined.as_bytes())?;
    Ok(Some(path))
}

fn remove(path: &Path) -> Result<(), JobError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(DatasetError::Write { path: path.to_owned(), source: e }.into())
        }
        _ => Ok(()),
    }
}
