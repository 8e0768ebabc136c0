//! One pass over the headers of a shard finds its samples.

use super::class::{Stated, class, is_number};
use super::member_name::{CLASSES, PERHAPS_CLASSES, is_hidden, is_image, is_image_with_word, key_and_kind};
use crate::format::PassedOverReason;
use crate::format::tar::{Damage, TarMember, TarMembers};
use crate::memory::Listing;
use crate::regular_file;
use crate::set::split::SplitName;
use crate::set::{PassedOver, Split};
use crate::stamp::stamp_of;
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// The size limit of an image, encoded or not: 2^31 samples of two bytes, and as much again.
const LONGEST_IMAGE: u64 = 8 << 30;

/// A tar file of the set.
pub(super) struct Shard {
    pub(super) path: PathBuf,
    /// The file, relative to the set.
    pub(super) name: String,
    pub(super) stamp: String,
    /// The split that its name or its folders mean.
    pub(super) split: Split,
}

impl Shard {
    /// A shard of an encrypted set, whose manifest states the splits.
    pub(super) fn of_manifest(path: PathBuf) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self::new(path, name)
    }

    /// A shard with its path relative to the set.
    pub(super) fn new(path: PathBuf, name: String) -> Self {
        let (stamp, split) = (stamp_of(&path), split_of(&name));
        Self { path, name, stamp, split }
    }

    pub(super) fn stem(&self) -> &str {
        self.name.rsplit_once('.').map_or(&self.name, |(stem, _)| stem)
    }
}

/// The split that a shard's path means: by a word of its file name, or else by the last folder that is called like a
/// split.
fn split_of(name: &str) -> Split {
    let mut parts = name.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let file = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match Split::of_name(file) {
        SplitName::Certain(split) | SplitName::Possible(split) => split,
        SplitName::Several => Split::All,
        SplitName::None => parts.find_map(Split::named).unwrap_or(Split::All),
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
    pub(super) stated: Stated,
}

/// The result of one pass over a shard.
#[derive(Default)]
pub(super) struct Scan {
    pub(super) samples: Vec<ShardSample>,
    /// Members and WebDataset samples without an image.
    pub(super) ignored: Vec<PassedOver>,
    /// Kinds of the members of WebDataset samples without an image.
    pub(super) kinds: BTreeSet<String>,
    /// The number of samples whose members are not next to each other.
    pub(super) scattered: usize,
    /// Why the pass ended early.
    pub(super) damage: Option<String>,
}

/// The members of one key.
struct Group {
    key: String,
    sample: Range<u64>,
    image: Option<Range<u64>>,
    /// An image that is the sample's if it has no other.
    second_choice: Option<Range<u64>>,
    /// Its place among the kinds, and where it lies.
    class: Option<(usize, Range<u64>)>,
    json: Option<Range<u64>>,
    /// Members that may hold a class and are not read.
    perhaps: Option<(String, Range<u64>)>,
    kinds: Vec<String>,
    scattered: bool,
    wrong: Option<String>,
    not_text: bool,
}

/// What a member is to its sample.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Image,
    SecondChoice,
    Class(usize),
    Json,
    Perhaps,
    Other,
}

impl Role {
    fn of(kind: &str) -> Self {
        match CLASSES.iter().position(|class| *class == kind) {
            Some(place) => Self::Class(place),
            None if kind == "json" => Self::Json,
            None if is_image(kind) => Self::Image,
            None if is_image_with_word(kind) => Self::SecondChoice,
            None if PERHAPS_CLASSES.contains(&kind) => Self::Perhaps,
            None => Self::Other,
        }
    }
}

impl Group {
    fn new(key: String, at: u64) -> Self {
        Self {
            key,
            sample: at..at,
            image: None,
            second_choice: None,
            class: None,
            json: None,
            perhaps: None,
            kinds: Vec::new(),
            scattered: false,
            wrong: None,
            not_text: false,
        }
    }

    /// Whether the sample has a member that this one would be a second of.
    fn has(&self, role: Role) -> bool {
        match role {
            Role::Image => self.image.is_some(),
            Role::Class(place) => self.class.as_ref().is_some_and(|(other, _)| *other == place),
            Role::Json => self.json.is_some(),
            Role::SecondChoice | Role::Perhaps | Role::Other => false,
        }
    }

    fn add(&mut self, kind: String, role: Role, member: &TarMember) {
        self.sample.end = member.blocks.end;
        if self.has(role) {
            self.wrong = Some(format!("its sample has a second member .{kind}, or a second image: keep one"));
        }
        if member.is_link && role != Role::Other {
            self.wrong = Some(format!("its member .{kind} is a link, which is not followed: store the file itself"));
        }
        let data = member.data.clone();
        match role {
            Role::Image => self.image = Some(data),
            Role::SecondChoice => {
                self.second_choice.get_or_insert(data);
            }
            Role::Class(place) if self.class.as_ref().is_none_or(|(other, _)| place <= *other) => {
                self.class = Some((place, data));
            }
            Role::Json => self.json = Some(data),
            Role::Perhaps => self.perhaps = Some((kind.clone(), data)),
            Role::Class(_) | Role::Other => {}
        }
        self.kinds.push(kind);
    }

    /// The WebDataset sample, or its key and kinds if it has no image. The class is not read for an encrypted set,
    /// whose manifest states it.
    fn finish(self, file: &File, with_class: bool) -> Result<ShardSample, (String, Vec<String>)> {
        let Some(image) = self.image.or(self.second_choice) else { return Err((self.key, self.kinds)) };
        let of_kind = self.class.map(|(place, range)| (CLASSES[place], range));
        let stated = if with_class { class(file, of_kind, self.json) } else { Ok(Stated::default()) };
        let (mut stated, wrong) = stated.map_or_else(|wrong| (Stated::default(), Some(wrong)), |stated| (stated, None));
        if with_class
            && stated == Stated::default()
            && let Some((kind, range)) = self.perhaps
            && is_number(file, &range)
        {
            stated.unread = Some(format!(".{kind}"));
        }
        let location = match self.wrong.or(wrong) {
            _ if self.not_text => Location::NotText,
            Some(reason) => Location::Damaged(reason),
            None if image.end - image.start > LONGEST_IMAGE => Location::Damaged("it is larger than any image".into()),
            None => Location::Here { image, sample: self.sample },
        };
        Ok(ShardSample { key: self.key, location, stated })
    }
}

/// A member's path without `./`. `None` if it leads out of the folder.
pub(super) fn inside(path: &str) -> Option<String> {
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

/// Finds the samples. The members of a sample are usually next to each other, and may lie anywhere.
fn scan_file(
    shard: &Shard,
    file: &File,
    length: u64,
    with_class: bool,
    listing: &Listing,
    found: &mut Scan,
) -> Result<(), Damage> {
    let mut groups: Vec<Group> = Vec::new();
    let read = collect(shard, file, length, listing, &mut groups, &mut found.ignored);
    let has_label = |group: &Group| group.class.is_some() || group.json.is_some();
    let labelled = read.is_err() && groups.iter().any(has_label);
    for mut group in groups {
        found.scattered += usize::from(group.scattered);
        if labelled && !has_label(&group) {
            group.wrong = Some("its label may be lost with the rest of its shard".into());
        }
        match group.finish(file, with_class) {
            Ok(sample) => found.samples.push(sample),
            Err((key, kinds)) => {
                found.ignored.push(PassedOver::new(Path::new(&shard.name).join(key), PassedOverReason::NoSample));
                found.kinds.extend(kinds);
            }
        }
    }
    read
}

/// Collects the members of each sample, in the order in which the samples begin. A sample that is interrupted by damage
/// is left out, because it may lack its label.
fn collect(
    shard: &Shard,
    file: &File,
    length: u64,
    listing: &Listing,
    groups: &mut Vec<Group>,
    ignored: &mut Vec<PassedOver>,
) -> Result<(), Damage> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let (mut last, mut unnamed) = (None, 0);
    for member in TarMembers::of_file(file, length) {
        let member = match member {
            Ok(member) => member,
            Err(damage) => {
                if let Some(last) = last {
                    groups.remove(last);
                }
                return Err(damage);
            }
        };
        // A member that is no image takes part of the list too.
        if listing.add(1).is_err() {
            break;
        }
        let Some(path) = &member.path else {
            unnamed += 1;
            let mut one = Group::new(format!("not UTF-8 ({unnamed})"), member.blocks.start);
            (one.image, one.not_text) = (Some(member.data), true);
            groups.push(one);
            last = None;
            continue;
        };
        let safe = inside(path);
        let shown = safe.clone().unwrap_or_else(|| harmless(path));
        let hidden = is_hidden(&shown);
        let Some((key, kind)) = key_and_kind(&shown).filter(|_| !hidden) else {
            let reason = if hidden { PassedOverReason::Hidden } else { PassedOverReason::NoImage };
            ignored.push(PassedOver::new(Path::new(&shard.name).join(&shown), reason));
            continue;
        };
        let role = Role::of(&kind);
        let known = places.get(key).copied();
        // Farther away, a second image is of a second sample with the same name.
        let place = known.filter(|&place| last == Some(place) || !groups[place].has(role)).unwrap_or_else(|| {
            groups.push(Group::new(key.to_owned(), member.blocks.start));
            places.insert(key.to_owned(), groups.len() - 1);
            groups.len() - 1
        });
        let group = &mut groups[place];
        group.scattered |= known == Some(place) && last != known;
        group.add(kind, role, &member);
        if safe.is_none() {
            group.wrong = Some("its name leads out of the shard, or is no single line: rename it".into());
        }
        last = Some(place);
    }
    Ok(())
}
