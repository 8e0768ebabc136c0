//! What an encryption will do, from headers alone: which images there are, which sizes they have, and which cannot be
//! read. All problems of a set as a whole are found here, before a byte is written.

use super::batch::{Batch, batches};
use super::census::{Census, Contents, Size};
use super::check;
use super::cost;
use super::depth;
use super::earlier::Earlier;
use super::error::{JobError, check_apart};
use super::meanings::Meanings;
use super::partition::units;
use super::progress::{NoProgress, Progress};
use super::request::EncryptRequest;
use super::salt;
use super::summary::{Failure, in_order};
use super::telling;
use crate::format::{BurntIn, ExifOrientation, ReadError, ReadOptions};
use crate::set::names::Naming;
use crate::set::remark::counted;
use crate::set::{
    Advice, Described, Encoding, Item, Mixed, Opened, PassedOver, Remark, Reordered, Slot, Source, Split, at_depth,
    names, open_set,
};
use crate::{Error, Memory};
use imgveil::internal::image::{Depth, Geometry, Image};
use imgveil::internal::schedule::ImageId;
use imgveil::internal::sealed::Salt;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What an encryption will do.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Preflight {
    /// The number of images that can be read, as far as their headers tell.
    pub images: usize,
    /// Bytes of their samples once they are encrypted.
    pub bytes: u64,
    /// How the output is stored.
    pub encoding: Encoding,
    /// The number of images by split.
    pub splits: BTreeMap<String, usize>,
    /// The number of images by the class's name in the output. Images without a class are under the empty name.
    pub classes: BTreeMap<String, usize>,
    /// The number of images by size, most frequent first.
    pub sizes: Vec<Size>,
    /// Images that will be set aside.
    pub failed: Vec<Failure>,
    /// The number of files that are passed over.
    pub ignored: usize,
    /// The files that are passed over.
    pub passed_over: Vec<PassedOver>,
    /// The number of pictures whose EXIF orientation says that they are to be turned or mirrored.
    pub turned: usize,
    /// The bits that samples use where they have more than 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// Links that lead out of the input's folder and will not be followed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links_out: Vec<String>,
    /// What the user should know.
    pub notes: Vec<Remark>,
    /// The classes' names in the input, by their names in the output.
    #[serde(skip)]
    pub plain_classes: BTreeMap<String, String>,
}

/// A set whose headers have been read.
pub(super) struct Preflighted {
    /// The input. Where names are replaced, its images are in the order of the new names, which tells nothing about the
    /// old ones.
    pub source: Box<dyn Source>,
    pub encoding: Encoding,
    /// The salt of the output. `None` for a complete set of format 1.
    pub salt: Option<Salt>,
    /// The number of each image in the order of the input.
    pub listed: Vec<usize>,
    /// The output's classes.
    pub classes: Vec<String>,
    /// The slot of each image.
    pub slots: Vec<Slot>,
    /// The geometry of each image before padding.
    pub originals: Vec<Option<Geometry>>,
    /// Which images belong to this process's partition.
    pub mine: Vec<bool>,
    /// Images that cannot be read, by their number in the order of the input.
    pub failed: Vec<(usize, Failure)>,
    pub notes: Vec<Remark>,
    /// The number of images that are to be turned.
    pub turned: usize,
    /// The depth of the images whose samples have more than 8 bits, if there are any.
    pub depth: Option<Depth>,
    /// What samples mean.
    pub meanings: Meanings,
}

/// Reports what an [`EncryptRun`](super::EncryptRun) of this request would do, and writes nothing.
///
/// # Errors
/// The errors that the run would end with before it writes.
pub fn preflight(request: &EncryptRequest) -> Result<Preflight, Error> {
    preflight_with_progress(request, &NoProgress)
}

/// As [`preflight`], and reports the images that are read where their headers do not say how many bits they use.
///
/// # Errors
/// As [`preflight`].
pub fn preflight_with_progress(request: &EncryptRequest, progress: &dyn Progress) -> Result<Preflight, Error> {
    Ok(look(request, progress)?.preflight())
}

/// Links that lead out of a set's folder and were not followed.
pub(super) fn links_out(source: &dyn Source) -> Vec<String> {
    source.links_out().iter().map(|link| link.display().to_string()).collect()
}

/// Opens the set and reads every header, and every image whose header leaves open how many bits it uses.
pub(super) fn look(request: &EncryptRequest, progress: &dyn Progress) -> Result<Preflighted, JobError> {
    look_at(request, None, progress)
}

/// As [`look`]. Classes have the numbers that they have in the set that is brought up to date, if there is one.
pub(super) fn look_at(
    request: &EncryptRequest,
    earlier: Option<&Earlier>,
    progress: &dyn Progress,
) -> Result<Preflighted, JobError> {
    let options = &request.options;
    let encoding = encoding(request)?;
    // The split of a patient depends on the key, so that nobody else can compare.
    let secret = options.read.by_patient.map(|_| *request.secret.key().derive("imgveil v1 patient split", b""));
    let opened = open_set(&request.input, &ReadOptions { by_patient: secret, ..options.read.clone() }, None)?;
    let opened = plain(request, opened)?;
    check_apart(&request.input, &request.output)?;
    let (source, numbered) = match earlier {
        Some(earlier) => earlier.numbered(opened.source).map(|(source, classes)| (source, Some(classes)))?,
        None => (opened.source, None),
    };
    let salt = salt::of_run(request, encoding, source.items())?;
    look_into(request, encoding, Opened { source, ..opened }, numbered, salt, progress)
}

/// As [`look`], for an input that the caller opened. Nothing is looked for on the disk.
pub(super) fn look_at_given(
    request: &EncryptRequest,
    opened: Opened,
    progress: &dyn Progress,
) -> Result<Preflighted, JobError> {
    let encoding = encoding(request)?;
    let opened = plain(request, opened)?;
    let salt = match request.options.salt {
        Some(salt) => salt,
        None => Salt::random().map_err(|e| JobError::Random(e.to_string()))?,
    };
    look_into(request, encoding, opened, None, Some(salt), progress)
}

/// The encoding of the output, if the options agree with each other.
fn encoding(request: &EncryptRequest) -> Result<Encoding, JobError> {
    let options = &request.options;
    let encoding = options.encoding.unwrap_or_else(|| Encoding::of_path(&request.output));
    if options.partition.is_some() && (encoding.is_array() || request.scheme.mixes()) {
        return Err(JobError::PartitionOfArray);
    }
    if !options.read.members.is_empty() && !matches!(encoding, Encoding::WebDataset { .. }) {
        return Err(JobError::NoRoomForMembers);
    }
    if options.forgets_key && request.scheme.shares_key() {
        return Err(JobError::SharedKey(request.scheme.name.clone()));
    }
    if !request.secret.is_hard_to_guess() {
        return Err(JobError::Unsalted);
    }
    Ok(encoding)
}

/// The opened input, which must not be encrypted.
fn plain(request: &EncryptRequest, opened: Opened) -> Result<Opened, JobError> {
    match opened.manifest {
        Some(manifest) => Err(JobError::AlreadyEncrypted {
            path: request.input.clone(),
            scheme: manifest.scheme.name,
            key: manifest.key,
        }),
        None => Ok(opened),
    }
}

/// Reads the headers of an opened input. `numbered` are the classes that a set has already.
fn look_into(
    request: &EncryptRequest,
    encoding: Encoding,
    opened: Opened,
    numbered: Option<Vec<String>>,
    salt: Option<Salt>,
    progress: &dyn Progress,
) -> Result<Preflighted, JobError> {
    let Opened { source, remarks, .. } = opened;
    let classes = numbered.unwrap_or_else(|| names::classes(source.classes(), request.options.naming));
    let set = listed(request, encoding, salt, source, classes);
    Preflighted { notes: remarks, ..set }.scanned(request, Failure::from, progress)
}

/// A source whose images have their places in the output, before anything of them is read. `classes` are the names of
/// the classes in the output.
pub(super) fn listed(
    request: &EncryptRequest,
    encoding: Encoding,
    salt: Option<Salt>,
    source: Box<dyn Source>,
    classes: Vec<String>,
) -> Preflighted {
    let (source, listed) = ordered(request, salt, source);
    let mine = match request.options.partition {
        Some(partition) => partition.of_items(source.items(), encoding),
        None => vec![true; source.items().len()],
    };
    let slot = |item: &Item| Slot {
        item: names::renamed(request.secret.key(), salt, item, &classes, request.options.naming),
        geometry: None,
    };
    Preflighted {
        encoding,
        slots: source.items().iter().map(slot).collect(),
        originals: vec![None; source.items().len()],
        salt,
        listed,
        classes,
        mine,
        failed: Vec::new(),
        meanings: Meanings::of(source.items().len()),
        notes: Vec::new(),
        turned: 0,
        depth: None,
        source,
    }
}

/// The images in the order in which the output lists them, and the number of each in the order of the input. The names
/// of images are in alphabetical order, so that their order would tell something about them.
fn ordered(request: &EncryptRequest, salt: Option<Salt>, source: Box<dyn Source>) -> (Box<dyn Source>, Vec<usize>) {
    let mut listed: Vec<usize> = (0..source.items().len()).collect();
    if request.options.naming == Naming::Kept {
        return (source, listed);
    }
    let id = |&index: &usize| names::neutral_id(request.secret.key(), salt, &source.items()[index].name);
    listed.sort_by_cached_key(id);
    (Box::new(Reordered::new(source, listed.clone())), listed)
}

impl Preflighted {
    /// Reads every header, and every image whose header leaves open how many bits it uses, and checks the set.
    /// `set_aside` says what an image means that cannot be read.
    pub fn scanned(
        mut self,
        request: &EncryptRequest,
        set_aside: fn(ReadError) -> Failure,
        progress: &dyn Progress,
    ) -> Result<Self, JobError> {
        self.scan(request, set_aside);
        match self.failed.iter().min_by_key(|(index, _)| *index) {
            Some((_, first))
                if request.options.partition.is_none() && self.slots.iter().all(|slot| slot.geometry.is_none()) =>
            {
                return Err(JobError::NothingReadable { images: self.failed.len(), first: first.clone() });
            }
            _ => {}
        }
        self.check_sizes(request)?;
        let told = self.settle_depth(request, progress)?;
        if let Some(depth) = self.depth {
            self.source = at_depth(self.source, depth);
        }
        self.check(request)?;
        self.notes.extend(told);
        let there = self.slots.iter().filter(|slot| slot.geometry.is_some()).count();
        self.notes.extend(telling::remark(self.source.classes(), there));
        Ok(self)
    }

    /// What an encryption of this set will do.
    pub fn preflight(self) -> Preflight {
        let plain_classes = self.plain_classes();
        let census = self.census();
        let sizes = census.sizes();
        let Census { images, bytes, splits, classes, .. } = census;
        Preflight {
            images,
            bytes,
            encoding: self.encoding,
            splits,
            classes,
            sizes,
            failed: in_order(self.failed),
            ignored: self.source.ignored().len(),
            passed_over: self.source.ignored().to_vec(),
            turned: self.turned,
            depth: self.depth.map(Depth::bits),
            links_out: links_out(self.source.as_ref()),
            notes: self.notes,
            plain_classes,
        }
    }

    fn census(&self) -> Census {
        let mut census = Census::default();
        for Slot { item, geometry } in &self.slots {
            let Some(geometry) = geometry else { continue };
            census.add(item.split, item.label, &self.classes, geometry.to_string(), geometry.bytes() as u64);
        }
        census
    }

    /// The names of the classes in the input by those in the output.
    fn plain_classes(&self) -> BTreeMap<String, String> {
        self.classes.iter().cloned().zip(self.source.classes().iter().cloned()).collect()
    }

    /// What the set holds.
    pub fn contents(&self) -> Contents {
        let Census { splits, classes, .. } = self.census();
        Contents { splits, classes, plain_classes: self.plain_classes() }
    }

    /// The images in the order of the input, so that messages name the first image of a kind.
    fn as_listed(&self) -> impl Iterator<Item = usize> + use<> {
        let mut order: Vec<usize> = (0..self.slots.len()).collect();
        order.sort_by_key(|&index| self.listed[index]);
        order.into_iter()
    }

    /// Reads the headers.
    fn scan(&mut self, request: &EncryptRequest, set_aside: fn(ReadError) -> Failure) {
        let (resize, tile, memory) = (request.options.resize, request.scheme.tile(), request.options.read.memory);
        let sizes = |index: usize| {
            let described = self.source.described(index)?;
            let geometry = described.geometry;
            let sizes =
                resize.geometry(geometry, tile).and_then(|resized| Ok((resized, resize.original(geometry, tile)?)));
            let name = &self.source.items()[index].name;
            let (resized, original) = sizes.map_err(|e| ReadError::new(name, e.into()))?;
            // The image is in memory at its own size too.
            let length = self.source.length(index).saturating_add(cost::samples(geometry));
            let length = if geometry == resized { self.source.length(index) } else { length };
            cost::check(memory, resized, &request.scheme, length, name)?;
            Ok((resized, original, described))
        };
        let wanted: Vec<usize> = self.as_listed().filter(|&index| self.mine[index]).collect();
        let turned = |&index: &usize| !self.source.orientation(index).is_upright();
        self.turned = wanted.par_iter().copied().filter(turned).count();
        let headers: Vec<Result<(Geometry, Geometry, Described), ReadError>> =
            wanted.par_iter().map(|&index| sizes(index)).collect();
        for (index, header) in wanted.into_iter().zip(headers) {
            match header {
                Ok((resized, original, described)) => {
                    self.meanings.add(index, described);
                    self.slots[index].geometry = Some(resized);
                    self.originals[index] = Some(original);
                }
                Err(error) => self.failed.push((self.listed[index], set_aside(error))),
            }
        }
    }

    /// The id and the check of an image that is about to be encrypted.
    pub fn hashes(&self, request: &EncryptRequest, index: usize, image: &Image) -> (ImageId, [u8; 16]) {
        let (key, item) = (request.secret.key(), &self.slots[index].item);
        let original = self.originals[index].unwrap_or(image.geometry());
        check::of_image(key, self.salt, item, original, image)
    }

    /// Gives all images of more than 8 bits one depth, which keys and networks need. Returns what the user should know.
    fn settle_depth(&mut self, request: &EncryptRequest, progress: &dyn Progress) -> Result<Option<Remark>, JobError> {
        let stated = |slot: &Slot| slot.geometry.map_or(Depth::U8, Geometry::depth);
        let mut depths: Vec<Depth> = self.slots.iter().map(stated).collect();
        // Mixing and JPEG take 8 bits and refuse others, whatever they use.
        let refused = request.scheme.mixes() || matches!(self.encoding, Encoding::Jpeg { .. });
        if refused || depths.iter().all(|&depth| depth == Depth::U8) {
            return Ok(None);
        }
        let used = depth::settled(self.source.as_ref(), &mut depths, &self.mine, request, progress)?;
        let Some(used) = used else { return Ok(None) };
        for geometry in self.slots.iter_mut().map(|slot| &mut slot.geometry).chain(&mut self.originals) {
            if let Some(deep) = geometry.filter(|geometry| geometry.depth() != Depth::U8) {
                *geometry = Some(deep.with_depth(used.depth));
            }
        }
        self.depth = Some(used.depth);
        // A scheme without stages flips nothing.
        Ok(used.remark().filter(|_| !request.scheme.stages.is_empty()))
    }

    /// Refuses images of several sizes where they must have one. Samples of more than 8 bits get one depth later.
    fn check_sizes(&self, request: &EncryptRequest) -> Result<(), JobError> {
        let stored = |index: usize| -> Option<Geometry> {
            let geometry = self.originals[index]?;
            Some(if geometry.depth() == Depth::U8 { geometry } else { geometry.with_depth(Depth::U16) })
        };
        let mut first_of: HashMap<Split, usize> = HashMap::new();
        let slots = self.as_listed().map(|index| (index, &self.slots[index]));
        for (index, slot) in slots.filter(|(_, slot)| slot.geometry.is_some()) {
            // The images of this split must have one size. `All` means the whole set.
            let one_size = match (self.encoding.is_array(), request.scheme.mixes()) {
                (_, true) => Split::All,
                (true, _) => slot.item.split,
                _ => continue,
            };
            let first = *first_of.entry(one_size).or_insert(index);
            let (Some(first_geometry), Some(other_geometry)) = (stored(first), stored(index)) else { continue };
            if first_geometry != other_geometry {
                let name = |index: usize| self.source.items()[index].name.clone();
                let (first, other) = (name(first), name(index));
                let mixed = Mixed { first, first_geometry, other, other_geometry };
                let mixes = request.scheme.mixes();
                return Err(if mixes { JobError::Mixed(mixed) } else { JobError::MixedArray(mixed) });
            }
        }
        Ok(())
    }

    /// Checks the set as a whole.
    fn check(&mut self, request: &EncryptRequest) -> Result<(), JobError> {
        let mut geometries: Vec<(Geometry, usize)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(geometry) = slot.geometry else { continue };
            if seen.insert(geometry) {
                geometries.push((geometry, index));
            }
        }
        if let Encoding::Jpeg { .. } = self.encoding
            && let Some((_, index)) = geometries.iter().find(|(geometry, _)| geometry.depth() != Depth::U8)
        {
            return Err(JobError::JpegDepth(self.source.items()[*index].name.clone()));
        }
        self.notes.extend(self.differences());
        if self.turned > 0 {
            let (images, are) = (counted(self.turned, "image"), if self.turned == 1 { "is" } else { "are" });
            self.notes.push(match request.options.read.exif_orientation {
                ExifOrientation::Apply => Remark::new(format!("{images} {are} turned as the EXIF orientation says")),
                ExifOrientation::Keep => Remark::new(format!(
                    "{images} {are} to be turned by the EXIF orientation, and {are} encrypted as stored"
                ))
                .with(Advice::Orientation),
            });
        }
        self.notes.extend(self.lettered(request));
        for &(geometry, _) in &geometries {
            request.secret.check(&request.scheme, geometry)?;
        }
        self.notes.extend(self.meanings.incomparable(self.source.as_ref()));
        if let Some(&(geometry, _)) = geometries.first() {
            let idle = request.scheme.idle(geometry);
            self.notes.extend(idle.iter().map(|(stage, why)| Remark::new(format!("{stage} does nothing here: {why}"))));
            let jpeg = request.scheme.jpeg(geometry);
            if !self.encoding.is_exact() && !jpeg.friendly {
                let words = "JPEG will damage these images beyond what decryption or training can use";
                self.notes.push(Remark::new(format!("{words}: {}", jpeg.why)));
            }
        }
        Ok(())
    }

    /// Remarks if images differ in what training wants to be one: channels, depths and sizes.
    fn differences(&self) -> Vec<Remark> {
        let mut channels: BTreeMap<usize, usize> = BTreeMap::new();
        let mut depths: BTreeMap<usize, usize> = BTreeMap::new();
        let mut sizes: BTreeSet<(usize, usize)> = BTreeSet::new();
        for geometry in self.slots.iter().filter_map(|slot| slot.geometry) {
            *channels.entry(geometry.channels()).or_default() += 1;
            *depths.entry(geometry.depth().bytes()).or_default() += 1;
            sizes.insert((geometry.height(), geometry.width()));
        }
        let mut remarks = Vec::new();
        let counts = |counts: &BTreeMap<usize, usize>, names: [&str; 2]| {
            let both: Vec<String> = counts.values().zip(names).map(|(count, name)| format!("{count} {name}")).collect();
            both.join(", ")
        };
        if channels.len() > 1 {
            let found = counts(&channels, ["grey", "RGB"]);
            let words = format!("images differ in channels ({found}), and training takes one number of them");
            remarks.push(Remark::new(words).with(Advice::Channels));
        }
        if depths.len() > 1 {
            let found = counts(&depths, ["of 8 bits", "of 16 bits"]);
            remarks.push(Remark::new(format!("images differ in depth ({found}), and training takes one depth")));
        }
        if sizes.len() > 1 {
            let words = format!("images have {} sizes, and training takes one", sizes.len());
            remarks.push(Remark::new(words).with(Advice::Size));
        }
        remarks
    }

    /// A note, if headers say that text is burnt into pixels, or images are of a kind that often has some, and nothing
    /// is blanked.
    fn lettered(&self, request: &EncryptRequest) -> Option<Remark> {
        let read = &request.options.read;
        if !read.masks.is_empty() || read.mask_file.is_some() {
            return None;
        }
        let says = |index: &usize| matches!(self.source.burnt_in(*index), BurntIn::Stated | BurntIn::Likely);
        let wanted: Vec<usize> = self.as_listed().filter(|&index| self.mine[index]).collect();
        let count = wanted.par_iter().filter(|index| says(index)).count();
        let have = if count == 1 { "has" } else { "have" };
        let words = format!("by the DICOM header, {} {have} or may have text in the pixels", counted(count, "image"));
        (count > 0).then(|| Remark::new(words).with(Advice::BurntIn))
    }

    /// The images that remain to be done, in batches. They are grouped by geometry, so that the scheme is compiled once
    /// for each. In shards, they are grouped within each shard, so that few shards are open at a time.
    pub fn batches(&self, memory: Memory, has: impl Fn(usize) -> bool) -> Vec<Batch> {
        let items: Vec<Item> = match self.encoding {
            Encoding::WebDataset { .. } => self.source.items().to_vec(),
            _ => Vec::new(),
        };
        let units = units(&items, self.encoding);
        let mut order: HashMap<Geometry, usize> = HashMap::new();
        let mut wanted: Vec<(usize, usize, usize, Geometry)> = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let Some(geometry) = slot.geometry.filter(|_| !has(index)) else { continue };
            let next = order.len();
            let rank = *order.entry(geometry).or_insert(next);
            wanted.push((units.get(index).copied().unwrap_or(0), rank, index, geometry));
        }
        wanted.sort_unstable_by_key(|&(unit, rank, index, _)| (unit, rank, index));
        batches(wanted.into_iter().map(|(_, _, index, geometry)| (index, geometry)), memory)
    }
}
