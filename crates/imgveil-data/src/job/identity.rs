//! The identity of a run: a keyed hash of everything that decides the output except the images themselves. A run
//! continues what an interrupted run of the same identity left.
//!
//! The hash is taken over a canonical text, so that renaming a type or a field in this crate does not change it. The
//! text of an encryption has these lines, each ending in a line feed:
//!
//! ```text
//! imgveil run identity 2
//! job=encrypt
//! input=/data/images                the absolute path
//! scheme=shuffle-flip block=4 ...   Scheme::canonical
//! size=192x256                      height x width that images are resized to, or `kept`
//! fit=pad                           pad, crop or none
//! window=40,400                     auto, CENTRE,WIDTH or `full`
//! axis=z                            x, y or z
//! depth=12                          the bits that samples use; no line unless they are given
//! labels=/data/labels.csv           the path as given, or nothing
//! classes=none                      no line if labels are kept
//! split=patient                     no line if splits are as stated
//! channels=3                        1 or 3; no line if channels are kept
//! orientation=apply                 no line if the EXIF orientation is not applied
//! members=json                      one line for each kind, in the order given
//! names=neutral                     neutral, classes or kept
//! encoding=webdataset 1000          png, jpeg QUALITY, npz, npy or webdataset IMAGES-PER-SHARD
//! ```
//!
//! The text of a decryption has these lines:
//!
//! ```text
//! imgveil run identity 2
//! job=decrypt
//! manifest=HEX                      BLAKE3 of the set's manifest
//! encoding=png                      as above
//! names=/data/out.names.csv         the path as given, or nothing
//! ```
//!
//! The text of a change of keys has these lines, and is hashed with the new key:
//!
//! ```text
//! imgveil run identity 2
//! job=rekey
//! manifest=HEX                      BLAKE3 of the set's manifest
//! names=/data/out.names.csv         the path as given, or nothing
//! ```
//!
//! The text of an update has these lines:
//!
//! ```text
//! imgveil run identity 2
//! job=update
//! salt=HEX                          the set's
//! ```
//!
//! In values, a backslash is written as `\\` and a line feed as `\n`. The hash is keyed, because outputs are handed out
//! and nobody else should learn the input's path.

use super::request::{DecryptRequest, EncryptRequest};
use crate::format::{ExifOrientation, Window};
use crate::set::names::Naming;
use crate::set::{Encoding, Item, Manifest, encoding_text};
use imgveil::internal::scheme::Secret;
use imgveil::internal::sealed::{Salt, Text as Canonical};
use std::path::Path;

/// The version of the canonical text. It changes with any change of the text.
const VERSION: u32 = 2;

/// The canonical text under construction.
struct Text(String);

impl Text {
    fn new(job: &str) -> Self {
        let mut text = Self(format!("imgveil run identity {VERSION}\n"));
        text.line("job", job);
        text
    }

    fn line(&mut self, field: &str, value: &str) {
        let value = value.replace('\\', "\\\\").replace('\n', "\\n");
        self.0 += &format!("{field}={value}\n");
    }

    fn path(&mut self, field: &str, path: Option<&Path>) {
        self.line(field, &path.map(Path::to_string_lossy).unwrap_or_default());
    }
}

/// The identity of an encryption.
pub(super) fn of_encryption(request: &EncryptRequest, encoding: Encoding) -> String {
    keyed(&request.secret, "imgveil v1 run identity", &encryption_text(request, encoding))
}

fn encryption_text(request: &EncryptRequest, encoding: Encoding) -> String {
    let options = &request.options;
    let mut text = Text::new("encrypt");
    let input = request.input.canonicalize().unwrap_or_else(|_| request.input.clone());
    text.path("input", Some(&input));
    text.line("scheme", &request.scheme.canonical());
    text.line("size", &options.resize.size.map_or("kept".to_owned(), |size| size.to_string()));
    let fit = if options.resize.pad {
        "pad"
    } else if options.resize.crop {
        "crop"
    } else {
        "none"
    };
    text.line("fit", fit);
    text.line("window", &options.read.window.map_or("full".to_owned(), |window: Window| window.to_string()));
    text.line("axis", &options.read.axis.to_string());
    if let Some(depth) = options.read.depth {
        text.line("depth", &depth.bits().to_string());
    }
    text.path("labels", options.read.labels.as_deref());
    if options.read.no_labels {
        text.line("classes", "none");
    }
    if options.read.by_patient.is_some() {
        text.line("split", "patient");
    }
    if let Some(copies) = options.read.copies {
        text.line("copies", &copies.to_string());
    }
    if let Some(channels) = options.read.channels {
        text.line("channels", &channels.to_string());
    }
    if options.read.exif_orientation == ExifOrientation::Apply {
        text.line("orientation", "apply");
    }
    for kind in &options.read.members {
        text.line("members", kind);
    }
    text.line(
        "names",
        match options.naming {
            Naming::Neutral => "neutral",
            Naming::Classes => "classes",
            Naming::Kept => "kept",
        },
    );
    text.line("encoding", &encoding_text(encoding));
    text.0
}

/// The identity of a decryption.
pub(super) fn of_decryption(request: &DecryptRequest, manifest: &Manifest, encoding: Encoding) -> String {
    let mut text = Text::new("decrypt");
    text.line("manifest", &blake3::hash(&manifest.to_text().unwrap_or_default()).to_hex());
    text.line("encoding", &encoding_text(encoding));
    text.path("names", request.options.names.as_deref());
    keyed(&request.secret, "imgveil v1 run identity", &text.0)
}

/// The identity of a change of keys: to this secret, from a set with this manifest.
pub(super) fn of_rekeying(to: &Secret, manifest: &Manifest, names: Option<&Path>) -> String {
    let mut text = Text::new("rekey");
    text.line("manifest", &blake3::hash(&manifest.to_text().unwrap_or_default()).to_hex());
    text.path("names", names);
    keyed(to, "imgveil v1 run identity", &text.0)
}

/// The identity of an update. Every update of a set continues what another one left: what is to do is found anew.
pub(super) fn of_update(secret: &Secret, salt: Option<Salt>) -> String {
    let mut text = Text::new("update");
    text.line("salt", &salt.map_or(String::new(), |salt| salt.to_string()));
    keyed(secret, "imgveil v1 run identity", &text.0)
}

/// The salt of a set whose partitions are written by processes that share no file. All of them list the same images and
/// have the same options, but may see the input under different paths.
pub(super) fn salt_of_partitions(request: &EncryptRequest, encoding: Encoding, items: &[Item], of: u32) -> Salt {
    let mut options = request.clone();
    options.input = "".into();
    options.options.read.labels = None;
    let mut text = Canonical::new("partitions");
    text.u32(of).text(&encryption_text(&options, encoding)).count(items.len());
    for Item { name, split, label } in items {
        text.text(name).text(split.name().unwrap_or("all"));
        text.optional(*label, |text, label| {
            text.u32(label);
        });
    }
    Salt::of_partitions(request.secret.key(), &text)
}

/// A keyed hash of a text. It reveals nothing without the key.
pub(super) fn keyed(secret: &Secret, purpose: &str, text: &str) -> String {
    blake3::keyed_hash(&secret.key().derive(purpose, b""), text.as_bytes()).to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Axis, Channels, ReadOptions};
    use crate::job::EncryptOptions;
    use crate::set::Resize;
    use imgveil::internal::image::Depth;
    use imgveil::internal::key::Key;
    use imgveil::internal::scheme::{Options, Preset};

    fn request() -> EncryptRequest {
        EncryptRequest {
            input: "/nowhere/a\nb\\c".into(),
            output: "out".into(),
            secret: Key::from_bytes([1; 32]).into(),
            scheme: Preset::Np.scheme(Options::default()).unwrap(),
            options: EncryptOptions::default(),
        }
    }

    #[test]
    fn the_text_of_an_encryption_is_as_documented() {
        let mut request = request();
        let scheme = request.scheme.canonical();
        assert_eq!(
            encryption_text(&request, Encoding::Png),
            format!(
                "imgveil run identity 2\njob=encrypt\ninput=/nowhere/a\\nb\\\\c\nscheme={scheme}\nsize=kept\nfit=none\n\
                 window=full\naxis=z\nlabels=\nnames=neutral\nencoding=png\n"
            )
        );
        request.input = "/nowhere".into();
        request.options = EncryptOptions {
            resize: Resize { size: Some("192x256".parse().unwrap()), pad: true, crop: false },
            read: ReadOptions {
                window: Some("40,400".parse().unwrap()),
                axis: Axis::X,
                depth: Depth::new(12),
                labels: Some("labels.csv".into()),
                channels: Some(Channels::Rgb),
                exif_orientation: ExifOrientation::Apply,
                members: vec!["json".into(), "txt".into()],
                follow_links: true,
                ..ReadOptions::default()
            },
            naming: Naming::Classes,
            ..EncryptOptions::default()
        };
        assert_eq!(
            encryption_text(&request, Encoding::WebDataset { per_shard: 7 }),
            format!(
                "imgveil run identity 2\njob=encrypt\ninput=/nowhere\nscheme={scheme}\nsize=192x256\nfit=pad\n\
                 window=40,400\naxis=x\ndepth=12\nlabels=labels.csv\nchannels=3\n\
                 orientation=apply\nmembers=json\nmembers=txt\nnames=classes\n\
                 encoding=webdataset 7\n"
            )
        );
    }

    /// Fixed forever: these hashes must not change unless [`VERSION`] does.
    #[test]
    fn identities_are_stable() {
        let request = EncryptRequest { input: "/nowhere/in".into(), ..request() };
        let encryption = of_encryption(&request, Encoding::Png);
        let other = EncryptRequest { secret: Key::from_bytes([2; 32]).into(), ..request.clone() };
        assert_ne!(of_encryption(&other, Encoding::Png), encryption);
        assert_ne!(of_encryption(&request, Encoding::Npy), encryption);
        // Options that do not change the bytes of the output are not part of the identity.
        let mut same = request.clone();
        same.output = "elsewhere".into();
        same.options.retry_failed = true;
        same.options.partition = "1/2".parse().ok();
        assert_eq!(of_encryption(&same, Encoding::Png), encryption);
        let text = encryption_text(&request, Encoding::Png);
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        assert_eq!(hash, "4f73e6baacd38be928c1313c8da4ef23409e230bdbedd9d0aee6efd6540c46bb", "{text}");
    }
}
