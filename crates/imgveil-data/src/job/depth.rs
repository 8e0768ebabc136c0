//! The depth of a set that is encrypted: given, that of an earlier run, stated by headers, or found in the samples.

use super::error::JobError;
use super::output::Output;
use super::progress::Progress;
use super::request::EncryptRequest;
use crate::set::{Encoding, Source, depth_of_samples, used};
use imgveil::internal::image::{Depth, Geometry};
use rayon::prelude::*;

/// Where a depth comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    /// The request.
    Given,
    /// Images that an earlier run encrypted.
    Earlier,
    /// Headers, or samples where headers leave it open.
    Images,
}

/// The depth of the images whose samples have more than 8 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UsedDepth {
    pub depth: Depth,
    from: From,
    /// The depth before it was rounded up for a scheme that cuts samples into nibbles.
    before: Depth,
}

impl UsedDepth {
    /// What the user should know.
    pub fn note(&self) -> Option<String> {
        let (bits, max) = (self.depth.bits(), self.depth.max());
        if self.before != self.depth {
            let before = self.before.bits();
            return Some(format!(
                "16-bit samples use {before} bits, and this scheme cuts samples into nibbles of 4: flips stay within \
                 {max}, {bits} bits"
            ));
        }
        let told = self.from == From::Images && self.depth != Depth::U16;
        told.then(|| format!("16-bit samples use {bits} bits: flips stay within {max}"))
    }
}

/// The depth of a set. `depths` are those that headers state, by image, of the images that are `mine`; those of the
/// others are read if a partition must agree with others. `None` if all images have 8 bits.
pub(super) fn settled(
    source: &dyn Source,
    depths: &mut [Depth],
    mine: &[bool],
    request: &EncryptRequest,
    progress: &dyn Progress,
) -> Result<Option<UsedDepth>, JobError> {
    let options = &request.options;
    let encoding = options.encoding.unwrap_or_else(|| Encoding::of_path(&request.output));
    let rounded = |from, before: Depth| UsedDepth { depth: request.scheme.depth(before), from, before };
    if let Some(depth) = options.read.depth {
        return Ok(Some(rounded(From::Given, depth)));
    }
    if let Some(depth) = Output::depth_so_far(&request.output, encoding, options.partition) {
        return Ok(Some(rounded(From::Earlier, depth)));
    }
    if options.partition.is_some() {
        let read = |(index, depth): (usize, &mut Depth)| {
            if !mine[index] {
                *depth = source.geometry(index).map_or(Depth::U8, Geometry::depth);
            }
        };
        depths.par_iter_mut().enumerate().for_each(read);
        if let Some(open) = depths.iter().position(|&depth| depth == Depth::U16) {
            return Err(JobError::PartitionDepth(source.items()[open].name.clone()));
        }
    }
    let of_samples = |images: &[usize]| {
        progress.look(images.len());
        depth_of_samples(source, images, |bytes| progress.advance(1, bytes as u64))
    };
    Ok(used(depths, of_samples).map(|depth| rounded(From::Images, depth)))
}
