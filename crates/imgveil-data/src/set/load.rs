//! A whole split in memory, for training: the samples of one image after the other, and labels.

use super::error::{LoadError, Mixed};
use super::resize::Resize;
use super::source::Source;
use crate::format::ReadError;
use crate::{Error, Memory};
use imgveil::internal::image::{Geometry, GeometryError, Image};
use imgveil::internal::scheme::Block;
use rayon::prelude::*;

/// A split in memory.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The images' geometry.
    pub geometry: Geometry,
    /// `images * geometry.bytes()` bytes of interleaved samples.
    pub samples: Vec<u8>,
    /// The class of each image. Empty if the images were loaded without labels.
    pub labels: Vec<u32>,
    /// The images' names.
    pub names: Vec<String>,
}

/// Loads the images `wanted` of a source, resized for blocks of `tile`. `None` if `wanted` is empty.
///
/// # Errors
/// If an image cannot be read or has no class, or images differ in size.
pub fn load(source: &dyn Source, wanted: &[usize], resize: Resize, tile: Block) -> Result<Option<Loaded>, Error> {
    load_within(source, wanted, resize, tile, Memory::default())
}

/// As [`load`], in no more than this memory.
///
/// # Errors
/// As [`load`], and if the images do not fit.
pub fn load_within(
    source: &dyn Source,
    wanted: &[usize],
    resize: Resize,
    tile: Block,
    memory: Memory,
) -> Result<Option<Loaded>, Error> {
    let items = source.items();
    let Some(loaded) = load_unlabelled_within(source, wanted, resize, tile, memory)? else { return Ok(None) };
    let label = |&i: &usize| items[i].label.ok_or_else(|| LoadError::Unlabelled(items[i].name.clone()));
    let labels = wanted.iter().map(label).collect::<Result<_, LoadError>>()?;
    Ok(Some(Loaded { labels, ..loaded }))
}

/// As [`load`], without labels. Images need no class.
///
/// # Errors
/// If an image cannot be read, or images differ in size.
pub fn load_unlabelled(
    source: &dyn Source,
    wanted: &[usize],
    resize: Resize,
    tile: Block,
) -> Result<Option<Loaded>, Error> {
    load_unlabelled_within(source, wanted, resize, tile, Memory::default())
}

/// As [`load_unlabelled`], in no more than this memory.
///
/// # Errors
/// As [`load_unlabelled`], and if the images do not fit.
pub fn load_unlabelled_within(
    source: &dyn Source,
    wanted: &[usize],
    resize: Resize,
    tile: Block,
    memory: Memory,
) -> Result<Option<Loaded>, Error> {
    let items = source.items();
    let Some(&first) = wanted.first() else { return Ok(None) };
    check_memory(source, wanted, resize, tile, memory)?;
    let images: Vec<_> = wanted
        .par_iter()
        .map(|&i| read_resized(source, i, resize, tile))
        .collect::<Result<_, ReadError>>()
        .map_err(LoadError::from)?;
    let geometry = images[0].geometry();
    let mut loaded = Loaded {
        geometry,
        samples: Vec::with_capacity(images.len() * geometry.bytes()),
        labels: Vec::new(),
        names: Vec::with_capacity(images.len()),
    };
    for (image, item) in images.into_iter().zip(wanted.iter().map(|&i| &items[i])) {
        if image.geometry() != geometry {
            let mixed = Mixed {
                first: items[first].name.clone(),
                first_geometry: geometry,
                other: item.name.clone(),
                other_geometry: image.geometry(),
            };
            return Err(LoadError::Mixed(mixed).into());
        }
        loaded.samples.extend_from_slice(image.samples());
        loaded.names.push(item.name.clone());
    }
    Ok(Some(loaded))
}

/// Bytes that are held for each byte of samples: the images one by one, and all of them together.
const HELD: u64 = 2;

/// Checks by the headers that the images fit into memory, before one is decoded.
fn check_memory(
    source: &dyn Source,
    wanted: &[usize],
    resize: Resize,
    tile: Block,
    memory: Memory,
) -> Result<(), LoadError> {
    let size = |&index: &usize| {
        let geometry = source.geometry(index)?;
        let unfit = |e: GeometryError| ReadError::new(&source.items()[index].name, e.into());
        let resized = resize.geometry(geometry, tile).map_err(unfit)?;
        Ok((resized.bytes() as u64, geometry.bytes() as u64))
    };
    let sizes = wanted.par_iter().map(size).collect::<Result<Vec<(u64, u64)>, ReadError>>()?;
    let all = sizes.iter().fold(0u64, |sum, (resized, _)| sum.saturating_add(*resized)).saturating_mul(HELD);
    // Each thread decodes one at a time.
    let decoded = sizes.iter().map(|(_, geometry)| *geometry).max().unwrap_or(0);
    Ok(memory.check(all.saturating_add(decoded.saturating_mul(HELD)))?)
}

/// Reads and resizes image `index`.
pub(crate) fn read_resized(source: &dyn Source, index: usize, resize: Resize, tile: Block) -> Result<Image, ReadError> {
    let unfit = |e: GeometryError| ReadError { path: source.items()[index].name.clone(), kind: e.into() };
    resize.apply(source.read(index)?, tile).map_err(unfit)
}
