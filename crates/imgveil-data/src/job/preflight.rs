//! What an encryption will do, from headers alone: which images there are, which sizes they have, and which cannot be
//! read. All problems of a set as a whole are found here, before a byte is written.

use super::census::{Census, Size};
use super::depth::{self, UsedDepth};
use super::error::{JobError, check_apart};
use super::partition::units;
use super::pipeline::{Batch, batches};
use super::progress::{NoProgress, Progress};
use super::request::EncryptRequest;
use super::summary::{Failure, in_order};
use crate::Error;
use crate::format::ReadError;
use crate::set::{Encoding, Item, Mixed, Slot, Source, Split, at_depth, names, open_set};
use imgveil::internal::image::{Depth, Geometry};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What an encryption will do.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Preflight {
    /// The number of images that can be read, as far as their headers tell.
    pub images: usize,
    /// Bytes of their samples once they are encrypted.
    pub bytes: u64,
    /// How the output is stored.
    pub encoding: Encoding,
    /// The number of images by split.
    pub splits: BTreeMap<String, usize>,
    /// The number of images by the class's name in the output. Images without a class are under the empty name.
    pub classes: BTreeMap<String, usize>,
    /// The number of images by size, most frequent first.
    pub sizes: Vec<Size>,
    /// Images that will be set aside.
    pub failed: Vec<Failure>,
    /// The number of files that are not images.
    pub ignored: usize,
    /// The bits that samples use where they have more than 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// What the user should know about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth_note: Option<String>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// A set whose headers have been read.
pub(super) struct Preflighted {
    pub source: Box<dyn Source>,
    pub encoding: Encoding,
    /// The output's classes.
    pub classes: Vec<String>,
    /// The slot of each image.
    pub slots: Vec<Slot>,
    /// The geometry of each image before padding.
    pub originals: Vec<Option<Geometry>>,
    /// Which images belong to this process's partition.
    pub mine: Vec<bool>,
    pub failed: Vec<(usize, Failure)>,
    /// The depth of the images whose samples have more than 8 bits, if there are any.
    pub depth: Option<UsedDepth>,
    pub notes: Vec<String>,
}

/// Reports what an [`EncryptRun`](super::EncryptRun) of this request would do, and writes nothing.
///
/// # Errors
/// The errors that the run would end with before it writes.
pub fn preflight(request: &EncryptRequest) -> Result<Preflight, Error> {
    preflight_with_progress(request, &NoProgress)
}

/// As [`preflight`], and reports the images that are read where their headers do not say how many bits they use.
///
/// # Errors
/// As [`preflight`].
pub fn preflight_with_progress(request: &EncryptRequest, progress: &dyn Progress) -> Result<Preflight, Error> {
    let set = look(request, progress)?;
    let mut census = Census::default();
    for Slot { item, geometry } in &set.slots {
        let Some(geometry) = geometry else { continue };
        census.add(item.split, item.label, &set.classes, geometry.to_string(), geometry.bytes() as u64);
    }
    let sizes = census.sizes();
    let Census { images, bytes, splits, classes, .. } = census;
    Ok(Preflight {
        images,
        bytes,
        encoding: set.encoding,
        splits,
        classes,
        sizes,
        failed: in_order(set.failed),
        ignored: set.source.ignored().len(),
        depth: set.depth.map(|used| used.depth.bits()),
        depth_note: set.depth.and_then(|used| used.note()),
        notes: set.notes,
    })
}

/// Opens the set and reads every header, and every image whose header leaves open how many bits it uses.
pub(super) fn look(request: &EncryptRequest, progress: &dyn Progress) -> Result<Preflighted, JobError> {
    let options = &request.options;
    let encoding = options.encoding.unwrap_or_else(|| Encoding::of_path(&request.output));
    if options.partition.is_some() && (encoding.is_array() || request.scheme.mixes()) {
        return Err(JobError::PartitionOfArray);
    }
    if !options.read.members.is_empty() && !matches!(encoding, Encoding::WebDataset { .. }) {
        return Err(JobError::NoRoomForMembers);
    }
    let opened = open_set(&request.input, &options.read)?;
    if let Some(manifest) = opened.manifest {
        return Err(JobError::AlreadyEncrypted {
            path: request.input.clone(),
            scheme: manifest.scheme.name,
            key: manifest.key,
        });
    }
    check_apart(&request.input, &request.output)?;
    let source = opened.source;
    let mine = match options.partition {
        Some(partition) => partition.of_items(source.items(), encoding),
        None => vec![true; source.items().len()],
    };
    let classes = names::classes(source.classes(), options.naming);
    let mut set = Preflighted {
        encoding,
        slots: source
            .items()
            .iter()
            .map(|item| Slot {
                item: names::renamed(request.secret.key(), item, &classes, options.naming),
                geometry: None,
            })
            .collect(),
        originals: vec![None; source.items().len()],
        classes,
        mine,
        failed: Vec::new(),
        depth: None,
        notes: opened.note.into_iter().collect(),
        source,
    };
    set.scan(request);
    match set.failed.iter().min_by_key(|(index, _)| *index) {
        Some((_, first)) if options.partition.is_none() && set.slots.iter().all(|slot| slot.geometry.is_none()) => {
            return Err(JobError::NothingReadable { images: set.failed.len(), first: first.clone() });
        }
        _ => {}
    }
    set.check_sizes(request)?;
    set.depth = set.settle_depth(request, progress)?;
    if let Some(used) = set.depth {
        set.source = at_depth(set.source, used.depth);
    }
    set.check(request)?;
    Ok(set)
}

impl Preflighted {
    /// Reads the headers.
    fn scan(&mut self, request: &EncryptRequest) {
        let (resize, tile) = (request.options.resize, request.scheme.tile());
        let sizes = |index: usize| {
            let geometry = self.source.geometry(index)?;
            let sizes =
                resize.geometry(geometry, tile).and_then(|resized| Ok((resized, resize.original(geometry, tile)?)));
            sizes.map_err(|e| ReadError::new(&self.source.items()[index].name, e.into()))
        };
        let wanted: Vec<usize> = (0..self.slots.len()).filter(|&index| self.mine[index]).collect();
        let headers: Vec<Result<(Geometry, Geometry), ReadError>> =
            wanted.par_iter().map(|&index| sizes(index)).collect();
        for (index, header) in wanted.into_iter().zip(headers) {
            match header {
                Ok((resized, original)) => {
                    self.slots[index].geometry = Some(resized);
                    self.originals[index] = Some(original);
                }
                Err(error) => self.failed.push((index, error.into())),
            }
        }
    }

    /// Gives all images of more than 8 bits one depth, which keys and networks need.
    fn settle_depth(
        &mut self,
        request: &EncryptRequest,
        progress: &dyn Progress,
    ) -> Result<Option<UsedDepth>, JobError> {
        let stated = |slot: &Slot| slot.geometry.map_or(Depth::U8, Geometry::depth);
        let mut depths: Vec<Depth> = self.slots.iter().map(stated).collect();
        // Mixing and JPEG take 8 bits and refuse others, whatever they use.
        let refused = request.scheme.mixes() || matches!(self.encoding, Encoding::Jpeg { .. });
        if refused || depths.iter().all(|&depth| depth == Depth::U8) {
            return Ok(None);
        }
        let used = depth::settled(self.source.as_ref(), &mut depths, &self.mine, request, progress)?;
        let Some(depth) = used.map(|used| used.depth) else { return Ok(None) };
        for geometry in self.slots.iter_mut().map(|slot| &mut slot.geometry).chain(&mut self.originals) {
            if let Some(deep) = geometry.filter(|geometry| geometry.depth() != Depth::U8) {
                *geometry = Some(deep.with_depth(depth));
            }
        }
        Ok(used)
    }

    /// Refuses images of several sizes where they must have one. Samples of more than 8 bits get one depth later.
    fn check_sizes(&self, request: &EncryptRequest) -> Result<(), JobError> {
        let stored = |index: usize| -> Option<Geometry> {
            let geometry = self.originals[index]?;
            Some(if geometry.depth() == Depth::U8 { geometry } else { geometry.with_depth(Depth::U16) })
        };
        let mut first_of: HashMap<Split, usize> = HashMap::new();
        for (index, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.geometry.is_some()) {
            // The images of this split must have one size. `All` means the whole set.
            let one_size = match (self.encoding.is_array(), request.scheme.mixes()) {
                (_, true) => Split::All,
                (true, _) => slot.item.split,
                _ => continue,
            };
            let first = *first_of.entry(one_size).or_insert(index);
            let (Some(first_geometry), Some(other_geometry)) = (stored(first), stored(index)) else { continue };
            if first_geometry != other_geometry {
                let name = |index: usize| self.source.items()[index].name.clone();
                let (first, other) = (name(first), name(index));
                let mixed = Mixed { first, first_geometry, other, other_geometry };
                let mixes = request.scheme.mixes();
                return Err(if mixes { JobError::Mixed(mixed) } else { JobError::MixedArray(mixed) });
            }
        }
        Ok(())
    }

    /// Checks the set as a whole.
    fn check(&mut self, request: &EncryptRequest) -> Result<(), JobError> {
        let mut geometries: Vec<(Geometry, usize)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(geometry) = slot.geometry else { continue };
            if seen.insert(geometry) {
                geometries.push((geometry, index));
            }
        }
        if let Encoding::Jpeg { .. } = self.encoding
            && let Some((_, index)) = geometries.iter().find(|(geometry, _)| geometry.depth() != Depth::U8)
        {
            return Err(JobError::JpegDepth(self.source.items()[*index].name.clone()));
        }
        for &(geometry, _) in &geometries {
            request.secret.check(&request.scheme, geometry)?;
        }
        if let Some(&(geometry, _)) = geometries.first() {
            let idle = request.scheme.idle(geometry);
            self.notes.extend(idle.iter().map(|(stage, why)| format!("{stage} does nothing here: {why}")));
            let jpeg = request.scheme.jpeg(geometry);
            if !self.encoding.is_exact() && !jpeg.friendly {
                let words = "JPEG will damage these images beyond what decryption or training can use";
                self.notes.push(format!("{words}: {}", jpeg.why));
            }
        }
        Ok(())
    }

    /// The images that remain to be done, in batches. They are grouped by geometry, so that the scheme is compiled once
    /// for each. In shards, they are grouped within each shard, so that few shards are open at a time.
    pub fn batches(&self, has: impl Fn(usize) -> bool) -> Vec<Batch> {
        let items: Vec<Item> = match self.encoding {
            Encoding::WebDataset { .. } => self.source.items().to_vec(),
            _ => Vec::new(),
        };
        let units = units(&items, self.encoding);
        let mut order: HashMap<Geometry, usize> = HashMap::new();
        let mut wanted: Vec<(usize, usize, usize, Geometry)> = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(geometry) = slot.geometry.filter(|_| !has(index)) else { continue };
            let next = order.len();
            let rank = *order.entry(geometry).or_insert(next);
            wanted.push((units.get(index).copied().unwrap_or(0), rank, index, geometry));
        }
        wanted.sort_unstable_by_key(|&(unit, rank, index, _)| (unit, rank, index));
        batches(wanted.into_iter().map(|(_, _, index, geometry)| (index, geometry)))
    }
}
