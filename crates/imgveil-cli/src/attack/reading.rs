//! Reading the images of an attack: all of one size, those that cannot be read set aside.

use super::black_box::read;
use crate::exit::Failure;
use imgveil::internal::image::{Depth, Geometry, GeometryError, Image};
use imgveil::internal::scheme::{Block, Scheme};
use imgveil_attack::{Batch, Shape};
use imgveil_data::format::{ReadError, ReadOptions};
use imgveil_data::job::Progress;
use imgveil_data::set::{LoadError, Mixed, Resize, at_used_depth};
use imgveil_data::{Error, Manifest, Memory, Opened, Source, set};
use rayon::prelude::*;
use std::path::Path;

/// Bytes for each byte of samples: two sides of 16 bits, what is recovered, and the tables and features of an attack.
const HELD: u64 = 16;

/// The images of a set.
#[derive(Clone)]
pub struct Read {
    /// Their samples.
    pub images: Batch,
    /// Their geometry.
    pub geometry: Geometry,
    /// Their names.
    pub names: Vec<String>,
    /// Their classes.
    pub labels: Vec<Option<u32>>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The manifest of an encrypted set.
    pub manifest: Option<Manifest>,
    /// The names of images that could not be read, with the reasons.
    pub failed: Vec<(String, String)>,
}

impl Read {
    /// Keeps every second image, and returns the others.
    #[cfg(feature = "train")]
    pub fn keep_every_second(&mut self) -> Batch {
        let kept: Vec<usize> = (1..self.names.len()).step_by(2).collect();
        let others: Vec<usize> = (0..self.names.len()).step_by(2).collect();
        let others = self.images.select(&others);
        self.images = self.images.select(&kept);
        self.names = kept.iter().map(|&index| self.names[index].clone()).collect();
        self.labels = kept.iter().map(|&index| self.labels[index]).collect();
        others
    }
}

/// How a set is read.
pub struct Reading<'a> {
    pub options: &'a ReadOptions,
    pub fit: Resize,
    pub scheme: Option<&'a Scheme>,
    pub depth: Option<Depth>,
    /// Read no more images than this, evenly spread over the set.
    pub limit: Option<usize>,
    pub memory: Memory,
}

/// Reads a set.
pub fn images(path: &Path, reading: &Reading<'_>, progress: &dyn Progress) -> Result<Read, Failure> {
    let Opened { source, manifest, .. } = set::open_with(path, reading.options)?;
    let tile = reading.scheme.map_or(Block::square(1), Scheme::tile);
    let (source, fit, tile) = match (&manifest, reading.scheme) {
        (Some(_), _) => (source, Resize::default(), Block::square(1)),
        (None, Some(scheme)) => (at_used_depth(source, reading.depth, scheme, reading.memory), reading.fit, tile),
        (None, None) => match reading.depth {
            Some(depth) => (set::at_depth(source, depth), reading.fit, tile),
            None => (source, reading.fit, tile),
        },
    };
    let count = source.items().len();
    let taken = reading.limit.unwrap_or(count).min(count);
    let wanted: Vec<usize> = (0..taken).map(|number| number * count / taken).collect();
    check_memory(source.as_ref(), &wanted, fit, tile, reading.memory)?;
    progress.start(taken);
    let one = |&index: &usize| {
        let unfit = |error: GeometryError| ReadError::new(&source.items()[index].name, error.into());
        let image = source.read(index).and_then(|image| fit.apply(image, tile).map_err(unfit));
        progress.advance(1, image.as_ref().map_or(0, |image| image.samples().len() as u64));
        (index, image)
    };
    collect(source.as_ref(), manifest, wanted.par_iter().map(one).collect())
}

/// The images that were read, if all of them have one geometry.
fn collect(
    source: &dyn Source,
    manifest: Option<Manifest>,
    read_in: Vec<(usize, Result<Image, ReadError>)>,
) -> Result<Read, Failure> {
    let items = source.items();
    let first = read_in.iter().find_map(|(index, image)| Some((*index, image.as_ref().ok()?.geometry())));
    let Some((first, geometry)) = first else {
        let reason = read_in.into_iter().find_map(|(_, image)| image.err());
        return Err(match reason {
            Some(error) => Error::from(LoadError::from(error)).into(),
            None => Failure { words: "the set holds no image".to_owned(), code: crate::exit::DATASET },
        });
    };
    let (mut samples, mut names, mut labels, mut failed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, image) in read_in {
        match image {
            Ok(image) if image.geometry() == geometry => {
                samples.extend(read(image.samples(), geometry));
                names.push(items[index].name.clone());
                labels.push(items[index].label);
            }
            Ok(image) => {
                let name = |index: usize| items[index].name.clone();
                let mixed = Mixed::new((name(first), geometry), (name(index), image.geometry()));
                return Err(Error::from(LoadError::Mixed(mixed)).into());
            }
            Err(error) => failed.push((items[index].name.clone(), error.kind.to_string())),
        }
    }
    let shape = Shape { height: geometry.height(), width: geometry.width(), channels: geometry.channels() };
    let images = Batch::new(shape, geometry.depth().max() as u16, samples)?;
    Ok(Read { images, geometry, names, labels, classes: source.classes().to_vec(), manifest, failed })
}

/// Checks by the headers that the images fit into memory, before one is decoded.
fn check_memory(
    source: &dyn Source,
    wanted: &[usize],
    fit: Resize,
    tile: Block,
    memory: Memory,
) -> Result<(), Failure> {
    let size = |&index: &usize| {
        let geometry = source.geometry(index).ok().and_then(|geometry| fit.geometry(geometry, tile).ok());
        geometry.map_or(0, |geometry| geometry.bytes() as u64)
    };
    let bytes = wanted.par_iter().map(size).sum::<u64>().saturating_mul(HELD);
    if bytes > memory.bytes() {
        let words = format!(
            "the attack would need {} MB of memory for {} images, and may use {} MB; take fewer with --limit, or allow \
             more with --memory SIZE",
            bytes / 1_000_000,
            wanted.len(),
            memory.bytes() / 1_000_000
        );
        return Err(Failure { words, code: crate::exit::FAILED });
    }
    Ok(())
}
