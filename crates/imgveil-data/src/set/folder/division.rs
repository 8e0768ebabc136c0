//! How the folders of a set divide it into splits and classes.
//!
//! Splits are folders whose names mean splits ([`Split::of_name`]), with class folders in them, at the top or inside of
//! a wrapper folder; or class folders with splits in them. Without splits, the folders at the top are the classes.
//! What lies beside the splits belongs to no split. What can be read in two ways is refused.

use crate::set::remark::{Advice, Remark, counted, listed};
use crate::set::split::SplitName;
use crate::set::{SPLITS, Split};
use imgveil::internal::plain::Plain;
use std::collections::{BTreeMap, BTreeSet};

/// Names of folders beside splits that hold images without labels.
const WITHOUT_LABELS: [&str; 12] = [
    "unlabeled",
    "unlabelled",
    "unsup",
    "unsupervised",
    "unknown",
    "pred",
    "predict",
    "prediction",
    "infer",
    "inference",
    "extra",
    "submission",
];

/// The folders in which a file lies, from the top.
type Folders<'a> = &'a [String];

/// The splits and classes of a set.
#[derive(Debug, Default)]
pub(super) struct Division {
    /// How many folders lie around the splits or classes.
    wrappers: Vec<String>,
    layout: Layout,
    /// What the user should know.
    pub remarks: Vec<Remark>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Layout {
    /// The folders are classes.
    #[default]
    Classes,
    /// These folders are splits; class folders lie in them.
    Splits(BTreeMap<String, SplitFolder>),
    /// The folders are classes; splits lie in them.
    SplitsInClasses,
    /// Nothing is known of splits and classes.
    Nothing,
}

/// A folder that is a split.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SplitFolder {
    split: Split,
    /// How many folders lie between it and its class folders: `seg_train/seg_train/cat` has one.
    inner: usize,
}

impl Division {
    /// A set whose folders say nothing.
    pub fn nothing() -> Self {
        Self { layout: Layout::Nothing, ..Self::default() }
    }

    /// Reads the layout from the folders of the files.
    ///
    /// # Errors
    /// If the folders can be read in two ways, with the reason.
    pub fn of(files: &[Folders<'_>]) -> Result<Self, String> {
        let wrappers = wrappers(files);
        let inside = inside(files, &wrappers);
        let (layout, mut remarks) = layout(&inside)?;
        let mut division = Self { wrappers, layout, remarks: Vec::new() };
        let found: Vec<(Split, Option<&str>)> = files.iter().map(|file| division.place(file)).collect();
        remarks.extend(division.outside(files, &found));
        remarks.extend(check(&found)?);
        division.remarks = remarks;
        Ok(division)
    }

    /// The split and the class of a file.
    pub fn place<'a>(&self, folders: Folders<'a>) -> (Split, Option<&'a str>) {
        let Some(below) = folders.strip_prefix(self.wrappers.as_slice()) else { return (Split::All, None) };
        let name = |at: usize| below.get(at).map(String::as_str);
        match &self.layout {
            Layout::Nothing => (Split::All, None),
            Layout::Classes => (Split::All, name(0)),
            Layout::SplitsInClasses => (name(1).and_then(Split::named).unwrap_or(Split::All), name(0)),
            Layout::Splits(splits) => match name(0).and_then(|name| splits.get(name)) {
                Some(folder) => (folder.split, name(1 + folder.inner)),
                None => (Split::All, None),
            },
        }
    }

    /// Remarks about files that lie beside the splits.
    fn outside(&self, files: &[Folders<'_>], found: &[(Split, Option<&str>)]) -> Option<Remark> {
        let Layout::Splits(_) = self.layout else { return None };
        let outside: Vec<Folders<'_>> =
            files.iter().zip(found).filter(|(_, (split, _))| *split == Split::All).map(|(file, _)| *file).collect();
        if outside.is_empty() {
            return None;
        }
        let folder = |file: &Folders<'_>| file.first().cloned();
        let folders: BTreeSet<String> = outside.iter().filter_map(folder).collect();
        let place = if folders.is_empty() {
            String::new()
        } else {
            format!(" (in {})", listed(folders.iter().map(String::as_str)))
        };
        let (lie, have) = if outside.len() == 1 { ("lies", "is") } else { ("lie", "are") };
        let images = counted(outside.len(), "image");
        let words = format!("{images} {lie} beside the splits{place} and {have} in no split and in no class");
        Some(Remark::new(words).with(Advice::Layout))
    }
}

/// The files below a folder, as they are named there. Files elsewhere are left out.
fn inside<'a>(files: &[Folders<'a>], folder: &[String]) -> Vec<Folders<'a>> {
    files.iter().filter_map(|file| file.strip_prefix(folder)).collect()
}

/// The folders at the top, with what lies in each.
fn tops<'a>(files: &[Folders<'a>]) -> BTreeMap<&'a str, Vec<Folders<'a>>> {
    let mut tops: BTreeMap<&str, Vec<Folders<'_>>> = BTreeMap::new();
    for file in files {
        if let Some((first, rest)) = file.split_first() {
            tops.entry(first).or_default().push(rest);
        }
    }
    tops
}

/// Whether a file lies in a folder of this folder.
fn has_folders(files: &[Folders<'_>]) -> bool {
    files.iter().any(|file| !file.is_empty())
}

/// The folders at the top that are called like splits. Folders whose names hold other words too, such as `seg_train`,
/// count only if others have the same words.
fn called_like_splits<'a>(tops: &BTreeMap<&'a str, Vec<Folders<'a>>>) -> BTreeMap<&'a str, Split> {
    let mut alike: BTreeMap<Vec<String>, BTreeSet<Split>> = BTreeMap::new();
    for name in tops.keys() {
        if let SplitName::Possible(split) = Split::of_name(name) {
            alike.entry(Split::other_words(name)).or_default().insert(split);
        }
    }
    let split = |name: &&'a str| match Split::of_name(name) {
        SplitName::Certain(split) => Some((*name, split)),
        SplitName::Possible(split) => alike
            .get(&Split::other_words(name))
            .filter(|splits| splits.len() > 1 && splits.contains(&Split::Train))
            .map(|_| (*name, split)),
        SplitName::None | SplitName::Several => None,
    };
    tops.keys().filter_map(split).collect()
}

/// The number of different splits among the folders at the top.
fn different(splits: &BTreeMap<&str, Split>) -> usize {
    splits.values().collect::<BTreeSet<_>>().len()
}

/// The folders that lie around the splits, from the top. None if the splits lie at the top, or there are none.
fn wrappers(files: &[Folders<'_>]) -> Vec<String> {
    let tops = tops(files);
    if !called_like_splits(&tops).is_empty() {
        return Vec::new();
    }
    let within = |name: &str, files: &[Folders<'_>]| -> Option<Vec<String>> {
        let deeper = self::tops(files);
        let splits = called_like_splits(&deeper);
        let mut path = vec![name.to_owned()];
        match different(&splits) {
            0 => {
                let more = wrappers(files);
                (!more.is_empty()).then(|| {
                    path.extend(more);
                    path
                })
            }
            // Beside other folders, a single split or one without class folders is not enough.
            1 if tops.len() > 1 => None,
            _ if tops.len() > 1 && !splits.keys().any(|name| deeper.get(name).is_some_and(|f| has_folders(f))) => None,
            _ => Some(path),
        }
    };
    let mut found = tops.iter().filter_map(|(name, files)| within(name, files));
    match (found.next(), found.next()) {
        (Some(path), None) => path,
        _ => Vec::new(),
    }
}

fn layout(files: &[Folders<'_>]) -> Result<(Layout, Vec<Remark>), String> {
    let tops = tops(files);
    let splits = called_like_splits(&tops);
    if splits.is_empty() {
        return splits_in_classes(&tops);
    }
    let others: Vec<&str> = tops.keys().copied().filter(|name| !splits.contains_key(name)).collect();
    let deep = |name: &&str| tops.get(*name).is_some_and(|files| has_folders(files));
    let has_classes = splits.keys().any(deep);
    let without_labels = |name: &&str| {
        let words = Split::other_words(name);
        words.iter().any(|word| WITHOUT_LABELS.contains(&word.as_str()))
    };
    let listed_splits = || listed(splits.keys().copied());
    if different(&splits) == 1 && !others.iter().all(without_labels) {
        if has_classes && others.iter().any(deep) {
            return Err(format!(
                "the folder {} is called like a split, and lies beside {}: these are neither splits nor classes",
                listed_splits(),
                listed(others)
            ));
        }
        if !has_classes {
            let words = format!("{} is called like a split, and is read as a class", listed_splits());
            return Ok((Layout::Classes, vec![Remark::new(words).with(Advice::Layout)]));
        }
    }
    if different(&splits) == 1 && splits.len() > 1 && !has_classes {
        let words = format!("{} are called like one split, and are read as classes", listed_splits());
        return Ok((Layout::Classes, vec![Remark::new(words).with(Advice::Layout)]));
    }
    let mut remarks = Vec::new();
    for wanted in SPLITS {
        let same: Vec<&str> = splits.iter().filter(|(_, split)| **split == wanted).map(|(name, _)| *name).collect();
        if same.len() > 1 {
            let split = wanted.name().unwrap_or("all");
            remarks.push(Remark::new(format!("{} are read as one split, {split}", listed(same))));
        }
    }
    let folder = |(name, split): (&&str, &Split)| {
        let files = tops.get(name).map_or(&[][..], Vec::as_slice);
        (name.to_string(), SplitFolder { split: *split, inner: same_split_again(files, *split) })
    };
    Ok((Layout::Splits(splits.iter().map(folder).collect()), remarks))
}

/// How many folders called like the split itself lie between a split and its class folders, with nothing beside them.
fn same_split_again(files: &[Folders<'_>], split: Split) -> usize {
    let tops = tops(files);
    let again = |name: &str| match Split::of_name(name) {
        SplitName::Certain(found) | SplitName::Possible(found) => found == split,
        SplitName::None | SplitName::Several => false,
    };
    match tops.first_key_value() {
        Some((name, inner)) if tops.len() == 1 && again(name) => 1 + same_split_again(inner, split),
        _ => 0,
    }
}

/// Folders at the top none of which is called like a split: classes, perhaps with splits in each.
fn splits_in_classes(tops: &BTreeMap<&str, Vec<Folders<'_>>>) -> Result<(Layout, Vec<Remark>), String> {
    let divided = |files: &Vec<Folders<'_>>| {
        let deeper = self::tops(files);
        let certain = |name: &&str| Split::named(name).is_some();
        deeper.keys().copied().filter(|name| certain(name)).map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let inner: Vec<(&str, BTreeSet<String>)> = tops.iter().map(|(name, files)| (*name, divided(files))).collect();
    let several =
        |names: &BTreeSet<String>| names.iter().filter_map(|name| Split::named(name)).collect::<BTreeSet<_>>();
    let with: Vec<&str> = inner.iter().filter(|(_, names)| several(names).len() > 1).map(|(name, _)| *name).collect();
    if with.is_empty() {
        return Ok((Layout::Classes, Vec::new()));
    }
    let all_in_splits = |(name, files): (&&str, &Vec<Folders<'_>>)| {
        let names = inner.iter().find(|(other, _)| other == name).map(|(_, names)| names);
        let direct = |file: &Folders<'_>| file.len() == 1 && names.is_some_and(|names| names.contains(&file[0]));
        files.iter().all(direct)
    };
    if tops.iter().all(all_in_splits) {
        return Ok((Layout::SplitsInClasses, Vec::new()));
    }
    Err(format!("splits lie in {}, and not everything else lies in splits or class folders of them", listed(with)))
}

/// Compares what was found with what a network can be trained on.
fn check(found: &[(Split, Option<&str>)]) -> Result<Vec<Remark>, String> {
    let mut remarks = Vec::new();
    let mut classes: BTreeMap<&str, BTreeSet<Split>> = BTreeMap::new();
    for (split, class) in found {
        if let Some(class) = class {
            classes.entry(class).or_default().insert(*split);
        }
    }
    let names: Vec<&str> = classes.keys().copied().collect();
    if names.len() > 1
        && names.iter().all(|name| Split::named(name).is_some())
        && found.iter().all(|f| f.0 != Split::All)
    {
        return Err(format!("folders called like splits lie on two levels: {} are no classes", listed(names)));
    }
    if let Some((one, other)) = differ_in_case(&classes) {
        return Err(format!(
            "the classes `{}` and `{}` differ in their case alone, and no split has both: they are one class",
            one.plain(),
            other.plain()
        ));
    }
    let without = found.iter().filter(|(split, class)| *split != Split::All && class.is_none()).count();
    let divided = found.iter().any(|(split, _)| *split != Split::All);
    match names[..] {
        [] => return Ok(remarks),
        [one]
            if found.iter().all(|(split, class)| class.is_some() || (divided && *split == Split::All))
                && found.len() > 1 =>
        {
            let words = format!("all images are of one class, `{}`", one.plain());
            remarks.push(Remark::new(words).with(Advice::Layout));
        }
        _ => {}
    }
    let splits: BTreeSet<Split> = found.iter().map(|(split, _)| *split).filter(|split| *split != Split::All).collect();
    let labelled = |split: &Split| classes.values().any(|splits| splits.contains(split));
    for split in splits.iter().filter(|split| labelled(split)) {
        let missing: Vec<&str> =
            classes.iter().filter(|(_, splits)| !splits.contains(split)).map(|(name, _)| *name).collect();
        if !missing.is_empty() {
            let word = if missing.len() == 1 { "class" } else { "classes" };
            let split = split.name().unwrap_or("all");
            let words = format!("split {split} has no image of {word} {}", listed(missing));
            remarks.push(Remark::new(words).with(Advice::Layout));
        }
    }
    let loose = found.iter().filter(|(split, class)| *split == Split::All && class.is_none()).count();
    let without = if splits.is_empty() { loose } else { without };
    if without > 0 && names.len() > 1 {
        let (lie, have) = if without == 1 { ("lies", "has") } else { ("lie", "have") };
        let words = format!("{} {lie} in no class folder and {have} no class", counted(without, "image"));
        remarks.push(Remark::new(words).with(Advice::Layout));
    }
    Ok(remarks)
}

/// Two classes whose names are the same in lower case, and that no split has both of.
fn differ_in_case<'a>(classes: &BTreeMap<&'a str, BTreeSet<Split>>) -> Option<(&'a str, &'a str)> {
    let mut lower: BTreeMap<String, &str> = BTreeMap::new();
    for (name, splits) in classes {
        match lower.insert(name.trim().to_lowercase(), name) {
            Some(other) if classes.get(other).is_some_and(|others| others.is_disjoint(splits)) => {
                return Some((other, name));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
#[path = "division_tests.rs"]
mod tests;
