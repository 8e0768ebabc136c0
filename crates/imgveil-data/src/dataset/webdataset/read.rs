//! Reads shards: one `.tar` file, a folder of them, or a pattern `train-{000000..000099}.tar`, which no shell expands inside
//! of quotes. One pass over the headers finds the samples; images are read where they lie, so that memory stays flat.
//!
//! A sample's class is the number or name in its `.cls`, or in its `.json` (`label`, `class`, `cls`, or a lone number). A
//! shard is part of what its name begins with (`train`, `val`, `test`). Where a shard is damaged, the samples before the damage are
//! read, and the damage stands in the list as an image that cannot be.

use super::members::{Damage, Member, Members};
use super::{CLASS, is_image, key_and_kind};
use crate::dataset::{
    Beside, DatasetError, Entry, Item, MANIFEST, Manifest, Opened, ReadError, ReadErrorKind, Source, Split, folder,
    parent, picture, positioned, sink,
};
use imgveil::internal::image::{Geometry, Image};
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// How many shards a pattern may stand for.
const MOST_SHARDS: u64 = 1_000_000;

/// The longest `.cls` or `.json` that a class is read from, and the longest member that is carried over.
const LONGEST_TEXT: u64 = 16 << 20;

/// No image is larger, encoded or not: 2^31 samples of two bytes, and as much again.
const LONGEST_IMAGE: u64 = 8 << 30;

/// A class has a name and a network an output for it: a million of them are a mistake.
const MOST_CLASSES: usize = 65_536;

fn bad(path: &Path, reason: String) -> DatasetError {
    DatasetError::Shards { path: path.to_owned(), reason }
}

/// Whether a path names a tar file.
fn is_shard(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"))
}

/// Whether a path stands for many tar files.
pub(in crate::dataset) fn is_pattern(path: &Path) -> bool {
    is_shard(path) && path.to_str().is_some_and(|text| text.contains('{')) && !path.exists()
}

/// Whether a folder holds shards, and neither images nor folders.
pub(in crate::dataset) fn is_folder_of_shards(path: &Path) -> bool {
    let Ok(entries) = path.read_dir() else { return false };
    let mut shards = false;
    for entry in entries.flatten() {
        let name = PathBuf::from(entry.file_name());
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.path().is_dir() || picture::is_picture_name(&name) {
            return false;
        }
        shards |= is_shard(&name);
    }
    shards
}

/// Opens a set of shards, plain or encrypted.
pub(in crate::dataset) fn open(path: &Path) -> Result<Opened, DatasetError> {
    if path.is_dir() {
        let manifest_path = path.join(MANIFEST);
        return match std::fs::read(&manifest_path) {
            Ok(text) => {
                let wrong = |source| DatasetError::Manifest { path: manifest_path, source };
                let manifest = Manifest::parse(&text).map_err(wrong)?;
                Ok(Opened { source: Box::new(encrypted(path, &manifest)), manifest: Some(manifest), note: None })
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => plain_folder(path),
            Err(source) => Err(DatasetError::Read { path: manifest_path, source }),
        };
    }
    let shards = match is_pattern(path) {
        true => expand(&path.to_string_lossy()).map_err(|reason| bad(path, reason))?,
        false => vec![path.to_owned()],
    };
    if let Some(missing) = shards.iter().find(|shard| !shard.is_file()) {
        return Err(DatasetError::Missing(missing.clone()));
    }
    let folders: BTreeSet<&Path> = shards.iter().map(|shard| parent(shard)).collect();
    for folder in folders {
        if folder::is_unfinished(folder) {
            return Err(DatasetError::Unfinished(folder.to_owned()));
        }
        if folder.join(MANIFEST).exists() {
            // Taken for plain shards, they would be encrypted a second time, or trained on as if they were images.
            return Err(bad(path, format!("it belongs to an encrypted set: give its folder {}", folder.display())));
        }
    }
    Ok(Opened { source: Box::new(plain(path, shards, Vec::new())?), manifest: None, note: None })
}

fn plain_folder(root: &Path) -> Result<Opened, DatasetError> {
    let read = |source| DatasetError::Read { path: root.to_owned(), source };
    let (mut shards, mut ignored) = (Vec::new(), Vec::new());
    for entry in root.read_dir().map_err(read)? {
        let name = PathBuf::from(entry.map_err(read)?.file_name());
        match is_shard(&name) {
            _ if name.to_string_lossy().starts_with('.') => {}
            true => shards.push(root.join(name)),
            false => ignored.push(name),
        }
    }
    shards.sort_unstable();
    ignored.sort_unstable();
    Ok(Opened { source: Box::new(plain(root, shards, ignored)?), manifest: None, note: None })
}

/// The paths that a pattern stands for, in order: `{000000..000099}` counts, with leading zeros where it has some, and `{a,b}`
/// lists.
fn expand(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let mut paths = vec![String::new()];
    let mut rest = pattern;
    while let Some((before, behind)) = rest.split_once('{') {
        let (body, behind) = behind.split_once('}').ok_or("it has a `{` and no `}` behind it")?;
        let words = words(body)?;
        if paths.len() as u64 * words.len() as u64 > MOST_SHARDS {
            return Err(format!("it stands for more than {MOST_SHARDS} files"));
        }
        let longer = |path: &String| words.iter().map(|word| format!("{path}{before}{word}")).collect::<Vec<_>>();
        paths = paths.iter().flat_map(longer).collect();
        rest = behind;
    }
    Ok(paths.into_iter().map(|path| PathBuf::from(path + rest)).collect())
}

/// What the braces hold.
fn words(body: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = body.split_once("..") else {
        return match body.contains(',') {
            true => Ok(body.split(',').map(str::to_owned).collect()),
            false => {
                Err(format!("`{{{body}}}` is neither a range such as {{000000..000099}} nor a list such as {{a,b}}"))
            }
        };
    };
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
    let (from, to) = range.ok_or_else(|| format!("`{{{body}}}` does not count from a number to a larger one"))?;
    if to - from >= MOST_SHARDS {
        return Err(format!("it stands for more than {MOST_SHARDS} files"));
    }
    let padded = [first, last].iter().any(|text| text.len() > 1 && text.starts_with('0'));
    let width = if padded { first.len().max(last.len()) } else { 0 };
    Ok((from..=to).map(|number| format!("{number:0width$}")).collect())
}

/// A tar file of the set.
struct Shard {
    path: PathBuf,
    /// Its file's name.
    name: String,
    stamp: String,
}

impl Shard {
    fn new(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stamp = std::fs::metadata(&path).map_or(String::new(), |metadata| positioned::stamp(&metadata));
        Self { path, name, stamp }
    }

    fn stem(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(stem, _)| stem)
    }

    fn split(&self) -> Split {
        let word: String = self.name.chars().take_while(char::is_ascii_alphabetic).collect();
        Split::named(&word.to_ascii_lowercase()).unwrap_or(Split::All)
    }
}

/// A class as a sample states it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Class {
    Number(i64),
    Name(String),
}

/// Where an image lies, or why it cannot be read.
#[derive(Debug)]
enum Place {
    /// The image, and the whole sample.
    Here { image: Range<u64>, sample: Range<u64> },
    /// The sample, or what is left of the shard, cannot be used; with the reason.
    Damaged(String),
    /// Its name is not text.
    NotText,
    /// The manifest names it, and it is not there.
    Missing,
}

/// A sample of a shard.
struct Sample {
    key: String,
    place: Place,
    class: Option<Class>,
}

/// What one pass over a shard finds.
#[derive(Default)]
struct Scan {
    samples: Vec<Sample>,
    /// Members and samples that hold no image.
    ignored: Vec<PathBuf>,
    /// Why the pass ended early.
    damage: Option<String>,
}

/// The members of one key.
struct Group {
    key: String,
    sample: Range<u64>,
    image: Option<Range<u64>>,
    class: Option<Range<u64>>,
    json: Option<Range<u64>>,
    wrong: Option<String>,
    not_text: bool,
}

impl Group {
    fn new(key: String, at: u64) -> Self {
        let (image, class, json, wrong) = (None, None, None, None);
        Self { key, sample: at..at, image, class, json, wrong, not_text: false }
    }

    fn add(&mut self, kind: &str, member: &Member) {
        let place = match kind {
            CLASS => &mut self.class,
            "json" => &mut self.json,
            kind if is_image(kind) => &mut self.image,
            _ => return,
        };
        if place.is_some() {
            self.wrong = Some(format!("its sample has a second member .{kind}, or a second image: keep one"));
        }
        *place = Some(member.data.clone());
    }

    /// The sample, if it has an image. Its class is left out for an encrypted set, which has it in the manifest.
    fn finish(self, file: &File, with_class: bool) -> Result<Sample, String> {
        let Some(image) = self.image else { return Err(self.key) };
        let class = match with_class {
            true => class(file, self.class, self.json),
            false => Ok(None),
        };
        let (class, wrong) = class.map_or_else(|wrong| (None, Some(wrong)), |class| (class, None));
        let place = match self.wrong.or(wrong) {
            _ if self.not_text => Place::NotText,
            Some(reason) => Place::Damaged(reason),
            None if image.end - image.start > LONGEST_IMAGE => Place::Damaged("it is larger than any image".into()),
            None => Place::Here { image, sample: self.sample },
        };
        Ok(Sample { key: self.key, place, class })
    }
}

/// A sample's class: what `.cls` says, else what `.json` does.
fn class(file: &File, class: Option<Range<u64>>, json: Option<Range<u64>>) -> Result<Option<Class>, String> {
    let kind = if class.is_some() { ".cls" } else { ".json" };
    let Some(range) = class.clone().or(json) else { return Ok(None) };
    if range.end - range.start > LONGEST_TEXT {
        return Err(format!("its {kind} is larger than 16 MiB"));
    }
    let mut bytes = vec![0; (range.end - range.start) as usize];
    positioned::read(file, &mut bytes, range.start).map_err(|e| format!("its {kind} cannot be read: {e}"))?;
    if class.is_none() {
        return json_class(&bytes);
    }
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    match text.filter(|text| is_class_name(text)) {
        Some(text) => Ok(Some(text.parse().map_or_else(|_| Class::Name(text.to_owned()), Class::Number))),
        None => Err("its .cls holds neither a class number nor the name of a class".into()),
    }
}

/// Whether a text may be the name of a class: one line, and not a page.
fn is_class_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 1024 && !text.chars().any(char::is_control)
}

fn json_class(bytes: &[u8]) -> Result<Option<Class>, String> {
    use serde_json::Value;
    let value: Value = serde_json::from_slice(bytes).map_err(|_| "its .json is damaged".to_owned())?;
    let stated = match &value {
        Value::Object(fields) => ["label", "class", "cls"].iter().find_map(|name| fields.get(*name)),
        Value::Number(_) => Some(&value),
        _ => None,
    };
    match stated {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) if number.is_i64() => Ok(number.as_i64().map(Class::Number)),
        Some(Value::String(name)) if is_class_name(name) => Ok(Some(Class::Name(name.clone()))),
        Some(_) => Err("its .json has a label that is neither a class number nor the name of a class".into()),
    }
}

/// A member's path as a key may hold it: without `./`, and nothing that leads out of a folder.
fn inside(path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (!path.chars().any(char::is_control)).then(|| parts.join("/"))
}

/// What a path that leads elsewhere is called: one part, on one line.
fn harmless(path: &str) -> String {
    let harmless = |c: char| match c {
        '/' | '\\' | ':' => '_',
        c if c.is_control() => '?',
        c => c,
    };
    path.replace("..", "__").chars().map(harmless).collect()
}

fn scan(shard: &Shard, with_class: bool) -> Scan {
    let mut found = Scan::default();
    match File::open(&shard.path).and_then(|file| Ok((file.metadata()?.len(), file))) {
        Ok((length, file)) => {
            if let Err(damage) = scan_file(shard, &file, length, with_class, &mut found) {
                found.damage = Some(damage.to_string());
            }
        }
        Err(error) => found.damage = Some(format!("it cannot be read: {error}")),
    }
    found
}

fn scan_file(shard: &Shard, file: &File, length: u64, with_class: bool, found: &mut Scan) -> Result<(), Damage> {
    let mut group: Option<Group> = None;
    let mut finish = |group: Option<Group>, ignored: &mut Vec<PathBuf>| match group.map(|g| g.finish(file, with_class))
    {
        Some(Ok(sample)) => found.samples.push(sample),
        Some(Err(key)) => ignored.push(Path::new(&shard.name).join(key)),
        None => {}
    };
    let mut ignored = Vec::new();
    let mut unnamed = 0;
    for member in Members::of_file(file, length) {
        // What was begun before the damage may lack its label: it is left out.
        let member = member.inspect_err(|_| found.ignored.append(&mut ignored))?;
        let Some(path) = &member.path else {
            finish(group.take(), &mut ignored);
            unnamed += 1;
            let mut one = Group::new(format!("not UTF-8 ({unnamed})"), member.blocks.start);
            (one.image, one.not_text) = (Some(member.data), true);
            finish(Some(one), &mut ignored);
            continue;
        };
        let safe = inside(path);
        let shown = safe.clone().unwrap_or_else(|| harmless(path));
        let Some((key, kind)) = key_and_kind(&shown) else {
            finish(group.take(), &mut ignored);
            ignored.push(Path::new(&shard.name).join(&shown));
            continue;
        };
        if group.as_ref().is_none_or(|group| group.key != key) {
            finish(group.take(), &mut ignored);
        }
        let here = group.get_or_insert_with(|| Group::new(key.to_owned(), member.blocks.start));
        here.sample.end = member.blocks.end;
        here.add(&kind, &member);
        if safe.is_none() {
            here.wrong = Some("its name leads out of the shard, or is no single line: rename it".into());
        }
    }
    finish(group.take(), &mut ignored);
    found.ignored.append(&mut ignored);
    Ok(())
}

/// A set of shards.
struct ShardSource {
    shards: Vec<Shard>,
    items: Vec<Item>,
    /// The shard and the place of each item.
    places: Vec<(usize, Place)>,
    classes: Vec<String>,
    ignored: Vec<PathBuf>,
    /// BLAKE3 of each image's member as the manifest states it; empty for a plain set.
    hashes: Vec<String>,
    /// The key of each image's sample as the manifest states it; empty for a plain set.
    keys: Vec<String>,
}

fn plain(path: &Path, shards: Vec<PathBuf>, mut ignored: Vec<PathBuf>) -> Result<ShardSource, DatasetError> {
    let shards: Vec<Shard> = shards.into_iter().map(Shard::new).collect();
    let scans: Vec<Scan> = shards.par_iter().map(|shard| scan(shard, true)).collect();
    if scans.iter().all(|scan| scan.samples.is_empty()) {
        let damaged = shards.iter().zip(&scans).find_map(|(shard, scan)| Some((shard, scan.damage.clone()?)));
        return Err(match damaged {
            Some((shard, damage)) => bad(&shard.path, damage),
            None => bad(path, "no sample in it has an image: a member KEY.png or KEY.jpg".into()),
        });
    }
    let (mut items, mut places, mut stated) = (Vec::new(), Vec::new(), Vec::new());
    for (number, (shard, found)) in shards.iter().zip(scans).enumerate() {
        let split = shard.split();
        for sample in found.samples {
            items.push(Item { name: format!("{}/{}", shard.stem(), sample.key), split, label: None });
            places.push((number, sample.place));
            stated.push(sample.class);
        }
        if let Some(damage) = found.damage {
            items.push(Item { name: format!("{}/damaged", shard.stem()), split, label: None });
            places.push((number, Place::Damaged(format!("what follows in its shard is lost: {damage}"))));
            stated.push(None);
        }
        ignored.extend(found.ignored);
    }
    let mut names = HashSet::new();
    if let Some(twice) = items.iter().find(|item| !names.insert(item.name.as_str())) {
        return Err(bad(path, format!("two samples are called {}: rename one of them", twice.name)));
    }
    drop(names);
    let classes = label(&mut items, &mut places, &stated).map_err(|reason| bad(path, reason))?;
    Ok(ShardSource { shards, items, places, classes, ignored, hashes: Vec::new(), keys: Vec::new() })
}

/// Gives every item its label, and the classes their names: numbers where every class is one.
fn label(items: &mut [Item], places: &mut [(usize, Place)], stated: &[Option<Class>]) -> Result<Vec<String>, String> {
    let named = stated.iter().flatten().any(|class| matches!(class, Class::Name(_)));
    let text = |class: &Class| match class {
        Class::Number(number) => number.to_string(),
        Class::Name(name) => name.clone(),
    };
    if named {
        let names: BTreeSet<String> = stated.iter().flatten().map(text).collect();
        if names.len() > MOST_CLASSES {
            return Err(format!("its samples name {} classes, and {MOST_CLASSES} are the most", names.len()));
        }
        let names: Vec<String> = names.into_iter().collect();
        for (item, class) in items.iter_mut().zip(stated) {
            let place = class.as_ref().and_then(|class| names.binary_search(&text(class)).ok());
            item.label = place.map(|place| place as u32);
        }
        return Ok(names);
    }
    for ((item, (_, place)), class) in items.iter_mut().zip(places).zip(stated) {
        let Some(Class::Number(number)) = class else { continue };
        item.label = u32::try_from(*number).ok().filter(|&number| (number as usize) < MOST_CLASSES);
        if item.label.is_none() {
            *place = Place::Damaged(format!("label {number} is not a class number (0 to {})", MOST_CLASSES - 1));
        }
    }
    let largest = items.iter().filter_map(|item| item.label).max();
    Ok(largest.map_or(Vec::new(), |largest| (0..=largest).map(|class| class.to_string()).collect()))
}

/// What is in a shard of an encrypted set.
struct Found {
    /// The shard's number.
    number: usize,
    /// The places of its images, by key.
    samples: HashMap<String, Place>,
    damage: Option<String>,
}

fn encrypted(root: &Path, manifest: &Manifest) -> ShardSource {
    let shard_of = |entry: &Entry| entry.path.split_once('/').map_or(entry.path.clone(), |(shard, _)| shard.to_owned());
    let key_of = |entry: &Entry| {
        let member = entry.path.split_once('/').and_then(|(_, member)| key_and_kind(member));
        member.map_or(String::new(), |(key, _)| key.to_owned())
    };
    let names: BTreeSet<String> = manifest.images.iter().map(shard_of).collect();
    let shards: Vec<Shard> = names.into_iter().map(|name| Shard::new(root.join(name))).collect();
    let find = |(number, shard): (usize, &Shard)| {
        let scan = scan(shard, false);
        let samples = scan.samples.into_iter().map(|sample| (sample.key, sample.place)).collect();
        (shard.name.clone(), Found { number, samples, damage: scan.damage })
    };
    let mut found: HashMap<String, Found> = shards.par_iter().enumerate().map(find).collect();
    let mut place = |entry: &Entry| {
        let Some(found) = found.get_mut(&shard_of(entry)) else { return (0, Place::Missing) };
        let place = found.samples.remove(&key_of(entry));
        let lost = |damage: &String| Place::Damaged(format!("it is lost: {damage}"));
        (found.number, place.unwrap_or_else(|| found.damage.as_ref().map_or(Place::Missing, lost)))
    };
    let places = manifest.images.iter().map(&mut place).collect();
    ShardSource {
        shards,
        items: manifest.images.iter().map(Entry::item).collect(),
        places,
        classes: manifest.classes.clone(),
        ignored: Vec::new(),
        hashes: manifest.images.iter().map(|entry| entry.blake3.clone()).collect(),
        keys: manifest.images.iter().map(key_of).collect(),
    }
}

impl ShardSource {
    fn fail(&self, index: usize, kind: ReadErrorKind) -> ReadError {
        let shard = self.places.get(index).and_then(|(shard, _)| self.shards.get(*shard));
        let key = self.items.get(index).map_or("", |item| item.name.as_str());
        let path = match shard {
            Some(shard) => format!("{}/{}", shard.name, key.strip_prefix(&format!("{}/", shard.stem())).unwrap_or(key)),
            None => format!("image {index}"),
        };
        ReadError { path, kind }
    }

    /// The shard of an image, opened; the places of the image and of its sample.
    fn open(&self, index: usize) -> Result<(File, &Range<u64>, &Range<u64>), ReadError> {
        let missing = || ReadErrorKind::Io(std::io::ErrorKind::NotFound.into());
        let kind = match self.places.get(index) {
            Some((shard, Place::Here { image, sample })) => {
                match self.shards.get(*shard).map(|s| File::open(&s.path)) {
                    Some(Ok(file)) => return Ok((file, image, sample)),
                    Some(Err(error)) => ReadErrorKind::Io(error),
                    None => missing(),
                }
            }
            Some((_, Place::Damaged(reason))) => ReadErrorKind::Damaged(reason.clone()),
            Some((_, Place::NotText)) => ReadErrorKind::Name,
            Some((_, Place::Missing)) | None => missing(),
        };
        Err(self.fail(index, kind))
    }

    fn bytes(&self, index: usize, file: &File, range: Range<u64>) -> Result<Vec<u8>, ReadError> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        positioned::read(file, &mut bytes, range.start).map_err(|e| self.fail(index, ReadErrorKind::Io(e)))?;
        Ok(bytes)
    }
}

/// Holds what lies in a shard of an encrypted set, beside the bytes of its images, against the manifest; `stated` are the labels of
/// its samples by key. Members that were carried over (`--keep-members`) belong to a sample and have no hash.
fn beside(shard: &Shard, stated: &HashMap<&str, Option<u32>>) -> Beside {
    let mut beside = Beside::default();
    // Damage is told with the images that it hides.
    let Ok((file, length)) = File::open(&shard.path).and_then(|f| f.metadata().map(|m| (f, m.len()))) else {
        return beside;
    };
    let mut without: BTreeSet<&str> = stated.iter().filter(|(_, label)| label.is_some()).map(|(&key, _)| key).collect();
    for member in Members::of_file(&file, length).map_while(Result::ok) {
        let path = member.path.as_deref().map_or_else(|| "?".to_owned(), harmless);
        let place = format!("{}/{path}", shard.name);
        let known = member
            .path
            .as_deref()
            .and_then(key_and_kind)
            .and_then(|(key, kind)| stated.get_key_value(key).map(|(&key, label)| (key, kind, label)));
        let Some((key, kind, label)) = known else {
            beside.strangers.push(place);
            continue;
        };
        if kind == CLASS {
            without.remove(key);
            let range = member.data.start..member.data.end.min(member.data.start + 16);
            let mut text = vec![0; (range.end - range.start) as usize];
            let read = positioned::read(&file, &mut text, range.start).is_ok();
            if !read || label.map(|label| label.to_string().into_bytes()) != Some(text) {
                beside.labels.push(place);
            }
        }
    }
    beside.labels.extend(without.into_iter().map(|key| format!("{}/{key}.{CLASS}", shard.name)));
    beside
}

impl Source for ShardSource {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn ignored(&self) -> &[PathBuf] {
        &self.ignored
    }

    fn beside(&self) -> Beside {
        if self.hashes.is_empty() {
            return Beside::default();
        }
        let mut stated: Vec<HashMap<&str, Option<u32>>> = vec![HashMap::new(); self.shards.len()];
        for ((item, key), (shard, _)) in self.items.iter().zip(&self.keys).zip(&self.places) {
            if let Some(stated) = stated.get_mut(*shard) {
                stated.insert(key, item.label);
            }
        }
        let both = self.shards.par_iter().zip(&stated).map(|(shard, stated)| beside(shard, stated));
        both.collect::<Vec<_>>().into_iter().fold(Beside::default(), |mut all, here| {
            all.labels.extend(here.labels);
            all.strangers.extend(here.strangers);
            all
        })
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        let (file, image, _) = self.open(index)?;
        let member = BufReader::new(positioned::Range::new(&file, image.clone()));
        picture::header(member).map(|header| header.geometry).map_err(|kind| self.fail(index, kind))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let (file, image, _) = self.open(index)?;
        let bytes = self.bytes(index, &file, image.clone())?;
        if let Some(stated) = self.hashes.get(index)
            && blake3::hash(&bytes).to_hex().as_str() != stated
        {
            return Err(self.fail(index, ReadErrorKind::Changed));
        }
        let image = picture::open(bytes).and_then(|stack| picture::single(stack.as_ref()));
        image.map_err(|kind| self.fail(index, kind))
    }

    fn members(&self, index: usize, kinds: &[String]) -> Result<Vec<sink::Member>, ReadError> {
        if kinds.is_empty() {
            return Ok(Vec::new());
        }
        let (file, _, sample) = self.open(index)?;
        let damaged = |reason: String| self.fail(index, ReadErrorKind::Damaged(reason));
        let mut found: HashMap<String, Range<u64>> = HashMap::new();
        for member in Members::of_range(&file, sample.clone()) {
            let member = member.map_err(|damage| damaged(damage.to_string()))?;
            if let Some((_, kind)) = member.path.as_deref().and_then(key_and_kind) {
                found.entry(kind).or_insert(member.data);
            }
        }
        let mut members = Vec::new();
        for kind in kinds.iter().filter(|kind| kind.as_str() != CLASS && !is_image(kind)) {
            let Some(range) = found.remove(&kind.to_ascii_lowercase()) else { continue };
            if range.end - range.start > LONGEST_TEXT {
                return Err(damaged(format!("its member .{kind} is larger than 16 MiB")));
            }
            members.push(sink::Member { kind: kind.to_ascii_lowercase(), bytes: self.bytes(index, &file, range)? });
        }
        Ok(members)
    }

    fn stamp(&self, index: usize) -> String {
        match self.places.get(index) {
            Some((shard, Place::Here { image, .. })) => {
                self.shards.get(*shard).map_or(String::new(), |shard| format!("{} {}", shard.stamp, image.start))
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset;

    fn png(value: u8) -> Vec<u8> {
        picture::encode_png(&Image::new("1x2x1".parse().unwrap(), vec![value; 2]).unwrap()).unwrap()
    }

    fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, data) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            // As they stand, also those that lead out of the shard.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            tar.append(&header, *data).unwrap();
        }
        tar.into_inner().unwrap()
    }

    /// What is found in a shard x.tar, which is gone by the time it is asked for.
    fn opened(files: &[(&str, &[u8])]) -> Result<Box<dyn Source>, DatasetError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x.tar"), tar(files)).unwrap();
        dataset::open(&folder.path().join("x.tar")).map(|opened| opened.source)
    }

    fn found(source: &dyn Source) -> Vec<(&str, Option<u32>)> {
        source.items().iter().map(|item| (item.name.as_str(), item.label)).collect()
    }

    #[test]
    fn patterns_count_and_list() {
        let expanded = |pattern: &str| {
            expand(pattern).map(|paths| paths.into_iter().map(|p| p.to_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(expanded("a-{008..011}.tar").unwrap(), ["a-008.tar", "a-009.tar", "a-010.tar", "a-011.tar"]);
        assert_eq!(expanded("{9..10}.tar").unwrap(), ["9.tar", "10.tar"]);
        assert_eq!(expanded("{b,a}/{0..1}.tar").unwrap(), ["b/0.tar", "b/1.tar", "a/0.tar", "a/1.tar"]);
        assert!(expanded("{0..9.tar").unwrap_err().contains("no `}`"));
        let most = ["{0..99999999}", "{0..999}{0..999}{0..9}", "{0..18446744073709551615}"];
        for wrong in ["{}", "{a}", "{5..4}", "{a..b}"].into_iter().chain(most) {
            assert!(expanded(&format!("{wrong}.tar")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn samples_of_a_pattern_of_shards_are_found_with_their_classes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, files: &[(&str, &[u8])]| std::fs::write(folder.path().join(name), tar(files)).unwrap();
        let (one, two) = (png(1), png(2));
        let json = &b"{\"label\": 0}"[..];
        write("train-00.tar", &[("./a.cls", b"1\n"), ("./a.png", &one), ("b/c.PNG", &two), ("b/c.json", json)]);
        let others: [(&str, &[u8]); 3] = [("a.txt", b"words"), ("readme", b""), ("d.json", b"3")];
        write("train-01.tar", &[&[("a.png", two.as_slice()), ("a.seg.png", &one)][..], &others].concat());
        let path = folder.path().join("train-{00..01}.tar");
        let source = dataset::open(&path).unwrap().source;
        assert_eq!(found(&*source), [("train-00/a", Some(1)), ("train-00/b/c", Some(0)), ("train-01/a", None)]);
        assert!(source.items().iter().all(|item| item.split == Split::Train));
        assert_eq!(source.classes(), ["0", "1"]);
        assert_eq!(source.ignored(), [PathBuf::from("train-01.tar/readme"), PathBuf::from("train-01.tar/d")]);
        assert_eq!((source.read(0).unwrap().samples(), source.read(2).unwrap().samples()), (&[1; 2][..], &[2; 2][..]));
        assert_eq!(source.geometry(1).unwrap(), "1x2x1".parse().unwrap());
        let kinds = ["seg.png".to_owned(), "txt".to_owned(), "png".to_owned()];
        let kept = source.members(2, &kinds).unwrap();
        assert_eq!(kept.iter().map(|member| member.kind.as_str()).collect::<Vec<_>>(), ["seg.png", "txt"]);
        assert_eq!((&kept[0].bytes, kept[1].bytes.as_slice()), (&one, &b"words"[..]));
        let (first, second) = (source.stamp(0), source.stamp(1));
        assert!(first != second && first.rsplit_once(' ').unwrap().0 == second.rsplit_once(' ').unwrap().0);
        let missing = folder.path().join("train-{00..02}.tar");
        assert!(matches!(dataset::open(&missing), Err(DatasetError::Missing(path)) if path.ends_with("train-02.tar")));
        // As a folder, with something else in it; and not if there are images beside the shards.
        std::fs::write(folder.path().join("notes.txt"), b"").unwrap();
        let source = dataset::open(folder.path()).unwrap().source;
        assert_eq!((source.items().len(), &source.ignored()[0]), (3, &PathBuf::from("notes.txt")));
        std::fs::write(folder.path().join("x.png"), &one).unwrap();
        assert_eq!(dataset::open(folder.path()).unwrap().source.items().len(), 1);
    }

    #[test]
    fn classes_are_numbers_or_names_and_nothing_else() {
        let image = png(1);
        let one = |kind: &str, text: &[u8]| {
            let kind = format!("a.{kind}");
            let source = opened(&[("a.png", &image), (&kind, text), ("b.png", &image), ("b.cls", b"2")]).unwrap();
            let error = match source.read(0).unwrap_err().kind {
                ReadErrorKind::Damaged(reason) => reason,
                _ => String::new(),
            };
            (source.items()[0].label, source.classes().join(" "), error)
        };
        let labelled = |label, classes: &str| (label, classes.to_owned(), String::new());
        assert_eq!(one("cls", b"0"), labelled(Some(0), "0 1 2"));
        assert_eq!(one("cls", "mélanome\n".as_bytes()), labelled(Some(1), "2 mélanome"));
        assert_eq!(one("json", b"1"), labelled(Some(1), "0 1 2"));
        assert_eq!(one("json", b"{\"class\": \"b\", \"cls\": 7}"), labelled(Some(1), "2 b"));
        assert_eq!(one("json", b"{\"age\": 7}"), labelled(None, "0 1 2"));
        assert_eq!(one("json", b"{\"label\": null}"), labelled(None, "0 1 2"));
        for (kind, text, words) in [
            ("cls", &b""[..], "neither a class number"),
            ("cls", b"\xff", "neither a class number"),
            ("cls", b"a\nb", "neither a class number"),
            ("cls", b"-1", "label -1 is not a class number (0 to 65535)"),
            ("cls", b"65536", "label 65536 is not"),
            ("json", b"{", "damaged"),
            ("json", b"{\"label\": [0, 1]}", "neither a class number"),
            ("json", b"{\"label\": 0.5}", "neither a class number"),
        ] {
            let (label, _, error) = one(kind, text);
            assert!(label.is_none() && error.contains(words), "{kind} {text:?}: {error}");
        }
    }

    #[test]
    fn samples_that_cannot_be_told_are_not_guessed() {
        let image = png(1);
        let reason = |files: &[(&str, &[u8])]| opened(files).unwrap().read(0).unwrap_err().to_string();
        assert_eq!(
            reason(&[("a.png", &image), ("a.jpg", &image)]),
            "x.tar/a: is damaged: its sample has a second member .jpg, or a second image: keep one"
        );
        assert!(reason(&[("../a.png", &image)]).contains("leads out of the shard"));
        assert!(reason(&[("/a.png", &image)]).contains("leads out of the shard"));
        let source = opened(&[("a/../../b\n.png", &image)]).unwrap();
        assert_eq!(source.items()[0].name, "x/a_______b?");
        let twice = opened(&[("a.png", &image), ("b.png", &image), ("a.png", &image)]).map(|_| ()).unwrap_err();
        assert!(twice.to_string().ends_with("two samples are called x/a: rename one of them"), "{twice}");
        let none = opened(&[("a.txt", b""), ("b.seg.png", &image)]).map(|_| ()).unwrap_err().to_string();
        assert!(none.contains("no sample in it has an image"), "{none}");
    }

    #[test]
    fn a_truncation_is_told_and_what_lies_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test-0.tar");
        let image = png(5);
        let whole = tar(&[("a.png", &image), ("a.cls", b"0"), ("b.png", &image), ("b.cls", b"1")]);
        for length in (0..whole.len() - 512).step_by(7) {
            std::fs::write(&path, &whole[..length]).unwrap();
            match dataset::open(&path) {
                Ok(opened) => {
                    // The sample at the cut may lack its class: it is not among those that are read.
                    let source = opened.source;
                    assert_eq!(found(&*source), [("test-0/a", Some(0)), ("test-0/damaged", None)], "{length}");
                    assert!(source.read(0).is_ok());
                    let error = source.read(1).unwrap_err().to_string();
                    assert!(
                        error.contains("test-0.tar/damaged: is damaged: what follows in its shard is lost"),
                        "{error}"
                    );
                }
                Err(error) => assert!(matches!(error, DatasetError::Shards { .. }), "{length}: {error}"),
            }
        }
        std::fs::write(&path, [7; 2_000]).unwrap();
        let error = dataset::open(&path).map(|_| ()).unwrap_err().to_string();
        assert!(
            error.contains("test-0.tar is not a usable set of WebDataset shards: it holds something else"),
            "{error}"
        );
    }

    #[test]
    fn an_encrypted_folder_is_read_by_its_manifest() {
        use crate::dataset::manifest::FORMAT;
        use imgveil::internal::schedule::ImageId;
        use imgveil::internal::scheme::{Options, Preset};
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (png(1), png(2));
        let shard = folder.path().join("train-000000.tar");
        std::fs::write(&shard, tar(&[("a.png", &one), ("a.cls", b"0"), ("b.png", &two)])).unwrap();
        let entry = |path: &str, bytes: &[u8]| Entry {
            name: format!("plain/{path}"),
            path: path.into(),
            split: Split::Train,
            label: Some(0),
            geometry: "1x2x1".parse().unwrap(),
            original: None,
            id: ImageId([0; 8]),
            plain: String::new(),
            blake3: blake3::hash(bytes).to_hex().to_string(),
        };
        let manifest = Manifest {
            format: FORMAT,
            tool: "imgveil test".into(),
            scheme: Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
            key: "0123456789abcdef".parse().unwrap(),
            encoding: crate::dataset::encoding::Encoding::WebDataset { per_shard: 2 },
            run: String::new(),
            part: None,
            classes: vec!["ill".into()],
            images: vec![
                entry("train-000000.tar/b.png", &two),
                entry("train-000000.tar/a.png", &two),
                entry("train-000000.tar/c.png", &one),
                entry("train-000001.tar/d.png", &one),
            ],
        };
        std::fs::write(folder.path().join(MANIFEST), manifest.to_text().unwrap()).unwrap();
        let opened = dataset::open(folder.path()).unwrap();
        assert_eq!(opened.manifest.as_ref(), Some(&manifest));
        let source = opened.source;
        assert_eq!(source.items()[0].name, "plain/train-000000.tar/b.png");
        assert_eq!((source.classes(), source.items()[0].label), (&["ill".to_owned()][..], Some(0)));
        assert_eq!(source.read(0).unwrap().samples(), [2, 2]);
        assert!(matches!(source.read(1).unwrap_err().kind, ReadErrorKind::Changed));
        assert!(matches!(source.read(2).unwrap_err().kind, ReadErrorKind::Io(_)));
        assert!(source.read(3).unwrap_err().to_string().contains("it is lost: it cannot be read"));
        let alone = |path: &Path| dataset::open(path).map(|_| ()).unwrap_err();
        let error = alone(&shard).to_string();
        assert!(error.contains("it belongs to an encrypted set: give its folder"), "{error}");
        // What is still being written is no set yet, neither as a folder nor as a shard of it.
        std::fs::write(folder.path().join(".imgveil-partial"), b"").unwrap();
        assert!(matches!(alone(&shard), DatasetError::Unfinished(_)));
        assert!(matches!(alone(folder.path()), DatasetError::Unfinished(_)));
    }
}
