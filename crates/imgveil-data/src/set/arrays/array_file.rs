//! One array of images that is being written. Every image has a fixed position, known from the slots.

use crate::format::npy;
use crate::offset_io;
use crate::regular_file;
use crate::set::SetError;
use crate::set::staging::Staging;
use imgveil::internal::image::Geometry;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// The header of an array of images.
fn header(geometry: Geometry, count: usize) -> std::io::Result<Vec<u8>> {
    let mut shape = vec![count as u64, geometry.height() as u64, geometry.width() as u64];
    if geometry.channels() == 3 {
        shape.push(3);
    }
    npy::header(geometry.depth().bytes(), &shape)
}

/// The array of labels, N x 1, as in MedMNIST: one byte per label if a byte can hold every class.
pub(super) fn labels(labels: &[u32]) -> std::io::Result<Vec<u8>> {
    let (mut array, shape) = (Vec::new(), [labels.len() as u64, 1]);
    match labels.iter().copied().map(u8::try_from).collect::<Result<Vec<u8>, _>>() {
        Ok(bytes) => npy::write(&mut array, &shape, bytes)?,
        Err(_) => npy::write(&mut array, &shape, labels.iter().copied())?,
    }
    Ok(array)
}

/// One array of images, with room for every image, whether or not it arrives.
pub(super) struct ArrayFile {
    /// Its name in the folder.
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) file: File,
    /// The offset of the samples.
    offset: u64,
    pub(super) geometry: Geometry,
    pub(super) count: usize,
}

impl ArrayFile {
    /// Creates the file. If an earlier run left one for the same images, continues with that.
    pub(super) fn create(staging: &Staging, name: String, geometry: Geometry, count: usize) -> Result<Self, SetError> {
        let path = staging.claim(&name)?;
        let failed = SetError::writing(&path);
        let header = header(geometry, count).map_err(&failed)?;
        let offset = header.len() as u64;
        let size = (geometry.bytes() as u64).saturating_mul(count as u64).saturating_add(offset);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, staging.mode());
        let file = regular_file::open_with(&path, &mut options).map_err(&failed)?;
        let mut found = vec![0; header.len()];
        let same = file.metadata().map_err(&failed)?.len() == size
            && offset_io::read(&file, &mut found, 0).is_ok()
            && found == header;
        if !same {
            file.set_len(0).map_err(&failed)?;
            offset_io::write(&file, &header, 0).map_err(&failed)?;
            file.set_len(size).map_err(&failed)?;
        }
        drop(failed);
        Ok(Self { name, path, file, offset, geometry, count })
    }

    pub(super) fn position(&self, rank: usize) -> u64 {
        self.offset + rank as u64 * self.geometry.bytes() as u64
    }

    /// Writes an array that consists of the images at `ranks`.
    pub(super) fn copy(&self, ranks: &[usize], output: &mut dyn Write) -> std::io::Result<()> {
        output.write_all(&header(self.geometry, ranks.len())?)?;
        // Consecutive images are copied at once.
        for run in ranks.chunk_by(|a, b| a + 1 == *b) {
            let Some(&first) = run.first() else { continue };
            let size = run.len() as u64 * self.geometry.bytes() as u64;
            let mut file = &self.file;
            file.seek(SeekFrom::Start(self.position(first)))?;
            if std::io::copy(&mut file.take(size), output)? != size {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }
}
