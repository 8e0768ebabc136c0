//! Compares the members of an encrypted shard that no hash covers with the manifest.

use super::member_name::{CLASS, key_and_kind};
use super::scan::{Shard, harmless};
use crate::format::tar::TarMembers;
use crate::offset_io;
use crate::regular_file;
use crate::set::Beside;
use std::collections::{BTreeSet, HashMap};

/// Compares the members of a shard of an encrypted set, except its images, with the manifest. `stated` are the labels
/// in the manifest by key. Members that were carried over belong to an image and have no hash.
pub(super) fn beside(shard: &Shard, stated: &HashMap<&str, Option<u32>>) -> Beside {
    let mut beside = Beside::default();
    // Damage is reported with the images that it affects.
    let Ok((file, length)) = regular_file::open(&shard.path).and_then(|f| f.metadata().map(|m| (f, m.len()))) else {
        return beside;
    };
    let mut without: BTreeSet<&str> = stated.iter().filter(|(_, label)| label.is_some()).map(|(&key, _)| key).collect();
    for member in TarMembers::of_file(&file, length).map_while(Result::ok) {
        let path = member.path.as_deref().map_or_else(|| "?".to_owned(), harmless);
        let place = format!("{}/{path}", shard.name);
        let known = member
            .path
            .as_deref()
            .and_then(key_and_kind)
            .and_then(|(key, kind)| stated.get_key_value(key).map(|(&key, label)| (key, kind, label)));
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
        }
    }
    beside.labels.extend(without.into_iter().map(|key| format!("{}/{key}.{CLASS}", shard.name)));
    beside
}
