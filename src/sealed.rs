//! Keyed hashes of sets of format 2 (`docs/SCHEDULE.md`, "Sets of format 2"): neutral names, image ids, the check of an
//! image, and seals, which authenticate whole texts. A set's random value, its *salt*, enters all of them, so that two
//! sets under one key have nothing in common.

use crate::hex;
use crate::image::Geometry;
use crate::key::Key;
use crate::plain::Plain;
use crate::schedule::{ImageId, first_8, hash_pixels};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// The random value of a set: 16 bytes, public, drawn once for every set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// A new salt from random bytes of the operating system or the browser.
    ///
    /// # Errors
    /// When no random bytes are available.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)?;
        Ok(Self(salt))
    }

    /// The salt of a set whose partitions are written by processes that share no file. It depends on the secret and on
    /// `text`, which all of these processes know.
    pub fn of_partitions(key: &Key, text: &Text) -> Self {
        let mut salt = [0; 16];
        let hash = text.keyed(key, "imgveil v2 partition salt");
        salt.copy_from_slice(&hash.as_bytes()[..16]);
        Self(salt)
    }
}

impl fmt::Display for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl FromStr for Salt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex::decode(text).map(Self).ok_or_else(|| format!("`{}` is not a salt: 32 lower-case hex digits", text.plain()))
    }
}

/// A canonical text under construction, for a keyed hash. Every part has a fixed length or its length in front, so that
/// two different lists of parts never give the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<u8>);

impl Text {
    /// A text that begins with what it is about.
    pub fn new(title: &str) -> Self {
        let mut text = Self::default();
        text.text(title);
        text
    }

    /// Adds bytes whose number is fixed.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a number of 32 bits.
    pub fn u32(&mut self, number: u32) -> &mut Self {
        self.bytes(&number.to_le_bytes())
    }

    /// Adds a number of 64 bits, such as a count.
    pub fn count(&mut self, number: usize) -> &mut Self {
        self.bytes(&(number as u64).to_le_bytes())
    }

    /// Adds a text: its length in bytes as 64 bits, and its UTF-8.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.count(text.len()).bytes(text.as_bytes())
    }

    /// Adds a byte 0, or a byte 1 and what `add` adds.
    pub fn optional<T>(&mut self, value: Option<T>, add: impl FnOnce(&mut Self, T)) -> &mut Self {
        self.bytes(&[u8::from(value.is_some())]);
        if let Some(value) = value {
            add(self, value);
        }
        self
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The keyed hash of the text, with a subkey of its own for every context.
    pub fn keyed(&self, key: &Key, context: &str) -> blake3::Hash {
        blake3::keyed_hash(&key.derive(context, b""), &self.0)
    }
}

/// The seal of a manifest: a keyed hash of its canonical text. The comparison of two hashes takes constant time.
pub fn manifest_seal(key: &Key, text: &Text) -> blake3::Hash {
    text.keyed(key, "imgveil v2 manifest")
}

/// The neutral name of an image that is called `name` in the input.
pub fn neutral_name(key: &Key, salt: Salt, name: &str) -> String {
    let mut text = Text::default();
    text.bytes(&salt.0).text(name);
    hex::encode(&text.keyed(key, "imgveil v2 neutral name").as_bytes()[..8])
}

/// The id of the image that the manifest calls `name`. `samples` are those that enter the scheme.
pub fn image_id(key: &Key, salt: Salt, name: &str, geometry: Geometry, samples: &[u8]) -> ImageId {
    let mut text = Text::default();
    text.bytes(&salt.0).text(name);
    ImageId(first_8(&with_pixels(key, "imgveil v2 image id", &text, geometry, samples)))
}

/// What the check of an image covers beside its pixels.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    /// The set's salt.
    pub salt: Salt,
    /// The image's name in the manifest.
    pub name: &'a str,
    /// Its split, as manifests write it.
    pub split: &'a str,
    /// Its class.
    pub label: Option<u32>,
    /// The geometry of the plain image before padding.
    pub original: Geometry,
}

impl Checked<'_> {
    /// The check of an image: 16 bytes of a keyed hash. `samples` are those that enter the scheme.
    pub fn hash(&self, key: &Key, geometry: Geometry, samples: &[u8]) -> [u8; 16] {
        let mut text = Text::default();
        text.bytes(&self.salt.0).text(self.name).text(self.split);
        text.optional(self.label, |text, label| {
            text.u32(label);
        });
        text.text(&self.original.to_string());
        let hasher = with_pixels(key, "imgveil v2 image check", &text, geometry, samples);
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        hash
    }
}

fn with_pixels(key: &Key, context: &str, text: &Text, geometry: Geometry, samples: &[u8]) -> blake3::Hasher {
    let subkey: Zeroizing<[u8; 32]> = key.derive(context, b"");
    let mut hasher = blake3::Hasher::new_keyed(&subkey);
    hasher.update(text.as_bytes());
    hash_pixels(&mut hasher, geometry, samples);
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_different_parts_differ() {
        let texts: [fn(&mut Text); 5] = [
            |t| {
                t.text("ab").text("c");
            },
            |t| {
                t.text("a").text("bc");
            },
            |t| {
                t.text("abc");
            },
            |t| {
                t.optional(Some(1), |t, n| {
                    t.u32(n);
                });
            },
            |t| {
                t.optional(None::<u32>, |_, _| {}).u32(1);
            },
        ];
        let all = texts.map(|add| {
            let mut text = Text::new("t");
            add(&mut text);
            text
        });
        for (i, one) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|other| other != one), "{i}");
        }
    }

    #[test]
    fn the_check_covers_everything() {
        let key = Key::from_bytes([1; 32]);
        let (geometry, other) = (Geometry::new(2, 2, 1).unwrap(), Geometry::new(1, 2, 1).unwrap());
        let one =
            Checked { salt: Salt([2; 16]), name: "train/0/a", split: "train", label: Some(0), original: geometry };
        let hash = |one: Checked<'_>, samples| one.hash(&key, geometry, samples);
        let right = hash(one, &[1, 2, 3, 4]);
        for wrong in [
            hash(Checked { salt: Salt([3; 16]), ..one }, &[1, 2, 3, 4]),
            hash(Checked { name: "train/0/b", ..one }, &[1, 2, 3, 4]),
            hash(Checked { split: "val", ..one }, &[1, 2, 3, 4]),
            hash(Checked { label: Some(1), ..one }, &[1, 2, 3, 4]),
            hash(Checked { label: None, ..one }, &[1, 2, 3, 4]),
            hash(Checked { original: other, ..one }, &[1, 2, 3, 4]),
            hash(one, &[1, 2, 3, 5]),
            one.hash(&Key::from_bytes([2; 32]), geometry, &[1, 2, 3, 4]),
        ] {
            assert_ne!(right, wrong);
        }
    }

    #[test]
    fn a_salt_has_one_text() {
        let salt = Salt(std::array::from_fn(|i| i as u8));
        assert_eq!(salt.to_string().parse(), Ok(salt));
        assert!(salt.to_string().to_uppercase().parse::<Salt>().is_err());
        assert_ne!(Salt::random().unwrap(), Salt::random().unwrap());
    }
}
