//! The depth of a set that is encrypted: given, that of an earlier run, stated by headers, or found in the samples.

use super::error::JobError;
use super::journal;
use super::output::{folder, journal_name, manifest_name};
use super::progress::Progress;
use super::request::EncryptRequest;
use crate::set::arrays::archive;
use crate::set::{Advice, Encoding, Entry, Remark, Source, depth_of_samples, manifest_file, used};
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
    /// What the user should know. Nothing if flips use the whole range.
    pub fn remark(&self) -> Option<Remark> {
        if self.depth == Depth::U16 {
            return None;
        }
        let (bits, max) = (self.depth.bits(), self.depth.max());
        let words = if self.before != self.depth {
            let before = self.before.bits();
            format!(
                "16-bit samples use {before} bits, and this scheme cuts samples into nibbles of 4: flips stay within \
                 {max}, {bits} bits"
            )
        } else if self.from == From::Images {
            format!("16-bit samples use {bits} bits: flips stay within {max}")
        } else {
            return None;
        };
        Some(Remark::new(words).with(Advice::Depth))
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
    if let Some(depth) = so_far(request, encoding) {
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
        depth_of_samples(source, images, options.read.memory, |bytes| progress.advance(1, bytes as u64))
    };
    Ok(used(depths, of_samples).map(|depth| rounded(From::Images, depth)))
}

/// The depth of the images of more than 8 bits that an earlier run left in the output. A run that goes on must use the
/// same.
fn so_far(request: &EncryptRequest, encoding: Encoding) -> Option<Depth> {
    let (root, partition) = (folder(&request.output, encoding), request.options.partition);
    let memory = request.options.read.memory;
    // What cannot be read is reported when the output is opened.
    let manifest = || match encoding {
        Encoding::Npz => archive::manifest(&request.output, memory).ok().flatten(),
        _ => manifest_file::read(&root.join(manifest_name(partition)), memory).ok().flatten(),
    };
    let deep = |entries: &[Entry]| entries.iter().map(|entry| entry.geometry.depth()).find(|&depth| depth != Depth::U8);
    let journal = journal::listed(&root.join(journal_name(partition)), request.secret.key());
    deep(&journal).or_else(|| deep(&manifest()?.images))
}
