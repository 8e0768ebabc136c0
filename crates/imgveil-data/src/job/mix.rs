//! Encrypts a set with a scheme that mixes images (`docs/SCHEDULE.md`, "Mixing"). Every image needs others of its
//! split, so that a whole split is held in memory. The result is one `.npz` file of floats and soft labels.

use super::describe::{self, Tally};
use super::error::JobError;
use super::names_file;
use super::preflight::Preflighted;
use super::progress::{Busy, Progress};
use super::request::EncryptRequest;
use super::summary::Summary;
use crate::format::ReadError;
use crate::set::arrays::position;
use crate::set::mixtures::{self, MixtureSplit};
use crate::set::staging::STAGED;
use crate::set::{Encoding, Entry, SPLITS, Slot, Split, check_new_file, is_npz, read_resized};
use imgveil::internal::engine::{Device, EngineError, ImageRef, Loaded, soft_label};
use imgveil::internal::hex;
use imgveil::internal::image::{Geometry, Image};
use imgveil::internal::schedule::ImageId;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

/// Bytes of images that go to the device at once.
const BATCH_BYTES: usize = 32 << 20;

/// An image of a split, ready to be mixed.
struct Plain {
    /// The image's number in the source.
    index: usize,
    image: Image,
    id: ImageId,
    hash: [u8; 16],
}

/// Mixes every split of a set: see [`EncryptRun`](super::EncryptRun).
pub(super) fn encrypt(
    request: &EncryptRequest,
    device: &Device,
    mut set: Preflighted,
    progress: &dyn Progress,
) -> Result<Summary, JobError> {
    if set.encoding != Encoding::Npz || !is_npz(&request.output) {
        return Err(JobError::Floats(request.output.clone()));
    }
    check_new_file(&request.output)?;
    names_file::check(request, &set, &HashSet::new())?;
    // A set without any readable image has already been refused.
    let first = set.slots.iter().zip(&set.originals).find_map(|(slot, original)| slot.geometry.zip(*original));
    let Some((geometry, original)) = first else { return Err(JobError::Worker) };
    check_memory(request, &set, geometry)?;
    let loaded = Loaded::new(device, request.secret.compile(&request.scheme, geometry)?)?;
    let started = Instant::now();
    progress.start(set.slots.iter().filter(|slot| slot.geometry.is_some()).count());
    let (mut splits, mut images, mut failed) = (BTreeMap::new(), Vec::new(), std::mem::take(&mut set.failed));
    let mut came = vec![false; set.slots.len()];
    for split in SPLITS {
        let here = |slot: &Slot| slot.item.split == split && slot.geometry.is_some();
        let wanted: Vec<usize> = (0..set.slots.len()).filter(|&index| here(&set.slots[index])).collect();
        let decoded: Vec<Result<Plain, (usize, ReadError)>> =
            wanted.into_par_iter().map(|index| decode(request, &set, index).map_err(|e| (index, e))).collect();
        let mut plain = Vec::with_capacity(decoded.len());
        for result in decoded {
            match result {
                Ok(image) => plain.push(image),
                Err((index, error)) => failed.push((set.listed[index], error.into())),
            }
        }
        if plain.is_empty() {
            continue;
        }
        let mixed = mix(&loaded, &set, split, &plain, progress)?;
        for (i, (plain, floats)) in plain.iter().zip(mixed.images.chunks_exact(geometry.samples())).enumerate() {
            came[plain.index] = true;
            images.push(Entry {
                name: set.slots[plain.index].item.name.clone(),
                path: position(split, i),
                split,
                // A mixture has shares of several classes. The array of labels holds them.
                label: None,
                geometry,
                original: (geometry != original).then_some(original),
                id: plain.id,
                plain: hex::encode(&plain.hash),
                blake3: mixtures::hash(floats).to_hex().to_string(),
                rescale: None,
                members: None,
            });
        }
        splits.insert(split, mixed);
    }
    if images.is_empty() {
        return Err(match failed.into_iter().min_by_key(|(index, _)| *index) {
            Some((_, first)) => JobError::NothingReadable { images: set.slots.len(), first },
            None => JobError::Worker,
        });
    }
    names_file::write(request, &set, STAGED, |index| came[index])?;
    let mut manifest = describe::manifest(request, &set, images);
    manifest.seal_with(request.secret.key());
    mixtures::write(&request.output, geometry, &splits, &manifest)?;
    let tally = Tally { resumed: 0, failed, started, busy: Busy::default() };
    Ok(describe::summary(request, device.name(), &set, manifest, tally))
}

/// Checks that the split with the most images fits: its samples, and the floats of all splits, as numbers and in the
/// archive that is written.
fn check_memory(request: &EncryptRequest, set: &Preflighted, geometry: Geometry) -> Result<(), JobError> {
    const FLOATS: u64 = 3 * size_of::<f32>() as u64;
    let images = set.slots.iter().filter(|slot| slot.geometry.is_some()).count() as u64;
    let of_an_image = (geometry.samples() as u64 * FLOATS).saturating_add(geometry.bytes() as u64);
    Ok(request.options.read.memory.check(images.saturating_mul(of_an_image))?)
}

fn decode(request: &EncryptRequest, set: &Preflighted, index: usize) -> Result<Plain, ReadError> {
    let source = set.source.as_ref();
    let image = read_resized(source, index, request.options.resize, request.scheme.tile())?;
    let (id, hash) = set.hashes(request, index, &image);
    Ok(Plain { index, image, id, hash })
}

/// Mixes a split: floats (N, H, W, C) and soft labels.
fn mix(
    loaded: &Loaded,
    set: &Preflighted,
    split: Split,
    plain: &[Plain],
    progress: &dyn Progress,
) -> Result<MixtureSplit, JobError> {
    let program = loaded.program();
    let Some(mixing) = program.mixing() else { return Err(EngineError::FloatsOnly.into()) };
    let geometry = program.geometry();
    let (size, group) = (geometry.bytes(), mixing.images as usize);
    let partners = mixing.partners(split.number(), plain.len() as u32);
    let labels: Option<Vec<u32>> = plain.iter().map(|plain| set.slots[plain.index].item.label).collect();
    let classes = set.classes.len();
    let mut result = MixtureSplit::default();
    let all: Vec<usize> = (0..plain.len()).collect();
    for batch in all.chunks((BATCH_BYTES / (size * group)).max(1)) {
        let (mut samples, mut refs) = (Vec::with_capacity(batch.len() * group * size), Vec::new());
        for &i in batch {
            let weights = mixing.weights(plain[i].id, geometry.samples());
            let mixed = std::iter::once(i).chain(partners.iter().map(|list| list[i] as usize));
            let mut told = Vec::new();
            for (j, weight) in mixed.zip(weights) {
                let index = refs.len() as u32;
                refs.push(ImageRef::new(index).with_id(plain[j].id).weighted(weight));
                samples.extend_from_slice(plain[j].image.samples());
                told.extend(labels.as_ref().map(|labels| (labels[j], weight)));
            }
            if labels.is_some() {
                result.labels.extend(soft_label(&told, classes));
            }
        }
        let mut planar = vec![0.0; batch.len() * geometry.samples()];
        loaded.floats(&samples, &refs, &mut planar)?;
        planar.chunks_exact(geometry.samples()).for_each(|image| result.images.extend(interleaved(geometry, image)));
        progress.advance(batch.len(), (batch.len() * size) as u64);
    }
    Ok(result)
}

/// One image (C, H, W) as (H, W, C).
fn interleaved(geometry: Geometry, image: &[f32]) -> impl Iterator<Item = f32> {
    let (pixels, channels) = (geometry.pixels(), geometry.channels());
    (0..pixels * channels).map(move |i| image[i % channels * pixels + i / channels])
}
