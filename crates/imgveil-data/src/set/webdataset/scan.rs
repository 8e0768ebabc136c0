//! One pass over the headers of a shard finds its samples.

use super::class::{Class, class};
use super::member_name::{CLASS, is_image, key_and_kind};
use crate::format::tar::{Damage, TarMember, TarMembers};
use crate::memory::Listing;
use crate::regular_file;
use crate::set::Split;
use crate::stamp::stamp_of;
use std::fs::File;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// The size limit of an image, encoded or not: 2^31 samples of two bytes, and as much again.
const LONGEST_IMAGE: u64 = 8 << 30;

/// A tar file of the set.
pub(super) struct Shard {
    pub(super) path: PathBuf,
    /// Its file's name.
    pub(super) name: String,
    pub(super) stamp: String,
}

impl Shard {
    pub(super) fn new(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stamp = stamp_of(&path);
        Self { path, name, stamp }
    }

    pub(super) fn stem(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(stem, _)| stem)
    }

    pub(super) fn split(&self) -> Split {
        let word: String = self.name.chars().take_while(char::is_ascii_alphabetic).collect();
        Split::named(&word.to_ascii_lowercase()).unwrap_or(Split::All)
    }
}

/// Where an image is, or why it cannot be read.
#[derive(Debug)]
pub(super) enum Location {
    /// The ranges of the image and of its whole WebDataset sample.
    Here { image: Range<u64>, sample: Range<u64> },
    /// The WebDataset sample or the rest of the shard cannot be used, with the reason.
    Damaged(String),
    /// The image's name is not UTF-8.
    NotText,
    /// The manifest names the image, and it does not exist.
    Missing,
}

/// A WebDataset sample of a shard.
pub(super) struct ShardSample {
    pub(super) key: String,
    pub(super) location: Location,
    pub(super) class: Option<Class>,
}

/// The result of one pass over a shard.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) samples: Vec<ShardSample>,
    /// Members and WebDataset samples without an image.
    pub(super) ignored: Vec<PathBuf>,
    /// Why the pass ended early.
    pub(super) damage: Option<String>,
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

    fn add(&mut self, kind: &str, member: &TarMember) {
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

    /// The WebDataset sample, or its key if it has no image. The class is not read for an encrypted set, whose manifest
    /// states it.
    fn finish(self, file: &File, with_class: bool) -> Result<ShardSample, String> {
        let Some(image) = self.image else { return Err(self.key) };
        let class = if with_class { class(file, self.class, self.json) } else { Ok(None) };
        let (class, wrong) = class.map_or_else(|wrong| (None, Some(wrong)), |class| (class, None));
        let location = match self.wrong.or(wrong) {
            _ if self.not_text => Location::NotText,
            Some(reason) => Location::Damaged(reason),
            None if image.end - image.start > LONGEST_IMAGE => Location::Damaged("it is larger than any image".into()),
            None => Location::Here { image, sample: self.sample },
        };
        Ok(ShardSample { key: self.key, location, class })
    }
}

/// A member's path without `./`. `None` if it leads out of the folder.
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

/// A display form of a path that leads elsewhere: one part, on one line.
pub(super) fn harmless(path: &str) -> String {
    let harmless = |c: char| match c {
        '/' | '\\' | ':' => '_',
        c if c.is_control() => '?',
        c => c,
    };
    path.replace("..", "__").chars().map(harmless).collect()
}

/// The samples of a shard. Stops early when `listing` has no room for more.
pub(super) fn scan(shard: &Shard, with_class: bool, listing: &Listing) -> Scan {
    let mut found = Scan::default();
    match regular_file::open(&shard.path).and_then(|file| Ok((file.metadata()?.len(), file))) {
        Ok((length, file)) => {
            if let Err(damage) = scan_file(shard, &file, length, with_class, listing, &mut found) {
                found.damage = Some(damage.to_string());
            }
        }
        Err(error) => found.damage = Some(format!("it cannot be read: {error}")),
    }
    found
}

fn scan_file(
    shard: &Shard,
    file: &File,
    length: u64,
    with_class: bool,
    listing: &Listing,
    found: &mut Scan,
) -> Result<(), Damage> {
    let mut group: Option<Group> = None;
    let mut finish = |group: Option<Group>, ignored: &mut Vec<PathBuf>| match group.map(|g| g.finish(file, with_class))
    {
        Some(Ok(sample)) => found.samples.push(sample),
        Some(Err(key)) => ignored.push(Path::new(&shard.name).join(key)),
        None => {}
    };
    let mut ignored = Vec::new();
    let mut unnamed = 0;
    for member in TarMembers::of_file(file, length) {
        // A WebDataset sample that the damage interrupts may lack its label, so it is left out.
        let member = member.inspect_err(|_| found.ignored.append(&mut ignored))?;
        // A member that is no image takes part of the list too.
        if listing.add(1).is_err() {
            break;
        }
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
