//! A folder of image files to read from, in class folders, or in `train/ val/ test/`: see [`Division`]. A file of
//! several images is listed as that many items.

use super::contents::{Contents, Disk};
use super::division::Division;
use super::file_names::unique;
use super::nifti_range::{common_range, note};
use super::open_files::OpenFiles;
use crate::OutOfMemory;
use crate::format::picture::Orientation;
use crate::format::{BurntIn, Format, Header, PassedOverReason, ReadError, ReadErrorKind, ReadOptions, picture};
use crate::limits::MOST_CLASSES;
use crate::memory::Listing;
use crate::regular_file::Retrying;
use crate::set::paths::leads_out;
use crate::set::remark::{Remark, counted};
use crate::set::stated::StatedSizes;
use crate::set::{Described, Entry, Item, Manifest, Opened, PassedOver, SetError, Source};
use imgveil::internal::image::{Geometry, Image};
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// A folder of images.
pub struct FolderSource {
    contents: Box<dyn Contents>,
    options: ReadOptions,
    items: Vec<Item>,
    locations: Vec<Location>,
    classes: Vec<String>,
    ignored: Vec<PassedOver>,
    links_out: Vec<PathBuf>,
    /// The number of files with pages that are no images of their own.
    left_out: usize,
    open: OpenFiles,
    /// BLAKE3 of each file as the manifest states it. Empty for a plain set.
    hashes: Vec<String>,
    stated: StatedSizes,
}

/// Where an item is, relative to the root.
#[derive(Clone)]
enum Location {
    /// A file of one image.
    File(PathBuf, Format),
    /// One of the images of a file that holds several.
    Image {
        path: PathBuf,
        format: Format,
        /// The file's number in the folder.
        file: usize,
        /// The image's number in the file.
        image: usize,
        /// What the header says.
        described: Described,
        /// What the header says about text in the pixels.
        burnt_in: BurntIn,
    },
    /// A dangling link, or a folder that may not be read, with the system's message.
    Unreadable(PathBuf, String),
    /// A file whose name is not UTF-8.
    NotText(PathBuf),
}

impl Location {
    fn path(&self) -> &Path {
        let (Location::File(path, _)
        | Location::Image { path, .. }
        | Location::Unreadable(path, _)
        | Location::NotText(path)) = self;
        path
    }
}

/// Opens the folder of an encrypted set.
pub(in crate::set) fn encrypted(root: &Path, manifest: &Manifest, options: &ReadOptions) -> FolderSource {
    encrypted_given(Box::new(Disk(root.to_owned())), manifest, options)
}

/// As [`encrypted`], for files that a caller holds.
pub(in crate::set) fn encrypted_given(
    contents: Box<dyn Contents>,
    manifest: &Manifest,
    options: &ReadOptions,
) -> FolderSource {
    FolderSource {
        contents,
        options: ReadOptions { memory: options.memory, ..ReadOptions::default() },
        items: manifest.images.iter().map(Entry::item).collect(),
        locations: manifest
            .images
            .iter()
            .map(|entry| Location::File(PathBuf::from(&entry.path), Format::Picture))
            .collect(),
        classes: manifest.classes.clone(),
        ignored: Vec::new(),
        links_out: Vec::new(),
        left_out: 0,
        open: OpenFiles::default(),
        hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
        stated: StatedSizes::of(manifest),
    }
}

/// Opens a folder of plain images, or a single file of them.
pub(in crate::set) fn plain(path: &Path, options: &ReadOptions) -> Result<Opened, SetError> {
    Ok(opened(FolderSource::walk(path, options)?, options))
}

/// As [`plain`], for a folder called `name` whose files a caller holds. Hidden files are passed over.
pub(in crate::set) fn given(
    name: &Path,
    mut paths: Vec<PathBuf>,
    contents: Box<dyn Contents>,
    options: &ReadOptions,
) -> Result<Opened, SetError> {
    let listing = Listing::new(options.memory);
    listing.add(paths.len()).map_err(|source| SetError::Memory { path: name.to_owned(), source })?;
    let hidden = |path: &PathBuf| path.iter().any(|part| part.to_string_lossy().starts_with('.'));
    paths.retain(|path| !hidden(path));
    // The order of a walk: folder by folder.
    paths.sort_unstable();
    paths.dedup();
    let mut found = Found::default();
    for path in paths {
        found.file(path.clone(), Format::of_file(&path, || contents.open(&path).map(|file| file.reader)));
    }
    Ok(opened(FolderSource::of(name, contents, found, &listing, options)?, options))
}

fn opened((source, mut remarks): (FolderSource, Vec<Remark>), options: &ReadOptions) -> Opened {
    let range = source.options.range.filter(|_| options.range.is_none()).map(note);
    remarks.extend([range, left_out(source.left_out)].into_iter().flatten().map(Remark::new));
    Opened { source: Box::new(source), manifest: None, remarks }
}

/// What the user should know about files with pages that are left out.
fn left_out(files: usize) -> Option<String> {
    let words = "hold smaller copies of their pages, or masks, which were left out";
    (files > 0).then(|| format!("TIFF files that {words}: {files}"))
}

/// What is found in a folder.
#[derive(Default)]
struct Found {
    files: Vec<File>,
    ignored: Vec<PassedOver>,
    links_out: Vec<PathBuf>,
}

impl Found {
    /// Adds a file of a format, or one that is passed over.
    fn file(&mut self, relative: PathBuf, format: Result<Format, PassedOverReason>) {
        let location = match format {
            Ok(_) if relative.to_str().is_none() => Location::NotText(relative),
            Ok(format) => Location::File(relative, format),
            Err(reason) => return self.ignored.push(PassedOver::new(relative, reason)),
        };
        self.add(location);
    }

    fn add(&mut self, location: Location) {
        let parts = location.path().iter().map(|part| part.to_string_lossy().into_owned()).collect();
        self.files.push(File { parts, location });
    }
}

/// A file found in the tree.
struct File {
    parts: Vec<String>,
    location: Location,
}

impl File {
    /// The folders in which it lies.
    fn folders(&self) -> &[String] {
        self.parts.split_last().map_or(&[], |(_, folders)| folders)
    }

    /// Whether it tells something about the set's layout. A file that cannot be read does not.
    fn tells(&self) -> bool {
        !matches!(self.location, Location::Unreadable(..))
    }

    fn class<'a>(&'a self, division: &Division) -> Option<&'a str> {
        division.place(self.folders()).1
    }
}

/// The splits and classes of a folder. If labels come from a file, folders that can be read in two ways say nothing.
fn divide(input: &Path, files: &[File], options: &ReadOptions) -> Result<(Division, Vec<Remark>), SetError> {
    let folders: Vec<&[String]> = files.iter().filter(|file| file.tells()).map(File::folders).collect();
    match Division::of(&folders) {
        // The file of labels is compared with the images.
        Ok(division) if options.labels.is_some() => Ok((division, Vec::new())),
        Ok(mut division) => {
            let remarks = std::mem::take(&mut division.remarks);
            Ok((division, remarks))
        }
        Err(_) if options.labels.is_some() => Ok((Division::nothing(), Vec::new())),
        Err(reason) => Err(SetError::Layout { path: input.to_owned(), reason }),
    }
}

/// `1 image is called`, `2 images are called`.
fn counted_called(number: usize) -> String {
    format!("{} {} called", counted(number, "image"), if number == 1 { "is" } else { "are" })
}

/// The images of a folder with their files.
#[cfg(not(target_family = "wasm"))]
pub(super) struct Located {
    /// The name of each image, its file, and the format of that.
    pub images: Vec<(String, PathBuf, Format)>,
    /// The range of values of the volumes, if one of them needs it.
    pub range: Option<(f64, f64)>,
}

impl FolderSource {
    fn walk(input: &Path, options: &ReadOptions) -> Result<(Self, Vec<Remark>), SetError> {
        let mut found = Found::default();
        let listing = Listing::new(options.memory);
        let large = |source: OutOfMemory| SetError::Memory { path: input.to_owned(), source };
        // Names are relative to the folder, or to the folder of a single file.
        let root = if input.is_file() { input.parent().unwrap_or(Path::new("")) } else { input };
        // The root itself may be hidden: the user named it.
        let visible =
            |entry: &walkdir::DirEntry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.');
        let links_out = RefCell::new(Vec::new());
        let wanted = |entry: &walkdir::DirEntry| {
            let followed = options.follow_links || entry.depth() == 0 || !entry.path_is_symlink();
            let wanted = followed || !leads_out(root, entry.path());
            if !wanted {
                links_out.borrow_mut().push(entry.path().strip_prefix(root).unwrap_or(entry.path()).to_owned());
            }
            wanted
        };
        let walk = walkdir::WalkDir::new(input).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(|entry| visible(entry) && wanted(entry)) {
            listing.add(1).map_err(large)?;
            let (path, problem) = match &entry {
                Ok(entry) if entry.file_type().is_dir() => continue,
                Ok(entry) => (entry.path(), None),
                // The root itself cannot be read.
                Err(e) if e.depth() == 0 => {
                    let source = std::io::Error::other(e.to_string());
                    return Err(SetError::Read { path: root.to_owned(), source });
                }
                Err(e) => (e.path().unwrap_or(root), Some(e.io_error().map_or(e.to_string(), |e| e.to_string()))),
            };
            let relative = path.strip_prefix(root).unwrap_or(path).to_owned();
            match problem {
                Some(problem) => found.add(Location::Unreadable(relative, problem)),
                None => found.file(relative, Format::of(path)),
            }
        }
        found.links_out = links_out.take();
        Self::of(input, Box::new(Disk(root.to_owned())), found, &listing, options)
    }

    /// The source of what was found in the folder `input`.
    fn of(
        input: &Path,
        contents: Box<dyn Contents>,
        found: Found,
        listing: &Listing,
        options: &ReadOptions,
    ) -> Result<(Self, Vec<Remark>), SetError> {
        let Found { files, ignored, links_out } = found;
        let large = |source: OutOfMemory| SetError::Memory { path: input.to_owned(), source };
        if files.is_empty() && !links_out.is_empty() {
            let links = links_out.iter().map(|link| link.display().to_string()).collect();
            return Err(SetError::OnlyLinksOut { path: input.to_owned(), links });
        }
        if files.is_empty() {
            return Err(SetError::Empty { path: input.to_owned(), ignored: ignored.len() });
        }
        let (division, mut remarks) = divide(input, &files, options)?;
        let classes: BTreeSet<&str> =
            files.iter().filter(|file| file.tells()).filter_map(|file| file.class(&division)).collect();
        if classes.len() > MOST_CLASSES {
            return Err(SetError::Classes { path: input.to_owned(), classes: classes.len() });
        }
        let classes: Vec<String> = classes.into_iter().map(str::to_owned).collect();
        let (names, twice) = unique(&files.iter().map(|file| file.parts.as_slice()).collect::<Vec<_>>());
        if twice > 0 {
            let words = format!("{} like another one but for the ending: such names keep it", counted_called(twice));
            remarks.push(Remark::new(words));
        }
        let item = |file: &File, name: String| {
            let class = file.class(&division).map(str::to_owned);
            let label = class.and_then(|class| classes.binary_search(&class).ok()).map(|label| label as u32);
            Item { name, split: division.place(file.folders()).0, label }
        };
        let (mut items, mut locations) = (Vec::with_capacity(files.len()), Vec::with_capacity(files.len()));
        let paths: Vec<(&Path, Format)> = files
            .iter()
            .filter_map(|file| match &file.location {
                Location::File(path, format) => Some((path.as_path(), *format)),
                _ => None,
            })
            .collect();
        let options = &ReadOptions { range: common_range(contents.as_ref(), &paths, options), ..options.clone() };
        let headers: Vec<Option<Header>> =
            files.par_iter().map(|file| of_several(contents.as_ref(), &file.location, options, listing)).collect();
        listing.check().map_err(large)?;
        let left_out = headers.iter().flatten().filter(|header| header.left_out > 0).count();
        for (number, ((file, name), header)) in files.iter().zip(names).zip(headers).enumerate() {
            let item = item(file, name);
            let images = images(number, &file.location, header);
            match images.len() {
                1 => items.push(item),
                count => {
                    items.extend((0..count).map(|i| Item { name: format!("{}/{i:05}", item.name), ..item.clone() }))
                }
            }
            locations.extend(images);
        }
        let (options, open) = (options.clone(), OpenFiles::default());
        let (hashes, stated) = (Vec::new(), StatedSizes::default());
        let source =
            Self { contents, options, items, locations, classes, ignored, links_out, left_out, open, hashes, stated };
        Ok((source, remarks))
    }

    /// The images of a folder of plain images. Images of a file follow each other. Files that cannot be read are left
    /// out.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn located(root: &Path, options: &ReadOptions) -> Result<Located, SetError> {
        let Self { items, locations, options, .. } = Self::walk(root, options)?.0;
        let files = items.into_iter().zip(locations).filter_map(|(item, location)| match location {
            Location::File(path, format) | Location::Image { path, format, .. } => Some((item.name, path, format)),
            Location::Unreadable(..) | Location::NotText(_) => None,
        });
        Ok(Located { images: files.collect(), range: options.range })
    }

    fn fail(&self, index: usize, kind: ReadErrorKind) -> ReadError {
        let path = self
            .locations
            .get(index)
            .map_or(format!("image {index}"), |location| location.path().display().to_string());
        ReadError { path, kind }
    }

    fn header(&self, index: usize) -> Result<Described, ReadErrorKind> {
        match self.location(index)? {
            Location::Image { described, .. } => Ok(*described),
            Location::File(path, format) => match header(self.contents.as_ref(), path, *format, &self.options) {
                Ok(header) => {
                    let geometry = self.stated.check(index, header.geometry)?;
                    Ok(Described { geometry, ..described(&header, 0) })
                }
                // What imgveil wrote has a header: the hash tells that the file was changed.
                Err(kind @ (ReadErrorKind::Foreign | ReadErrorKind::Damaged(_))) if !self.hashes.is_empty() => {
                    Err(self.decode(index).err().unwrap_or(kind))
                }
                Err(kind) => Err(kind),
            },
            Location::Unreadable(_, words) => Err(ReadErrorKind::Io(std::io::Error::other(words.clone()))),
            Location::NotText(_) => Err(ReadErrorKind::Name),
        }
    }

    fn location(&self, index: usize) -> Result<&Location, ReadErrorKind> {
        self.locations.get(index).ok_or_else(|| ReadErrorKind::Io(std::io::ErrorKind::NotFound.into()))
    }

    fn decode(&self, index: usize) -> Result<Image, ReadErrorKind> {
        let read = |path: &PathBuf| {
            let file = self.contents.open(path).map_err(ReadErrorKind::Io)?;
            self.options.memory.check(file.length)?;
            file.read_all().map_err(ReadErrorKind::Io)
        };
        match self.location(index)? {
            Location::File(path, format) => {
                let bytes = read(path)?;
                if let Some(stated) = self.hashes.get(index)
                    && blake3::hash(&bytes).to_hex().as_str() != stated
                {
                    return Err(ReadErrorKind::Changed);
                }
                let file = format.open(bytes, &self.options)?;
                self.stated.check(index, file.header().geometry)?;
                picture::single(file.as_ref())
            }
            Location::Image { path, format, file, image, .. } => {
                self.open.get(*file, || format.open(read(path)?, &self.options))?.image(*image)
            }
            Location::Unreadable(_, words) => Err(ReadErrorKind::Io(std::io::Error::other(words.clone()))),
            Location::NotText(_) => Err(ReadErrorKind::Name),
        }
    }
}

/// The header of a file.
fn header(
    contents: &dyn Contents,
    path: &Path,
    format: Format,
    options: &ReadOptions,
) -> Result<Header, ReadErrorKind> {
    let file = contents.open(path).map_err(ReadErrorKind::Io)?;
    format.header_of(file.reader, file.length, options)
}

/// The header of a file of a kind that may hold several images. A file whose header cannot be read is listed as one
/// image. Reading that image gives the reason.
fn of_several(
    contents: &dyn Contents,
    location: &Location,
    options: &ReadOptions,
    listing: &Listing,
) -> Option<Header> {
    let Location::File(path, format) = location else { return None };
    if !format.may_be_several(path) {
        return None;
    }
    let header = header(contents, path, *format, options).ok().filter(|header| header.count > 0)?;
    // What does not fit is refused once all files are counted.
    listing.add(header.count - 1).ok().map(|()| header)
}

/// What a header says of an image of its file.
fn described(header: &Header, image: usize) -> Described {
    Described { geometry: header.geometry, scale: header.scale, rescale: header.rescales.of(image) }
}

/// The images of a file.
fn images(file: usize, location: &Location, header: Option<Header>) -> Vec<Location> {
    match (location, header) {
        (Location::File(path, format), Some(header)) if header.count > 1 => {
            let (path, format, burnt_in) = (path, *format, header.burnt_in);
            let image = |image| {
                let described = described(&header, image);
                Location::Image { path: path.clone(), format, file, image, described, burnt_in }
            };
            (0..header.count).map(image).collect()
        }
        _ => vec![location.clone()],
    }
}

impl Source for FolderSource {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn ignored(&self) -> &[PassedOver] {
        &self.ignored
    }

    fn links_out(&self) -> &[PathBuf] {
        &self.links_out
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        self.described(index).map(|described| described.geometry)
    }

    fn described(&self, index: usize) -> Result<Described, ReadError> {
        self.header(index).map_err(|kind| self.fail(index, kind))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        self.decode(index).map_err(|kind| self.fail(index, kind))
    }

    fn orientation(&self, index: usize) -> Orientation {
        match self.locations.get(index) {
            Some(Location::File(path, Format::Picture)) => {
                let file = self.contents.open(path);
                file.map_or(Orientation::default(), |file| Orientation::of(BufReader::new(Retrying(file.reader))))
            }
            _ => Orientation::default(),
        }
    }

    fn length(&self, index: usize) -> u64 {
        let file = self.locations.get(index).map(|location| self.contents.length(location.path()));
        file.and_then(Result::ok).unwrap_or_default()
    }

    fn burnt_in(&self, index: usize) -> BurntIn {
        match self.location(index) {
            Ok(Location::Image { burnt_in, .. }) => *burnt_in,
            Ok(Location::File(path, Format::Dicom)) => {
                let header = header(self.contents.as_ref(), path, Format::Dicom, &self.options);
                header.map_or(BurntIn::Unsaid, |header| header.burnt_in)
            }
            _ => BurntIn::Unsaid,
        }
    }

    fn stamp(&self, index: usize) -> String {
        let Some(location) = self.locations.get(index) else { return String::new() };
        let stamp = self.contents.stamp(location.path());
        match (location, self.options.range) {
            // Another file of the set may change the samples of this one.
            (Location::File(_, Format::Nifti) | Location::Image { format: Format::Nifti, .. }, Some((low, high))) => {
                format!("{stamp} {low} {high}")
            }
            _ => stamp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Split;

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
        let opened = crate::set::open(root).unwrap();
        assert!(opened.manifest.is_none());
        assert_eq!(opened.source.classes(), ["a", "b"]);
        assert_eq!(opened.source.ignored(), [PassedOver::new("val/notes.txt", PassedOverReason::Ending)]);
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
        // An image outside of the splits is in none, and the folders are still splits.
        std::fs::create_dir(root.join("other")).unwrap();
        std::fs::write(root.join("other/4.png"), &png).unwrap();
        let opened = crate::set::open(root).unwrap();
        assert_eq!(opened.source.classes(), ["a", "b"]);
        let other = &opened.source.items()[0];
        assert_eq!((other.name.as_str(), other.split, other.label), ("other/4", Split::All, None));
        assert!(opened.remarks[0].to_string().starts_with("1 image lies beside the splits (in `other`)"));
    }
}
