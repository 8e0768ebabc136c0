//! Folders of PNG and JPEG files: images, class folders, or `train/ val/ test/` of them. Written as PNG.

use super::{
    DatasetError, Item, MANIFEST, Manifest, Opened, ReadError, ReadErrorKind, Sink, Source, Split, write_atomically,
};
use crate::image::{Depth, Geometry, Image};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ColorType, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A folder of images.
pub struct FolderSource {
    root: PathBuf,
    items: Vec<Item>,
    places: Vec<Place>,
    classes: Vec<String>,
    ignored: Vec<PathBuf>,
    /// BLAKE3 of each file as the manifest states it; empty for a plain set.
    hashes: Vec<String>,
}

/// Where an item lies, relative to the root.
enum Place {
    /// A file.
    File(PathBuf),
    /// The walk came here and no further: a dangling link, a folder that may not be read. With the system's words.
    Unreadable(PathBuf, String),
    /// A file whose name is not text.
    NotText(PathBuf),
}

impl Place {
    fn path(&self) -> &Path {
        let (Place::File(path) | Place::Unreadable(path, _) | Place::NotText(path)) = self;
        path
    }
}

/// Opens a folder, plain or encrypted.
pub(super) fn open(root: &Path) -> Result<Opened, DatasetError> {
    if root.join(PARTIAL).exists() {
        return Err(DatasetError::Unfinished(root.to_owned()));
    }
    let path = root.join(MANIFEST);
    match std::fs::read(&path) {
        Ok(text) => {
            let manifest = Manifest::parse(&text).map_err(|source| DatasetError::Manifest { path, source })?;
            let source = FolderSource {
                root: root.to_owned(),
                items: manifest.images.iter().map(super::Entry::item).collect(),
                places: manifest.images.iter().map(|entry| Place::File(PathBuf::from(&entry.path))).collect(),
                classes: manifest.classes.clone(),
                ignored: Vec::new(),
                hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
            };
            Ok(Opened { source: Box::new(source), manifest: Some(manifest) })
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Ok(Opened { source: Box::new(FolderSource::walk(root)?), manifest: None })
        }
        Err(source) => Err(DatasetError::Read { path, source }),
    }
}

impl super::Entry {
    /// The entry as an item of a source.
    pub(super) fn item(&self) -> Item {
        Item { name: self.name.clone(), split: self.split, label: self.label }
    }
}

/// A file found in the tree.
struct File {
    parts: Vec<String>,
    place: Place,
}

impl FolderSource {
    fn walk(root: &Path) -> Result<Self, DatasetError> {
        let (mut files, mut ignored) = (Vec::new(), Vec::new());
        // Not the root's own name: whoever names a hidden folder means it.
        let visible =
            |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
        let walk = walkdir::WalkDir::new(root).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(visible) {
            let (path, problem) = match &entry {
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => (entry.path(), None),
                // The root itself cannot be read: nothing to go on with.
                Err(e) if e.depth() == 0 => {
                    let source = std::io::Error::other(e.to_string());
                    return Err(DatasetError::Read { path: root.to_owned(), source });
                }
                Err(e) => (e.path().unwrap_or(root), Some(e.io_error().map_or(e.to_string(), |e| e.to_string()))),
            };
            let relative = path.strip_prefix(root).unwrap_or(path);
            if !is_image_name(relative) && problem.is_none() {
                ignored.push(relative.to_owned());
                continue;
            }
            let parts: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            let place = match problem {
                Some(problem) => Place::Unreadable(relative.to_owned(), problem),
                None if relative.to_str().is_none() => Place::NotText(relative.to_owned()),
                None => Place::File(relative.to_owned()),
            };
            files.push(File { parts, place });
        }
        if files.is_empty() {
            return Err(DatasetError::Empty { path: root.to_owned(), ignored: ignored.len() });
        }
        // What cannot be read says nothing of how the set is laid out.
        let readable = || files.iter().filter(|file| !matches!(file.place, Place::Unreadable(..)));
        // Splits only where every image lies in one: a class may be called "test".
        let in_split =
            |file: &File| file.parts.len() > 1 && file.parts.first().is_some_and(|p| Split::named(p).is_some());
        let has_splits = readable().all(in_split);
        let class_at = usize::from(has_splits);
        let class = |file: &File| file.parts.get(class_at).filter(|_| file.parts.len() > class_at + 1).cloned();
        let classes: BTreeSet<String> = readable().filter_map(class).collect();
        let classes: Vec<String> = classes.into_iter().collect();
        let item = |file: &File| {
            let name = file.parts.join("/");
            let split = has_splits.then(|| file.parts.first().and_then(|part| Split::named(part))).flatten();
            let label = class(file).and_then(|class| classes.binary_search(&class).ok()).map(|label| label as u32);
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
            Item { name: stem.to_owned(), split: split.unwrap_or(Split::All), label }
        };
        let items = files.iter().map(item).collect();
        let places = files.into_iter().map(|file| file.place).collect();
        Ok(Self { root: root.to_owned(), items, places, classes, ignored, hashes: Vec::new() })
    }

    fn fail(&self, index: usize, kind: ReadErrorKind) -> ReadError {
        let path = self.places.get(index).map_or(format!("image {index}"), |place| place.path().display().to_string());
        ReadError { path, kind }
    }

    fn bytes(&self, index: usize) -> Result<Vec<u8>, ReadError> {
        let kind = match self.places.get(index) {
            Some(Place::File(relative)) => match std::fs::read(self.root.join(relative)) {
                Ok(bytes) => return Ok(bytes),
                Err(e) => ReadErrorKind::Io(e),
            },
            Some(Place::Unreadable(_, words)) => ReadErrorKind::Io(std::io::Error::other(words.clone())),
            Some(Place::NotText(_)) => ReadErrorKind::Name,
            None => ReadErrorKind::Io(std::io::ErrorKind::NotFound.into()),
        };
        Err(self.fail(index, kind))
    }
}

impl Source for FolderSource {
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
        let bytes = self.bytes(index)?;
        header(&bytes).map(|(geometry, _)| geometry).map_err(|kind| self.fail(index, kind))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let bytes = self.bytes(index)?;
        if let Some(stated) = self.hashes.get(index)
            && blake3::hash(&bytes).to_hex().as_str() != stated
        {
            return Err(self.fail(index, ReadErrorKind::Changed));
        }
        decode(&bytes).map_err(|kind| self.fail(index, kind))
    }
}

/// Decodes a single PNG or JPEG file, as the images of a folder are decoded.
///
/// # Errors
/// When it cannot be read, is damaged, or is of a kind that is not supported.
pub fn read_image(path: &Path) -> Result<Image, ReadError> {
    let wrong = |kind| ReadError { path: path.display().to_string(), kind };
    let bytes = std::fs::read(path).map_err(|error| wrong(ReadErrorKind::Io(error)))?;
    decode(&bytes).map_err(wrong)
}

fn is_image_name(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
}

/// The format by content, whatever the name says.
fn format(bytes: &[u8]) -> Result<ImageFormat, ReadErrorKind> {
    match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => Ok(format),
        _ => Err(ReadErrorKind::Foreign),
    }
}

/// A decoder's words on one line: they end up in lists.
fn damaged(error: &image::ImageError) -> ReadErrorKind {
    let words = error.to_string();
    ReadErrorKind::Damaged(words.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn header(bytes: &[u8]) -> Result<(Geometry, ImageFormat), ReadErrorKind> {
    let format = format(bytes)?;
    let decoder = ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(|e| damaged(&e))?;
    let (channels, depth) = match decoder.color_type() {
        ColorType::L8 => (1, Depth::U8),
        ColorType::Rgb8 => (3, Depth::U8),
        ColorType::L16 => (1, Depth::U16),
        ColorType::Rgb16 => (3, Depth::U16),
        other => return Err(ReadErrorKind::Samples(format!("{other:?}"))),
    };
    let (width, height) = decoder.dimensions();
    Ok((Geometry::new(height, width, channels)?.with_depth(depth), format))
}

/// Decodes a PNG or JPEG to grey or RGB of 8 or 16 bits. EXIF orientation is not applied: pixels are taken as they are stored.
fn decode(bytes: &[u8]) -> Result<Image, ReadErrorKind> {
    let (geometry, format) = header(bytes)?;
    // The JPEG decoder fills what is missing with grey and says nothing; a network would learn from it.
    if format == ImageFormat::Jpeg && !has_end_of_image(bytes) {
        return Err(ReadErrorKind::Damaged("the file ends before the image does (truncated JPEG)".into()));
    }
    let decoded = ImageReader::with_format(Cursor::new(bytes), format).decode();
    let samples = match decoded.map_err(|e| damaged(&e))? {
        DynamicImage::ImageLuma8(image) => image.into_raw(),
        DynamicImage::ImageRgb8(image) => image.into_raw(),
        DynamicImage::ImageLuma16(image) => stored(&image),
        DynamicImage::ImageRgb16(image) => stored(&image),
        other => return Err(ReadErrorKind::Samples(format!("{:?}", other.color()))),
    };
    Image::new(geometry, samples)
        .ok_or_else(|| ReadErrorKind::Damaged("it holds more or fewer pixels than it says".into()))
}

/// 16-bit samples as an [`Image`] holds them, whatever the machine's own order of bytes.
fn stored(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

/// Whether a JPEG's end marker is there, somewhere behind its first scan: a thumbnail in the header has one of its own.
fn has_end_of_image(bytes: &[u8]) -> bool {
    // Segments after the start marker: ff, kind, length (of itself and the payload).
    let mut at = 2;
    while let [0xff, kind, high, low, ..] = bytes[at.min(bytes.len())..] {
        if kind == 0xda {
            return bytes[at..].windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
        }
        // A fill byte may stand before a marker.
        at += if kind == 0xff { 1 } else { 2 + usize::from(u16::from_be_bytes([high, low])) };
    }
    false
}

/// A folder of PNG files to write.
pub struct FolderSink {
    root: PathBuf,
    /// Where an earlier run of the same job was cut: what this run has written, to find what is left of the other.
    rewritten: Option<Mutex<HashSet<PathBuf>>>,
}

/// Left in an output folder while it is being written, and holds what the run is about: the same run may start again
/// there, and nothing else is ever written over.
const PARTIAL: &str = ".imgveil-partial";

impl FolderSink {
    pub(super) fn create(root: &Path, run: &str) -> Result<Self, DatasetError> {
        let write = |source| DatasetError::Write { path: root.to_owned(), source };
        let partial = root.join(PARTIAL);
        let mut same_run = false;
        if root.exists() {
            if !root.is_dir() {
                return Err(DatasetError::OutputExists(root.to_owned()));
            }
            same_run = std::fs::read_to_string(&partial).is_ok_and(|text| text == run);
            if !same_run && !holds_only_temporary(root)? {
                return Err(DatasetError::OutputExists(root.to_owned()));
            }
            remove_files(root, &|path| is_temporary(path))?;
        }
        std::fs::create_dir_all(root).map_err(write)?;
        write_atomically(&partial, run.as_bytes())?;
        Ok(Self { root: root.to_owned(), rewritten: same_run.then(Mutex::default) })
    }
}

/// Whether a file was left half-written by a killed run.
fn is_temporary(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.starts_with(super::TEMPORARY) && name != PARTIAL
    })
}

/// Whether a folder is as good as empty: a run that was killed at its very beginning leaves nothing else.
fn holds_only_temporary(root: &Path) -> Result<bool, DatasetError> {
    let read = |source| DatasetError::Read { path: root.to_owned(), source };
    for entry in root.read_dir().map_err(read)? {
        let entry = entry.map_err(read)?;
        if !entry.file_type().map_err(read)?.is_file() || !is_temporary(&entry.path()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes the files of a tree that are `unwanted`.
fn remove_files(root: &Path, unwanted: &dyn Fn(&Path) -> bool) -> Result<(), DatasetError> {
    for entry in walkdir::WalkDir::new(root).into_iter().flatten() {
        let path = entry.path();
        if entry.file_type().is_file() && unwanted(path) {
            std::fs::remove_file(path).map_err(|source| DatasetError::Write { path: path.to_owned(), source })?;
        }
    }
    Ok(())
}

impl Sink for FolderSink {
    fn put(&self, _: usize, item: &Item, image: &Image) -> Result<blake3::Hash, DatasetError> {
        let path = self.root.join(self.path(item, 0));
        if let Some(folder) = path.parent() {
            let write = |source| DatasetError::Write { path: folder.to_owned(), source };
            std::fs::create_dir_all(folder).map_err(write)?;
        }
        let png = encode(image).map_err(|reason| DatasetError::Encode { path: path.clone(), reason })?;
        write_atomically(&path, &png)?;
        if let Some(rewritten) = &self.rewritten {
            rewritten.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
        }
        Ok(blake3::hash(&png))
    }

    fn path(&self, item: &Item, _: usize) -> String {
        format!("{}.png", item.name)
    }

    fn abandon(&self) {
        // Best effort: an error is on its way already, and a folder with something in it stays.
        let _ = std::fs::remove_file(self.root.join(PARTIAL));
        let _ = std::fs::remove_dir(&self.root);
    }

    fn finish(self: Box<Self>, manifest: Option<&Manifest>) -> Result<(), DatasetError> {
        if let Some(rewritten) = &self.rewritten {
            // An image that was taken out of the input between the two runs must not stay in the output.
            let rewritten = rewritten.lock().unwrap_or_else(PoisonError::into_inner);
            let partial = self.root.join(PARTIAL);
            remove_files(&self.root, &|path| path != partial && !rewritten.contains(path))?;
        }
        if let Some(manifest) = manifest {
            let path = self.root.join(MANIFEST);
            let text =
                manifest.to_text().map_err(|e| DatasetError::Encode { path: path.clone(), reason: e.to_string() })?;
            write_atomically(&path, &text)?;
        }
        let partial = self.root.join(PARTIAL);
        std::fs::remove_file(&partial).map_err(|source| DatasetError::Write { path: partial, source })
    }
}

/// An image as PNG. The same bytes for the same image, whatever the machine.
pub(crate) fn encode(image: &Image) -> Result<Vec<u8>, String> {
    let geometry = image.geometry();
    let colour = match (geometry.channels(), geometry.depth()) {
        (1, Depth::U8) => ExtendedColorType::L8,
        (_, Depth::U8) => ExtendedColorType::Rgb8,
        (1, Depth::U16) => ExtendedColorType::L16,
        (_, Depth::U16) => ExtendedColorType::Rgb16,
    };
    // The encoder wants 16-bit samples in the machine's own order of bytes.
    let samples = match geometry.depth() {
        Depth::U8 => Cow::Borrowed(image.samples()),
        Depth::U16 => {
            let native = |pair: &[u8]| u16::from_le_bytes([pair[0], pair[1]]).to_ne_bytes();
            Cow::Owned(image.samples().chunks_exact(2).flat_map(native).collect())
        }
    };
    let mut png = Vec::new();
    // Encrypted pixels hardly compress: do not spend time on trying.
    PngEncoder::new_with_quality(&mut png, CompressionType::Fast, FilterType::Adaptive)
        .write_image(&samples, geometry.width() as u32, geometry.height() as u32, colour)
        .map_err(|e| e.to_string())?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: u32, width: u32, channels: u32) -> Image {
        let geometry = Geometry::new(height, width, channels).unwrap();
        Image::new(geometry, (0..geometry.samples()).map(|i| (i * 7) as u8).collect()).unwrap()
    }

    #[test]
    fn pngs_round_trip() {
        for image in [image(5, 7, 1), image(5, 7, 3)] {
            assert_eq!(decode(&encode(&image).unwrap()).unwrap(), image);
        }
    }

    #[test]
    fn every_truncation_of_a_png_or_jpeg_is_an_error_or_exact() {
        let plain = image(24, 24, 3);
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new(&mut jpeg)
            .write_image(plain.samples(), 24, 24, ExtendedColorType::Rgb8)
            .unwrap();
        for whole in [encode(&plain).unwrap(), jpeg] {
            let exact = decode(&whole).unwrap();
            for length in 0..whole.len() {
                if let Ok(image) = decode(&whole[..length]) {
                    assert_eq!(image, exact, "cut to {length} of {}", whole.len());
                }
            }
        }
    }

    #[test]
    fn classes_and_splits_come_from_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let png = encode(&image(4, 4, 1)).unwrap();
        for path in ["train/b/1.png", "train/a/deep/2.PNG", "val/b/3.png", "val/b/.hidden.png", "val/notes.txt"] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), &png).unwrap();
        }
        let opened = super::super::open(root).unwrap();
        assert!(opened.manifest.is_none());
        assert_eq!(opened.source.classes(), ["a", "b"]);
        assert_eq!(opened.source.ignored(), [PathBuf::from("val/notes.txt")]);
        let items: Vec<(&str, Split, Option<u32>)> =
            opened.source.items().iter().map(|i| (i.name.as_str(), i.split, i.label)).collect();
        assert_eq!(
            items,
            [
                ("train/a/deep/2", Split::Train, Some(0)),
                ("train/b/1", Split::Train, Some(1)),
                ("val/b/3", Split::Val, Some(1)),
            ]
        );
        // An image beside the splits: then they are classes.
        std::fs::create_dir(root.join("other")).unwrap();
        std::fs::write(root.join("other/4.png"), &png).unwrap();
        assert_eq!(super::super::open(root).unwrap().source.classes(), ["other", "train", "val"]);
    }

    #[test]
    fn outputs_are_not_written_over_but_the_same_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let item = Item { name: "a/x".into(), split: Split::All, label: None };
        let sink = FolderSink::create(root, "run 1").unwrap();
        sink.put(0, &item, &image(4, 4, 1)).unwrap();
        // Cut here, in the middle of a file.
        std::fs::write(root.join("a/.imgveil-1234"), b"half").unwrap();
        assert!(matches!(FolderSink::create(root, "run 2"), Err(DatasetError::OutputExists(_))));
        let sink = FolderSink::create(root, "run 1").unwrap();
        sink.put(0, &item, &image(4, 4, 1)).unwrap();
        Box::new(sink).finish(None).unwrap();
        assert!(matches!(FolderSink::create(root, "run 1"), Err(DatasetError::OutputExists(_))));
        let files = walkdir::WalkDir::new(root).into_iter().flatten().filter(|e| e.file_type().is_file());
        assert_eq!(files.map(|e| e.file_name().to_owned()).collect::<Vec<_>>(), ["x.png"]);
    }

    #[test]
    fn a_thumbnail_does_not_hide_a_truncated_jpeg() {
        let plain = image(16, 16, 1);
        let mut jpeg = Vec::new();
        image::codecs::jpeg::JpegEncoder::new(&mut jpeg)
            .write_image(plain.samples(), 16, 16, ExtendedColorType::L8)
            .unwrap();
        // An application segment whose payload is a whole JPEG.
        let mut with_thumbnail = jpeg[..2].to_vec();
        with_thumbnail.extend([0xff, 0xe1]);
        with_thumbnail.extend(((jpeg.len() + 2) as u16).to_be_bytes());
        with_thumbnail.extend(&jpeg);
        with_thumbnail.extend(&jpeg[2..]);
        assert!(decode(&with_thumbnail).is_ok());
        assert!(matches!(decode(&with_thumbnail[..with_thumbnail.len() - 2]), Err(ReadErrorKind::Damaged(_))));
    }
}
