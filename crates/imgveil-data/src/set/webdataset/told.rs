//! What the user should know about plain shards.

use super::scan::{Scan, Shard};
use crate::set::remark::{Advice, Remark, counted, listed};
use crate::set::split::SplitName;
use crate::set::{SPLITS, Split};
use std::collections::BTreeSet;

/// Remarks about splits, samples that are scattered, and labels that are missing or not read.
pub(super) fn remarks(shards: &[Shard], scans: &[Scan]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    remarks.extend(splits(shards));
    let scattered: usize = scans.iter().map(|scan| scan.scattered).sum();
    if scattered > 0 {
        let (samples, have) = (counted(scattered, "sample"), if scattered == 1 { "has" } else { "have" });
        let words = format!("{samples} {have} members that are not next to each other: they were found by their keys");
        remarks.push(Remark::new(words));
    }
    let samples = || scans.iter().flat_map(|scan| &scan.samples);
    let unread: Vec<&str> = samples().filter_map(|sample| sample.stated.unread.as_deref()).collect();
    if !unread.is_empty() {
        let kinds: BTreeSet<&str> = unread.iter().copied().collect();
        let kinds: Vec<&str> = kinds.into_iter().take(5).collect();
        let (samples, have) = (counted(unread.len(), "sample"), if unread.len() == 1 { "has" } else { "have" });
        remarks.push(
            Remark::new(format!(
                "{samples} {have} no class, and {} may hold one; classes are read from .cls, .class, .label, \
                .target, or \
                 label, class or cls in .json",
                kinds.join(", ")
            ))
            .with(Advice::Layout),
        );
    }
    let without = samples().filter(|sample| sample.stated.class.is_none()).count();
    let all = samples().count();
    if without > unread.len() && without < all {
        let have = if without == 1 { "has" } else { "have" };
        remarks.push(Remark::new(format!("{without} of {all} samples {have} no class")).with(Advice::Layout));
    }
    if without == all && unread.is_empty() {
        remarks.extend(folders_of_classes(scans));
    }
    remarks.extend(folders_of_splits(shards, scans));
    remarks
}

/// The folders in the key of a sample, from the outermost on.
fn folders(key: &str) -> impl DoubleEndedIterator<Item = &str> {
    key.rsplit_once('/').into_iter().flat_map(|(folders, _)| folders.split('/')).filter(|name| *name != ".")
}

/// A remark about samples that have no class and lie in several folders of their shard. A folder is a part of the key
/// there, and no class.
fn folders_of_classes(scans: &[Scan]) -> Option<Remark> {
    let samples = scans.iter().flat_map(|scan| &scan.samples);
    let names: BTreeSet<&str> = samples.filter_map(|sample| folders(&sample.key).next_back()).collect();
    let words = || {
        format!("no sample has a class, and the folders inside the shards ({}) are not read as classes", {
            listed(names.iter().copied())
        })
    };
    (names.len() > 1).then(|| Remark::new(words()).with(Advice::Layout))
}

/// A remark about folders inside shards that mean another split than the shard.
fn folders_of_splits(shards: &[Shard], scans: &[Scan]) -> Option<Remark> {
    let other = |name: &str, shard: &Shard| match Split::of_name(name) {
        SplitName::Certain(split) => split != shard.split,
        _ => false,
    };
    let names: BTreeSet<&str> = shards
        .iter()
        .zip(scans)
        .flat_map(|(shard, scan)| scan.samples.iter().map(move |sample| (shard, sample)))
        .flat_map(|(shard, sample)| folders(&sample.key).filter(move |name| other(name, shard)))
        .collect();
    let words = || format!("the folders {} inside the shards are not read as splits", listed(names.iter().copied()));
    (!names.is_empty()).then(|| Remark::new(words()).with(Advice::Layout))
}

/// A remark about shards that are in no split although others are.
fn splits(shards: &[Shard]) -> Option<Remark> {
    let stem = |shard: &Shard| shard.stem().rsplit('/').next().unwrap_or_default().to_owned();
    let several: Vec<&Shard> =
        shards.iter().filter(|shard| Split::of_name(&stem(shard)) == SplitName::Several).collect();
    if !several.is_empty() {
        let names = listed(several.iter().map(|shard| shard.name.as_str()));
        let words = format!("the names of {names} mean several splits, so that they are in none");
        return Some(Remark::new(words).with(Advice::Layout));
    }
    let divided = SPLITS.into_iter().any(|split| split != Split::All && shards.iter().any(|s| s.split == split));
    let outside: Vec<&str> =
        shards.iter().filter(|shard| shard.split == Split::All).map(|shard| shard.name.as_str()).collect();
    if !divided || outside.is_empty() {
        return None;
    }
    let words = format!("the names of {} mean no split, and those of other shards do", listed(outside));
    Some(Remark::new(words).with(Advice::Layout))
}
