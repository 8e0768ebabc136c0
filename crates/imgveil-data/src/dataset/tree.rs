//! A tree of PNG or JPEG files to write.

use super::sink::{Member, Sink, Slot, Stored};
use super::work::Work;
use super::{DatasetError, Manifest, picture};
use imgveil::internal::image::Image;
use rayon::prelude::*;
use std::collections::HashSet;
use std::path::PathBuf;

/// What the files of a tree are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Exact.
    Png,
    /// Of this quality, 1 to 100.
    Jpeg(u8),
}

/// A tree of image files to write.
pub struct TreeSink {
    work: Work,
    slots: Vec<Slot>,
    kind: Kind,
}

impl TreeSink {
    /// A tree in the folder of `work`, which exists.
    pub fn create(work: Work, slots: Vec<Slot>, kind: Kind) -> Self {
        Self { work, slots, kind }
    }

    fn file(&self, slot: usize) -> PathBuf {
        self.work.root().join(self.path(slot))
    }
}

impl Sink for TreeSink {
    fn encode(&self, image: &Image) -> Result<Vec<u8>, String> {
        match self.kind {
            Kind::Png => picture::encode_png(image),
            Kind::Jpeg(quality) => picture::encode_jpeg(image, quality),
        }
    }

    fn path(&self, slot: usize) -> String {
        let extension = match self.kind {
            Kind::Png => "png",
            Kind::Jpeg(_) => "jpg",
        };
        self.slots.get(slot).map_or(String::new(), |slot| format!("{}.{extension}", slot.item.name))
    }

    fn store(&self, slot: usize, bytes: Vec<u8>, _: Vec<Member>) -> Result<Vec<Stored>, DatasetError> {
        self.work.write(&self.file(slot), &bytes)?;
        Ok(vec![Stored { slot, hash: blake3::hash(&bytes) }])
    }

    fn give_up(&self, _: usize) -> Result<Vec<Stored>, DatasetError> {
        Ok(Vec::new())
    }

    fn surviving(&self, earlier: &[Stored]) -> Result<Vec<usize>, DatasetError> {
        let whole = |stored: &&Stored| {
            std::fs::read(self.file(stored.slot)).is_ok_and(|file| blake3::hash(&file) == stored.hash)
        };
        let surviving: Vec<usize> = earlier.par_iter().filter(whole).map(|stored| stored.slot).collect();
        // An image that was taken out of the input between the two runs must not stay in the output.
        let files: HashSet<PathBuf> = surviving.iter().map(|&slot| self.file(slot)).collect();
        self.work.tidy(|path| files.contains(path))?;
        Ok(surviving)
    }

    fn finish(self: Box<Self>, _: &[usize], _: Option<&mut Manifest>) -> Result<bool, DatasetError> {
        Ok(false)
    }
}
