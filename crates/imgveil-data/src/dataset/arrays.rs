//! Sets of arrays, as MedMNIST lays them out: `{train,val,test}_images` (N x H x W or N x H x W x 3, unsigned, 8 or 16 bits) and
//! `{train,val,test}_labels` (N or N x 1, integers), or `images` and `labels` for a set that is not divided. What an `.npz` file
//! and a folder of `.npy` files share; where the arrays come from is theirs. Large arrays stay on the disk: an image is read
//! where it lies.

mod sink;

pub use sink::{NpySink, NpzSink};

use super::{Beside, Entry, Item, MANIFEST, Manifest, ReadError, ReadErrorKind, SPLITS, Source, Split, positioned};
use crate::npy::{self, Header, NpyError, TypeChar};
use imgveil::internal::image::{Depth, Geometry, Image};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

/// The longest array of labels for `count` images, its header included.
pub(super) fn longest_labels(count: usize) -> u64 {
    count as u64 * 8 + (1 << 17)
}

/// The array of a part's images.
pub(super) fn images_name(split: Split) -> String {
    split.name().map_or("images".into(), |name| format!("{name}_images"))
}

/// The array of a part's labels.
pub(super) fn labels_name(split: Split) -> String {
    split.name().map_or("labels".into(), |name| format!("{name}_labels"))
}

/// Where image `i` of a part lies, as a manifest says it.
pub(crate) fn place(split: Split, i: usize) -> String {
    format!("{}[{i}]", images_name(split))
}

/// An array's file, or its member in an archive.
pub(super) fn file_name(array: &str) -> String {
    format!("{array}.npy")
}

/// How an array of images lies in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) geometry: Geometry,
    pub(super) count: usize,
    /// 16-bit samples with the most significant byte first.
    pub(super) swapped: bool,
}

impl Layout {
    /// What a header says of an array of images, if it is one.
    pub(super) fn of(header: &Header) -> Result<Self, String> {
        let depth = match header.kind() {
            (TypeChar::Uint, 1) => Depth::U8,
            (TypeChar::Uint, 2) => Depth::U16,
            _ => {
                return Err(format!(
                    "it holds {}, only unsigned samples of 8 or 16 bits ('|u1', '<u2') are supported",
                    header.described()
                ));
            }
        };
        let side = |n: u64| u32::try_from(n).map_err(|_| format!("a side of {n} is too large"));
        let (count, geometry) = match *header.shape() {
            [count, height, width] => (count, Geometry::new(side(height)?, side(width)?, 1)),
            [count, height, width, channels] => (count, Geometry::new(side(height)?, side(width)?, side(channels)?)),
            _ => return Err(format!("its shape is {}; expected N x H x W or N x H x W x 3", header.shape_text())),
        };
        let geometry = geometry.map_err(|e| e.to_string())?.with_depth(depth);
        let count = usize::try_from(count).map_err(|_| format!("{count} images are too many"))?;
        Ok(Self { geometry, count, swapped: depth == Depth::U16 && header.is_big_endian() })
    }
}

/// Where the samples of an array are.
pub(super) enum Data {
    /// All of them in memory.
    Memory(Vec<u8>),
    /// In a file, from a place on.
    File {
        /// The file.
        file: File,
        /// Where the samples begin.
        offset: u64,
    },
}

/// One array of images. Whoever makes it has checked that its data is as long as the layout says.
pub(super) struct Part {
    pub(super) layout: Layout,
    pub(super) data: Data,
    /// Of the file that it lies in; see [`Source::stamp`].
    pub(super) stamp: String,
}

impl Part {
    /// The samples of image `i`, the less significant byte first.
    fn samples(&self, i: usize) -> Result<Vec<u8>, ReadErrorKind> {
        let size = self.layout.geometry.bytes();
        let missing = || ReadErrorKind::Io(std::io::ErrorKind::UnexpectedEof.into());
        let mut samples = match &self.data {
            Data::Memory(all) => all.chunks_exact(size).nth(i).ok_or_else(missing)?.to_vec(),
            Data::File { file, offset } => {
                let mut samples = vec![0; size];
                let place = offset + i as u64 * size as u64;
                positioned::read(file, &mut samples, place).map_err(ReadErrorKind::Io)?;
                samples
            }
        };
        if self.layout.swapped {
            samples.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
        Ok(samples)
    }
}

/// The labels in an array held in memory.
pub(super) fn labels(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let (header, data) = npy::parse(bytes).map_err(|e| e.to_string())?;
    match *header.shape() {
        [_] | [_, 1] => {}
        [_, several] => {
            return Err(format!("{several} labels an image; only sets with one class an image are supported"));
        }
        _ => return Err(format!("its shape is {}; expected N or N x 1", header.shape_text())),
    }
    let values = match header.kind() {
        (TypeChar::Uint, 1) => widened::<u8>(header, data),
        (TypeChar::Uint, 2) => widened::<u16>(header, data),
        (TypeChar::Uint, 4) => widened::<u32>(header, data),
        (TypeChar::Uint, 8) => widened::<u64>(header, data),
        (TypeChar::Int, 1) => widened::<i8>(header, data),
        (TypeChar::Int, 2) => widened::<i16>(header, data),
        (TypeChar::Int, 4) => widened::<i32>(header, data),
        (TypeChar::Int, 8) => widened::<i64>(header, data),
        _ => return Err(format!("it holds {}, labels must be integers", header.described())),
    };
    // A class has a name and a network an output for it: a label of a billion is a mistake, not a billion classes.
    let label = |n: i128| {
        u32::try_from(n).ok().filter(|&n| n < 65_536).ok_or(format!("label {n} is not a class number (0 to 65535)"))
    };
    values.map_err(|e| e.to_string())?.into_iter().map(label).collect()
}

fn widened<T: npy::Deserialize + Into<i128>>(header: Header, data: &[u8]) -> Result<Vec<i128>, NpyError> {
    Ok(header.values::<T>(data)?.into_iter().map(Into::into).collect())
}

/// An opened set of arrays.
pub(super) struct ArraySource {
    items: Vec<Item>,
    /// Part and number in it of each item.
    places: Vec<(Split, usize)>,
    parts: BTreeMap<Split, Part>,
    classes: Vec<String>,
    /// BLAKE3 of each image's samples as the manifest states it; empty for a plain set.
    hashes: Vec<String>,
    ignored: Vec<PathBuf>,
    beside: Beside,
}

impl ArraySource {
    /// The set that a manifest tells of, or a plain one.
    pub(super) fn new(
        parts: BTreeMap<Split, Part>,
        labels: &BTreeMap<Split, Vec<u32>>,
        manifest: Option<&Manifest>,
    ) -> Result<Self, String> {
        match manifest {
            Some(manifest) => Self::encrypted(parts, labels, manifest),
            None => Self::plain(parts, labels),
        }
    }

    /// What else lies in the archive of an encrypted set.
    pub(super) fn with_strangers(mut self, strangers: Vec<String>) -> Self {
        self.beside.strangers.extend(strangers);
        self
    }

    /// Files that lie beside the arrays and are none.
    pub(super) fn with_ignored(self, ignored: Vec<PathBuf>) -> Self {
        Self { ignored, ..self }
    }

    fn plain(parts: BTreeMap<Split, Part>, labels: &BTreeMap<Split, Vec<u32>>) -> Result<Self, String> {
        let (mut items, mut places) = (Vec::new(), Vec::new());
        for split in SPLITS {
            let Some(part) = parts.get(&split) else { continue };
            let count = part.layout.count;
            let labels = labels.get(&split);
            if let Some(labels) = labels
                && labels.len() != count
            {
                return Err(format!("{} has {count} images but {} labels", images_name(split), labels.len()));
            }
            for i in 0..count {
                // The class is in the name, as in a folder of class folders: written as one, the set keeps its labels.
                let label = labels.and_then(|labels| labels.get(i).copied());
                let class = label.map_or(String::new(), |label| format!("{label}/"));
                let name = format!("{}/{class}{i:06}", split.name().unwrap_or("images"));
                items.push(Item { name, split, label });
                places.push((split, i));
            }
        }
        let classes = match labels.values().flatten().max() {
            Some(&largest) => (0..=largest).map(|class| class.to_string()).collect(),
            None => Vec::new(),
        };
        let (hashes, ignored, beside) = (Vec::new(), Vec::new(), Beside::default());
        Ok(Self { items, places, parts, classes, hashes, ignored, beside })
    }

    fn encrypted(
        parts: BTreeMap<Split, Part>,
        labels: &BTreeMap<Split, Vec<u32>>,
        manifest: &Manifest,
    ) -> Result<Self, String> {
        let mut places = Vec::new();
        for entry in &manifest.images {
            let number = entry
                .path
                .strip_prefix(&images_name(entry.split))
                .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']')?.parse::<usize>().ok());
            match (number, parts.get(&entry.split)) {
                (Some(i), Some(part)) if i < part.layout.count => places.push((entry.split, i)),
                _ => return Err(format!("{MANIFEST} names {}, which is not there", entry.path)),
            }
        }
        Ok(Self {
            items: manifest.images.iter().map(Entry::item).collect(),
            places,
            parts,
            classes: manifest.classes.clone(),
            hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
            ignored: Vec::new(),
            beside: beside(labels, manifest),
        })
    }

    fn place(&self, index: usize) -> Result<(&Part, usize, String), ReadError> {
        let found = self.places.get(index).and_then(|&(split, i)| Some((self.parts.get(&split)?, i, place(split, i))));
        let missing = || ReadErrorKind::Io(std::io::ErrorKind::NotFound.into());
        found.ok_or_else(|| ReadError { path: format!("image {index}"), kind: missing() })
    }
}

/// Holds arrays of labels against a manifest. Sinks write one for a part whose images all have a label.
fn beside(labels: &BTreeMap<Split, Vec<u32>>, manifest: &Manifest) -> Beside {
    let mut beside = Beside::default();
    for split in SPLITS {
        let here = manifest.images.iter().filter(|entry| entry.split == split);
        let stated: Option<Vec<u32>> = here.map(|entry| entry.label).collect();
        let found = labels.get(&split);
        match stated.filter(|stated| !stated.is_empty()) {
            Some(stated) if found != Some(&stated) => beside.labels.push(file_name(&labels_name(split))),
            None if found.is_some() => beside.strangers.push(file_name(&labels_name(split))),
            _ => {}
        }
    }
    beside
}

impl Source for ArraySource {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn ignored(&self) -> &[PathBuf] {
        &self.ignored
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        self.place(index).map(|(part, ..)| part.layout.geometry)
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let (part, i, path) = self.place(index)?;
        let wrong = |kind| ReadError { path: path.clone(), kind };
        let samples = part.samples(i).map_err(wrong)?;
        if let Some(stated) = self.hashes.get(index)
            && blake3::hash(&samples).to_hex().as_str() != stated
        {
            return Err(wrong(ReadErrorKind::Changed));
        }
        Image::new(part.layout.geometry, samples)
            .ok_or_else(|| wrong(ReadErrorKind::Damaged("it has another size than its array says".into())))
    }

    fn beside(&self) -> Beside {
        self.beside.clone()
    }

    fn stamp(&self, index: usize) -> String {
        self.place(index).map_or(String::new(), |(part, ..)| part.stamp.clone())
    }
}
