//! The seal of a manifest: a keyed hash of its canonical text, which `docs/SCHEDULE.md` lays down ("The seal").

use super::encoding::Encoding;
use super::error::SetError;
use super::manifest::{Entry, Manifest, SealedPart, UNSEALED};
use crate::format::Rescale;
use imgveil::internal::key::Key;
use imgveil::internal::sealed::{Text, manifest_seal};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// What vouches for the manifest of an encrypted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Trust {
    /// Its seal, which was compared with the key.
    Sealed,
    /// Nothing: no key was given.
    NoKey,
    /// Nothing: the set is of format 1, whose manifests have no seal.
    Format1,
}

impl Trust {
    /// What vouches for a manifest that was opened with or without its key.
    pub fn of(manifest: &Manifest, with_key: bool) -> Self {
        match (manifest.format, with_key) {
            (UNSEALED, _) => Self::Format1,
            (_, true) => Self::Sealed,
            (_, false) => Self::NoKey,
        }
    }
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sealed => "the seal of imgveil.json fits the key",
            Self::NoKey => "without the key, nothing vouches for imgveil.json",
            Self::Format1 => {
                "imgveil.json is of format 1 and has no seal: whether anything in it was changed cannot be checked"
            }
        })
    }
}

/// The encoding as canonical texts write it.
pub(crate) fn encoding_text(encoding: Encoding) -> String {
    match encoding {
        Encoding::Png => "png".to_owned(),
        Encoding::Jpeg { quality } => format!("jpeg {quality}"),
        Encoding::Npz => "npz".to_owned(),
        Encoding::Npy => "npy".to_owned(),
        Encoding::WebDataset { per_shard } => format!("webdataset {per_shard}"),
    }
}

/// Adds an entry to a canonical text.
pub(crate) fn add_entry(text: &mut Text, entry: &Entry) {
    text.text(&entry.name).text(&entry.path).text(entry.split.name().unwrap_or("all"));
    text.optional(entry.label, |text, label| {
        text.u32(label);
    });
    text.text(&entry.geometry.to_string());
    text.optional(entry.original, |text, original| {
        text.text(&original.to_string());
    });
    text.bytes(&entry.id.0).text(&entry.plain).text(&entry.blake3);
}

/// Adds the hashes of members that were carried over, if an entry has one. They come last in a canonical text.
pub(crate) fn add_members(text: &mut Text, entries: &[&Entry]) {
    if entries.iter().all(|entry| entry.members.is_none()) {
        return;
    }
    text.text("members");
    for entry in entries {
        text.optional(entry.members.as_deref(), |text, hash| {
            text.text(hash);
        });
    }
}

/// Adds how values follow from samples, if that is known of an entry. It comes behind the members.
pub(crate) fn add_rescales(text: &mut Text, entries: &[&Entry]) {
    if entries.iter().all(|entry| entry.rescale.is_none()) {
        return;
    }
    text.text("rescale");
    for entry in entries {
        text.optional(entry.rescale, |text, Rescale { slope, offset }| {
            text.bytes(&slope.to_le_bytes()).bytes(&offset.to_le_bytes());
        });
    }
}

/// What the manifest of a partition, or of a whole set, says beside what all partitions share.
struct Own<'a> {
    tool: &'a str,
    run: &'a str,
    /// Its number, how many there are, and the slots of its images.
    partition: Option<(u32, u32, &'a [usize])>,
}

impl Manifest {
    /// Seals the manifest.
    pub fn seal_with(&mut self, key: &Key) {
        let partition = self.partition.as_ref().map(|part| (part.index, part.of, part.slots.as_slice()));
        let own = Own { tool: &self.tool, run: &self.run, partition };
        let seal = manifest_seal(key, &self.canonical(&own, &self.images.iter().collect::<Vec<_>>()));
        self.seal = seal.to_hex().to_string();
    }

    /// Compares the key's fingerprint and the seal, before anything else of the manifest is used. A manifest of format
    /// 1 has no seal.
    pub(crate) fn authenticate(&self, key: &Key, path: &Path) -> Result<(), SetError> {
        let given = key.fingerprint();
        let forged = || SetError::Forged(path.to_owned());
        if self.key == given {
            return if self.has_seal_of(key) { Ok(()) } else { Err(forged()) };
        }
        // With the right fingerprint the seal would fit: somebody changed the fingerprint, and the key is right.
        if self.format != UNSEALED && (Self { key: given, ..self.clone() }).has_seal_of(key) {
            return Err(forged());
        }
        if self.forgets_key() {
            return Err(SetError::KeysForgotten);
        }
        Err(SetError::WrongKey { set: self.key, given })
    }

    fn has_seal_of(&self, key: &Key) -> bool {
        match self.format {
            UNSEALED => true,
            _ if self.parts.is_empty() => {
                let partition = self.partition.as_ref().map(|part| (part.index, part.of, part.slots.as_slice()));
                let own = Own { tool: &self.tool, run: &self.run, partition };
                self.is_sealed(key, &own, &self.images.iter().collect::<Vec<_>>(), &self.seal)
            }
            _ => self.parts_are_sealed(key),
        }
    }

    fn is_sealed(&self, key: &Key, own: &Own<'_>, images: &[&Entry], seal: &str) -> bool {
        // A seal has one text, in lower case; the comparison of hashes takes constant time.
        blake3::Hash::from_hex(seal).is_ok_and(|stated| {
            manifest_seal(key, &self.canonical(own, images)) == stated && stated.to_hex().as_str() == seal
        })
    }

    /// Whether a merged manifest is what its partitions' manifests said: every part has its seal, and no image is in
    /// two parts or in none.
    fn parts_are_sealed(&self, key: &Key) -> bool {
        let Ok(of) = u32::try_from(self.parts.len()) else { return false };
        let mut owner: Vec<(usize, usize)> = Vec::with_capacity(self.images.len());
        for (number, part) in self.parts.iter().enumerate() {
            owner.extend(part.slots.iter().map(|&slot| (slot, number)));
        }
        owner.sort_unstable();
        if owner.len() != self.images.len() || owner.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return false;
        }
        let mut images: HashMap<usize, Vec<&Entry>> = HashMap::new();
        for (entry, (_, number)) in self.images.iter().zip(&owner) {
            images.entry(*number).or_default().push(entry);
        }
        if self.head_of_parts() != Some((self.tool.as_str(), self.run.as_str())) {
            return false;
        }
        self.parts.iter().zip(1..).all(|(part, index)| {
            let SealedPart { tool, run, slots, seal } = part;
            let images = images.remove(&(index as usize - 1)).unwrap_or_default();
            self.is_sealed(key, &Own { tool, run, partition: Some((index, of, slots)) }, &images, seal)
        })
    }

    /// Tool and run of a merged manifest: the first part's tool, and the run if it is the same for all parts.
    pub(crate) fn head_of_parts(&self) -> Option<(&str, &str)> {
        let first = self.parts.first()?;
        let one_run = self.parts.iter().all(|part| part.run == first.run);
        Some((&first.tool, if one_run { &first.run } else { "" }))
    }

    fn canonical(&self, own: &Own<'_>, images: &[&Entry]) -> Text {
        let mut text = Text::new("imgveil manifest 2");
        text.text(own.tool).text(&self.scheme.name).text(&self.scheme.canonical()).text(&self.key.to_string());
        text.bytes(&self.salt.map_or([0; 16], |salt| salt.0));
        text.text(&encoding_text(self.encoding)).text(own.run);
        text.optional(own.partition, |text, (index, of, slots)| {
            text.u32(index).u32(of).count(slots.len());
            slots.iter().for_each(|&slot| {
                text.count(slot);
            });
        });
        text.count(self.classes.len());
        self.classes.iter().for_each(|class| {
            text.text(class);
        });
        text.count(images.len());
        images.iter().for_each(|entry| add_entry(&mut text, entry));
        add_members(&mut text, images);
        add_rescales(&mut text, images);
        if !self.options.is_empty() {
            text.text("options").count(self.options.len());
            self.options.iter().for_each(|option| {
                text.text(option);
            });
        }
        text
    }
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
