//! Merges the partitions of a set that several processes wrote: joins their manifests, and the lists beside the set.

use super::error::JobError;
use super::failed_list;
use super::output::manifest_name;
use super::partition::Partition;
use crate::limits::MOST_PARTITIONS;
use crate::set::manifest::{PartitionRecord, SealedPart, UNSEALED};
use crate::set::names::{self, Name};
use crate::set::staging::JOURNAL;
use crate::set::{
    Entry, MANIFEST, Manifest, PARTITION_MANIFEST, SetError, beside, manifest_file, remove, write_atomically,
    write_privately,
};
use crate::{Error, Memory, regular_file};
use imgveil::internal::plain::Plain;
use serde::Serialize;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What was merged.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Merged {
    /// The number of partitions.
    #[serde(rename = "parts")]
    pub partitions: u32,
    /// The number of images in all of them.
    pub images: usize,
    /// The joined file of names, if the partitions have files of names beside the set.
    pub names: Option<PathBuf>,
    /// The joined list of images that were set aside, if a partition has one beside the set.
    pub failed: Option<PathBuf>,
}

/// Merges the partitions in a folder. Only manifests and lists are read and written, because the images are already in
/// place.
///
/// # Errors
/// If a partition is missing, is still being written, or belongs to another run.
pub fn merge(root: &Path) -> Result<Merged, Error> {
    let wrong = |reason: String| Error::from(JobError::Merge { path: root.to_owned(), reason });
    if !root.is_dir() {
        return Err(SetError::Missing(root.to_owned()).into());
    }
    let found = partitions(root)?;
    let Some(of) = found.iter().map(|partition| partition.of()).max() else {
        return Err(JobError::NoPartitions(root.to_owned()).into());
    };
    let all: Vec<Partition> = (1..=of).filter_map(|index| Partition::new(index, of)).collect();
    let there: HashSet<Partition> = found.iter().copied().collect();
    let missing: Vec<&Partition> = all.iter().filter(|one| !there.contains(one)).collect();
    if !missing.is_empty() || found.len() > all.len() {
        let words = match found.iter().find(|partition| partition.of() != of) {
            Some(other) => format!(
                "it holds partitions of different divisions, such as {other} and 1/{of}: remove those that are wrong"
            ),
            None => format!("partition {} is missing: run it, then merge again", listed(&missing)),
        };
        return Err(wrong(words));
    }
    let mut joined: Option<Manifest> = None;
    let mut images: Vec<(usize, Entry)> = Vec::new();
    let mut parts = Vec::new();
    // Machines that see the input under different paths have different run identities, although the partitions belong
    // together.
    let mut one_run = true;
    for partition in &all {
        let path = root.join(manifest_name(Some(*partition)));
        let manifest = manifest_file::read(&path, Memory::default())?;
        let manifest = manifest.ok_or_else(|| SetError::Missing(path.clone()))?;
        let Some(PartitionRecord { slots, .. }) = &manifest.partition else {
            return Err(wrong(format!("{} is no partition's manifest", path.display())));
        };
        if slots.len() != manifest.images.len() {
            return Err(wrong(format!("{} does not say where each of its images belongs", path.display())));
        }
        let large = |source| SetError::Memory { path: root.to_owned(), source };
        Memory::default().check_list((images.len() + slots.len()) as u64).map_err(large)?;
        images.extend(slots.iter().copied().zip(manifest.images.iter().cloned()));
        let first = joined.get_or_insert_with(|| manifest.clone());
        one_run &= first.run == manifest.run;
        let same = |a: &Manifest, b: &Manifest| {
            let shared = |m: &Manifest| (m.scheme.clone(), m.key, m.encoding, m.classes.clone(), m.options.clone());
            shared(a) == shared(b)
        };
        if !same(first, &manifest) {
            let words = "was made with another key, scheme, format or set of classes than partition";
            return Err(wrong(format!("partition {partition} {words} 1/{of}")));
        }
        if (first.format, first.salt) != (manifest.format, manifest.salt) {
            let words = "was made from another list of images, or by another version, than partition";
            return Err(wrong(format!("partition {partition} {words} 1/{of}: write them again")));
        }
        let Manifest { tool, run, seal, .. } = &manifest;
        let (tool, run, seal, slots) = (tool.clone(), run.clone(), seal.clone(), slots.clone());
        parts.push(SealedPart { tool, run, slots, seal });
    }
    images.sort_by_key(|(slot, _)| *slot);
    if let Some(pair) = images.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(wrong(format!(
            "two partitions hold image {}: the input changed between them; write them again",
            pair[0].1.name
        )));
    }
    for field in [|entry: &Entry| entry.name.clone(), |entry: &Entry| entry.path.clone()] {
        let mut seen = HashSet::new();
        if let Some((_, twice)) = images.iter().find(|(_, entry)| !seen.insert(field(entry))) {
            return Err(wrong(format!(
                "image {} is in two places of the partitions: the input changed between them; write them again",
                twice.name
            )));
        }
    }
    let Some(first) = joined else { return Err(JobError::NoPartitions(root.to_owned()).into()) };
    let images: Vec<Entry> = images.into_iter().map(|(_, entry)| entry).collect();
    let count = images.len();
    let run = if one_run { first.run.clone() } else { String::new() };
    // Merging has no key: the seals of the partitions authenticate the whole.
    let parts = if first.format == UNSEALED { Vec::new() } else { parts };
    let manifest = Manifest { partition: None, run, parts, images, seal: String::new(), ..first };
    let path = root.join(MANIFEST);
    check_joined(root, &path, &manifest)?;
    let names = join_names(root, &all)?;
    let failed = join_failed(root, &all)?;
    let text = manifest.to_text().map_err(|e| SetError::encoding(&path, e.to_string()))?;
    write_atomically(&path, &text)?;
    // Done last: merging can be repeated as long as these files exist.
    for partition in &all {
        let [names, failed] = [names_of(*partition), failed_of(*partition)].map(|list| beside(root, &list));
        let failed = failed_list::is_ours(&failed).then_some(failed);
        for path in [Some(root.join(manifest_name(Some(*partition)))), Some(names), failed].into_iter().flatten() {
            remove(&path).map_err(SetError::writing(&path))?;
        }
    }
    Ok(Merged { partitions: of, images: count, names, failed })
}

/// Checks that what merging replaces is what an earlier merging of the same partitions left.
fn check_joined(root: &Path, path: &Path, manifest: &Manifest) -> Result<(), JobError> {
    if std::fs::symlink_metadata(path).is_ok() {
        let earlier = regular_file::open_no_link(path).and_then(regular_file::read_all);
        let earlier = earlier.ok().and_then(|text| Manifest::parse(&text).ok());
        if earlier.is_none_or(|earlier| (earlier.key, &earlier.scheme) != (manifest.key, &manifest.scheme)) {
            return Err(SetError::InTheWay { path: path.to_owned(), what: "a file" }.into());
        }
    }
    let names = names::beside(root);
    if std::fs::symlink_metadata(&names).is_ok() {
        let ids: HashSet<&str> = manifest.images.iter().map(|entry| entry.name.as_str()).collect();
        if !names::read(&names).is_ok_and(|names| names.iter().all(|name| ids.contains(name.id.as_str()))) {
            return Err(JobError::OtherNames(names));
        }
    }
    let failed = beside(root, "failed.csv");
    if !failed_list::is_ours(&failed) {
        return Err(SetError::InTheWay { path: failed, what: "a file" }.into());
    }
    Ok(())
}

fn names_of(partition: Partition) -> String {
    format!("names-{}.csv", partition.slug())
}

fn failed_of(partition: Partition) -> String {
    format!("failed-{}.csv", partition.slug())
}

/// The first few of them, and how many more there are.
fn listed(partitions: &[&Partition]) -> String {
    const SHOWN: usize = 10;
    let mut shown: Vec<String> = partitions.iter().take(SHOWN).map(|partition| partition.to_string()).collect();
    if let Some(more) = partitions.len().checked_sub(SHOWN).filter(|&more| more > 0) {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// The partition whose manifest has this name. `None` for other files.
///
/// # Errors
/// If the name states more partitions than a set may have.
#[doc(hidden)]
pub fn partition_of(name: &str) -> Result<Option<Partition>, String> {
    let slug = name.strip_prefix(PARTITION_MANIFEST).and_then(|rest| rest.strip_suffix(".json"));
    let Some((index, of)) = slug.and_then(|slug| slug.split_once("-of-")) else { return Ok(None) };
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number that no integer holds is too large, not another name.
        digits.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let Some((index, of)) = number(index).zip(number(of)) else { return Ok(None) };
    if of > u64::from(MOST_PARTITIONS) {
        let name = name.chars().take(80).collect::<String>().plain();
        return Err(format!("{name} is the manifest of one of {of} partitions, and {MOST_PARTITIONS} are the most"));
    }
    Ok(u32::try_from(index).ok().zip(u32::try_from(of).ok()).and_then(|(index, of)| Partition::new(index, of)))
}

/// The partitions whose manifests exist.
fn partitions(root: &Path) -> Result<Vec<Partition>, JobError> {
    let mut partitions = Vec::new();
    for entry in root.read_dir().map_err(SetError::reading(root))? {
        let name = entry.map_err(SetError::reading(root))?.file_name().to_string_lossy().into_owned();
        if name.starts_with(JOURNAL) {
            let reason = format!("a partition is still at work or was cut ({name}): let it finish, or run it again");
            return Err(JobError::Merge { path: root.to_owned(), reason });
        }
        partitions.extend(partition_of(&name).map_err(|reason| JobError::Merge { path: root.to_owned(), reason })?);
    }
    partitions.sort_by_key(|partition| partition.index());
    Ok(partitions)
}

/// Joins the files of names beside the set. Partitions may have theirs elsewhere.
fn join_names(root: &Path, partitions: &[Partition]) -> Result<Option<PathBuf>, JobError> {
    let mut joined: Vec<Name> = Vec::new();
    let mut some = false;
    for partition in partitions {
        let path = beside(root, &names_of(*partition));
        if path.exists() {
            some = true;
            joined.extend(names::read(&path)?);
        }
    }
    let path = names::beside(root);
    if some {
        // As in the file of a single run.
        let plain: Vec<String> = joined.iter().map(|name| name.name.clone()).collect();
        let order = names::in_order(&plain);
        names::write(&path, order.into_iter().map(|index| joined[index].clone()))?;
    }
    Ok(some.then_some(path))
}

/// Joins the lists of images that were set aside.
fn join_failed(root: &Path, partitions: &[Partition]) -> Result<Option<PathBuf>, Error> {
    let mut joined = String::new();
    for partition in partitions {
        let path = beside(root, &failed_of(*partition));
        if !failed_list::is_ours(&path) {
            continue;
        }
        match regular_file::open(&path).and_then(std::io::read_to_string) {
            // The first line is the header.
            Ok(text) if joined.is_empty() => joined = text,
            Ok(text) => joined.push_str(text.split_once('\n').map_or("", |(_, rest)| rest)),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(SetError::Read { path, source }.into()),
        }
    }
    let path = beside(root, "failed.csv");
    if joined.is_empty() {
        return Ok(None);
    }
    write_privately(&path, joined.as_bytes())?;
    Ok(Some(path))
}
