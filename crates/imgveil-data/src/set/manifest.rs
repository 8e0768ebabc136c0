//! The manifest `imgveil.json` of an encrypted set. Of the plain images it holds only keyed hashes. It is written last:
//! a set that has a manifest is complete.

use super::encoding::Encoding;
use super::item::Item;
use super::paths::is_inside;
use super::split::Split;
use crate::format::Rescale;
use imgveil::internal::hex;
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Fingerprint;
use imgveil::internal::plain::Plain;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::Scheme;
use imgveil::internal::sealed::Salt;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The manifest's file name in a folder, and its member name in an `.npz` file.
pub const MANIFEST: &str = "imgveil.json";

/// The option of a set whose keys were drawn at random and kept nowhere.
pub(crate) const FORGETS_KEY: &str = "keys=random";

/// The format version that this code writes. It also reads version 1, whose manifests have no seal.
pub const FORMAT: u32 = 2;

/// The format version of manifests without a seal.
pub const UNSEALED: u32 = 1;

/// The name and version of the program that writes sets, as manifests state it.
pub const TOOL: &str = concat!("imgveil ", env!("CARGO_PKG_VERSION"));

/// The manifest of an encrypted set.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Manifest {
    /// Format version: 2, or 1 for a set of an earlier version.
    pub format: u32,
    /// The program that wrote the set, such as `imgveil 0.1.0`.
    pub tool: String,
    /// The scheme.
    pub scheme: Scheme,
    /// The fingerprint of the key.
    #[serde(with = "text")]
    pub key: Fingerprint,
    /// The set's random value, which enters names, ids and checks. `None` in format 1.
    #[serde(with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub salt: Option<Salt>,
    /// How the images are stored.
    pub encoding: Encoding,
    /// The identity of the run that wrote the set, as a keyed hash of its input, scheme and options.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// The options of the run that are not the defaults, such as `fit=pad`, so that an update can repeat them. No path
    /// is among them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// The partition that this manifest covers, if it is not yet merged.
    #[serde(rename = "part", skip_serializing_if = "Option::is_none")]
    pub partition: Option<PartitionRecord>,
    /// The partitions that were merged. Their seals authenticate the merged manifest, because merging needs no key.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<SealedPart>,
    /// Names of the classes. Empty if the set has no classes.
    pub classes: Vec<String>,
    /// The images, in order.
    pub images: Vec<Entry>,
    /// The seal: a keyed hash of everything above (see `docs/SCHEDULE.md`). Empty in format 1, in a merged manifest,
    /// and in one that is not finished.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub seal: String,
}

/// A partition of a merged set, with what its own manifest said about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedPart {
    /// The program that wrote the partition.
    pub tool: String,
    /// The identity of the run that wrote it.
    pub run: String,
    /// The slot of each of its images in the whole set.
    pub slots: Vec<usize>,
    /// The seal of its manifest.
    pub seal: String,
}

/// The partition of a set that a manifest covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRecord {
    /// The number of the partition, from 1.
    pub index: u32,
    /// The number of partitions.
    pub of: u32,
    /// The slot of each of its images in the whole set.
    pub slots: Vec<usize>,
}

/// One encrypted image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The image's name, without extension.
    pub name: String,
    /// Where the image is: a file in the folder, or a position such as `train_images[7]` in an array.
    pub path: String,
    /// The image's split.
    pub split: Split,
    /// The image's class.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<u32>,
    /// The encrypted image's geometry.
    #[serde(with = "text")]
    pub geometry: Geometry,
    /// The plain image's geometry, if padding changed it.
    #[serde(with = "optional_text", skip_serializing_if = "Option::is_none", default)]
    pub original: Option<Geometry>,
    /// How a value in the modality's units follows from a sample of the plain image, if its file says so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rescale: Option<Rescale>,
    /// The image's id, which selects the stream of stages that are keyed per image.
    #[serde(with = "hexed")]
    pub id: ImageId,
    /// The keyed check of the image: a hash of the plain pixels, and in format 2 of its name, split and class with
    /// them.
    pub plain: String,
    /// BLAKE3 of the encrypted file, or of the samples in an `.npz`.
    pub blake3: String,
    /// BLAKE3 of the files that were carried over with the image, if there are any. `docs/SCHEDULE.md` says of what.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub members: Option<String>,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The text is not JSON, or not a manifest.
    #[error(
        "is damaged or not imgveil's ({}); restore it from the copy that you were given",
        .0.to_string().replace(char::is_control, "?")
    )]
    Damaged(#[from] serde_json::Error),
    /// The format version is newer than this code.
    #[error("has format {found}, and this version of imgveil reads formats 1 and {FORMAT}: use a newer imgveil")]
    Format {
        /// The version found.
        found: u32,
    },
    /// A path leads out of the set.
    #[error("names the file `{}`, which lies outside of the set: it is not to be trusted", .0.plain())]
    Outside(String),
    /// A manifest of format 2 without its seal or its salt, or one of format 1 with them.
    #[error("has format {format}, but {what}: it was changed after it was written")]
    Parts {
        /// The format.
        format: u32,
        /// What is missing, or what is there and should not be.
        what: &'static str,
    },
    /// Two entries share a name or a file.
    #[error("names `{}` twice: it was changed after it was written", .0.plain())]
    Twice(String),
    /// A label has no class.
    #[error("gives image `{}` class {label}, but there are {classes} classes", .name.plain())]
    Label {
        /// The image.
        name: String,
        /// Its label.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },
}

impl Manifest {
    /// Whether the keys were drawn at random and kept nowhere.
    pub fn forgets_key(&self) -> bool {
        self.options.iter().any(|option| option == FORGETS_KEY)
    }

    /// Parses a manifest.
    ///
    /// # Errors
    /// If it is damaged, of another format version, or names files outside of the set.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        let manifest = super::manifest_text::parse(text)?;
        for entry in &manifest.images {
            for text in [&entry.path, &entry.name] {
                if !is_inside(text) {
                    return Err(ManifestError::Outside(text.clone()));
                }
            }
            if let Some(label) = entry.label
                && label as usize >= manifest.classes.len()
            {
                let (name, classes) = (entry.name.clone(), manifest.classes.len());
                return Err(ManifestError::Label { name, label, classes });
            }
        }
        if manifest.format >= FORMAT {
            let (mut names, mut paths) = (HashSet::new(), HashSet::new());
            for Entry { name, path, .. } in &manifest.images {
                if !names.insert(name.as_str()) {
                    return Err(ManifestError::Twice(name.clone()));
                }
                if !paths.insert(path.as_str()) {
                    return Err(ManifestError::Twice(path.clone()));
                }
            }
        }
        Ok(manifest)
    }

    /// Writes the manifest as JSON.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write(&self, mut writer: impl std::io::Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut writer, self)?;
        writer.write_all(b"\n")
    }

    /// The manifest as JSON.
    ///
    /// # Errors
    /// Never for a manifest that this crate made.
    pub fn to_text(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

impl Entry {
    /// The entry as an item of a source.
    pub(crate) fn item(&self) -> Item {
        Item { name: self.name.clone(), split: self.split, label: self.label }
    }
}

/// Serialises values as their text.
pub(super) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::{fmt::Display, str::FromStr};

    pub fn serialize<S: Serializer, T: Display>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

pub(super) mod optional_text {
    use serde::{Deserializer, Serializer};
    use std::{fmt::Display, str::FromStr};

    pub fn serialize<S: Serializer, T: Display>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        super::text::deserialize(deserializer).map(Some)
    }
}

pub(super) mod hexed {
    use super::{ImageId, hex};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &ImageId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&id.0))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ImageId, D::Error> {
        let text = String::deserialize(deserializer)?;
        hex::decode(&text).map(ImageId).ok_or_else(|| D::Error::custom(format!("`{text}` is not an image id")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::scheme::{Options, Preset};

    fn manifest() -> Manifest {
        Manifest {
            format: FORMAT,
            tool: "imgveil test".into(),
            scheme: Preset::ShuffleFlip.scheme(Options::default()).unwrap(),
            key: "0123456789abcdef".parse().unwrap(),
            salt: Some(Salt([7; 16])),
            encoding: Encoding::default(),
            run: String::new(),
            options: vec!["fit=pad".into()],
            partition: None,
            parts: Vec::new(),
            classes: vec!["normal".into()],
            images: vec![Entry {
                name: "train/normal/a".into(),
                path: "train/normal/a.png".into(),
                split: Split::Train,
                label: Some(0),
                geometry: Geometry::new(4, 8, 3).unwrap(),
                original: Some(Geometry::new(3, 7, 3).unwrap()),
                rescale: Some(Rescale { slope: 0.1, offset: -1024.0 }),
                id: ImageId([1, 2, 3, 4, 5, 6, 7, 255]),
                plain: "00".repeat(16),
                blake3: "11".repeat(32),
                members: Some("33".repeat(32)),
            }],
            seal: "22".repeat(32),
        }
    }

    #[test]
    fn round_trip() {
        let text = manifest().to_text().unwrap();
        assert_eq!(Manifest::parse(&text).unwrap(), manifest());
    }

    #[test]
    fn refuses_what_it_cannot_trust() {
        let text = String::from_utf8(manifest().to_text().unwrap()).unwrap();
        let parse = |from: &str, to: &str| {
            assert!(text.contains(from));
            Manifest::parse(text.replace(from, to).as_bytes()).unwrap_err().to_string()
        };
        assert!(parse("\"format\": 2", "\"format\": 3").contains("newer"));
        assert!(parse("\"format\": 2", "\"format\": 0").contains("format 0"));
        assert!(parse("\"format\": 2", "\"format\": 1").contains("has format 1, but it has a salt"));
        assert!(parse("\"salt\"", "\"pepper\"").contains("unknown field `pepper`"));
        assert!(parse("\"split\"", "\"note\": \"\", \"split\"").contains("unknown field `note`"));
        assert!(parse("\"seal\"", "\"tool\"").contains("duplicate field `tool`"));
        assert!(parse("\"format\": \"png\"", "\"format\": \"png\", \"quality\": 90").contains("quality"));
        assert!(parse("train/normal/a.png", "../a.png").contains("outside"));
        assert!(parse("train/normal/a.png", "/etc/a.png").contains("outside"));
        assert!(parse("\"label\": 0", "\"label\": 1").contains("1 classes"));
        assert!(parse("sign-flip", "sign-flop").contains("sign-flop"));
        assert!(parse("0123456789abcdef", "0123456789ABCDEF").contains("fingerprint"));
        assert!(parse("4x8x3", "4x8x2").contains("channels"));
        assert!(parse("{", "").contains("damaged"));
    }
}
