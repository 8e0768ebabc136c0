//! Labels from a CSV file that replace those of folders and arrays. The file has a header line and a line for each
//! image. Its columns are `name` (or `path`, `file`, `image`), `label` (or `class`), and `split` if the set is divided
//! into splits.

use super::error::SetError;
use super::item::{Item, Member};
use super::list_file;
use super::paths::stem;
use super::source::Source;
use super::split::Split;
use crate::Memory;
use crate::format::{ReadError, Scale};
use crate::limits::MOST_CLASSES;
use crate::text::one_line;
use imgveil::internal::image::{Geometry, Image};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The contents of a line about an image.
struct Row {
    label: Option<String>,
    split: Option<Split>,
}

/// A set whose labels come from a file.
struct Labelled {
    source: Box<dyn Source>,
    items: Vec<Item>,
    classes: Vec<String>,
}

/// Gives a set the labels of a file. Also returns a note if images have no line in it.
///
/// # Errors
/// If the file cannot be read, is not a file of labels, or names none of the images.
pub(super) fn apply(
    source: Box<dyn Source>,
    path: &Path,
    memory: Memory,
) -> Result<(Box<dyn Source>, Option<String>), SetError> {
    let wrong = |reason: String| SetError::Labels { path: path.to_owned(), reason };
    let rows = rows(&list_file::read(path, memory)?).map_err(wrong)?;
    let classes = classes(&rows).map_err(wrong)?;
    let number: HashMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
    let divided = rows.values().any(|row| row.split.is_some());
    let (mut items, mut without) = (Vec::with_capacity(source.items().len()), 0);
    for item in source.items() {
        // All frames or slices of a file share the file's line.
        let parent = || item.name.rsplit_once('/').map_or("", |(parent, _)| parent);
        let Some(row) = rows.get(item.name.as_str()).or_else(|| rows.get(parent())) else {
            without += 1;
            items.push(Item { label: None, split: if divided { Split::All } else { item.split }, ..item.clone() });
            continue;
        };
        let label = row.label.as_deref().and_then(|label| number.get(label).copied());
        items.push(Item { label, split: row.split.unwrap_or(item.split), ..item.clone() });
    }
    if without == items.len() {
        let example = items.first().map_or("", |item| item.name.as_str());
        return Err(wrong(format!("it names none of the images; they are called as this one is: {example}")));
    }
    let note = (without > 0)
        .then(|| format!("{} has no line for {without} of {} images: they have no label", path.display(), items.len()));
    Ok((Box::new(Labelled { source, items, classes }), note))
}

/// The lines by name, without extensions.
fn rows(bytes: &[u8]) -> Result<HashMap<String, Row>, String> {
    let mut csv = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let header = csv.headers().map_err(|e| one_line(&e.to_string()))?.clone();
    let column = |names: &[&str]| {
        header.iter().position(|column| {
            names.iter().any(|name| column.trim_start_matches('\u{feff}').eq_ignore_ascii_case(name))
        })
    };
    let name =
        column(&["name", "path", "file", "filename", "image", "id"]).ok_or("its first line has no column `name`")?;
    let label = column(&["label", "class"]).ok_or("its first line has no column `label`")?;
    let split = column(&["split"]);
    let mut rows = HashMap::new();
    for (record, line) in csv.records().zip(2..) {
        let record = record.map_err(|e| one_line(&e.to_string()))?;
        list_file::check(&record, line)?;
        let Some(name) = record.get(name).filter(|name| !name.is_empty()) else {
            return Err(format!("line {line} names no image"));
        };
        let split = match split.and_then(|split| record.get(split)).filter(|split| !split.is_empty()) {
            Some(split) => Some(Split::named(split).ok_or_else(|| {
                format!("line {line}: `{}` is no split: write train, val or test", split.escape_debug())
            })?),
            None => None,
        };
        let label = record.get(label).filter(|label| !label.is_empty()).map(str::to_owned);
        if rows.insert(stem(name).to_owned(), Row { label, split }).is_some() {
            return Err(format!("line {line} names `{}` a second time", name.escape_debug()));
        }
    }
    Ok(rows)
}

/// The names of the classes. If all labels are numbers, they stay the same. Otherwise labels are numbered in
/// alphabetical order.
fn classes(rows: &HashMap<String, Row>) -> Result<Vec<String>, String> {
    let labels: BTreeSet<&str> = rows.values().filter_map(|row| row.label.as_deref()).collect();
    let numbers: Option<BTreeSet<u32>> =
        labels.iter().map(|label| label.parse().ok().filter(|number: &u32| number.to_string() == *label)).collect();
    match numbers {
        Some(numbers) => match numbers.last() {
            Some(&last) if last as usize >= MOST_CLASSES => {
                Err(format!("label {last} is no class number (0 to {})", MOST_CLASSES - 1))
            }
            Some(&last) => Ok((0..=last).map(|class| class.to_string()).collect()),
            None => Err("it gives no image a label".into()),
        },
        None if labels.len() > MOST_CLASSES => {
            Err(format!("it names {} classes, and {MOST_CLASSES} are the most", labels.len()))
        }
        None => Ok(labels.into_iter().map(str::to_owned).collect()),
    }
}

impl Source for Labelled {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn ignored(&self) -> &[PathBuf] {
        self.source.ignored()
    }

    fn links_out(&self) -> &[PathBuf] {
        self.source.links_out()
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        self.source.geometry(index)
    }

    fn scaled(&self, index: usize) -> Result<(Geometry, Scale), ReadError> {
        self.source.scaled(index)
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        self.source.read(index)
    }

    fn members(&self, index: usize, kinds: &[String]) -> Result<Vec<Member>, ReadError> {
        self.source.members(index, kinds)
    }

    fn length(&self, index: usize) -> u64 {
        self.source.length(index)
    }

    fn stamp(&self, index: usize) -> String {
        self.source.stamp(index)
    }
}
