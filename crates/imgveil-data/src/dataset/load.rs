//! A whole split in memory, as training wants it: samples one image behind the other, and labels.

use super::{ReadError, Resize, Source};
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
    /// One class an image.
    pub labels: Vec<u32>,
    /// The images' names.
    pub names: Vec<String>,
}

/// Why a split cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// An image cannot be read. Training on a part of a set without saying so would be worse than stopping.
    #[error("{0}; repair or remove it")]
    Read(#[from] ReadError),
    /// Images of several sizes.
    #[error(transparent)]
    Mixed(#[from] Mixed),
    /// No class.
    #[error("{0} has no class; training needs a folder for each class, or a labels array")]
    Unlabelled(String),
}

/// Loads the images `wanted` of a source, brought to size for blocks of `tile`.
///
/// # Errors
/// When an image cannot be read or has no class, or images differ in size.
pub fn load(source: &dyn Source, wanted: &[usize], fit: Resize, tile: Block) -> Result<Option<Loaded>, LoadError> {
    let items = source.items();
    let Some(loaded) = load_unlabelled(source, wanted, fit, tile)? else { return Ok(None) };
    let label = |&i: &usize| items[i].label.ok_or_else(|| LoadError::Unlabelled(items[i].name.clone()));
    let labels = wanted.iter().map(label).collect::<Result<_, _>>()?;
    Ok(Some(Loaded { labels, ..loaded }))
}

/// As [`load`], of images that may have no class: without labels.
///
/// # Errors
/// When an image cannot be read, or images differ in size.
pub fn load_unlabelled(
    source: &dyn Source,
    wanted: &[usize],
    fit: Resize,
    tile: Block,
) -> Result<Option<Loaded>, LoadError> {
    let items = source.items();
    let Some(&first) = wanted.first() else { return Ok(None) };
    let images: Vec<_> =
        wanted.par_iter().map(|&i| read_fitted(source, i, fit, tile)).collect::<Result<_, ReadError>>()?;
    let geometry = images[0].geometry();
    let mut loaded = Loaded {
        geometry,
        samples: Vec::with_capacity(images.len() * geometry.bytes()),
        labels: Vec::new(),
        names: Vec::with_capacity(images.len()),
    };
    for (image, item) in images.into_iter().zip(wanted.iter().map(|&i| &items[i])) {
        if image.geometry() != geometry {
            return Err(LoadError::Mixed(Mixed {
                first: items[first].name.clone(),
                first_geometry: geometry,
                other: item.name.clone(),
                other_geometry: image.geometry(),
            }));
        }
        loaded.samples.extend_from_slice(image.samples());
        loaded.names.push(item.name.clone());
    }
    Ok(Some(loaded))
}

/// Reads image `index` and brings it to its size.
pub(crate) fn read_fitted(source: &dyn Source, index: usize, fit: Resize, tile: Block) -> Result<Image, ReadError> {
    let unfit = |e: GeometryError| ReadError { path: source.items()[index].name.clone(), kind: e.into() };
    fit.apply(source.read(index)?, tile).map_err(unfit)
}

/// Two images of a set that must be of one size and are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "images differ: {first} is {first_geometry} (height x width x channels), {other} is {other_geometry}; bring them to one size \
     with --resize HEIGHTxWIDTH, and to one number of channels and one depth beforehand"
)]
pub struct Mixed {
    /// An image's name.
    pub first: String,
    /// Its geometry.
    pub first_geometry: Geometry,
    /// Another's name.
    pub other: String,
    /// Its geometry.
    pub other_geometry: Geometry,
}
