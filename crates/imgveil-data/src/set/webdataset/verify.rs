//! Compares the members of an encrypted shard that no hash covers with the manifest.

use super::member_name::{CLASS, IMAGE, key_and_kind};
use super::scan::{Shard, harmless};
use crate::format::tar::TarMembers;
use crate::offset_io;
use crate::regular_file;
use crate::set::{Beside, MembersHash};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::ops::Range;

/// What the manifest states of an image beside its file.
pub(super) struct Stated<'a> {
    pub(super) label: Option<u32>,
    /// The hash of members that were carried over.
    pub(super) members: Option<&'a str>,
    /// Whether the manifest has such hashes. Those of format 1 have none.
    pub(super) hashed: bool,
}

/// Adds a member of a shard to a hash.
fn add(hash: &mut MembersHash, file: &File, kind: &str, data: Range<u64>) -> std::io::Result<()> {
    const PIECE: u64 = 1 << 16;
    hash.begin(kind, data.end - data.start);
    let mut at = data.start;
    while at < data.end {
        let mut piece = vec![0; (data.end - at).min(PIECE) as usize];
        offset_io::read(file, &mut piece, at)?;
        hash.bytes(&piece);
        at += piece.len() as u64;
    }
    Ok(())
}

/// Compares the members of a shard of an encrypted set, except its images, with the manifest. `stated` are the labels
/// in the manifest by key, and the hashes of members that were carried over.
pub(super) fn beside(shard: &Shard, stated: &HashMap<&str, Stated<'_>>) -> Beside {
    let mut beside = Beside::default();
    // Damage is reported with the images that it affects.
    let Ok((file, length)) = regular_file::open(&shard.path).and_then(|f| f.metadata().map(|m| (f, m.len()))) else {
        return beside;
    };
    let mut without: BTreeSet<&str> =
        stated.iter().filter(|(_, stated)| stated.label.is_some()).map(|(&key, _)| key).collect();
    let mut carried: HashMap<&str, MembersHash> = HashMap::new();
    for member in TarMembers::of_file(&file, length).map_while(Result::ok) {
        let path = member.path.as_deref().map_or_else(|| "?".to_owned(), harmless);
        let place = format!("{}/{path}", shard.name);
        let known = member
            .path
            .as_deref()
            .and_then(key_and_kind)
            .and_then(|(key, kind)| stated.get_key_value(key).map(|(&key, stated)| (key, kind, stated.label)));
        let Some((key, kind, label)) = known else {
            beside.strangers.push(place);
            continue;
        };
        if kind == CLASS {
            without.remove(key);
            let range = member.data.start..member.data.end.min(member.data.start + 16);
            let mut text = vec![0; (range.end - range.start) as usize];
            let read = offset_io::read(&file, &mut text, range.start).is_ok();
            if !read || label.map(|label| label.to_string().into_bytes()) != Some(text) {
                beside.labels.push(place);
            }
        } else if kind != IMAGE {
            let hash = carried.entry(key).or_default();
            if add(hash, &file, &kind, member.data).is_err() {
                beside.members.push(place);
            }
        }
    }
    let mut changed: Vec<&str> = Vec::new();
    for (&key, stated) in stated.iter().filter(|(_, stated)| stated.hashed) {
        let found = carried.remove(key).and_then(MembersHash::finish);
        if found.as_deref() != stated.members {
            changed.push(key);
        }
    }
    changed.sort_unstable();
    beside.members.extend(changed.into_iter().map(|key| format!("{}/{key}", shard.name)));
    beside.labels.extend(without.into_iter().map(|key| format!("{}/{key}.{CLASS}", shard.name)));
    beside
}
