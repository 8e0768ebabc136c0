//! A set of arrays to read from.

use super::array::ImageArray;
use super::layout::{file_name, images_name, labels_name, position};
use crate::Memory;
use crate::format::{ReadError, ReadErrorKind};
use crate::set::stated::StatedSizes;
use crate::set::{Beside, Entry, Item, MANIFEST, Manifest, PassedOver, SPLITS, SetError, Source, Split};
use imgveil::internal::image::{Geometry, Image};
use std::collections::BTreeMap;
use std::path::Path;

/// An opened set of arrays.
pub(super) struct ArraySource {
    items: Vec<Item>,
    /// The split of each item and its number in the split's array.
    positions: Vec<(Split, usize)>,
    arrays: BTreeMap<Split, ImageArray>,
    classes: Vec<String>,
    /// BLAKE3 of each image's samples as the manifest states it. Empty for a plain set.
    hashes: Vec<String>,
    stated: StatedSizes,
    ignored: Vec<PassedOver>,
    beside: Beside,
}

/// Checks that the list of the images of all arrays fits into memory.
pub(super) fn check_list(arrays: &BTreeMap<Split, ImageArray>, path: &Path, memory: Memory) -> Result<(), SetError> {
    let images = arrays.values().map(|array| array.layout.count as u64).fold(0, u64::saturating_add);
    memory.check_list(images).map_err(|source| SetError::Memory { path: path.to_owned(), source })
}

impl ArraySource {
    /// The set that the manifest describes, or a plain set.
    pub(super) fn new(
        arrays: BTreeMap<Split, ImageArray>,
        labels: &BTreeMap<Split, Vec<u32>>,
        manifest: Option<&Manifest>,
    ) -> Result<Self, String> {
        match manifest {
            Some(manifest) => Self::encrypted(arrays, labels, manifest),
            None => Self::plain(arrays, labels),
        }
    }

    /// Adds the other members of the archive of an encrypted set.
    pub(super) fn with_strangers(mut self, strangers: Vec<String>) -> Self {
        self.beside.strangers.extend(strangers);
        self
    }

    /// Adds the files beside the arrays that are not arrays.
    pub(super) fn with_ignored(self, ignored: Vec<PassedOver>) -> Self {
        Self { ignored, ..self }
    }

    fn plain(arrays: BTreeMap<Split, ImageArray>, labels: &BTreeMap<Split, Vec<u32>>) -> Result<Self, String> {
        let (mut items, mut positions) = (Vec::new(), Vec::new());
        for split in SPLITS {
            let Some(array) = arrays.get(&split) else { continue };
            let count = array.layout.count;
            let labels = labels.get(&split);
            if let Some(labels) = labels
                && labels.len() != count
            {
                return Err(format!("{} has {count} images but {} labels", images_name(split), labels.len()));
            }
            for i in 0..count {
                // The name contains the class, so that the set keeps its labels if it is written as a folder.
                let label = labels.and_then(|labels| labels.get(i).copied());
                let class = label.map_or(String::new(), |label| format!("{label}/"));
                let name = format!("{}/{class}{i:06}", split.name().unwrap_or("images"));
                items.push(Item { name, split, label });
                positions.push((split, i));
            }
        }
        if items.is_empty() {
            return Err("its arrays hold no image".into());
        }
        let classes = match labels.values().flatten().max() {
            Some(&largest) => (0..=largest).map(|class| class.to_string()).collect(),
            None => Vec::new(),
        };
        let (hashes, stated) = (Vec::new(), StatedSizes::default());
        let (ignored, beside) = (Vec::new(), Beside::default());
        Ok(Self { items, positions, arrays, classes, hashes, stated, ignored, beside })
    }

    fn encrypted(
        arrays: BTreeMap<Split, ImageArray>,
        labels: &BTreeMap<Split, Vec<u32>>,
        manifest: &Manifest,
    ) -> Result<Self, String> {
        let mut positions = Vec::new();
        for entry in &manifest.images {
            let number = entry
                .path
                .strip_prefix(&images_name(entry.split))
                .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']')?.parse::<usize>().ok());
            match (number, arrays.get(&entry.split)) {
                (Some(i), Some(array)) if i < array.layout.count => positions.push((entry.split, i)),
                _ => return Err(format!("{MANIFEST} names {}, which is not there", entry.path)),
            }
        }
        Ok(Self {
            items: manifest.images.iter().map(Entry::item).collect(),
            positions,
            arrays,
            classes: manifest.classes.clone(),
            hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
            stated: StatedSizes::of(manifest),
            ignored: Vec::new(),
            beside: beside(labels, manifest),
        })
    }

    fn position(&self, index: usize) -> Result<(&ImageArray, usize, String), ReadError> {
        let found =
            self.positions.get(index).and_then(|&(split, i)| Some((self.arrays.get(&split)?, i, position(split, i))));
        let missing = || ReadErrorKind::Io(std::io::ErrorKind::NotFound.into());
        found.ok_or_else(|| ReadError { path: format!("image {index}"), kind: missing() })
    }
}

/// Compares arrays of labels with a manifest. Sinks write one for every split whose images all have a label.
fn beside(labels: &BTreeMap<Split, Vec<u32>>, manifest: &Manifest) -> Beside {
    let mut beside = Beside::default();
    for split in SPLITS {
        let here = manifest.images.iter().filter(|entry| entry.split == split);
        let stated: Option<Vec<u32>> = here.map(|entry| entry.label).collect();
        let found = labels.get(&split);
        match stated.filter(|stated| !stated.is_empty()) {
            Some(stated) if found != Some(&stated) => beside.labels.push(file_name(&labels_name(split))),
            None if found.is_some() => beside.strangers.push(file_name(&labels_name(split))),
            _ => {}
        }
    }
    beside
}

impl Source for ArraySource {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn ignored(&self) -> &[PassedOver] {
        &self.ignored
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        let (array, _, path) = self.position(index)?;
        self.stated.check(index, array.layout.geometry).map_err(|kind| ReadError { path, kind })
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let (array, i, path) = self.position(index)?;
        let wrong = |kind| ReadError { path: path.clone(), kind };
        self.stated.check(index, array.layout.geometry).map_err(wrong)?;
        let samples = array.samples(i).map_err(wrong)?;
        if let Some(stated) = self.hashes.get(index)
            && blake3::hash(&samples).to_hex().as_str() != stated
        {
            return Err(wrong(ReadErrorKind::Changed));
        }
        Image::new(array.layout.geometry, samples)
            .ok_or_else(|| wrong(ReadErrorKind::Damaged("it has another size than its array says".into())))
    }

    fn beside(&self) -> Beside {
        self.beside.clone()
    }

    fn stamp(&self, index: usize) -> String {
        self.position(index).map_or(String::new(), |(array, ..)| array.stamp.clone())
    }
}
