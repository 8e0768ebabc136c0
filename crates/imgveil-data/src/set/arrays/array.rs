//! One array of images to read from.

use super::layout::ArrayLayout;
use crate::format::ReadErrorKind;
use crate::offset_io;
use std::fs::File;

/// Where the samples of an array are.
pub(super) enum Data {
    /// In memory.
    Memory(Vec<u8>),
    /// In a file.
    File {
        /// The file.
        file: File,
        /// The offset of the samples.
        offset: u64,
    },
}

/// One array of images. Its data must be as long as the layout says.
pub(super) struct ImageArray {
    pub(super) layout: ArrayLayout,
    pub(super) data: Data,
    /// The stamp of its file: see [`Source::stamp`](crate::set::Source::stamp).
    pub(super) stamp: String,
}

impl ImageArray {
    /// The samples of image `i`, least significant byte first.
    pub(super) fn samples(&self, i: usize) -> Result<Vec<u8>, ReadErrorKind> {
        let size = self.layout.geometry.bytes();
        let missing = || ReadErrorKind::Io(std::io::ErrorKind::UnexpectedEof.into());
        let mut samples = match &self.data {
            Data::Memory(all) => all.chunks_exact(size).nth(i).ok_or_else(missing)?.to_vec(),
            Data::File { file, offset } => {
                let mut samples = vec![0; size];
                let at = offset + i as u64 * size as u64;
                offset_io::read(file, &mut samples, at).map_err(ReadErrorKind::Io)?;
                samples
            }
        };
        if self.layout.swapped {
            samples.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
        Ok(samples)
    }
}
