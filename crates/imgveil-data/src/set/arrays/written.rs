//! The arrays of a set that is being written. An image is written to its position when it arrives, so that memory does
//! not grow with the arrays. Gaps of images that did not arrive are closed at the end.

use super::array_file::ArrayFile;
use super::layout::{file_name, images_name, labels_name, position};
use crate::offset_io;
use crate::set::sink::Stored;
use crate::set::staging::Staging;
use crate::set::{Manifest, SPLITS, SetError, Slot, Split};
use imgveil::internal::image::Geometry;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The images of a split that arrived.
pub(super) struct Written {
    pub(super) split: Split,
    /// Their positions in the array with gaps.
    pub(super) ranks: Vec<usize>,
    /// Their labels, if every image has one.
    pub(super) labels: Option<Vec<u32>>,
}

/// The arrays in the output folder, which both sinks write in the same way.
pub(super) struct ArrayFiles {
    pub(super) staging: Staging,
    slots: Vec<Slot>,
    /// The position of each slot in its split's array. `None` for a slot whose image will not arrive.
    pub(super) ranks: Vec<Option<usize>>,
    pub(super) arrays: BTreeMap<Split, ArrayFile>,
}

impl ArrayFiles {
    pub(super) fn create(staging: Staging, slots: Vec<Slot>) -> Result<Self, SetError> {
        // The first image of each split, and the number of images.
        let mut counts: BTreeMap<Split, (&Slot, Geometry, usize)> = BTreeMap::new();
        let mut ranks = Vec::with_capacity(slots.len());
        for slot in &slots {
            let Some(geometry) = slot.geometry else {
                ranks.push(None);
                continue;
            };
            let (first, expected, count) = counts.entry(slot.item.split).or_insert((slot, geometry, 0));
            if *expected != geometry {
                return Err(SetError::encoding(
                    file_name(&images_name(slot.item.split)),
                    format!(
                        "an array holds images of one size: {} is {expected}, {} is {geometry}; write to a \
                         folder instead",
                        first.item.name, slot.item.name
                    ),
                ));
            }
            ranks.push(Some(*count));
            *count += 1;
        }
        let mut arrays = BTreeMap::new();
        for split in SPLITS {
            // Leftovers of the last step of an earlier run. That step is repeated.
            let labels = file_name(&labels_name(split));
            staging.discard(&labels)?;
            staging.check_kind(&labels)?;
            let name = file_name(&images_name(split));
            match counts.get(&split) {
                Some(&(_, geometry, count)) => {
                    arrays.insert(split, ArrayFile::create(&staging, name, geometry, count)?);
                }
                None => staging.discard(&name)?,
            }
        }
        Ok(Self { staging, slots, ranks, arrays })
    }

    fn array(&self, slot: usize) -> Option<(&ArrayFile, Split, usize)> {
        let split = self.slots.get(slot)?.item.split;
        let rank = (*self.ranks.get(slot)?)?;
        Some((self.arrays.get(&split)?, split, rank))
    }

    pub(super) fn path(&self, slot: usize) -> String {
        let found = self.array(slot).map(|(_, split, rank)| position(split, rank));
        found.unwrap_or_else(|| format!("image {slot}"))
    }

    pub(super) fn store(&self, slot: usize, bytes: &[u8]) -> Result<Vec<Stored>, SetError> {
        let unexpected = || SetError::encoding(self.path(slot), "its array was not made for an image of this size");
        let (array, _, rank) = self.array(slot).ok_or_else(unexpected)?;
        if bytes.len() != array.geometry.bytes() {
            return Err(unexpected());
        }
        offset_io::write(&array.file, bytes, array.position(rank)).map_err(SetError::writing(&array.path))?;
        Ok(vec![Stored { slot, hash: blake3::hash(bytes) }])
    }

    pub(super) fn surviving(&self, earlier: &[Stored]) -> Vec<usize> {
        let survives = |stored: &&Stored| {
            let Some((array, _, rank)) = self.array(stored.slot) else { return false };
            let mut bytes = vec![0; array.geometry.bytes()];
            offset_io::read(&array.file, &mut bytes, array.position(rank)).is_ok()
                && blake3::hash(&bytes) == stored.hash
        };
        earlier.par_iter().filter(survives).map(|stored| stored.slot).collect()
    }

    /// The images that arrived, by split. Updates the positions in the manifest to the positions without gaps.
    pub(super) fn written(&self, slots: &[usize], manifest: Option<&mut Manifest>) -> Vec<Written> {
        let mut came: BTreeMap<Split, Written> = BTreeMap::new();
        let mut paths = Vec::new();
        for &slot in slots {
            let (Some((_, split, rank)), Some(Slot { item, .. })) = (self.array(slot), self.slots.get(slot)) else {
                continue;
            };
            let here = came.entry(split).or_insert(Written { split, ranks: Vec::new(), labels: Some(Vec::new()) });
            paths.push(position(split, here.ranks.len()));
            here.ranks.push(rank);
            match (item.label, &mut here.labels) {
                (Some(label), Some(labels)) => labels.push(label),
                (_, labels) => *labels = None,
            }
        }
        for (entry, path) in manifest.into_iter().flat_map(|manifest| &mut manifest.images).zip(paths) {
            entry.path = path;
        }
        SPLITS.into_iter().filter_map(|split| came.remove(&split)).collect()
    }
}
