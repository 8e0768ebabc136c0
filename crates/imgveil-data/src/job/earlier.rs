//! What an update knows of the set that it brings up to date: its entries by the names of images, and which number each
//! class has. Numbers of classes never change, because images that were sent have them.

use super::error::JobError;
use crate::limits::MOST_CLASSES;
use crate::set::names::{self, Name, Naming};
use crate::set::{Manifest, Relabelled, SetError, Source};
use imgveil::internal::key::Key;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

/// The set as it is.
pub(super) struct Earlier {
    pub manifest: Manifest,
    naming: Naming,
    /// The lines of the file of names that are about images of the set, by the names in the set.
    pub names: HashMap<String, Name>,
    /// The entries by the part of their names that stays the same whatever their class is.
    by_id: HashMap<String, usize>,
    /// The names of classes without an image, by their numbers.
    empty: HashMap<usize, String>,
    key: Key,
}

impl Earlier {
    /// A set, and the file of names beside it if there is one.
    ///
    /// # Errors
    /// If the file of names is damaged, or is about other images.
    pub fn new(manifest: Manifest, naming: Naming, key: &Key, names: Option<&Path>) -> Result<Self, JobError> {
        let id = |name: &str| match naming {
            Naming::Kept => name.to_owned(),
            _ => name.rsplit('/').next().unwrap_or(name).to_owned(),
        };
        let by_id = manifest.images.iter().enumerate().map(|(number, entry)| (id(&entry.name), number)).collect();
        let mut earlier =
            Self { manifest, naming, names: HashMap::new(), by_id, empty: HashMap::new(), key: key.clone() };
        if let Some(path) = names.filter(|path| path.exists() || path.is_symlink()) {
            if path.is_symlink() {
                return Err(JobError::OtherNames(path.to_owned()));
            }
            for line in names::read(path)? {
                if line.is_of_class() {
                    let number = earlier.manifest.classes.iter().position(|class| *class == line.id);
                    earlier.empty.extend(number.map(|number| (number, line.class)));
                    continue;
                }
                // An update that was cut may have left lines of images that are no longer, or not yet, in the set.
                if !names::belongs(key, earlier.manifest.salt, &line.id, &line.name) {
                    return Err(JobError::OtherNames(path.to_owned()));
                }
                earlier.names.insert(line.id.clone(), line);
            }
        }
        Ok(earlier)
    }

    /// The number of the entry of an image that has this name in the output, under whatever class.
    pub fn entry(&self, name: &str) -> Option<usize> {
        let id = match self.naming {
            Naming::Kept => name,
            _ => name.rsplit('/').next().unwrap_or(name),
        };
        self.by_id.get(id).copied()
    }

    /// The name of an entry in the input, as far as it is known.
    pub fn plain_name(&self, entry: usize) -> Option<&str> {
        let name = &self.manifest.images.get(entry)?.name;
        match self.naming {
            Naming::Kept => Some(name),
            _ => self.names.get(name).map(|line| line.name.as_str()),
        }
    }

    /// The input with the set's numbers of classes, and the classes' names in the output. New classes get the numbers
    /// behind those of the set.
    ///
    /// # Errors
    /// If it is not known which number a class has, or there are too many classes.
    pub fn numbered(&self, source: Box<dyn Source>) -> Result<(Box<dyn Source>, Vec<String>), JobError> {
        let found = source.classes().to_vec();
        let mut known = self.known_classes(source.as_ref())?;
        // Arrays and numbers have classes without images.
        let number = |(n, name): (usize, &Option<String>)| name.as_ref().is_none_or(|name| *name == n.to_string());
        if known.iter().enumerate().all(number) {
            for (n, class) in known.iter_mut().enumerate() {
                class.get_or_insert_with(|| n.to_string());
            }
        }
        let taken: HashSet<&String> = known.iter().flatten().collect();
        let new: Vec<String> = found.iter().filter(|class| !taken.contains(class)).cloned().collect();
        let has_image = |n: usize| self.manifest.images.iter().any(|entry| entry.label == Some(n as u32));
        if let Some(class) = new.first()
            && (0..known.len()).any(|n| known[n].is_none() && has_image(n))
        {
            return Err(JobError::UnknownClass(class.clone()));
        }
        let mut output = self.manifest.classes.clone();
        let width = output.first().map_or(0, String::len);
        for class in new {
            output.push(match self.naming {
                Naming::Neutral => format!("{:0width$}", known.len()),
                _ => class.clone(),
            });
            known.push(Some(class));
        }
        if known.len() > MOST_CLASSES {
            return Err(SetError::Classes { path: "the updated set".into(), classes: known.len() }.into());
        }
        let numbers: HashMap<&str, u32> =
            known.iter().zip(0..).filter_map(|(class, n)| Some((class.as_deref()?, n))).collect();
        let numbers: Vec<u32> = found.iter().filter_map(|class| numbers.get(class.as_str()).copied()).collect();
        let names = known.into_iter().zip(&output).map(|(class, shown)| class.unwrap_or_else(|| shown.clone()));
        let names = names.collect();
        Ok((Box::new(Relabelled::new(source, &numbers, names)), output))
    }

    /// The name in the input of every class of the set: as the file of names has it, or else as most of those images of
    /// the input say that are in the set.
    fn known_classes(&self, source: &dyn Source) -> Result<Vec<Option<String>>, JobError> {
        if self.naming != Naming::Neutral {
            return Ok(self.manifest.classes.iter().cloned().map(Some).collect());
        }
        let mut told: Vec<BTreeMap<&str, usize>> = vec![BTreeMap::new(); self.manifest.classes.len()];
        let label = |entry: usize| self.manifest.images.get(entry).and_then(|entry| entry.label);
        for line in self.names.values().filter(|line| !line.class.is_empty()) {
            let number = self.entry(&line.id).filter(|&entry| self.manifest.images[entry].name == line.id);
            if let Some(votes) = number.and_then(label).and_then(|number| told.get_mut(number as usize)) {
                *votes.entry(&line.class).or_default() += 1;
            }
        }
        if told.iter().all(BTreeMap::is_empty) && self.empty.is_empty() {
            for item in source.items() {
                let id = names::neutral_id(&self.key, self.manifest.salt, &item.name);
                let class = item.label.and_then(|label| source.classes().get(label as usize));
                let number = self.entry(&id).and_then(label);
                if let (Some(class), Some(votes)) = (class, number.and_then(|number| told.get_mut(number as usize))) {
                    *votes.entry(class).or_default() += 1;
                }
            }
        }
        for (number, class) in &self.empty {
            if let Some(votes) = told.get_mut(*number).filter(|votes| votes.is_empty()) {
                votes.insert(class, 1);
            }
        }
        let mut taken = HashSet::new();
        let mut known = Vec::with_capacity(told.len());
        for votes in told {
            let mut votes: Vec<(usize, &str)> = votes.into_iter().map(|(class, count)| (count, class)).collect();
            votes.sort_by(|one, other| other.cmp(one));
            let class = votes.into_iter().map(|(_, class)| class).find(|class| taken.insert(*class));
            known.push(class.map(str::to_owned));
        }
        Ok(known)
    }
}
