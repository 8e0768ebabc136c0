//! Folders of images: pictures, DICOM objects, volumes; in class folders, or in `train/ val/ test/`. A file of several images stands
//! for as many items.

use super::file::{Format, Opened as OpenFiles};
use super::read_options::ReadOptions;
use super::work::PARTIAL;
use super::{
    DatasetError, Item, MANIFEST, Manifest, Opened, ReadError, ReadErrorKind, Source, Split, picture, positioned,
};
use imgveil::internal::image::{Geometry, Image};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A folder of images.
pub struct FolderSource {
    root: PathBuf,
    reading: ReadOptions,
    items: Vec<Item>,
    places: Vec<Place>,
    classes: Vec<String>,
    ignored: Vec<PathBuf>,
    open: OpenFiles,
    /// BLAKE3 of each file as the manifest states it; empty for a plain set.
    hashes: Vec<String>,
}

/// Where an item lies, relative to the root.
#[derive(Clone)]
enum Place {
    /// A file of one image.
    File(PathBuf, Format),
    /// An image of a file that holds several.
    Image {
        path: PathBuf,
        format: Format,
        /// The file's number in the folder.
        file: usize,
        /// Which of its images.
        image: usize,
        /// As the header said.
        geometry: Geometry,
    },
    /// The walk came here and no further: a dangling link, a folder that may not be read. With the system's words.
    Unreadable(PathBuf, String),
    /// A file whose name is not text.
    NotText(PathBuf),
}

impl Place {
    fn path(&self) -> &Path {
        let (Place::File(path, _) | Place::Image { path, .. } | Place::Unreadable(path, _) | Place::NotText(path)) =
            self;
        path
    }
}

/// Opens a folder whose manifest says what is in it.
pub(super) fn encrypted(root: &Path, manifest: &Manifest) -> FolderSource {
    FolderSource {
        root: root.to_owned(),
        reading: ReadOptions::default(),
        items: manifest.images.iter().map(super::Entry::item).collect(),
        places: manifest.images.iter().map(|entry| Place::File(PathBuf::from(&entry.path), Format::Picture)).collect(),
        classes: manifest.classes.clone(),
        ignored: Vec::new(),
        open: OpenFiles::default(),
        hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
    }
}

/// Opens a folder of plain images, or a single file of them.
pub(super) fn plain(path: &Path, reading: &ReadOptions) -> Result<Opened, DatasetError> {
    let source = FolderSource::walk(path, reading)?;
    Ok(Opened { source: Box::new(source), manifest: None, note: None })
}

/// Whether a run is still at work in a folder, or was cut.
pub(super) fn is_unfinished(root: &Path) -> bool {
    let entries = root.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(PARTIAL))
}

/// The manifest of a folder, if it has one.
///
/// # Errors
/// When the set is not complete, or the manifest is damaged.
pub(super) fn manifest(root: &Path) -> Result<Option<Manifest>, DatasetError> {
    let path = root.join(MANIFEST);
    let mut waiting = false;
    for entry in root.read_dir().map_err(|source| DatasetError::Read { path: root.to_owned(), source })?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PARTIAL) {
            return Err(DatasetError::Unfinished(root.to_owned()));
        }
        waiting |= name.starts_with("imgveil.part-");
    }
    match std::fs::read(&path) {
        Ok(text) => Manifest::parse(&text).map(Some).map_err(|source| DatasetError::Manifest { path, source }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && waiting => Err(DatasetError::Unmerged(root.to_owned())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
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
    fn walk(input: &Path, reading: &ReadOptions) -> Result<Self, DatasetError> {
        let (mut files, mut ignored) = (Vec::new(), Vec::new());
        // Names are relative to the folder; those of a single file to where it lies.
        let root = match input.is_file() {
            true => input.parent().unwrap_or(Path::new("")),
            false => input,
        };
        // Not the root's own name: whoever names a hidden folder means it.
        let visible =
            |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
        let walk = walkdir::WalkDir::new(input).follow_links(true).sort_by_file_name();
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
            let relative = path.strip_prefix(root).unwrap_or(path).to_owned();
            let parts: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            let place = match (problem, Format::of(path)) {
                (Some(problem), _) => Place::Unreadable(relative, problem),
                (None, Some(_)) if relative.to_str().is_none() => Place::NotText(relative),
                (None, Some(format)) => Place::File(relative, format),
                (None, None) => {
                    ignored.push(relative);
                    continue;
                }
            };
            files.push(File { parts, place });
        }
        if files.is_empty() {
            return Err(DatasetError::Empty { path: input.to_owned(), ignored: ignored.len() });
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
            Item { name: super::stem(&name).to_owned(), split: split.unwrap_or(Split::All), label }
        };
        let (mut items, mut places) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
        let images: Vec<Vec<Place>> =
            files.par_iter().enumerate().map(|(number, file)| images(root, number, &file.place, reading)).collect();
        for (file, images) in files.iter().zip(images) {
            let item = item(file);
            match images.len() {
                1 => items.push(item),
                count => {
                    items.extend((0..count).map(|i| Item { name: format!("{}/{i:05}", item.name), ..item.clone() }))
                }
            }
            places.extend(images);
        }
        let (root, reading, open) = (root.to_owned(), reading.clone(), OpenFiles::default());
        Ok(Self { root, reading, items, places, classes, ignored, open, hashes: Vec::new() })
    }

    fn fail(&self, index: usize, kind: ReadErrorKind) -> ReadError {
        let path = self.places.get(index).map_or(format!("image {index}"), |place| place.path().display().to_string());
        ReadError { path, kind }
    }

    fn header(&self, index: usize) -> Result<Geometry, ReadErrorKind> {
        match self.place(index)? {
            Place::Image { geometry, .. } => Ok(*geometry),
            Place::File(path, format) => Ok(format.header(&self.root.join(path), &self.reading)?.geometry),
            Place::Unreadable(_, words) => Err(ReadErrorKind::Io(std::io::Error::other(words.clone()))),
            Place::NotText(_) => Err(ReadErrorKind::Name),
        }
    }

    fn place(&self, index: usize) -> Result<&Place, ReadErrorKind> {
        self.places.get(index).ok_or_else(|| ReadErrorKind::Io(std::io::ErrorKind::NotFound.into()))
    }

    fn decode(&self, index: usize) -> Result<Image, ReadErrorKind> {
        let read = |path: &PathBuf| std::fs::read(self.root.join(path)).map_err(ReadErrorKind::Io);
        match self.place(index)? {
            Place::File(path, format) => {
                let bytes = read(path)?;
                if let Some(stated) = self.hashes.get(index)
                    && blake3::hash(&bytes).to_hex().as_str() != stated
                {
                    return Err(ReadErrorKind::Changed);
                }
                picture::single(format.open(bytes, &self.reading)?.as_ref())
            }
            Place::Image { path, format, file, image, .. } => {
                self.open.get(*file, || format.open(read(path)?, &self.reading))?.image(*image)
            }
            Place::Unreadable(_, words) => Err(ReadErrorKind::Io(std::io::Error::other(words.clone()))),
            Place::NotText(_) => Err(ReadErrorKind::Name),
        }
    }
}

/// The images of a file. One whose header cannot be read is one image, which says why when it is asked for.
fn images(root: &Path, file: usize, place: &Place, reading: &ReadOptions) -> Vec<Place> {
    let Place::File(path, format) = place else { return vec![place.clone()] };
    if !format.may_be_several(path) {
        return vec![place.clone()];
    }
    match format.header(&root.join(path), reading) {
        Ok(header) if header.count > 1 => {
            let image =
                |image| Place::Image { path: path.clone(), format: *format, file, image, geometry: header.geometry };
            (0..header.count).map(image).collect()
        }
        _ => vec![place.clone()],
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
        self.header(index).map_err(|kind| self.fail(index, kind))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        self.decode(index).map_err(|kind| self.fail(index, kind))
    }

    fn stamp(&self, index: usize) -> String {
        self.places.get(index).map_or(String::new(), |place| positioned::stamp_of(&self.root.join(place.path())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: u32, width: u32, channels: u32) -> Image {
        let geometry = Geometry::new(height, width, channels).unwrap();
        Image::new(geometry, (0..geometry.samples()).map(|i| (i * 7) as u8).collect()).unwrap()
    }

    #[test]
    fn classes_and_splits_come_from_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let png = picture::encode_png(&image(4, 4, 1)).unwrap();
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
}
