//! Labels from a CSV file that replace those of folders and arrays. The file has a header line and a line for each
//! image, divided by commas, semicolons or tabs. One column names the image (`name`, `file_name`, `image`, `path` and
//! others), one its class (`label`, `class` and others), and `split` its split if the set is divided into splits.

use super::classes::{is_missing, order, renumbered, whole_number};
use super::error::SetError;
use super::item::Item;
use super::list_file::{self, Lines};
use super::paths::stem;
use super::remark::{Advice, Remark, counted, listed};
use super::source::Source;
use super::split::Split;
use super::wrapper::Wrapper;
use crate::format::ReadOptions;
use crate::limits::MOST_CLASSES;
use imgveil::internal::plain::Plain;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

/// Names of the column that names the image, in lower case and without anything but letters. The first that exists is
/// read.
const NAMES: [&str; 18] = [
    "name",
    "filename",
    "file",
    "filepath",
    "path",
    "image",
    "imagename",
    "imagefile",
    "imagefilename",
    "imagepath",
    "imageid",
    "imageindex",
    "img",
    "imgname",
    "imgpath",
    "idcode",
    "key",
    "id",
];

/// Names of the column of classes.
const LABELS: [&str; 10] =
    ["label", "class", "labels", "classname", "labelname", "category", "target", "diagnosis", "dx", "classid"];

/// Names of the column of splits. All but the first count only if every value in the column means a split.
const SPLIT_COLUMNS: [&str; 8] =
    ["split", "splits", "subset", "datasettype", "datasplit", "partition", "phase", "usage"];

/// Names of the column of patients.
const PATIENTS: [&str; 7] = ["patient", "patientid", "subject", "subjectid", "patientname", "mrn", "patientidentifier"];

/// The contents of a line about an image.
#[derive(Clone, Debug)]
struct Row {
    line: usize,
    name: String,
    label: Option<String>,
    split: Option<Split>,
    /// The patient. `None` if there is no such column, or it is empty.
    patient: Option<String>,
}

/// Splits by patient: 80, 10 and 10 of 100 patients are in train, val and test.
mod patients {
    use super::{Row, Split};

    /// Gives the images of every patient one split. It depends on the patient and the secret alone, so that it stays
    /// the same when patients are added.
    pub(super) fn divide(rows: &mut [Row], secret: &[u8; 32]) -> Result<(), String> {
        if rows.iter().all(|row| row.patient.is_none()) {
            return Err("its first line has no column `patient`, or the column is empty".into());
        }
        for row in rows {
            let Some(patient) = &row.patient else { return Err(format!("line {} names no patient", row.line)) };
            row.split = Some(split(patient, secret));
        }
        Ok(())
    }

    fn split(patient: &str, secret: &[u8; 32]) -> Split {
        let hash = blake3::keyed_hash(secret, patient.as_bytes());
        let number = u64::from_le_bytes(std::array::from_fn(|i| hash.as_bytes()[i]));
        match number % 100 {
            0..80 => Split::Train,
            80..90 => Split::Val,
            _ => Split::Test,
        }
    }
}

/// A set whose labels come from a file.
struct Labelled {
    source: Box<dyn Source>,
    items: Vec<Item>,
    classes: Vec<String>,
}

/// Gives a set the labels of a file. Also returns what the user should know: images without a line, lines without an
/// image, images without a class, and classes whose numbers change.
///
/// # Errors
/// If the file cannot be read, is not a file of labels, or names none of the images.
pub(super) fn apply(
    source: Box<dyn Source>,
    path: &Path,
    options: &ReadOptions,
) -> Result<(Box<dyn Source>, Vec<Remark>), SetError> {
    let wrong = |reason: String| SetError::Labels { path: path.to_owned(), reason };
    let mut rows = rows(&text(list_file::read(path, options.memory)?).map_err(wrong)?).map_err(wrong)?;
    if let Some(secret) = &options.by_patient {
        patients::divide(&mut rows, secret).map_err(wrong)?;
    }
    let count = rows.len();
    let rows = by_image(rows, source.items()).map_err(wrong)?;
    let (classes, numbers) = classes(rows.values()).map_err(wrong)?;
    let divided = rows.values().any(|row| row.split.is_some());
    let (mut items, mut without, mut unlabelled) = (Vec::with_capacity(source.items().len()), 0, 0);
    let mut used: HashSet<usize> = HashSet::new();
    for item in source.items() {
        // All frames or slices of a file share the file's line.
        let parent = || item.name.rsplit_once('/').map_or("", |(parent, _)| parent);
        let Some(row) = rows.get(item.name.as_str()).or_else(|| rows.get(parent())) else {
            without += 1;
            items.push(Item { label: None, split: if divided { Split::All } else { item.split }, ..item.clone() });
            continue;
        };
        used.insert(row.line);
        let label = row.label.as_deref().and_then(|label| numbers.get(label).copied());
        unlabelled += usize::from(label.is_none());
        items.push(Item { label, split: row.split.unwrap_or(item.split), ..item.clone() });
    }
    if without == items.len() {
        let example = items.first().map_or("", |item| item.name.as_str());
        return Err(wrong(format!("it names none of the images; they are called as this one is: {example}")));
    }
    let (file, all) = (path.display(), items.len());
    let mut remarks = Vec::new();
    if without > 0 {
        remarks.push(Remark::new(format!("{file} has no line for {without} of {all} images: they have no label")));
    }
    let lost = count - used.len();
    if lost > 0 {
        let mut names: Vec<&Row> = rows.values().filter(|row| !used.contains(&row.line)).collect();
        names.sort_by_key(|row| row.line);
        let (lines, name) = (counted(lost, "line"), if lost == 1 { "names" } else { "name" });
        let shown = listed(names.iter().map(|row| row.name.as_str()));
        remarks.push(Remark::new(format!("{lines} of {file} {name} no image of the set: {shown}")));
    }
    if unlabelled > 0 {
        let (images, have) = (counted(unlabelled, "image"), if unlabelled == 1 { "has" } else { "have" });
        let words = format!("{images} {have} an empty label in {file}, or one that stands for none (NaN, NA, null)");
        remarks.push(Remark::new(format!("{words}: no class")));
    }
    let outside = items.iter().filter(|item| item.split == Split::All).count() - if divided { without } else { 0 };
    if divided && outside > 0 {
        remarks
            .push(Remark::new(format!("{} in {file} have no split, and others have one", counted(outside, "image"))));
    }
    remarks.extend(gaps(&items, &classes));
    remarks.extend(renumbered(&classes));
    remarks.extend(single(&items, &classes));
    Ok((Box::new(Labelled { source, items, classes }), remarks))
}

/// A remark if numbers of classes are left out.
fn gaps(items: &[Item], classes: &[String]) -> Option<Remark> {
    let used: BTreeSet<u32> = items.iter().filter_map(|item| item.label).collect();
    let empty: Vec<&str> =
        classes.iter().zip(0..).filter(|(_, number)| !used.contains(number)).map(|(name, _)| name.as_str()).collect();
    let (word, have) = if empty.len() == 1 { ("class", "has") } else { ("classes", "have") };
    (!empty.is_empty()).then(|| Remark::new(format!("{word} {} {have} no image", listed(empty))))
}

/// A remark if all images are of one class.
fn single(items: &[Item], classes: &[String]) -> Option<Remark> {
    let labels: BTreeSet<u32> = items.iter().filter_map(|item| item.label).collect();
    match labels.first() {
        Some(&label) if labels.len() == 1 && items.len() > 1 => {
            let class = classes.get(label as usize).map_or("", String::as_str);
            let words = format!("all labelled images are of one class, `{}`", class.plain());
            Some(Remark::new(words).with(Advice::None))
        }
        _ => None,
    }
}

/// The text of the file: UTF-8, or UTF-16 with a byte order mark, as spreadsheets write it.
fn text(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let wide = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16(&units).map(String::into_bytes).map_err(|_| "it is no text".to_owned())
    };
    match bytes[..] {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, ..] => Ok(bytes[3..].to_vec()),
        _ => Ok(bytes),
    }
}

/// The places of the columns in a header line.
struct Columns {
    name: usize,
    label: usize,
    /// Columns that may hold splits.
    splits: Vec<usize>,
    /// The column of patients.
    patient: Option<usize>,
    /// The column that is called `split`: it does, whatever its values are.
    named_split: Option<usize>,
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<Self, String> {
        let letters = |column: &str| {
            column.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect::<String>()
        };
        let columns: Vec<String> = header.iter().map(letters).collect();
        let place = |name: &&str| columns.iter().position(|column| column == *name);
        let first = |names: &[&str]| names.iter().find_map(place);
        Ok(Self {
            name: first(&NAMES).ok_or("its first line has no column `name`")?,
            label: first(&LABELS).ok_or("its first line has no column `label`")?,
            patient: first(&PATIENTS),
            splits: SPLIT_COLUMNS.iter().filter_map(place).collect(),
            named_split: place(&SPLIT_COLUMNS[0]),
        })
    }
}

fn lines(bytes: &[u8], delimiter: u8) -> Lines<'_> {
    Lines::new(csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).delimiter(delimiter), bytes)
}

/// The lines of the file.
fn rows(bytes: &[u8]) -> Result<Vec<Row>, String> {
    let header = |delimiter: u8| {
        let header = lines(bytes, delimiter).header()?;
        Columns::of(&header).map(|columns| (delimiter, columns))
    };
    // The delimiter is the one with which the first line has the columns.
    let others = || [b';', b'\t', b'|'].into_iter().find_map(|delimiter| header(delimiter).ok());
    let (delimiter, columns) = header(b',').or_else(|error| others().ok_or(error))?;
    let value = |record: &csv::StringRecord, column: usize| {
        record.get(column).filter(|value| !is_missing(value)).map(str::to_owned)
    };
    // The values of each column of splits mean splits, all of them.
    let mut all_splits: Vec<Option<bool>> = vec![None; columns.splits.len()];
    for record in lines(bytes, delimiter) {
        let record = record?;
        for (all, &column) in all_splits.iter_mut().zip(&columns.splits) {
            if let Some(value) = value(&record, column) {
                *all = Some(*all != Some(false) && Split::named(&value).is_some());
            }
        }
    }
    let is_split = |(all, &column): (Option<bool>, &usize)| {
        (all == Some(true) || columns.named_split == Some(column)).then_some(column)
    };
    let split_column = all_splits.into_iter().zip(&columns.splits).find_map(is_split);
    let mut rows = Vec::new();
    for (record, line) in lines(bytes, delimiter).zip(2..) {
        let record = record?;
        list_file::check(&record, line)?;
        let Some(name) = record.get(columns.name).filter(|name| !name.is_empty()) else {
            return Err(format!("line {line} names no image"));
        };
        let patient = columns.patient.and_then(|column| value(&record, column));
        let split = match split_column.and_then(|column| value(&record, column)) {
            Some(split) => Some(
                Split::named(&split)
                    .ok_or_else(|| format!("line {line}: `{}` is no split: write train, val or test", split.plain()))?,
            ),
            None => None,
        };
        rows.push(Row { line, name: name.to_owned(), label: value(&record, columns.label), split, patient });
    }
    Ok(rows)
}

/// The lines by the names of the images: the name in the line, or the name without its ending. Lines that name no image
/// stay under the name without the ending.
fn by_image(rows: Vec<Row>, items: &[Item]) -> Result<HashMap<String, Row>, String> {
    let names: HashSet<&str> = items.iter().map(|item| item.name.as_str()).collect();
    let mut found: HashMap<String, Row> = HashMap::with_capacity(rows.len());
    for row in rows {
        let name = row.name.replace('\\', "/");
        let mut name = name.as_str();
        while let Some(rest) = name.strip_prefix("./") {
            name = rest.trim_start_matches('/');
        }
        let name = if names.contains(name) { name } else { stem(name) }.to_owned();
        if found.contains_key(&name) {
            return Err(format!("line {} names `{}` a second time", row.line, row.name.plain()));
        }
        found.insert(name, row);
    }
    Ok(found)
}

/// The names of the classes, and the number of each label. If all labels are class numbers, they stay the same.
/// Otherwise they are numbered in the order of [`order`].
fn classes<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<(Vec<String>, HashMap<String, u32>), String> {
    let labels: BTreeSet<&str> = rows.filter_map(|row| row.label.as_deref()).collect();
    if labels.is_empty() {
        return Err("it gives no image a label".into());
    }
    let numbers: Option<Vec<(u32, &str)>> =
        labels.iter().map(|label| Some((u32::try_from(plain_number(label)?).ok()?, *label))).collect();
    if let Some(numbers) = numbers {
        let last = numbers.iter().map(|(number, _)| *number).max().unwrap_or_default();
        if last as usize >= MOST_CLASSES {
            return Err(format!("label {last} is no class number (0 to {})", MOST_CLASSES - 1));
        }
        let numbers = numbers.into_iter().map(|(number, label)| (label.to_owned(), number)).collect();
        return Ok(((0..=last).map(|class| class.to_string()).collect(), numbers));
    }
    if labels.len() > MOST_CLASSES {
        return Err(format!("it names {} classes, and {MOST_CLASSES} are the most", labels.len()));
    }
    let mut names: Vec<String> = labels.into_iter().map(str::to_owned).collect();
    names.sort_by(|one, other| order(one, other));
    let numbers = names.iter().cloned().zip(0..).collect();
    Ok((names, numbers))
}

/// The number of a label such as `3` or `3.0`. A number with leading zeros, such as `007`, is the name of a class.
fn plain_number(label: &str) -> Option<i64> {
    let digits = label.split('.').next().unwrap_or_default();
    whole_number(label).filter(|number| number.to_string() == digits)
}

impl Wrapper for Labelled {
    fn inner(&self) -> &dyn Source {
        self.source.as_ref()
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }
}
