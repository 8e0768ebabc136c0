//! MedMNIST's `.npz`: arrays `{train,val,test}_images` (N x H x W or N x H x W x 3, u8 or u16) and `{train,val,test}_labels` (N or
//! N x 1, integers); or `images` and `labels` for a set that is not divided. An encrypted one carries its manifest as
//! one more member. Held in memory whole.

use super::{
    DatasetError, Item, MANIFEST, Manifest, Opened, ReadError, ReadErrorKind, SPLITS, Sink, Source, Split,
    write_atomically,
};
use crate::image::{Depth, Geometry, Image};
use npyz::{DType, NpyHeader, Order, TypeChar, WriterBuilder};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub(super) fn images_name(split: Split) -> String {
    split.name().map_or("images".into(), |name| format!("{name}_images"))
}

pub(super) fn labels_name(split: Split) -> String {
    split.name().map_or("labels".into(), |name| format!("{name}_labels"))
}

/// Where image `i` of a part lies, as a manifest says it.
pub(crate) fn place(split: Split, i: usize) -> String {
    format!("{}[{i}]", images_name(split))
}

/// An array's member in the archive.
pub(super) fn npz_member(array: &str) -> String {
    format!("{array}.npy")
}

pub(super) fn bad(path: &Path, reason: String) -> DatasetError {
    DatasetError::Npz { path: path.to_owned(), reason }
}

type Archive = zip::ZipArchive<Cursor<Vec<u8>>>;

/// An array file, its members not read yet.
pub(super) fn archive(path: &Path) -> Result<Archive, DatasetError> {
    let bytes = std::fs::read(path).map_err(|source| DatasetError::Read { path: path.to_owned(), source })?;
    zip::ZipArchive::new(Cursor::new(bytes)).map_err(|e| bad(path, e.to_string()))
}

/// The manifest that lies in an array file, if one does.
pub(super) fn read_manifest(zip: &mut Archive, path: &Path) -> Result<Option<Manifest>, DatasetError> {
    let Some(text) = member(zip, MANIFEST).map_err(|reason| bad(path, reason))? else { return Ok(None) };
    let parsed = Manifest::parse(&text);
    parsed.map(Some).map_err(|source| DatasetError::Manifest { path: path.join(MANIFEST), source })
}

/// Members without time stamps and compression: the same bytes whenever they are written, and encrypted pixels do not
/// compress.
pub(super) fn stored() -> zip::write::SimpleFileOptions {
    zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default())
}

pub(super) fn write_manifest(zip: &mut zip::ZipWriter<Cursor<Vec<u8>>>, manifest: &Manifest) -> Result<(), String> {
    zip.start_file(MANIFEST, stored()).map_err(|e| e.to_string())?;
    zip.write_all(&manifest.to_text().map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// One array of images.
struct Part {
    geometry: Geometry,
    samples: Vec<u8>,
}

/// An opened array file.
struct NpzSource {
    items: Vec<Item>,
    /// Part and number in it of each item.
    places: Vec<(Split, usize)>,
    parts: BTreeMap<Split, Part>,
    classes: Vec<String>,
    hashes: Vec<String>,
}

/// Opens an array file, plain or encrypted.
pub(super) fn open(path: &Path) -> Result<Opened, DatasetError> {
    let bad = |reason: String| bad(path, reason);
    let mut zip = archive(path)?;
    let manifest = read_manifest(&mut zip, path)?;
    if let Some(manifest) = &manifest
        && manifest.scheme.mixes()
    {
        return Err(DatasetError::Mixtures { path: path.to_owned(), scheme: manifest.scheme.name.clone() });
    }
    let (mut parts, mut labels) = (BTreeMap::new(), BTreeMap::new());
    for split in SPLITS {
        let name = images_name(split);
        let Some(member) = member(&mut zip, &npz_member(&name)).map_err(&bad)? else { continue };
        parts.insert(split, images(member).map_err(|reason| bad(format!("array {name}: {reason}")))?);
        let name = labels_name(split);
        if let Some(member) = self::member(&mut zip, &npz_member(&name)).map_err(&bad)? {
            labels.insert(split, integers(&member).map_err(|reason| bad(format!("array {name}: {reason}")))?);
        }
    }
    if parts.is_empty() {
        return Err(bad("it has no array train_images, val_images, test_images or images".into()));
    }
    let source = match &manifest {
        Some(manifest) => encrypted(parts, manifest).map_err(&bad)?,
        None => plain(parts, &labels).map_err(&bad)?,
    };
    Ok(Opened { source: Box::new(source), manifest })
}

fn plain(parts: BTreeMap<Split, Part>, labels: &BTreeMap<Split, Vec<u32>>) -> Result<NpzSource, String> {
    let (mut items, mut places) = (Vec::new(), Vec::new());
    for split in SPLITS {
        let Some(part) = parts.get(&split) else { continue };
        let count = part.samples.len() / part.geometry.bytes();
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
    Ok(NpzSource { items, places, parts, classes, hashes: Vec::new() })
}

fn encrypted(parts: BTreeMap<Split, Part>, manifest: &Manifest) -> Result<NpzSource, String> {
    let mut places = Vec::new();
    for entry in &manifest.images {
        let number = entry
            .path
            .strip_prefix(&images_name(entry.split))
            .and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']')?.parse::<usize>().ok());
        let part = parts.get(&entry.split);
        match (number, part) {
            (Some(i), Some(part)) if i < part.samples.len() / part.geometry.bytes() => places.push((entry.split, i)),
            _ => return Err(format!("{MANIFEST} names {}, which is not there", entry.path)),
        }
    }
    Ok(NpzSource {
        items: manifest.images.iter().map(super::Entry::item).collect(),
        places,
        parts,
        classes: manifest.classes.clone(),
        hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
    })
}

/// A member's bytes; `None` when there is none of this name.
pub(super) fn member(zip: &mut Archive, name: &str) -> Result<Option<Vec<u8>>, String> {
    let mut file = match zip.by_name(name) {
        Ok(file) => file,
        Err(zip::result::ZipError::FileNotFound) => return Ok(None),
        Err(e) => return Err(format!("{name}: {e}")),
    };
    // Grows as data really comes: a header that lies about the size allocates nothing.
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(|e| format!("{name}: {e}"))?;
    Ok(Some(bytes))
}

/// An array's header, and its data checked to be as long as the header says.
pub(super) fn array(bytes: &[u8]) -> Result<(NpyHeader, &[u8]), String> {
    let mut rest = bytes;
    let header = NpyHeader::from_reader(&mut rest).map_err(|e| e.to_string())?;
    if header.order() != Order::C {
        return Err("it is in Fortran order; save it with numpy.ascontiguousarray".into());
    }
    let size = header.dtype().num_bytes().unwrap_or(0) as u128;
    let expected = header.shape().iter().try_fold(size, |product, &side| product.checked_mul(u128::from(side)));
    if expected != Some(rest.len() as u128) {
        return Err(format!("its header says shape {:?}, but {} bytes of data follow", header.shape(), rest.len()));
    }
    Ok((header, rest))
}

fn images(bytes: Vec<u8>) -> Result<Part, String> {
    let (header, data) = array(&bytes)?;
    let depth = match header.dtype() {
        DType::Plain(t) if t.type_char() == TypeChar::Uint && t.size_field() == 1 => Depth::U8,
        DType::Plain(t) if t.type_char() == TypeChar::Uint && t.size_field() == 2 => Depth::U16,
        other => {
            let found = other.descr();
            return Err(format!(
                "it holds {found}, only unsigned samples of 8 or 16 bits ('|u1', '<u2') are supported"
            ));
        }
    };
    let side = |n: u64| u32::try_from(n).map_err(|_| format!("a side of {n} is too large"));
    let geometry = match *header.shape() {
        [_, height, width] => Geometry::new(side(height)?, side(width)?, 1),
        [_, height, width, channels] => Geometry::new(side(height)?, side(width)?, side(channels)?),
        _ => return Err(format!("its shape is {:?}; expected N x H x W or N x H x W x 3", header.shape())),
    };
    let geometry = geometry.map_err(|e| e.to_string())?.with_depth(depth);
    if depth == Depth::U16 {
        // Whichever order of bytes the file has, ours is the less significant one first.
        let samples = npyz::NpyFile::with_header(header, data).into_vec::<u16>().map_err(|e| e.to_string())?;
        let samples = samples.into_iter().flat_map(u16::to_le_bytes).collect();
        return Ok(Part { geometry, samples });
    }
    let offset = bytes.len() - data.len();
    let mut samples = bytes;
    samples.drain(..offset);
    Ok(Part { geometry, samples })
}

fn integers(bytes: &[u8]) -> Result<Vec<u32>, String> {
    let (header, data) = array(bytes)?;
    match *header.shape() {
        [_] | [_, 1] => {}
        [_, several] => {
            return Err(format!("{several} labels an image; only sets with one class an image are supported"));
        }
        _ => return Err(format!("its shape is {:?}; expected N or N x 1", header.shape())),
    }
    let kind = match header.dtype() {
        DType::Plain(t) => (t.type_char(), t.size_field()),
        _ => (TypeChar::Object, 0),
    };
    let values = match kind {
        (TypeChar::Uint, 1) => widened::<u8>(header, data),
        (TypeChar::Uint, 2) => widened::<u16>(header, data),
        (TypeChar::Uint, 4) => widened::<u32>(header, data),
        (TypeChar::Uint, 8) => widened::<u64>(header, data),
        (TypeChar::Int, 1) => widened::<i8>(header, data),
        (TypeChar::Int, 2) => widened::<i16>(header, data),
        (TypeChar::Int, 4) => widened::<i32>(header, data),
        (TypeChar::Int, 8) => widened::<i64>(header, data),
        _ => Err(format!("it holds {}, labels must be integers", header.dtype().descr())),
    }?;
    // A class has a name and a network an output for it: a label of a billion is a mistake, not a billion classes.
    let label = |n: i64| {
        u32::try_from(n).ok().filter(|&n| n < 65_536).ok_or(format!("label {n} is not a class number (0 to 65535)"))
    };
    values.into_iter().map(label).collect()
}

fn widened<T: npyz::Deserialize + TryInto<i64>>(header: NpyHeader, data: &[u8]) -> Result<Vec<i64>, String> {
    let values: Vec<T> = npyz::NpyFile::with_header(header, data).into_vec().map_err(|e| e.to_string())?;
    values.into_iter().map(|n| n.try_into().map_err(|_| "a label does not fit 64 bits".to_owned())).collect()
}

impl NpzSource {
    fn place(&self, index: usize) -> Option<(&Part, usize, String)> {
        let &(split, i) = self.places.get(index)?;
        Some((self.parts.get(&split)?, i, place(split, i)))
    }
}

impl Source for NpzSource {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        match self.place(index) {
            Some((part, ..)) => Ok(part.geometry),
            None => Err(ReadError { path: format!("image {index}"), kind: ReadErrorKind::Foreign }),
        }
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let Some((part, i, path)) = self.place(index) else {
            return Err(ReadError { path: format!("image {index}"), kind: ReadErrorKind::Foreign });
        };
        let size = part.geometry.bytes();
        let samples = &part.samples[i * size..(i + 1) * size];
        if let Some(stated) = self.hashes.get(index)
            && blake3::hash(samples).to_hex().as_str() != stated
        {
            return Err(ReadError { path, kind: ReadErrorKind::Changed });
        }
        let damaged = || ReadError { path: path.clone(), kind: ReadErrorKind::Damaged("wrong size".into()) };
        Image::new(part.geometry, samples.to_vec()).ok_or_else(damaged)
    }
}

/// Whether a new array file can be made here: found out now rather than after an hour of encryption.
pub(crate) fn check_new(path: &Path) -> Result<(), DatasetError> {
    if path.exists() {
        return Err(DatasetError::OutputExists(path.to_owned()));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match folder.is_dir() {
        true => Ok(()),
        false => Err(DatasetError::Missing(folder.to_owned())),
    }
}

/// Collects a set and writes it as one array file.
pub struct NpzSink {
    path: PathBuf,
    items: Vec<Item>,
    images: Mutex<Vec<Option<Image>>>,
}

impl NpzSink {
    pub(super) fn create(path: &Path, items: &[Item]) -> Result<Self, DatasetError> {
        check_new(path)?;
        let images = Mutex::new(vec![None; items.len()]);
        Ok(Self { path: path.to_owned(), items: items.to_vec(), images })
    }

    fn write(&self, manifest: Option<&Manifest>) -> Result<Vec<u8>, String> {
        let images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = stored();
        let text = |e: &dyn std::fmt::Display| e.to_string();
        for split in SPLITS {
            let here: Vec<(&Item, &Image)> = self
                .items
                .iter()
                .zip(images.iter())
                .filter(|(item, _)| item.split == split)
                .filter_map(|(item, image)| Some((item, image.as_ref()?)))
                .collect();
            let Some(&(first, image)) = here.first() else { continue };
            let geometry = image.geometry();
            if let Some((item, image)) = here.iter().find(|(_, image)| image.geometry() != geometry) {
                return Err(format!(
                    "an array holds images of one size: {} is {geometry}, {} is {}; write to a folder instead",
                    first.name,
                    item.name,
                    image.geometry()
                ));
            }
            let (height, width) = (geometry.height() as u64, geometry.width() as u64);
            let mut shape = vec![here.len() as u64, height, width];
            if geometry.channels() == 3 {
                shape.push(3);
            }
            zip.start_file(npz_member(&images_name(split)), options.large_file(true)).map_err(|e| text(&e))?;
            let samples = here.iter().flat_map(|(_, image)| image.samples());
            match geometry.depth() {
                Depth::U8 => write_npy(&mut zip, &shape, samples.copied()),
                Depth::U16 => {
                    let samples = here.iter().flat_map(|(_, image)| image.samples().chunks_exact(2));
                    write_npy(&mut zip, &shape, samples.map(|pair| u16::from_le_bytes([pair[0], pair[1]])))
                }
            }
            .map_err(|e| text(&e))?;
            let labels: Option<Vec<u32>> = here.iter().map(|(item, _)| item.label).collect();
            if let Some(labels) = labels {
                zip.start_file(npz_member(&labels_name(split)), options).map_err(|e| text(&e))?;
                let shape = [labels.len() as u64, 1];
                // As MedMNIST has it: one byte where that holds every class.
                match labels.iter().copied().map(u8::try_from).collect::<Result<Vec<u8>, _>>() {
                    Ok(bytes) => write_npy(&mut zip, &shape, bytes),
                    Err(_) => write_npy(&mut zip, &shape, labels),
                }
                .map_err(|e| text(&e))?;
            }
        }
        if let Some(manifest) = manifest {
            write_manifest(&mut zip, manifest)?;
        }
        Ok(zip.finish().map_err(|e| text(&e))?.into_inner())
    }
}

pub(super) fn write_npy<T: npyz::AutoSerialize>(
    writer: impl Write,
    shape: &[u64],
    values: impl IntoIterator<Item = T>,
) -> std::io::Result<()> {
    let mut array = npyz::WriteOptions::new().default_dtype().shape(shape).writer(writer).begin_nd()?;
    array.extend(values)?;
    array.finish()
}

impl Sink for NpzSink {
    fn put(&self, index: usize, _: &Item, image: &Image) -> Result<blake3::Hash, DatasetError> {
        let mut images = self.images.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = images.get_mut(index) {
            *place = Some(image.clone());
        }
        Ok(blake3::hash(image.samples()))
    }

    fn path(&self, item: &Item, before: usize) -> String {
        place(item.split, before)
    }

    fn finish(self: Box<Self>, manifest: Option<&Manifest>) -> Result<(), DatasetError> {
        let path = self.path.clone();
        let bytes = self.write(manifest).map_err(|reason| DatasetError::Encode { path: path.clone(), reason })?;
        write_atomically(&path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy<T: npyz::AutoSerialize>(shape: &[u64], values: Vec<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_npy(&mut bytes, shape, values).unwrap();
        bytes
    }

    fn npz(folder: &Path, members: &[(&str, Vec<u8>)]) -> PathBuf {
        let path = folder.join("set.npz");
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        for (name, bytes) in members {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    #[test]
    fn reads_medmnist_and_writes_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = npz(
            folder.path(),
            &[
                ("train_images.npy", npy(&[2, 2, 3], (0u8..12).collect())),
                ("train_labels.npy", npy(&[2, 1], vec![1i64, 0])),
                ("test_images.npy", npy(&[1, 2, 3], vec![9u8; 6])),
                ("test_labels.npy", npy(&[1], vec![1u8])),
            ],
        );
        let opened = open(&path).unwrap();
        let source = &opened.source;
        assert_eq!(source.classes(), ["0", "1"]);
        assert_eq!(source.items()[1], Item { name: "train/0/000001".into(), split: Split::Train, label: Some(0) });
        assert_eq!(source.read(1).unwrap().samples(), [6, 7, 8, 9, 10, 11]);
        let again = folder.path().join("again.npz");
        let sink = NpzSink::create(&again, source.items()).unwrap();
        for (i, item) in source.items().iter().enumerate() {
            sink.put(i, item, &source.read(i).unwrap()).unwrap();
        }
        Box::new(sink).finish(None).unwrap();
        let again = open(&again).unwrap().source;
        assert_eq!(again.items(), source.items());
        for i in 0..3 {
            assert_eq!(again.read(i).unwrap(), source.read(i).unwrap());
        }
    }

    #[test]
    fn lying_and_foreign_arrays_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused =
            |members: &[(&str, Vec<u8>)]| open(&npz(folder.path(), members)).map(|_| ()).unwrap_err().to_string();
        let mut lying = npy(&[2, 2, 3], (0u8..12).collect());
        let header = String::from_utf8_lossy(&lying[10..]).find("(2, 2, 3").unwrap() + 10;
        lying[header + 1] = b'9';
        assert!(refused(&[("train_images.npy", lying)]).contains("shape [9, 2, 3]"));
        assert!(refused(&[("x.npy", vec![])]).contains("no array train_images"));
        assert!(refused(&[("train_images.npy", npy(&[1, 2, 2], vec![1.0f32; 4]))]).contains("8 or 16 bits"));
        assert!(refused(&[("train_images.npy", npy(&[4], vec![1u8; 4]))]).contains("N x H x W"));
        assert!(refused(&[("train_images.npy", npy(&[1, 2, 2, 2], vec![1u8; 8]))]).contains("channels"));
        let one = || ("train_images.npy", npy(&[1, 2, 2], vec![1u8; 4]));
        assert!(refused(&[one(), ("train_labels.npy", npy(&[2], vec![1u8; 2]))]).contains("1 images but 2 labels"));
        assert!(refused(&[one(), ("train_labels.npy", npy(&[1, 3], vec![1u8; 3]))]).contains("3 labels an image"));
        assert!(refused(&[one(), ("train_labels.npy", npy(&[1], vec![-1i8]))]).contains("-1"));
        std::fs::write(folder.path().join("set.npz"), b"not a zip").unwrap();
        assert!(open(&folder.path().join("set.npz")).is_err());
    }
}
