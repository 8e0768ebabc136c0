//! The file of names of a decryption: which name an image had before it was encrypted. The key checks every line,
//! because the neutral name of an image is a keyed hash of its name.

use super::error::JobError;
use crate::set::names::{self, Name};
use crate::set::{Entry, Item, Manifest, SetError, Slot, is_inside};
use imgveil::internal::key::Key;
use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The names of the images of a set before it was encrypted.
pub(super) struct PlainNames {
    /// The names by the names in the set.
    names: HashMap<String, String>,
    /// The name of every image of the set, in the order of the manifest.
    of_images: Vec<String>,
    /// The names of the classes before.
    classes: Vec<String>,
}

impl PlainNames {
    /// Reads a file of names, which must have the right name of every image.
    pub fn read(path: &Path, key: &Key, manifest: &Manifest) -> Result<Self, JobError> {
        Self::checked(names::read(path)?, path, key, manifest)
    }

    /// The names that the file at `path` lists, which must have the right name of every image.
    pub fn checked(lines: Vec<Name>, path: &Path, key: &Key, manifest: &Manifest) -> Result<Self, JobError> {
        let wrong = |reason: String| SetError::Names { path: path.to_owned(), reason };
        let (mut names, mut classes) = (HashMap::new(), HashMap::new());
        for Name { id, name, class } in lines {
            // A file of names is input: its names must not lead out of the output.
            if !is_inside(&name) {
                return Err(wrong(format!("it names `{name}`, which lies outside of the set")).into());
            }
            classes.insert(id.clone(), class);
            if names.insert(id.clone(), name).is_some() {
                return Err(wrong(format!("it has two lines for `{id}`")).into());
            }
        }
        let mut of_images = Vec::with_capacity(manifest.images.len());
        for entry in &manifest.images {
            let id = entry.name.clone();
            let Some(name) = names.get(&id).cloned() else {
                return Err(JobError::NoName { path: path.to_owned(), id });
            };
            if !names::belongs(key, manifest.salt, &id, &name) {
                return Err(JobError::ForgedName { path: path.to_owned(), id, name });
            }
            of_images.push(name);
        }
        Ok(Self { names, of_images, classes: plain_classes(manifest, &classes) })
    }

    /// The name of the image that the set calls `id`.
    pub fn of(&self, id: &str) -> Option<&str> {
        self.names.get(id).map(String::as_str)
    }

    /// The names of the set's classes before it was encrypted, as far as the file tells, else those in the set.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The images of the manifest in the order of their names, which replaces that of the neutral names.
    pub fn order(&self) -> Vec<usize> {
        names::in_order(&self.of_images)
    }
}

/// The slots of the output: under the names in the manifest, or the names in a file of names.
pub(super) fn slots(manifest: &Manifest, names: Option<&PlainNames>) -> Vec<Slot> {
    let slot = |entry: &Entry| {
        let name = names.and_then(|names| names.of(&entry.name)).unwrap_or(&entry.name).to_owned();
        let geometry = Some(entry.original.unwrap_or(entry.geometry));
        Slot { item: Item { name, split: entry.split, label: entry.label }, geometry }
    };
    manifest.images.iter().map(slot).collect()
}

/// The name of every class of a manifest: what the lines of its images say, or the line of the class itself. `told` is
/// the class of every line, by its first column.
fn plain_classes(manifest: &Manifest, told: &HashMap<String, String>) -> Vec<String> {
    let mut plain: Vec<Option<&String>> = manifest.classes.iter().map(|class| told.get(class)).collect();
    for entry in &manifest.images {
        let of_image = told.get(&entry.name).filter(|class| !class.is_empty());
        if let (Some(label), Some(class)) = (entry.label, of_image)
            && let Some(place) = plain.get_mut(label as usize)
        {
            *place = Some(class);
        }
    }
    let mut taken = HashSet::new();
    let named = plain.into_iter().zip(&manifest.classes).map(|(plain, shown)| plain.unwrap_or(shown).clone());
    let classes: Vec<String> = named.collect();
    // Two classes of one name would become one.
    if classes.iter().all(|class| taken.insert(class)) { classes } else { manifest.classes.clone() }
}
