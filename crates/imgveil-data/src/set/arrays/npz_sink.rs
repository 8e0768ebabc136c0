//! One `.npz` file to write.

use super::archive;
use super::array_file::labels;
use super::layout::{file_name, images_name, labels_name};
use super::written::{ArrayFiles, Written};
use crate::set::ledger::ARCHIVE;
use crate::set::sink::{Sink, Stored};
use crate::set::staging::Staging;
use crate::set::{Manifest, Member, SetError, Slot, remove};
use imgveil::internal::image::Image;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes one `.npz` file: collects the arrays in a folder, and puts them into an archive at the end.
pub struct NpzSink {
    pub(super) arrays: ArrayFiles,
    output: PathBuf,
}

impl NpzSink {
    /// A sink that collects arrays in an existing folder and writes `output`.
    ///
    /// # Errors
    /// As [`NpySink::create`].
    pub fn create(staging: Staging, output: &Path, slots: Vec<Slot>) -> Result<Self, SetError> {
        Ok(Self { arrays: ArrayFiles::create(staging, slots)?, output: output.to_owned() })
    }

    fn pack(&self, arrays: &[Written], manifest: Option<&Manifest>, file: &File) -> std::io::Result<()> {
        let mut zip = zip::ZipWriter::new(BufWriter::new(file));
        for here in arrays {
            let Some(array) = self.arrays.arrays.get(&here.split) else { continue };
            // A little below 4 GiB, because the header counts too.
            let large = here.ranks.len() as u64 * array.geometry.bytes() as u64 > u64::from(u32::MAX) - (1 << 20);
            zip.start_file(file_name(&images_name(here.split)), archive::stored().large_file(large))?;
            array.copy(&here.ranks, &mut zip)?;
            if let Some(found) = &here.labels {
                zip.start_file(file_name(&labels_name(here.split)), archive::stored())?;
                zip.write_all(&labels(found)?)?;
            }
        }
        if let Some(manifest) = manifest {
            archive::write_manifest(&mut zip, manifest).map_err(std::io::Error::other)?;
        }
        zip.finish()?.flush()
    }
}

impl Sink for NpzSink {
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String> {
        Ok(image.samples().to_vec())
    }

    fn path(&self, slot: usize) -> String {
        self.arrays.path(slot)
    }

    fn store(&self, slot: usize, bytes: Vec<u8>, _: Vec<Member>) -> Result<Vec<Stored>, SetError> {
        self.arrays.store(slot, &bytes)
    }

    fn give_up(&self, _: usize) -> Result<Vec<Stored>, SetError> {
        Ok(Vec::new())
    }

    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, SetError> {
        Ok(self.arrays.surviving(earlier))
    }

    fn settle(&self, written: &[usize], manifest: &mut Manifest) {
        self.arrays.written(written, Some(manifest));
    }

    fn finish(self: Box<Self>, written: &[usize], mut manifest: Option<&mut Manifest>) -> Result<bool, SetError> {
        let arrays = self.arrays.written(written, manifest.as_deref_mut());
        let staging = &self.arrays.staging;
        let half = staging.begin_beside(&self.output)?;
        self.pack(&arrays, manifest.as_deref(), half.as_file()).map_err(SetError::writing(&self.output))?;
        staging.publish(half, ARCHIVE, &self.output, None)?;
        for (_, array) in self.arrays.arrays {
            let path = array.path.clone();
            drop(array);
            remove(&path).map_err(SetError::writing(&path))?;
        }
        Ok(manifest.is_some())
    }
}
