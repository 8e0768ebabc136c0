//! Neutral names. The name of a file or a class folder may be a patient's name. The output has ids instead. A file of
//! names, which stays with the holder of the key, says which image is which.

use super::error::SetError;
use super::files::{check_privately, write_privately_by};
use super::item::Item;
use super::list_file::{self, Lines};
use super::paths::parent;
use super::split::SPLITS;
use super::staging::STAGED;
use crate::Memory;
use crate::text::one_line;
use imgveil::internal::hex;
use imgveil::internal::key::Key;
use imgveil::internal::sealed::{Salt, neutral_name};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Which names the output contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// No names: ids for images and numbers for classes.
    #[default]
    Neutral,
    /// The names of the classes.
    Classes,
    /// All names.
    Kept,
}

/// One line of a file of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// The image's name in the output.
    pub id: String,
    /// The image's name in the input.
    pub name: String,
    /// The name of the image's class. Empty if it has none.
    pub class: String,
}

impl Name {
    /// The line of a class without an image, so that its number is not forgotten: `id` and `name` are the class's name
    /// in the output.
    pub fn of_class(shown: &str, plain: &str) -> Self {
        Self { id: shown.to_owned(), name: shown.to_owned(), class: plain.to_owned() }
    }

    /// Whether it is the line of a class.
    pub fn is_of_class(&self) -> bool {
        self.id == self.name && !self.id.contains('/')
    }
}

/// The names of classes in the output.
pub fn classes(classes: &[String], naming: Naming) -> Vec<String> {
    match naming {
        Naming::Neutral => (0..classes.len()).map(|class| numbered(class, classes.len())).collect(),
        Naming::Classes | Naming::Kept => classes.to_vec(),
    }
}

/// A class's number, with as many digits as the number of the last class, so that folders sort in the order of the
/// classes.
fn numbered(class: usize, classes: usize) -> String {
    let width = classes.saturating_sub(1).to_string().len();
    format!("{class:0width$}")
}

/// The neutral id of an image that is called `name` in the input: a keyed hash of the set's salt and the name. It
/// reveals nothing without the key, not even the order of the names. Sets of format 1 have no salt, so that an image
/// has the same id in all of them.
pub fn neutral_id(key: &Key, salt: Option<Salt>, name: &str) -> String {
    match salt {
        Some(salt) => neutral_name(key, salt, name),
        None => {
            let hash = blake3::keyed_hash(&key.derive("imgveil v1 neutral name", b""), name.as_bytes());
            hex::encode(&hash.as_bytes()[..8])
        }
    }
}

/// Whether `id`, a name in the set, is the neutral name of the image that is called `name` in the input.
pub fn belongs(key: &Key, salt: Option<Salt>, id: &str, name: &str) -> bool {
    id.rsplit('/').next() == Some(neutral_id(key, salt, name).as_str())
}

/// An image with its name in the output. `classes` are the names of classes in the output.
pub fn renamed(key: &Key, salt: Option<Salt>, item: &Item, classes: &[String], naming: Naming) -> Item {
    if naming == Naming::Kept {
        return item.clone();
    }
    let id = neutral_id(key, salt, &item.name);
    let class = item.label.and_then(|label| classes.get(label as usize)).map(String::as_str);
    let name: Vec<&str> = [item.split.name(), class, Some(id.as_str())].into_iter().flatten().collect();
    Item { name: name.join("/"), ..item.clone() }
}

/// The numbers of plain names in the order of the input: folder by folder. Images of an array, which are called
/// `SPLIT/CLASS/NUMBER`, are in the order of the array.
pub(crate) fn in_order<T: AsRef<str>>(names: &[T]) -> Vec<usize> {
    let number = |name: &str| -> Option<usize> {
        let last = name.rsplit('/').next().filter(|last| last.len() >= 6)?;
        last.bytes().all(|byte| byte.is_ascii_digit()).then(|| last.parse().ok())?
    };
    let split = |name: &str| {
        let first = name.split('/').next();
        SPLITS.iter().position(|split| split.name() == first)
    };
    let numbers: Option<Vec<usize>> = names.iter().map(|name| number(name.as_ref())).collect();
    let mut order: Vec<usize> = (0..names.len()).collect();
    match numbers {
        Some(numbers) => order.sort_by_key(|&index| {
            let name = names[index].as_ref();
            (split(name), numbers[index], name)
        }),
        None => order.sort_by_key(|&index| names[index].as_ref().split('/').collect::<Vec<_>>()),
    }
    order
}

/// The default file of names: beside the output, because the output may be handed out.
pub fn beside(output: &Path) -> PathBuf {
    super::paths::beside(output, "names.csv")
}

/// Writes a file of names that only its owner may read.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, names: impl IntoIterator<Item = Name>) -> Result<(), SetError> {
    write_staged(path, STAGED, names)
}

/// As [`write()`]. The name of the staged file begins with `staged`.
pub(crate) fn write_staged(path: &Path, staged: &str, names: impl IntoIterator<Item = Name>) -> Result<(), SetError> {
    write_privately_by(path, staged, |file| write_to(file, names))
}

/// Writes the text of a file of names.
pub(crate) fn write_to(to: impl std::io::Write, names: impl IntoIterator<Item = Name>) -> std::io::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    names.into_iter().try_for_each(|name| csv.serialize(name))?;
    csv.flush()
}

/// Checks that a file of names can be written. A folder that does not exist is an error only if the user asked for the
/// file: the folder of the default file is created with the output.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn check(path: &Path, asked_for: bool) -> Result<(), SetError> {
    let folder = parent(path);
    if folder.is_dir() {
        check_privately(path)
    } else if asked_for {
        Err(SetError::Missing(folder.to_owned()))
    } else {
        Ok(())
    }
}

/// Reads a file of names.
///
/// # Errors
/// If it cannot be read, or is not a file of names.
pub fn read(path: &Path) -> Result<Vec<Name>, SetError> {
    parse(&list_file::read(path, Memory::default())?, path)
}

/// Reads the text of the file of names at `path`.
///
/// # Errors
/// If it is not a file of names.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Name>, SetError> {
    let refused = |reason: String| SetError::Names { path: path.to_owned(), reason };
    let mut lines = Lines::new(&csv::ReaderBuilder::new(), bytes);
    let header = lines.header().map_err(refused)?;
    let name = |(record, line): (Result<csv::StringRecord, String>, usize)| {
        let record = record.map_err(refused)?;
        list_file::check(&record, line).map_err(refused)?;
        record.deserialize(Some(&header)).map_err(|error| refused(one_line(&error.to_string())))
    };
    lines.zip(2..).map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::Split;

    fn item(name: &str, label: Option<u32>) -> Item {
        Item { name: name.into(), split: Split::Train, label }
    }

    #[test]
    fn neutral_names_hold_nothing_of_the_old_ones() {
        let key = Key::from_bytes([1; 32]);
        let old: Vec<String> = (0..11).map(|i| format!("patient{i}")).collect();
        let new = classes(&old, Naming::Neutral);
        assert_eq!((new[0].as_str(), new[10].as_str()), ("00", "10"));
        let salt = Some(Salt([3; 16]));
        let neutral = renamed(&key, salt, &item("train/patient3/scan", Some(3)), &new, Naming::Neutral).name;
        assert!(neutral.starts_with("train/03/") && neutral.len() == "train/03/".len() + 16, "{neutral}");
        let other = renamed(&key, salt, &item("train/patient3/scam", Some(3)), &new, Naming::Neutral).name;
        let other_key =
            renamed(&Key::from_bytes([2; 32]), salt, &item("train/patient3/scan", Some(3)), &new, Naming::Neutral);
        assert!(neutral != other && neutral != other_key.name);
        let other_salt = renamed(&key, None, &item("train/patient3/scan", Some(3)), &new, Naming::Neutral);
        assert_ne!(neutral, other_salt.name);
        assert!(belongs(&key, salt, &neutral, "train/patient3/scan"));
        assert!(!belongs(&key, None, &neutral, "train/patient3/scan"));
        assert!(!belongs(&key, salt, &neutral, "train/patient3/scam"));
        let kept = renamed(&key, salt, &item("train/patient3/scan", Some(3)), &old, Naming::Classes).name;
        assert!(kept.starts_with("train/patient3/") && !kept.contains("scan"), "{kept}");
        assert_eq!(renamed(&key, salt, &item("a/b", None), &old, Naming::Kept), item("a/b", None));
    }

    #[test]
    fn a_file_of_names_is_private_and_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.csv");
        let name = |id: &str, name: &str| Name { id: id.into(), name: name.into(), class: "a,\"b\"\n".into() };
        let names = [name("1", "x, y"), name("2", "ü")];
        write(&path, names.clone()).unwrap();
        assert_eq!(read(&path).unwrap(), names);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        std::fs::write(&path, "no,names\n1,2\n").unwrap();
        assert!(matches!(read(&path), Err(SetError::Names { .. })));
        assert!(matches!(read(&folder.path().join("none")), Err(SetError::Missing(_))));
    }

    #[test]
    fn images_of_an_array_are_in_its_order_and_others_in_that_of_their_folders() {
        assert_eq!(in_order(&["test/0/000009", "train/1/000002", "train/0/000003", "train/0/000001"]), [3, 1, 2, 0]);
        assert_eq!(in_order(&["a/b", "a-b", "a/a"]), [2, 0, 1]);
    }
}
