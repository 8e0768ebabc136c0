//! Reads a set of shards. Images are read in place, so that memory does not grow with the set.
//!
//! A sample's class is the number or name in its `.cls`, or in its `.json` (`label`, `class`, `cls`, or a lone number).
//! A shard's split is the word that its name begins with (`train`, `val`, `test`). If a shard is damaged, the samples
//! before the damage are read, and the damage is listed as an image that cannot be read.

use super::class::{Class, LONGEST_TEXT};
use super::member_name::{CLASS, is_image, key_and_kind};
use super::scan::{Location, Scan, Shard, scan};
use super::shard_list::{expand, is_pattern, is_shard};
use super::verify::beside;
use crate::Memory;
use crate::format::tar::TarMembers;
use crate::format::{ReadError, ReadErrorKind, picture};
use crate::limits::MOST_CLASSES;
use crate::memory::Listing;
use crate::offset_io::{self, FileRange};
use crate::regular_file;
use crate::set::completeness::is_unfinished;
use crate::set::stated::StatedSizes;
use crate::set::{Beside, Entry, Item, MANIFEST, Manifest, Member, Opened, SetError, Source, manifest_file, parent};
use imgveil::internal::image::{Geometry, Image};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};

fn bad(path: &Path, reason: String) -> SetError {
    SetError::Shards { path: path.to_owned(), reason }
}

/// Opens a set of shards, plain or encrypted.
pub(in crate::set) fn open(path: &Path, memory: Memory) -> Result<Opened, SetError> {
    if path.is_dir() {
        return match manifest_file::read(&path.join(MANIFEST), memory)? {
            Some(manifest) => {
                let source = Box::new(encrypted(path, &manifest, memory)?);
                Ok(Opened { source, manifest: Some(manifest), note: None })
            }
            None => plain_folder(path, memory),
        };
    }
    let shards = if is_pattern(path) {
        expand(&path.to_string_lossy()).map_err(|reason| bad(path, reason))?
    } else {
        vec![path.to_owned()]
    };
    if let Some(missing) = shards.iter().find(|shard| !shard.is_file()) {
        return Err(SetError::Missing(missing.clone()));
    }
    let folders: BTreeSet<&Path> = shards.iter().map(|shard| parent(shard)).collect();
    for folder in folders {
        if is_unfinished(folder) {
            return Err(SetError::Unfinished(folder.to_owned()));
        }
        if folder.join(MANIFEST).exists() {
            // As plain shards, they would be encrypted a second time, or used for training as if they held plain
            // images.
            return Err(bad(path, format!("it belongs to an encrypted set: give its folder {}", folder.display())));
        }
    }
    Ok(Opened { source: Box::new(plain(path, shards, Vec::new(), memory)?), manifest: None, note: None })
}

fn plain_folder(root: &Path, memory: Memory) -> Result<Opened, SetError> {
    let read = |source| SetError::Read { path: root.to_owned(), source };
    let (mut shards, mut ignored) = (Vec::new(), Vec::new());
    for entry in root.read_dir().map_err(read)? {
        let name = PathBuf::from(entry.map_err(read)?.file_name());
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if is_shard(&name) {
            shards.push(root.join(name));
        } else {
            ignored.push(name);
        }
    }
    shards.sort_unstable();
    ignored.sort_unstable();
    Ok(Opened { source: Box::new(plain(root, shards, ignored, memory)?), manifest: None, note: None })
}

/// A set of shards.
struct ShardSource {
    shards: Vec<Shard>,
    items: Vec<Item>,
    /// The shard and the location of each item.
    locations: Vec<(usize, Location)>,
    classes: Vec<String>,
    ignored: Vec<PathBuf>,
    /// BLAKE3 of each image's member as the manifest states it. Empty for a plain set.
    hashes: Vec<String>,
    /// The key of each image as the manifest states it. Empty for a plain set.
    keys: Vec<String>,
    stated: StatedSizes,
}

fn plain(
    path: &Path,
    shards: Vec<PathBuf>,
    mut ignored: Vec<PathBuf>,
    memory: Memory,
) -> Result<ShardSource, SetError> {
    let listing = Listing::new(memory);
    let shards: Vec<Shard> = shards.into_iter().map(Shard::new).collect();
    let scans: Vec<Scan> = shards.par_iter().map(|shard| scan(shard, true, &listing)).collect();
    listing.check().map_err(|source| SetError::Memory { path: path.to_owned(), source })?;
    if scans.iter().all(|scan| scan.samples.is_empty()) {
        let damaged = shards.iter().zip(&scans).find_map(|(shard, scan)| Some((shard, scan.damage.clone()?)));
        return Err(match damaged {
            Some((shard, damage)) => bad(&shard.path, damage),
            None => bad(path, "no sample in it has an image: a member KEY.png or KEY.jpg".into()),
        });
    }
    let (mut items, mut locations, mut stated) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (shard, found)) in shards.iter().zip(scans).enumerate() {
        let split = shard.split();
        for sample in found.samples {
            items.push(Item { name: format!("{}/{}", shard.stem(), sample.key), split, label: None });
            locations.push((number, sample.location));
            stated.push(sample.class);
        }
        if let Some(damage) = found.damage {
            items.push(Item { name: format!("{}/damaged", shard.stem()), split, label: None });
            locations.push((number, Location::Damaged(format!("what follows in its shard is lost: {damage}"))));
            stated.push(None);
        }
        ignored.extend(found.ignored);
    }
    let mut names = HashSet::new();
    if let Some(twice) = items.iter().find(|item| !names.insert(item.name.as_str())) {
        return Err(bad(path, format!("two samples are called {}: rename one of them", twice.name)));
    }
    drop(names);
    let classes = label(&mut items, &mut locations, &stated).map_err(|reason| bad(path, reason))?;
    Ok(ShardSource {
        shards,
        items,
        locations,
        classes,
        ignored,
        hashes: Vec::new(),
        keys: Vec::new(),
        stated: StatedSizes::default(),
    })
}

/// Sets the label of every item and returns the names of the classes. The names are numbers if every class is one.
fn label(
    items: &mut [Item],
    locations: &mut [(usize, Location)],
    stated: &[Option<Class>],
) -> Result<Vec<String>, String> {
    let named = stated.iter().flatten().any(|class| matches!(class, Class::Name(_)));
    let text = |class: &Class| match class {
        Class::Number(number) => number.to_string(),
        Class::Name(name) => name.clone(),
    };
    if named {
        let names: BTreeSet<String> = stated.iter().flatten().map(text).collect();
        if names.len() > MOST_CLASSES {
            return Err(format!("its samples name {} classes, and {MOST_CLASSES} are the most", names.len()));
        }
        let names: Vec<String> = names.into_iter().collect();
        for (item, class) in items.iter_mut().zip(stated) {
            let place = class.as_ref().and_then(|class| names.binary_search(&text(class)).ok());
            item.label = place.map(|place| place as u32);
        }
        return Ok(names);
    }
    for ((item, (_, location)), class) in items.iter_mut().zip(locations).zip(stated) {
        let Some(Class::Number(number)) = class else { continue };
        item.label = u32::try_from(*number).ok().filter(|&number| (number as usize) < MOST_CLASSES);
        if item.label.is_none() {
            *location = Location::Damaged(format!("label {number} is not a class number (0 to {})", MOST_CLASSES - 1));
        }
    }
    let largest = items.iter().filter_map(|item| item.label).max();
    Ok(largest.map_or(Vec::new(), |largest| (0..=largest).map(|class| class.to_string()).collect()))
}

/// The contents of a shard of an encrypted set.
struct ShardContents {
    /// The shard's number.
    number: usize,
    /// The locations of its images, by key.
    samples: HashMap<String, Location>,
    damage: Option<String>,
}

fn encrypted(root: &Path, manifest: &Manifest, memory: Memory) -> Result<ShardSource, SetError> {
    let listing = Listing::new(memory);
    let shard_of = |entry: &Entry| entry.path.split_once('/').map_or(entry.path.clone(), |(shard, _)| shard.to_owned());
    let key_of = |entry: &Entry| {
        let member = entry.path.split_once('/').and_then(|(_, member)| key_and_kind(member));
        member.map_or(String::new(), |(key, _)| key.to_owned())
    };
    let names: BTreeSet<String> = manifest.images.iter().map(shard_of).collect();
    let shards: Vec<Shard> = names.into_iter().map(|name| Shard::new(root.join(name))).collect();
    let find = |(number, shard): (usize, &Shard)| {
        let scan = scan(shard, false, &listing);
        let samples = scan.samples.into_iter().map(|sample| (sample.key, sample.location)).collect();
        (shard.name.clone(), ShardContents { number, samples, damage: scan.damage })
    };
    let mut found: HashMap<String, ShardContents> = shards.par_iter().enumerate().map(find).collect();
    listing.check().map_err(|source| SetError::Memory { path: root.to_owned(), source })?;
    let mut place = |entry: &Entry| {
        let Some(found) = found.get_mut(&shard_of(entry)) else { return (0, Location::Missing) };
        let place = found.samples.remove(&key_of(entry));
        let lost = |damage: &String| Location::Damaged(format!("it is lost: {damage}"));
        (found.number, place.unwrap_or_else(|| found.damage.as_ref().map_or(Location::Missing, lost)))
    };
    let locations = manifest.images.iter().map(&mut place).collect();
    Ok(ShardSource {
        shards,
        items: manifest.images.iter().map(Entry::item).collect(),
        locations,
        classes: manifest.classes.clone(),
        ignored: Vec::new(),
        hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
        keys: manifest.images.iter().map(key_of).collect(),
        stated: StatedSizes::of(manifest),
    })
}

impl ShardSource {
    fn fail(&self, index: usize, kind: ReadErrorKind) -> ReadError {
        let shard = self.locations.get(index).and_then(|(shard, _)| self.shards.get(*shard));
        let key = self.items.get(index).map_or("", |item| item.name.as_str());
        let path = match shard {
            Some(shard) => format!("{}/{}", shard.name, key.strip_prefix(&format!("{}/", shard.stem())).unwrap_or(key)),
            None => format!("image {index}"),
        };
        ReadError { path, kind }
    }

    /// Opens the shard of an image. Also returns the ranges of the image and of its WebDataset sample.
    fn open(&self, index: usize) -> Result<(File, &Range<u64>, &Range<u64>), ReadError> {
        let missing = || ReadErrorKind::Io(std::io::ErrorKind::NotFound.into());
        let kind = match self.locations.get(index) {
            Some((shard, Location::Here { image, sample })) => {
                match self.shards.get(*shard).map(|s| regular_file::open(&s.path)) {
                    Some(Ok(file)) => return Ok((file, image, sample)),
                    Some(Err(error)) => ReadErrorKind::Io(error),
                    None => missing(),
                }
            }
            Some((_, Location::Damaged(reason))) => ReadErrorKind::Damaged(reason.clone()),
            Some((_, Location::NotText)) => ReadErrorKind::Name,
            Some((_, Location::Missing)) | None => missing(),
        };
        Err(self.fail(index, kind))
    }

    fn bytes(&self, index: usize, file: &File, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        offset_io::read(file, &mut bytes, range.start).map_err(|e| self.fail(index, ReadErrorKind::Io(e)))?;
        Ok(bytes)
    }
}

impl Source for ShardSource {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn ignored(&self) -> &[PathBuf] {
        &self.ignored
    }

    fn beside(&self) -> Beside {
        if self.hashes.is_empty() {
            return Beside::default();
        }
        let mut stated: Vec<HashMap<&str, Option<u32>>> = vec![HashMap::new(); self.shards.len()];
        for ((item, key), (shard, _)) in self.items.iter().zip(&self.keys).zip(&self.locations) {
            if let Some(stated) = stated.get_mut(*shard) {
                stated.insert(key, item.label);
            }
        }
        let both = self.shards.par_iter().zip(&stated).map(|(shard, stated)| beside(shard, stated));
        both.collect::<Vec<_>>().into_iter().fold(Beside::default(), |mut all, here| {
            all.labels.extend(here.labels);
            all.strangers.extend(here.strangers);
            all
        })
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        let (file, image, _) = self.open(index)?;
        let member = BufReader::new(FileRange::new(&file, image.clone()));
        let geometry = picture::header(member).and_then(|header| self.stated.check(index, header.geometry));
        geometry.map_err(|kind| self.fail(index, kind))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let (file, image, _) = self.open(index)?;
        let bytes = self.bytes(index, &file, image.clone())?;
        if let Some(stated) = self.hashes.get(index)
            && blake3::hash(&bytes).to_hex().as_str() != stated
        {
            return Err(self.fail(index, ReadErrorKind::Changed));
        }
        let image = picture::open(bytes).and_then(|file| {
            self.stated.check(index, file.header().geometry)?;
            picture::single(file.as_ref())
        });
        image.map_err(|kind| self.fail(index, kind))
    }

    fn members(&self, index: usize, kinds: &[String]) -> Result<Vec<Member>, ReadError> {
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let (file, _, sample) = self.open(index)?;
        let damaged = |reason: String| self.fail(index, ReadErrorKind::Damaged(reason));
        let mut found: HashMap<String, Range<u64>> = HashMap::new();
        for member in TarMembers::of_range(&file, sample.clone()) {
            let member = member.map_err(|damage| damaged(damage.to_string()))?;
            if let Some((_, kind)) = member.path.as_deref().and_then(key_and_kind) {
                found.entry(kind).or_insert(member.data);
            }
        }
        let mut members = Vec::new();
        for kind in kinds.iter().filter(|kind| kind.as_str() != CLASS && !is_image(kind)) {
            let Some(range) = found.remove(&kind.to_ascii_lowercase()) else { continue };
            if range.end - range.start > LONGEST_TEXT {
                return Err(damaged(format!("its member .{kind} is larger than 16 MiB")));
            }
            members.push(Member { kind: kind.to_ascii_lowercase(), bytes: self.bytes(index, &file, range)? });
        }
        Ok(members)
    }

    fn length(&self, index: usize) -> u64 {
        match self.locations.get(index) {
            Some((_, Location::Here { image, .. })) => image.end.saturating_sub(image.start),
            _ => 0,
        }
    }

    fn stamp(&self, index: usize) -> String {
        match self.locations.get(index) {
            Some((shard, Location::Here { image, .. })) => {
                self.shards.get(*shard).map_or(String::new(), |shard| format!("{} {}", shard.stamp, image.start))
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
