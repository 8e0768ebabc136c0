//! Compares the input with the set: by the keyed check that the manifest has of every image, which covers its pixels,
//! name, split and class.

use crate::format::ReadError;
use crate::job::changes::Changes;
use crate::job::earlier::Earlier;
use crate::job::pipeline::Budget;
use crate::job::preflight::Preflighted;
use crate::job::progress::Progress;
use crate::job::request::EncryptRequest;
use crate::set::{Source, read_resized};
use imgveil::internal::hex;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};

/// What becomes of an image of the input. Numbers are those of the entry in the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    New,
    Changed(usize),
    /// Its encrypted file is missing or damaged.
    Damaged(usize),
    Unchanged(usize),
    /// It cannot be read. What the set has of it stays.
    Unreadable(Option<usize>),
}

/// The result of a comparison.
pub(super) struct Compared {
    /// By the number of the image in the input.
    pub fates: Vec<Fate>,
    /// Entries that are not in the input.
    pub gone: Vec<usize>,
    pub changes: Changes,
}

impl Compared {
    /// The numbers in the input of the entries that are there.
    pub fn in_input(&self) -> HashMap<usize, usize> {
        let entry = |(index, fate): (usize, &Fate)| match fate {
            Fate::Changed(entry) | Fate::Damaged(entry) | Fate::Unchanged(entry) => Some((*entry, index)),
            Fate::Unreadable(entry) => entry.map(|entry| (entry, index)),
            Fate::New => None,
        };
        self.fates.iter().enumerate().filter_map(entry).collect()
    }
}

/// Compares. Images that cannot be read are added to those that the preflight set aside.
pub(super) fn compare(
    request: &EncryptRequest,
    set: &mut Preflighted,
    earlier: &Earlier,
    encrypted: &dyn Source,
    progress: &dyn Progress,
) -> Compared {
    let (resize, tile) = (request.options.resize, request.scheme.tile());
    let budget = Budget::new(request.options.read.memory);
    let images = set.slots.len();
    progress.look(images);
    let judge = |index: usize| -> Result<Fate, ReadError> {
        let slot = &set.slots[index];
        let number = earlier.entry(&slot.item.name);
        let Some(geometry) = slot.geometry else { return Ok(Fate::Unreadable(number)) };
        let Some(number) = number else { return Ok(Fate::New) };
        let entry = &earlier.manifest.images[number];
        let same_place = (entry.name.as_str(), entry.split, entry.label, entry.geometry)
            == (slot.item.name.as_str(), slot.item.split, slot.item.label, geometry);
        if !same_place {
            return Ok(Fate::Changed(number));
        }
        let plain = budget.while_taken(geometry, || {
            let image = read_resized(set.source.as_ref(), index, resize, tile)?;
            Ok(set.hashes(request, index, &image).1)
        })?;
        // An earlier version did not write down what samples mean.
        let same_values = entry.rescale.is_none() || entry.rescale == set.meanings.rescale(index);
        if hex::encode(&plain) != entry.plain || !same_values {
            return Ok(Fate::Changed(number));
        }
        // The source of an encrypted set compares every file with its hash.
        let whole = budget.while_taken(geometry, || encrypted.read(number).is_ok());
        Ok(if whole { Fate::Unchanged(number) } else { Fate::Damaged(number) })
    };
    let judged: Vec<Result<Fate, ReadError>> = (0..images)
        .into_par_iter()
        .map(|index| {
            let fate = judge(index);
            progress.advance(1, set.slots[index].geometry.map_or(0, |geometry| geometry.bytes() as u64));
            fate
        })
        .collect();
    let mut fates = Vec::with_capacity(images);
    for (index, fate) in judged.into_iter().enumerate() {
        fates.push(fate.unwrap_or_else(|error| {
            set.failed.push((set.listed[index], error.into()));
            set.slots[index].geometry = None;
            Fate::Unreadable(earlier.entry(&set.slots[index].item.name))
        }));
    }
    let mut compared = Compared { fates, gone: Vec::new(), changes: Changes::default() };
    compared.gone = gone(set, earlier, &compared);
    let mut changes = Changes { gone: compared.gone.len(), ..Changes::default() };
    for fate in &compared.fates {
        *match fate {
            Fate::New => &mut changes.new,
            Fate::Changed(_) => &mut changes.changed,
            Fate::Damaged(_) => &mut changes.damaged,
            Fate::Unchanged(_) => &mut changes.unchanged,
            Fate::Unreadable(_) => &mut changes.unreadable,
        } += 1;
    }
    Compared { changes, ..compared }
}

/// The entries that are not in the input. A file of several images that cannot be read is listed as one image: what the
/// set has of its images is not gone.
fn gone(set: &Preflighted, earlier: &Earlier, compared: &Compared) -> Vec<usize> {
    let there = compared.in_input();
    let fates = &compared.fates;
    let unreadable = fates.iter().zip(set.source.items()).filter(|(fate, _)| matches!(fate, Fate::Unreadable(_)));
    let files: HashSet<&str> = unreadable
        // What is lost of a damaged shard is listed as this image of it.
        .map(|(_, item)| item.name.strip_suffix("/damaged").unwrap_or(&item.name))
        .collect();
    let of_unreadable = |entry: usize| {
        let parent = earlier.plain_name(entry).and_then(|name| name.rsplit_once('/'));
        parent.is_some_and(|(parent, _)| files.contains(parent))
    };
    (0..earlier.manifest.images.len()).filter(|entry| !there.contains_key(entry) && !of_unreadable(*entry)).collect()
}
