//! A folder of PNG or JPEG files to write.

use crate::format::picture;
use crate::set::sink::{Sink, Stored};
use crate::set::staging::Staging;
use crate::set::{Manifest, Member, SetError, Slot};
use imgveil::internal::image::Image;
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::PathBuf;

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

    fn file(&self, slot: usize) -> PathBuf {
        self.staging.root().join(self.path(slot))
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
        self.staging.write(&self.file(slot), &bytes)?;
        Ok(vec![Stored { slot, hash: blake3::hash(&bytes) }])
    }

    fn give_up(&self, _: usize) -> Result<Vec<Stored>, SetError> {
        Ok(Vec::new())
    }

    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, SetError> {
        let whole = |stored: &&Stored| {
            std::fs::read(self.file(stored.slot)).is_ok_and(|file| blake3::hash(&file) == stored.hash)
        };
        let surviving: Vec<usize> = earlier.par_iter().filter(whole).map(|stored| stored.slot).collect();
        // An image that was removed from the input between the two runs must not stay in the output.
        let files: HashSet<PathBuf> = surviving.iter().map(|&slot| self.file(slot)).collect();
        self.staging.tidy(|path| files.contains(path))?;
        Ok(surviving)
    }

    fn finish(self: Box<Self>, _: &[usize], _: Option<&mut Manifest>) -> Result<bool, SetError> {
        Ok(false)
    }
}
