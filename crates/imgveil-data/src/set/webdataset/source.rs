//! Reads a set of shards. Images are read in place, so that memory does not grow with the set.
//!
//! A sample's class is the number or name in its `.cls` (or `.class`, `.label`, `.target`), or in its `.json` (`label`,
//! `class`, `cls`, or a lone number). A shard's split is the one that a word of its name means, or else its folder. If
//! a shard is damaged, the samples before the damage are read, and the damage is listed as an image that cannot be
//! read.

use super::class::{Class, LONGEST_TEXT};
use super::member_name::{CLASS, is_image, key_and_kind};
use super::scan::{Location, Scan, Shard, inside, scan};
use super::shard_list::{expand, find, is_pattern, names};
use super::told::remarks;
use super::verify::{Stated, beside};
use crate::Memory;
use crate::format::picture::Orientation;
use crate::format::tar::TarMembers;
use crate::format::{PassedOverReason, ReadError, ReadErrorKind, ReadOptions, picture};
use crate::limits::MOST_CLASSES;
use crate::memory::Listing;
use crate::offset_io::{self, FileRange};
use crate::regular_file;
use crate::set::classes::{order, renumbered};
use crate::set::completeness::is_unfinished;
use crate::set::manifest::UNSEALED;
use crate::set::stated::StatedSizes;
use crate::set::{
    Beside, Entry, Item, MANIFEST, Manifest, Member, Opened, PassedOver, Remark, SetError, Source, parent,
};
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::plain::Plain;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Path, PathBuf};

fn bad(path: &Path, reason: String) -> SetError {
    SetError::Shards { path: path.to_owned(), reason }
}

/// Opens a set of plain shards.
pub(in crate::set) fn open(path: &Path, options: &ReadOptions) -> Result<Opened, SetError> {
    if path.is_dir() {
        return plain_folder(path, options);
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
    let named = names(&shards);
    let shards = shards.into_iter().zip(named).map(|(path, name)| Shard::new(path, name)).collect();
    let source = Listed { shards, ignored: Vec::new(), links_out: Vec::new() };
    plain(path, source, options.memory)
}

/// The shards of a set, and what else lies beside them.
struct Listed {
    shards: Vec<Shard>,
    ignored: Vec<PassedOver>,
    links_out: Vec<PathBuf>,
}

fn plain_folder(root: &Path, options: &ReadOptions) -> Result<Opened, SetError> {
    let found = find(root, options.follow_links).unwrap_or_default();
    if found.shards.is_empty() && !found.links_out.is_empty() {
        let links = found.links_out.iter().map(|link| link.display().to_string()).collect();
        return Err(SetError::OnlyLinksOut { path: root.to_owned(), links });
    }
    let name = |path: &PathBuf| path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    // What cannot be read may be a shard: it is set aside with the system's message.
    let shards = found.shards.iter().chain(&found.unreadable);
    let shards = shards.map(|path| Shard::new(root.join(path), name(path))).collect();
    let ignored = found.others.into_iter().map(|path| PassedOver::new(path, PassedOverReason::NoImage)).collect();
    plain(root, Listed { shards, ignored, links_out: found.links_out }, options.memory)
}

/// A set of shards.
struct ShardSource {
    shards: Vec<Shard>,
    items: Vec<Item>,
    /// The shard and the location of each item.
    locations: Vec<(usize, Location)>,
    classes: Vec<String>,
    ignored: Vec<PassedOver>,
    links_out: Vec<PathBuf>,
    /// BLAKE3 of each image's member as the manifest states it. Empty for a plain set.
    hashes: Vec<String>,
    /// The hash of the members that were carried over with each image. Empty if the manifest has no such hashes.
    carried: Vec<Option<String>>,
    /// The key of each image as the manifest states it. Empty for a plain set.
    keys: Vec<String>,
    stated: StatedSizes,
}

fn plain(path: &Path, listed: Listed, memory: Memory) -> Result<Opened, SetError> {
    let Listed { shards, mut ignored, links_out } = listed;
    let listing = Listing::new(memory);
    let scans: Vec<Scan> = shards.par_iter().map(|shard| scan(shard, true, &listing)).collect();
    listing.check().map_err(|source| SetError::Memory { path: path.to_owned(), source })?;
    if scans.iter().all(|scan| scan.samples.is_empty()) {
        let damaged = shards.iter().zip(&scans).find_map(|(shard, scan)| Some((shard, scan.damage.clone()?)));
        return Err(match damaged {
            Some((shard, damage)) => bad(&shard.path, damage),
            None => bad(path, no_image(&scans)),
        });
    }
    let mut told = remarks(&shards, &scans);
    let (mut items, mut locations, mut stated) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (shard, found)) in shards.iter().zip(scans).enumerate() {
        let split = shard.split;
        for sample in found.samples {
            items.push(Item { name: format!("{}/{}", shard.stem(), sample.key), split, label: None });
            locations.push((number, sample.location));
            stated.push(sample.stated.class);
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
    let (classes, remark) = label(&mut items, &mut locations, &stated).map_err(|reason| bad(path, reason))?;
    told.extend(remark);
    let (hashes, carried, keys, stated) = (Vec::new(), Vec::new(), Vec::new(), StatedSizes::default());
    let source = ShardSource { shards, items, locations, classes, ignored, links_out, hashes, carried, keys, stated };
    Ok(Opened { source: Box::new(source), manifest: None, remarks: told })
}

/// Why no sample has an image.
fn no_image(scans: &[Scan]) -> String {
    let kinds: BTreeSet<&str> = scans.iter().flat_map(|scan| &scan.kinds).map(String::as_str).collect();
    let members = if kinds.is_empty() {
        String::new()
    } else {
        let kinds: Vec<String> = kinds.into_iter().take(5).map(|kind| format!("KEY.{}", kind.plain())).collect();
        format!("; its members are called {}", kinds.join(", "))
    };
    format!("no sample in it has an image: a member KEY.png, KEY.jpg or KEY.input.jpg{members}")
}

/// Sets the label of every item and returns the names of the classes. The names are numbers if every class is one. Also
/// returns a remark if classes that are numbers get others.
fn label(
    items: &mut [Item],
    locations: &mut [(usize, Location)],
    stated: &[Option<Class>],
) -> Result<(Vec<String>, Option<Remark>), String> {
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
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_by(|one, other| order(one, other));
        let numbers: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        for (item, class) in items.iter_mut().zip(stated) {
            item.label = class.as_ref().and_then(|class| numbers.get(text(class).as_str()).copied());
        }
        let remark = renumbered(&names);
        return Ok((names, remark));
    }
    for ((item, (_, location)), class) in items.iter_mut().zip(locations).zip(stated) {
        let Some(Class::Number(number)) = class else { continue };
        item.label = u32::try_from(*number).ok().filter(|&number| (number as usize) < MOST_CLASSES);
        if item.label.is_none() {
            *location = Location::Damaged(format!("label {number} is not a class number (0 to {})", MOST_CLASSES - 1));
        }
    }
    let largest = items.iter().filter_map(|item| item.label).max();
    Ok((largest.map_or(Vec::new(), |largest| (0..=largest).map(|class| class.to_string()).collect()), None))
}

/// The contents of a shard of an encrypted set.
struct ShardContents {
    /// The shard's number.
    number: usize,
    /// The locations of its images, by key.
    samples: HashMap<String, Location>,
    damage: Option<String>,
}

/// The source of an encrypted folder.
pub(in crate::set) fn encrypted(root: &Path, manifest: &Manifest, memory: Memory) -> Result<Box<dyn Source>, SetError> {
    let listing = Listing::new(memory);
    let shard_of = |entry: &Entry| entry.path.split_once('/').map_or(entry.path.clone(), |(shard, _)| shard.to_owned());
    let key_of = |entry: &Entry| {
        let member = entry.path.split_once('/').and_then(|(_, member)| key_and_kind(member));
        member.map_or(String::new(), |(key, _)| key.to_owned())
    };
    let names: BTreeSet<String> = manifest.images.iter().map(shard_of).collect();
    let shards: Vec<Shard> = names.into_iter().map(|name| Shard::of_manifest(root.join(name))).collect();
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
    let source = ShardSource {
        shards,
        items: manifest.images.iter().map(Entry::item).collect(),
        locations,
        classes: manifest.classes.clone(),
        ignored: Vec::new(),
        links_out: Vec::new(),
        hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
        carried: match manifest.format {
            UNSEALED => Vec::new(),
            _ => manifest.images.iter().map(|entry| entry.members.clone()).collect(),
        },
        keys: manifest.images.iter().map(key_of).collect(),
        stated: StatedSizes::of(manifest),
    };
    Ok(Box::new(source))
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

    /// The key of an image.
    fn key(&self, index: usize) -> &str {
        if let Some(key) = self.keys.get(index) {
            return key;
        }
        let shard = self.locations.get(index).and_then(|(shard, _)| self.shards.get(*shard));
        let name = self.items.get(index).map_or("", |item| item.name.as_str());
        shard.and_then(|shard| name.strip_prefix(shard.stem())?.strip_prefix('/')).unwrap_or(name)
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

    fn ignored(&self) -> &[PassedOver] {
        &self.ignored
    }

    fn links_out(&self) -> &[PathBuf] {
        &self.links_out
    }

    fn beside(&self) -> Beside {
        if self.hashes.is_empty() {
            return Beside::default();
        }
        let mut stated: Vec<HashMap<&str, Stated<'_>>> = self.shards.iter().map(|_| HashMap::new()).collect();
        for (index, ((item, key), (shard, _))) in self.items.iter().zip(&self.keys).zip(&self.locations).enumerate() {
            let members = self.carried.get(index);
            let (members, hashed) = (members.and_then(Option::as_deref), members.is_some());
            if let Some(stated) = stated.get_mut(*shard) {
                stated.insert(key, Stated { label: item.label, members, hashed });
            }
        }
        let both = self.shards.par_iter().zip(&stated).map(|(shard, stated)| beside(shard, stated));
        both.collect::<Vec<_>>().into_iter().fold(Beside::default(), |mut all, here| {
            all.labels.extend(here.labels);
            all.members.extend(here.members);
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
            // The members of other samples may lie between those of this one.
            let Some(path) = member.path.as_deref().and_then(inside) else { continue };
            match key_and_kind(&path) {
                Some((key, kind)) if key == self.key(index) && !member.is_link => {
                    found.entry(kind).or_insert(member.data);
                }
                _ => {}
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

    fn orientation(&self, index: usize) -> Orientation {
        self.open(index).map_or(Orientation::default(), |(file, image, _)| {
            Orientation::of(BufReader::new(FileRange::new(&file, image.clone())))
        })
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
