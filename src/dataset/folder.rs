//! Folders of pictures: images, class folders, or `train/ val/ test/` of them. Written as PNG.

use super::stack::Header;
use super::{
    DatasetError, Item, MANIFEST, Manifest, Opened, ReadError, ReadErrorKind, Sink, Source, Split, picture,
    write_atomically,
};
use crate::image::{Geometry, Image};
use std::collections::{BTreeSet, HashSet};
use std::io::BufReader;
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

/// Whether a run is still at work in a folder, or was cut.
pub(super) fn is_unfinished(root: &Path) -> bool {
    root.join(PARTIAL).exists()
}

/// Opens a folder, plain or encrypted.
pub(super) fn open(root: &Path) -> Result<Opened, DatasetError> {
    if is_unfinished(root) {
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
            if !picture::is_picture_name(relative) && problem.is_none() {
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

    /// Where image `index` lies on the disk.
    fn file(&self, index: usize) -> Result<PathBuf, ReadErrorKind> {
        match self.places.get(index) {
            Some(Place::File(relative)) => Ok(self.root.join(relative)),
            Some(Place::Unreadable(_, words)) => Err(ReadErrorKind::Io(std::io::Error::other(words.clone()))),
            Some(Place::NotText(_)) => Err(ReadErrorKind::Name),
            None => Err(ReadErrorKind::Io(std::io::ErrorKind::NotFound.into())),
        }
    }

    fn header(&self, index: usize) -> Result<Header, ReadErrorKind> {
        let file = std::fs::File::open(self.file(index)?).map_err(ReadErrorKind::Io)?;
        picture::header(BufReader::new(file))
    }

    fn decode(&self, index: usize) -> Result<Image, ReadErrorKind> {
        let bytes = std::fs::read(self.file(index)?).map_err(ReadErrorKind::Io)?;
        if let Some(stated) = self.hashes.get(index)
            && blake3::hash(&bytes).to_hex().as_str() != stated
        {
            return Err(ReadErrorKind::Changed);
        }
        picture::single(picture::open(bytes)?.as_ref())
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
        self.header(index).map(|header| header.geometry).map_err(|kind| self.fail(index, kind))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        self.decode(index).map_err(|kind| self.fail(index, kind))
    }

    fn stamp(&self, index: usize) -> String {
        let metadata = self.places.get(index).and_then(|place| std::fs::metadata(self.root.join(place.path())).ok());
        metadata.map_or(String::new(), |metadata| super::positioned::stamp(&metadata))
    }
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
        let png = picture::encode_png(image).map_err(|reason| DatasetError::Encode { path: path.clone(), reason })?;
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
}
