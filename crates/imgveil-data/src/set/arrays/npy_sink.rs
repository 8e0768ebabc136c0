//! A folder of `.npy` files to write.

use super::array_file::{ArrayFile, labels};
use super::layout::{file_name, labels_name};
use super::written::ArrayFiles;
use crate::set::sink::{Sink, Stored};
use crate::set::staging::Staging;
use crate::set::{Manifest, Member, SetError, Slot, remove};
use imgveil::internal::image::Image;
use std::io::{BufWriter, Write};

/// Writes a folder of `.npy` files (`train_images.npy` and so on) that numpy can map into memory.
pub struct NpySink {
    arrays: ArrayFiles,
}

impl NpySink {
    /// A sink that writes into an existing folder. Arrays that an earlier run left there for the same slots are
    /// continued, others of an earlier run are replaced.
    ///
    /// # Errors
    /// If images of one split differ in size, or the files cannot be created.
    pub fn create(staging: Staging, slots: Vec<Slot>) -> Result<Self, SetError> {
        Ok(Self { arrays: ArrayFiles::create(staging, slots)? })
    }
}

impl Sink for NpySink {
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

    fn finish(self: Box<Self>, written: &[usize], manifest: Option<&mut Manifest>) -> Result<bool, SetError> {
        let mut arrays = self.arrays;
        for here in arrays.written(written, manifest) {
            let Some(array) = arrays.arrays.remove(&here.split) else { continue };
            if here.ranks.len() != array.count {
                close_gaps(&arrays.staging, array, &here.ranks)?;
            }
            if let Some(found) = &here.labels {
                let name = file_name(&labels_name(here.split));
                let array = labels(found).map_err(SetError::writing(&arrays.staging.root().join(&name)))?;
                arrays.staging.put(&name, &array)?;
            }
        }
        // Splits without a single image.
        for array in std::mem::take(&mut arrays.arrays).into_values() {
            let ArrayFile { path, file, .. } = array;
            drop(file);
            remove(&path).map_err(SetError::writing(&path))?;
        }
        Ok(false)
    }
}

/// Replaces an array by an array of only the images that arrived.
fn close_gaps(staging: &Staging, array: ArrayFile, ranks: &[usize]) -> Result<(), SetError> {
    let half = staging.begin(&array.name)?;
    let mut output = BufWriter::new(half.as_file());
    array.copy(ranks, &mut output).and_then(|()| output.flush()).map_err(SetError::writing(&array.path))?;
    drop(output);
    let ArrayFile { name, path, file, .. } = array;
    // Some systems cannot replace an open file.
    drop(file);
    // The array was claimed when it was created.
    staging.replace(half, &name, &path)
}
