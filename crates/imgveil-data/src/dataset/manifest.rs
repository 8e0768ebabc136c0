//! `imgveil.json`: what an encrypted set says of itself. Of the plain images it holds only keyed hashes. Written last, so
//! that a set that has one is complete.

use super::Split;
use super::encoding::Encoding;
use imgveil::internal::hex;
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Fingerprint;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::Scheme;
use serde::{Deserialize, Serialize};

/// The manifest's file name in a folder, and its member name in an `.npz` file.
pub const MANIFEST: &str = "imgveil.json";

/// The format version that this code writes and reads.
pub const FORMAT: u32 = 1;

/// What writes sets and runs, with its version.
pub const TOOL: &str = concat!("imgveil ", env!("CARGO_PKG_VERSION"));

/// What an encrypted set says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format version: 1.
    pub format: u32,
    /// What wrote it, such as `imgveil 0.1.0`.
    pub tool: String,
    /// The scheme.
    pub scheme: Scheme,
    /// Fingerprint of the key.
    #[serde(with = "text")]
    pub key: Fingerprint,
    /// The form of the files.
    #[serde(default)]
    pub encoding: Encoding,
    /// A keyed hash of what the run was (input, scheme, options): the same run may complete what it began.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// Where this is a part of a set that waits to be merged: which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Names of the classes; empty when the set has none.
    pub classes: Vec<String>,
    /// The images, in order.
    pub images: Vec<Entry>,
}

/// Which part of a set a manifest is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number, from 1.
    pub index: u32,
    /// How many parts there are.
    pub of: u32,
    /// The place of each of its images in the whole set.
    pub slots: Vec<usize>,
}

/// One encrypted image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its name (no extension).
    pub name: String,
    /// Where it lies: a file in the folder, or `train_images[7]` in an `.npz`.
    pub path: String,
    /// Its part of the set.
    pub split: Split,
    /// Its class.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub label: Option<u32>,
    /// The encrypted image's geometry.
    #[serde(with = "text")]
    pub geometry: Geometry,
    /// The plain image's geometry, where padding changed it.
    #[serde(with = "optional_text", skip_serializing_if = "Option::is_none", default)]
    pub original: Option<Geometry>,
    /// The image's id: the stream of stages keyed per image.
    #[serde(with = "hexed")]
    pub id: ImageId,
    /// Keyed hash of the plain pixels.
    pub plain: String,
    /// BLAKE3 of the encrypted file, or of the samples in an `.npz`.
    pub blake3: String,
}

/// Why a manifest was refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON, or not of this form.
    #[error(
        "is damaged or not imgveil's ({}); restore it from the copy that you were given",
        .0.to_string().replace(char::is_control, "?")
    )]
    Damaged(#[from] serde_json::Error),
    /// From the future.
    #[error("has format {found}, and this version of imgveil reads format {FORMAT}: use a newer imgveil")]
    Format {
        /// The version found.
        found: u32,
    },
    /// A path that leaves the set.
    #[error("names the file `{}`, which lies outside of the set: it is not to be trusted", .0.escape_debug())]
    Outside(String),
    /// A label without a class.
    #[error("gives image `{}` class {label}, but there are {classes} classes", .name.escape_debug())]
    Label {
        /// The image.
        name: String,
        /// Its label.
        label: u32,
        /// How many there are.
        classes: usize,
    },
}

impl Manifest {
    /// Reads a manifest's text.
    ///
    /// # Errors
    /// When it is damaged, of another format, or names files outside of the set.
    pub fn parse(text: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        // The version first: a newer manifest may have any form.
        let Version { format } = serde_json::from_slice(text)?;
        if format != FORMAT {
            return Err(ManifestError::Format { found: format });
        }
        let manifest: Manifest = serde_json::from_slice(text)?;
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
        Ok(manifest)
    }

    /// Writes the manifest's text.
    ///
    /// # Errors
    /// When the writer does.
    pub fn write(&self, mut writer: impl std::io::Write) -> std::io::Result<()> {
        serde_json::to_writer_pretty(&mut writer, self)?;
        writer.write_all(b"\n")
    }

    /// The manifest's text.
    ///
    /// # Errors
    /// Never for a manifest that this library made.
    pub fn to_text(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Whether a path stays inside of the folder that it begins in.
pub(crate) fn is_inside(path: &str) -> bool {
    let inside = |part| matches!(part, std::path::Component::Normal(_));
    !path.is_empty() && std::path::Path::new(path).components().all(inside)
}

/// Values that are written as their text.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::{fmt::Display, str::FromStr};

    pub fn serialize<S: Serializer, T: Display>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

mod optional_text {
    use super::Geometry;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<Geometry>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(geometry) => serializer.collect_str(geometry),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Geometry>, D::Error> {
        super::text::deserialize(deserializer).map(Some)
    }
}

mod hexed {
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
            encoding: Encoding::default(),
            run: String::new(),
            part: None,
            classes: vec!["normal".into()],
            images: vec![Entry {
                name: "train/normal/a".into(),
                path: "train/normal/a.png".into(),
                split: Split::Train,
                label: Some(0),
                geometry: Geometry::new(4, 8, 3).unwrap(),
                original: Some(Geometry::new(3, 7, 3).unwrap()),
                id: ImageId([1, 2, 3, 4, 5, 6, 7, 255]),
                plain: "00".repeat(16),
                blake3: "11".repeat(32),
            }],
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
        assert!(parse("\"format\": 1", "\"format\": 2").contains("newer"));
        assert!(parse("train/normal/a.png", "../a.png").contains("outside"));
        assert!(parse("train/normal/a.png", "/etc/a.png").contains("outside"));
        assert!(parse("\"label\": 0", "\"label\": 1").contains("1 classes"));
        assert!(parse("sign-flip", "sign-flop").contains("sign-flop"));
        assert!(parse("0123456789abcdef", "0123456789ABCDEF").contains("fingerprint"));
        assert!(parse("4x8x3", "4x8x2").contains("channels"));
        assert!(parse("{", "").contains("damaged"));
    }
}
