//! The bits that samples use. Most 16-bit images of scanners hold 12 bits. If a scheme flipped all 16, anybody could
//! see which samples are flipped.

use super::source::{Described, Source};
use super::wrapper::Wrapper;
use crate::Memory;
use crate::format::{ReadError, ReadErrorKind};
use imgveil::internal::image::{Depth, Geometry, Image};
use imgveil::internal::scheme::Scheme;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where the depths of a set are stated.
enum Stated {
    /// One depth for all images whose samples have more than 8 bits.
    One(Depth),
    /// A depth for each image, by a manifest.
    Each(Vec<Depth>),
}

/// A set whose images of more than 8 bits have stated depths. An image with a larger sample cannot be read.
struct AtDepth {
    source: Box<dyn Source>,
    stated: Stated,
}

/// The set with `depth` for all images whose samples have more than 8 bits. `depth` has more than 8 bits.
pub fn at_depth(source: Box<dyn Source>, depth: Depth) -> Box<dyn Source> {
    Box::new(AtDepth { source, stated: Stated::One(depth) })
}

/// The set with a depth for each image. Depths do not change how many bytes a sample has.
pub(super) fn at_depths(source: Box<dyn Source>, depths: Vec<Depth>) -> Box<dyn Source> {
    if depths.iter().all(|depth| depth.bits() == depth.stored_bits()) {
        return source;
    }
    Box::new(AtDepth { source, stated: Stated::Each(depths) })
}

/// The depth that holds the samples of all these images, as far as they can be read: of those that have more than 8
/// bits. All of them are read, as many at a time as fit into memory, unless 16 bits are found to be used. `looked_at`
/// is called for each image with its bytes.
pub(crate) fn depth_of_samples(
    source: &dyn Source,
    images: &[usize],
    memory: Memory,
    looked_at: impl Fn(usize) + Sync,
) -> Depth {
    let most = AtomicU32::new(0);
    let look = |&index: &usize| {
        if most.load(Ordering::Relaxed) == Depth::U16.bits() {
            return;
        }
        // An image that cannot be read is set aside by whoever uses the set.
        let Ok(image) = source.read(index) else { return };
        most.fetch_max(image.used_depth().bits(), Ordering::Relaxed);
        looked_at(image.samples().len());
    };
    let mut rest = images;
    while !rest.is_empty() {
        let mut sum = 0u64;
        let fits = |&&index: &&usize| {
            sum = sum.saturating_add(while_decoded(source, index));
            sum <= memory.room()
        };
        let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
        now.par_iter().for_each(look);
        rest = later;
    }
    // Where no image could be read, nothing is known.
    Depth::new(most.into_inner()).filter(|&depth| depth != Depth::U8).unwrap_or(Depth::U16)
}

/// Bytes for each byte of samples while an image is decoded: the decoder's output, and the image.
const DECODED: u64 = 3;

/// The bytes that image `index` takes while it is decoded. 0 if that cannot be known, as it cannot be read.
fn while_decoded(source: &dyn Source, index: usize) -> u64 {
    let samples = source.geometry(index).map_or(0, |geometry| geometry.bytes() as u64);
    source.length(index).saturating_add(samples.saturating_mul(DECODED))
}

/// The set with one depth for all images whose samples have more than 8 bits: `given`, or the largest that headers
/// state, or, if that is 16 bits or not stated, the one that holds all samples, which are read for this. It is rounded
/// up where the scheme needs that ([`Scheme::depth`]).
pub fn at_used_depth(
    source: Box<dyn Source>,
    given: Option<Depth>,
    scheme: &Scheme,
    memory: Memory,
) -> Box<dyn Source> {
    let depths = || -> Vec<Depth> {
        let depth = |index| source.geometry(index).ok().map(Geometry::depth);
        (0..source.items().len()).into_par_iter().map(|index| depth(index).unwrap_or(Depth::U8)).collect()
    };
    let of_samples = |images: &[usize]| depth_of_samples(source.as_ref(), images, memory, |_| {});
    match given.map_or_else(|| used(&depths(), of_samples), Some) {
        Some(depth) if depth != Depth::U8 => at_depth(source, scheme.depth(depth)),
        _ => source,
    }
}

/// The depth of a set whose headers state these depths. `None` if all images have 8 bits. `of_samples` gives the depth
/// that the samples of some images use. A header that states 16 bits leaves that open.
pub(crate) fn used(stated: &[Depth], of_samples: impl FnOnce(&[usize]) -> Depth) -> Option<Depth> {
    let most = |of: &dyn Fn(Depth) -> bool| stated.iter().copied().filter(|&depth| of(depth)).max();
    let known = most(&|depth| depth != Depth::U8 && depth != Depth::U16);
    let open: Vec<usize> = (0..stated.len()).filter(|&index| stated[index] == Depth::U16).collect();
    if open.is_empty() { known } else { known.max(Some(of_samples(&open))) }
}

impl AtDepth {
    fn depth(&self, index: usize, found: Depth) -> Depth {
        let stated = match &self.stated {
            Stated::One(depth) => Some(*depth),
            Stated::Each(depths) => depths.get(index).copied(),
        };
        stated.filter(|depth| depth.bytes() == found.bytes()).unwrap_or(found)
    }
}

impl Wrapper for AtDepth {
    fn inner(&self) -> &dyn Source {
        self.source.as_ref()
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        let geometry = self.source.geometry(index)?;
        Ok(geometry.with_depth(self.depth(index, geometry.depth())))
    }

    fn described(&self, index: usize) -> Result<Described, ReadError> {
        let described = self.source.described(index)?;
        let depth = self.depth(index, described.geometry.depth());
        Ok(Described { geometry: described.geometry.with_depth(depth), ..described })
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let image = self.source.read(index)?;
        let depth = self.depth(index, image.geometry().depth());
        let wrong = |kind| ReadError::new(&self.source.items()[index].name, kind);
        image.at_depth(depth).map_err(|sample| wrong(ReadErrorKind::TooDeep { sample, max: depth.max() as u16 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn depth(bits: u32) -> Depth {
        Depth::new(bits).unwrap()
    }

    #[test]
    fn headers_state_the_depth_unless_one_leaves_it_open() {
        let used = |stated: &[u32], samples: u32| {
            let stated: Vec<Depth> = stated.iter().map(|&bits| depth(bits)).collect();
            let mut looked = Vec::new();
            let found = used(&stated, |images| {
                looked.extend_from_slice(images);
                depth(samples)
            });
            (found.map(Depth::bits), looked)
        };
        assert_eq!(used(&[8, 8], 9), (None, vec![]));
        assert_eq!(used(&[8, 10, 12], 9), (Some(12), vec![]));
        assert_eq!(used(&[16, 8, 12, 16], 10), (Some(12), vec![0, 3]));
        assert_eq!(used(&[16, 12], 14), (Some(14), vec![0]));
        assert_eq!(used(&[16], 16), (Some(16), vec![0]));
    }
}
