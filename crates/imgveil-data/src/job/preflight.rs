//! What a run will do, from the headers alone: which images there are, of which sizes, and what cannot be read. Everything that a whole
//! set can be wrong about is said here, before a byte is written.

use super::encrypt::EncryptRequest;
use super::inspect::Counts;
use super::output::in_order;
use super::part::units;
use super::pipeline::{Batch, batches};
use super::{Failure, JobError, check_apart};
use crate::dataset::encoding::Encoding;
use crate::dataset::sink::Slot;
use crate::dataset::{self, Mixed, ReadError, Source, Split, names};
use imgveil::internal::image::{Depth, Geometry};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// What a run will do.
#[derive(Clone, Debug, Serialize)]
pub struct Preflight {
    /// Images that can be read, as far as their headers tell.
    pub images: usize,
    /// Bytes of their samples once they are encrypted.
    pub bytes: u64,
    /// The form of the output.
    pub encoding: Encoding,
    /// Images of each part of the set.
    pub splits: BTreeMap<String, usize>,
    /// Images of each class, by the class's name in the output; those without one under the empty name.
    pub classes: BTreeMap<String, usize>,
    /// Their sizes.
    pub sizes: Vec<Size>,
    /// Images that will be set aside.
    pub failed: Vec<Failure>,
    /// Files that are no images.
    pub ignored: usize,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Images of one size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Their geometry as it is encrypted.
    pub geometry: String,
    /// How many there are.
    pub images: usize,
}

/// A set whose headers have been read.
pub(super) struct Preflighted {
    pub source: Box<dyn Source>,
    pub encoding: Encoding,
    /// The output's classes.
    pub classes: Vec<String>,
    /// By image: where it will go.
    pub slots: Vec<Slot>,
    /// By image: its geometry before padding.
    pub originals: Vec<Option<Geometry>>,
    /// Which images are this process's.
    pub mine: Vec<bool>,
    pub failed: Vec<(usize, Failure)>,
    pub notes: Vec<String>,
}

/// Says what [`super::encrypt()`] would do, and does nothing.
///
/// # Errors
/// Those that it would end with before it writes.
pub fn preflight(request: &EncryptRequest<'_>) -> Result<Preflight, JobError> {
    let set = look(request)?;
    let mut counts = Counts::default();
    for Slot { item, geometry } in &set.slots {
        let Some(geometry) = geometry else { continue };
        counts.add(item.split, item.label, &set.classes, geometry.to_string(), geometry.bytes() as u64);
    }
    let sizes = counts.sizes();
    let Counts { images, bytes, splits, classes, .. } = counts;
    Ok(Preflight {
        images,
        bytes,
        encoding: set.encoding,
        splits,
        classes,
        sizes,
        failed: in_order(set.failed),
        ignored: set.source.ignored().len(),
        notes: set.notes,
    })
}

/// Opens the set and looks at every header.
pub(super) fn look(request: &EncryptRequest<'_>) -> Result<Preflighted, JobError> {
    let options = &request.options;
    let encoding = options.encoding.unwrap_or_else(|| Encoding::of_path(request.output));
    if options.part.is_some() && (encoding.is_array() || request.scheme.mixes()) {
        return Err(JobError::PartOfArray);
    }
    if !options.reading.members.is_empty() && !matches!(encoding, Encoding::WebDataset { .. }) {
        return Err(JobError::NoRoomForMembers);
    }
    let opened = dataset::open_with(request.input, &options.reading)?;
    if let Some(manifest) = opened.manifest {
        return Err(JobError::AlreadyEncrypted {
            path: request.input.to_owned(),
            scheme: manifest.scheme.name,
            key: manifest.key,
        });
    }
    check_apart(request.input, request.output)?;
    let source = opened.source;
    let mine = match options.part {
        Some(part) => part.of_items(source.items(), encoding),
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
        notes: opened.note.into_iter().collect(),
        source,
    };
    set.scan(request);
    match set.failed.iter().min_by_key(|(index, _)| *index) {
        Some((_, first)) if options.part.is_none() && set.slots.iter().all(|slot| slot.geometry.is_none()) => {
            return Err(JobError::NothingReadable { images: set.failed.len(), first: first.clone() });
        }
        _ => {}
    }
    set.check(request)?;
    Ok(set)
}

impl Preflighted {
    /// Reads the headers.
    fn scan(&mut self, request: &EncryptRequest<'_>) {
        let (fit, tile) = (request.options.fit, request.scheme.tile());
        let sizes = |index: usize| {
            let geometry = self.source.geometry(index)?;
            let sizes = fit.geometry(geometry, tile).and_then(|fitted| Ok((fitted, fit.original(geometry, tile)?)));
            sizes.map_err(|e| ReadError { path: self.source.items()[index].name.clone(), kind: e.into() })
        };
        let wanted: Vec<usize> = (0..self.slots.len()).filter(|&index| self.mine[index]).collect();
        let headers: Vec<Result<(Geometry, Geometry), ReadError>> =
            wanted.par_iter().map(|&index| sizes(index)).collect();
        for (index, header) in wanted.into_iter().zip(headers) {
            match header {
                Ok((fitted, original)) => {
                    self.slots[index].geometry = Some(fitted);
                    self.originals[index] = Some(original);
                }
                Err(error) => self.failed.push((index, error.into())),
            }
        }
    }

    /// What a whole set can be wrong about.
    fn check(&mut self, request: &EncryptRequest<'_>) -> Result<(), JobError> {
        let mut first_of: HashMap<Split, usize> = HashMap::new();
        let mut geometries: Vec<(Geometry, usize)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(geometry) = slot.geometry else { continue };
            if seen.insert(geometry) {
                geometries.push((geometry, index));
            }
            let one_size = match (self.encoding.is_array(), request.scheme.mixes()) {
                (_, true) => Split::All,
                (true, _) => slot.item.split,
                _ => continue,
            };
            let first = *first_of.entry(one_size).or_insert(index);
            let (Some(first_geometry), Some(other_geometry)) = (self.originals[first], self.originals[index]) else {
                continue;
            };
            if first_geometry != other_geometry {
                let name = |index: usize| self.source.items()[index].name.clone();
                let (first, other) = (name(first), name(index));
                let mixed = Mixed { first, first_geometry, other, other_geometry };
                return Err(match request.scheme.mixes() {
                    true => JobError::Mixed(mixed),
                    false => JobError::MixedArray(mixed),
                });
            }
        }
        if let Encoding::Jpeg { .. } = self.encoding
            && let Some((_, index)) = geometries.iter().find(|(geometry, _)| geometry.depth() != Depth::U8)
        {
            return Err(JobError::JpegDepth(self.source.items()[*index].name.clone()));
        }
        for &(geometry, _) in &geometries {
            request.secret.check(request.scheme, geometry)?;
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

    /// The images that are still to be done, in batches. Grouped by geometry, so that each is compiled once; where archives are
    /// written, only inside of each, so that few are open at a time.
    pub fn batches(&self, has: impl Fn(usize) -> bool) -> Vec<Batch> {
        let items: Vec<dataset::Item> = match self.encoding {
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
