//! Where the images of an updated set lie: what stays, what is written, and in which order.
//!
//! Images that stay keep their places. New ones come behind them in the order of their names in the output. A folder of
//! pictures gets only the files that are new or changed. A shard is written anew if one of its images is new, changed
//! or removed; new images fill the last shard of their split. Arrays are written anew as a whole.

use super::compare::{Compared, Fate};
use crate::job::earlier::Earlier;
use crate::job::error::JobError;
use crate::job::preflight::Preflighted;
use crate::set::webdataset::ShardPlace;
use crate::set::{Encoding, Entry, Item, SetError, Slot, Split};
use imgveil::internal::image::Geometry;
use std::collections::{BTreeMap, HashMap, HashSet};

/// An image of the updated set.
pub(super) struct Place {
    pub item: Item,
    pub geometry: Geometry,
    /// The number of the image in the input, if it is encrypted anew.
    pub source: Option<usize>,
    /// The number of the image in the input, if it is there.
    pub index: Option<usize>,
    /// The number of the entry in the set, if it is there already.
    pub entry: Option<usize>,
    /// Whether the file that holds it is written.
    pub written: bool,
    /// Its shard and key, in a set of shards.
    pub shard: Option<ShardPlace>,
}

/// The images of the updated set, in order.
pub(super) fn places(
    set: &Preflighted,
    earlier: &Earlier,
    compared: &Compared,
    prune: bool,
) -> Result<Vec<Place>, JobError> {
    let entries = &earlier.manifest.images;
    let mut fresh: HashMap<usize, usize> = HashMap::new();
    let mut new = Vec::new();
    for (index, fate) in compared.fates.iter().enumerate() {
        match fate {
            Fate::New => new.push(index),
            Fate::Changed(entry) | Fate::Damaged(entry) => drop(fresh.insert(*entry, index)),
            Fate::Unchanged(_) | Fate::Unreadable(_) => {}
        }
    }
    let there = compared.in_input();
    let removed: HashSet<usize> = compared.gone.iter().copied().filter(|_| prune).collect();
    let of_source = |index: usize, entry: Option<usize>| {
        let Slot { item, geometry } = &set.slots[index];
        let geometry = (*geometry)?;
        Some(Place {
            item: item.clone(),
            geometry,
            source: Some(index),
            index: Some(index),
            entry,
            written: true,
            shard: None,
        })
    };
    let kept = entries.iter().enumerate().filter(|(number, _)| !removed.contains(number));
    let mut places: Vec<Place> = kept
        .filter_map(|(number, entry)| match fresh.get(&number) {
            Some(&index) => of_source(index, Some(number)),
            None => Some(Place {
                item: entry.item(),
                geometry: entry.geometry,
                source: None,
                index: there.get(&number).copied(),
                entry: Some(number),
                written: false,
                shard: None,
            }),
        })
        .collect();
    places.extend(new.into_iter().filter_map(|index| of_source(index, None)));
    match earlier.manifest.encoding {
        Encoding::Png | Encoding::Jpeg { .. } => {}
        Encoding::Npz | Encoding::Npy => places.iter_mut().for_each(|place| place.written = true),
        Encoding::WebDataset { per_shard } => shards(&mut places, entries, per_shard as usize)?,
    }
    Ok(places)
}

/// The shard and the key of an entry.
fn shard_of(entry: &Entry) -> ShardPlace {
    let (shard, member) = entry.path.split_once('/').unwrap_or((&entry.path, ""));
    let key = member.split_once('.').map_or(member, |(key, _)| key);
    ShardPlace { shard: shard.to_owned(), key: key.to_owned() }
}

fn split_name(split: Split) -> &'static str {
    split.name().unwrap_or("images")
}

/// The number in the name of a shard.
fn number_of(shard: &str, split: Split) -> Option<usize> {
    shard.strip_prefix(split_name(split))?.strip_prefix('-')?.strip_suffix(".tar")?.parse().ok()
}

/// Gives every image its shard, and marks the images of shards that are written.
fn shards(places: &mut [Place], entries: &[Entry], per_shard: usize) -> Result<(), JobError> {
    let mut counts: BTreeMap<(Split, usize), usize> = BTreeMap::new();
    let mut keys: HashSet<(Split, String)> = HashSet::new();
    let mut stay: HashSet<usize> = HashSet::new();
    for place in places.iter_mut() {
        let Some((number, entry)) = place.entry.and_then(|number| Some((number, entries.get(number)?))) else {
            continue;
        };
        if entry.split != place.item.split {
            continue;
        }
        let shard = shard_of(entry);
        *counts.entry((entry.split, number_of(&shard.shard, entry.split).unwrap_or(0))).or_default() += 1;
        keys.insert((entry.split, shard.key.clone()));
        stay.insert(number);
        place.shard = Some(shard);
    }
    // A name that was given once is not given to other images.
    let mut last: BTreeMap<Split, usize> = BTreeMap::new();
    for entry in entries {
        let number = number_of(&shard_of(entry).shard, entry.split).unwrap_or(0);
        let last = last.entry(entry.split).or_default();
        *last = number.max(*last);
    }
    for Place { item, shard, .. } in places.iter_mut().filter(|place| place.shard.is_none()) {
        let split = item.split;
        let number = last.entry(split).or_default();
        let count = counts.entry((split, *number)).or_default();
        let count = if *count < per_shard.max(1) {
            count
        } else {
            *number += 1;
            counts.entry((split, *number)).or_default()
        };
        *count += 1;
        let short = item.name.rsplit('/').next().unwrap_or_default().replace('.', "_");
        let key = match keys.insert((split, short.clone())) {
            true => short,
            false => item.name.replace(['.', '/'], "_"),
        };
        keys.insert((split, key.clone()));
        *shard = Some(ShardPlace { shard: format!("{}-{number:06}.tar", split_name(split)), key });
    }
    let mut seen = HashSet::new();
    for place in places.iter() {
        let key = place.shard.as_ref().map(|shard| (place.item.split, shard.key.as_str()));
        if !seen.insert(key) {
            return Err(SetError::Collision(place.item.name.clone()).into());
        }
    }
    let mut touched: HashSet<String> = places
        .iter()
        .filter(|place| place.source.is_some())
        .filter_map(|place| Some(place.shard.clone()?.shard))
        .collect();
    let left = entries.iter().enumerate().filter(|(number, _)| !stay.contains(number));
    touched.extend(left.map(|(_, entry)| shard_of(entry).shard));
    for place in places {
        place.written = place.shard.as_ref().is_some_and(|shard| touched.contains(&shard.shard));
    }
    Ok(())
}
