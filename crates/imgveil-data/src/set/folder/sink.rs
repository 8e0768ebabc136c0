//! A folder of PNG or JPEG files to write.

use crate::format::picture;
use crate::set::sink::{Sink, Stored};
use crate::set::staging::Staging;
use crate::set::{Manifest, Member, SetError, Slot, is_manifest};
use imgveil::internal::image::Image;
use rayon::prelude::*;
use std::collections::HashSet;
use std::io::Read;

/// The format of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// PNG.
    Png,
    /// JPEG of this quality, 1 to 100.
    Jpeg(u8),
}

/// A folder of image files to write.
pub struct FolderSink {
    staging: Staging,
    slots: Vec<Slot>,
    kind: FileKind,
}

impl FolderSink {
    /// A sink that writes to an existing folder.
    pub fn create(staging: Staging, slots: Vec<Slot>, kind: FileKind) -> Self {
        Self { staging, slots, kind }
    }
}

impl Sink for FolderSink {
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String> {
        match self.kind {
            FileKind::Png => picture::encode_png(image),
            FileKind::Jpeg(quality) => picture::encode_jpeg(image, quality),
        }
    }

    fn path(&self, slot: usize) -> String {
        let extension = match self.kind {
            FileKind::Png => "png",
            FileKind::Jpeg(_) => "jpg",
        };
        self.slots.get(slot).map_or(String::new(), |slot| format!("{}.{extension}", slot.item.name))
    }

    fn store(&self, slot: usize, bytes: Vec<u8>, _: Vec<Member>) -> Result<Vec<Stored>, SetError> {
        let hash = self.staging.put(&self.path(slot), &bytes)?;
        Ok(vec![Stored { slot, hash }])
    }

    fn give_up(&self, _: usize) -> Result<Vec<Stored>, SetError> {
        Ok(Vec::new())
    }

    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, SetError> {
        let whole = |stored: &&Stored| {
            let mut bytes = Vec::new();
            let read = self.staging.open(&self.path(stored.slot)).and_then(|mut file| file.read_to_end(&mut bytes));
            read.is_ok() && blake3::hash(&bytes) == stored.hash
        };
        let surviving: Vec<usize> = earlier.par_iter().filter(whole).map(|stored| stored.slot).collect();
        // An image that was removed from the input between the two runs must not stay in the output.
        let files: HashSet<String> = surviving.iter().map(|&slot| self.path(slot)).collect();
        self.staging.discard_others(|path| files.contains(path) || is_manifest(path))?;
        let expected = (0..self.slots.len()).into_par_iter().filter(|&slot| self.slots[slot].geometry.is_some());
        expected.try_for_each(|slot| self.staging.check_kind(&self.path(slot)))?;
        Ok(surviving)
    }

    fn finish(self: Box<Self>, _: &[usize], _: Option<&mut Manifest>) -> Result<bool, SetError> {
        Ok(false)
    }
}
