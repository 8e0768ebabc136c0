//! Reads the JSON text of a manifest. Format 2 refuses fields that it does not know; format 1 ignores them, as it
//! always did.

use super::encoding::Encoding;
use super::manifest::{Entry, FORMAT, Manifest, ManifestError, PartitionRecord, SealedPart, UNSEALED};
use super::manifest::{hexed, optional_text, text};
use super::split::Split;
use crate::json_limits::JsonLimits;
use crate::limits::{MOST_CLASSES, MOST_IMAGES, MOST_PARTITIONS};
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Fingerprint;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{MOST_STAGES, Scheme};
use imgveil::internal::sealed::Salt;
use serde::Deserialize;

/// The limits of a manifest that is read.
const LIMITS: JsonLimits = JsonLimits {
    lists: &[
        ("images", MOST_IMAGES),
        ("slots", MOST_IMAGES),
        ("classes", MOST_CLASSES),
        ("stages", MOST_STAGES),
        ("parts", MOST_PARTITIONS as usize),
    ],
};

/// The version alone: a newer manifest may have other fields.
#[derive(Deserialize)]
struct Version {
    format: u32,
}

/// A manifest of format 2.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    format: u32,
    tool: String,
    scheme: Scheme,
    #[serde(with = "text")]
    key: Fingerprint,
    #[serde(with = "optional_text", default)]
    salt: Option<Salt>,
    encoding: Stored,
    #[serde(default)]
    run: String,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    part: Option<Partition>,
    #[serde(default)]
    parts: Vec<SealedPart>,
    classes: Vec<String>,
    images: Vec<Entry>,
    #[serde(default)]
    seal: String,
}

/// An [`Encoding`] without unknown fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    format: String,
    quality: Option<u8>,
    per_shard: Option<u32>,
}

/// A [`PartitionRecord`] without unknown fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Partition {
    index: u32,
    of: u32,
    slots: Vec<usize>,
}

/// A manifest of format 1.
#[derive(Deserialize)]
struct Unsealed {
    format: u32,
    tool: String,
    scheme: Scheme,
    #[serde(with = "text")]
    key: Fingerprint,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default)]
    run: String,
    #[serde(default)]
    part: Option<PartitionRecord>,
    classes: Vec<String>,
    images: Vec<UnsealedEntry>,
    // Fields of format 2, which show that the version was changed.
    #[serde(default)]
    salt: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    seal: Option<serde::de::IgnoredAny>,
}

/// An entry of format 1.
#[derive(Deserialize)]
struct UnsealedEntry {
    name: String,
    path: String,
    split: Split,
    #[serde(default)]
    label: Option<u32>,
    #[serde(with = "text")]
    geometry: Geometry,
    #[serde(with = "optional_text", default)]
    original: Option<Geometry>,
    #[serde(with = "hexed")]
    id: ImageId,
    plain: String,
    blake3: String,
}

impl Stored {
    fn encoding(self) -> Option<Encoding> {
        Some(match (self.format.as_str(), self.quality, self.per_shard) {
            ("png", None, None) => Encoding::Png,
            ("jpeg", Some(quality), None) => Encoding::Jpeg { quality },
            ("npz", None, None) => Encoding::Npz,
            ("npy", None, None) => Encoding::Npy,
            ("webdataset", None, Some(per_shard)) => Encoding::WebDataset { per_shard },
            _ => return None,
        })
    }
}

/// Reads the fields of a manifest. Their values are not compared with each other yet.
pub(super) fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
    let Version { format } = serde_json::from_slice(text)?;
    if ![UNSEALED, FORMAT].contains(&format) {
        return Err(ManifestError::Format { found: format });
    }
    LIMITS.check(text)?;
    if format == UNSEALED { unsealed(serde_json::from_slice(text)?) } else { sealed(serde_json::from_slice(text)?) }
}

fn sealed(read: Sealed) -> Result<Manifest, ManifestError> {
    let wrong = |what| Err(ManifestError::Parts { format: FORMAT, what });
    if read.salt.is_none() {
        return wrong("it has no salt");
    }
    if read.seal.is_empty() == read.parts.is_empty() {
        return wrong("it has not exactly one of a seal and a list of parts with theirs");
    }
    if read.part.is_some() && !read.parts.is_empty() {
        return wrong("it is one part and has parts");
    }
    let Some(encoding) = read.encoding.encoding() else {
        return wrong("its encoding is none (png, jpeg with a quality, npz, npy, webdataset with per_shard)");
    };
    Ok(Manifest {
        format: read.format,
        tool: read.tool,
        scheme: read.scheme,
        key: read.key,
        salt: read.salt,
        encoding,
        run: read.run,
        options: read.options,
        partition: read.part.map(|Partition { index, of, slots }| PartitionRecord { index, of, slots }),
        parts: read.parts,
        classes: read.classes,
        images: read.images,
        seal: read.seal,
    })
}

fn unsealed(read: Unsealed) -> Result<Manifest, ManifestError> {
    if read.salt.is_some() || read.seal.is_some() {
        return Err(ManifestError::Parts { format: UNSEALED, what: "it has a salt or a seal, which are of format 2" });
    }
    let entry = |entry: UnsealedEntry| {
        let UnsealedEntry { name, path, split, label, geometry, original, id, plain, blake3 } = entry;
        Entry { name, path, split, label, geometry, original, rescale: None, id, plain, blake3, members: None }
    };
    Ok(Manifest {
        format: read.format,
        tool: read.tool,
        scheme: read.scheme,
        key: read.key,
        salt: None,
        encoding: read.encoding,
        run: read.run,
        options: Vec::new(),
        partition: read.part,
        parts: Vec::new(),
        classes: read.classes,
        images: read.images.into_iter().map(entry).collect(),
        seal: String::new(),
    })
}
