//! The secret key and its text. This module never prints the secret. Every copy of it is wiped when dropped.

use crate::plain::Plain;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

const HRP: Hrp = Hrp::parse_unchecked("imgveil-secret-key-");
/// A key file is a few lines; anything longer is not a key file.
const MAX_FILE_BYTES: usize = 4096;

/// The secret: 32 bytes from which everything else is derived. Wiped when dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint())
    }
}

/// A key's public name: 8 derived bytes, safe to print, shown as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 8]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        crate::hex::decode(text).map(Self).ok_or_else(|| KeyError::Fingerprint { found: text.to_owned() })
    }
}

/// What is wrong with a key's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file does not hold one secret line.
    #[error("it holds {lines} lines that are no comments; a key file has exactly one, IMGVEIL-SECRET-KEY-1...")]
    Lines {
        /// Lines that are neither empty nor comments.
        lines: usize,
    },
    /// The secret line has a typing error or is incomplete.
    #[error("its secret line is damaged ({reason}); compare it with a backup")]
    Damaged {
        /// The message of the Bech32 decoder.
        reason: String,
    },
    /// The fingerprint line belongs to another secret.
    #[error(
        "its fingerprint line says {}, but the secret's fingerprint is {actual}; one of the two lines was changed",
        .stated.plain()
    )]
    Mismatch {
        /// As written in the file.
        stated: String,
        /// As derived from the secret.
        actual: Fingerprint,
    },
    /// Not 16 hex digits.
    #[error("`{}` is not a fingerprint: 16 lower-case hex digits", .found.plain())]
    Fingerprint {
        /// The text found.
        found: String,
    },
    /// Not text, or far too long.
    #[error("it is not a key file (a few lines of text)")]
    NotText,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes for a key: {0}")]
    Random(getrandom::Error),
}

impl Key {
    /// Makes a key from its 32 secret bytes.
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// Makes a new key from random bytes of the operating system or the browser.
    ///
    /// # Errors
    /// When no random bytes are available.
    pub fn generate() -> Result<Self, KeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *secret).map_err(KeyError::Random)?;
        Ok(Self(secret))
    }

    /// Reads the text of a key file.
    ///
    /// # Errors
    /// When there is not exactly one secret line, its checksum fails, or the fingerprint line names another key.
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        if text.len() > MAX_FILE_BYTES {
            return Err(KeyError::NotText);
        }
        let text = std::str::from_utf8(text).map_err(|_| KeyError::NotText)?;
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let (comments, secrets): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|l| l.starts_with('#'));
        let [line] = secrets[..] else {
            return Err(KeyError::Lines { lines: secrets.len() });
        };
        let damaged = |reason: String| KeyError::Damaged { reason };
        // Upper case only, as `to_text` writes it: a change of case is damage like any other change.
        if line.chars().any(|c| c.is_ascii_lowercase()) {
            return Err(damaged("it has lower-case letters".into()));
        }
        let decoded = CheckedHrpstring::new::<Bech32>(line).map_err(|e| damaged(e.to_string()))?;
        if decoded.hrp() != HRP {
            return Err(damaged("it does not begin with IMGVEIL-SECRET-KEY-1".into()));
        }
        let mut secret = Zeroizing::new([0u8; 32]);
        let mut length = 0;
        for byte in decoded.byte_iter() {
            if let Some(place) = secret.get_mut(length) {
                *place = byte;
            }
            length += 1;
        }
        if length != secret.len() {
            return Err(damaged(format!("it holds {length} bytes instead of 32")));
        }
        let key = Self(secret);
        for comment in comments {
            if let Some(stated) = comment.strip_prefix("# fingerprint:")
                && stated.trim() != key.fingerprint().to_string()
            {
                return Err(KeyError::Mismatch { stated: stated.trim().to_owned(), actual: key.fingerprint() });
            }
        }
        Ok(key)
    }

    /// The text of a key file; `created` is an ISO 8601 time for the comment.
    pub fn to_text(&self, created: &str) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "# imgveil secret key. Whoever holds it can decrypt: keep it off shared disks and out of e-mail.\n\
             # created: {created}\n# fingerprint: {}\n{}\n",
            self.fingerprint(),
            *self.to_bech32()
        ))
    }

    /// The secret line: Bech32 in upper case.
    pub fn to_bech32(&self) -> Zeroizing<String> {
        // 32 bytes and this prefix make 78 characters, under Bech32's limit, so encoding cannot fail.
        Zeroizing::new(bech32::encode_upper::<Bech32>(HRP, &*self.0).unwrap_or_default())
    }

    /// The key's public name.
    pub fn fingerprint(&self) -> Fingerprint {
        let derived = self.derive("imgveil v1 fingerprint", b"");
        let mut name = [0; 8];
        name.copy_from_slice(&derived[..8]);
        Fingerprint(name)
    }

    /// BLAKE3's `derive_key` over the secret and `material`: 32 bytes for one purpose, named by `context`.
    #[doc(hidden)]
    pub fn derive(&self, context: &str, material: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&*self.0).update(material);
        Zeroizing::new(*hasher.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key::from_bytes(std::array::from_fn(|i| i as u8))
    }

    #[test]
    fn text_round_trip() {
        let text = key().to_text("2026-01-01T00:00:00Z");
        assert_eq!(*Key::parse(text.as_bytes()).unwrap().0, *key().0);
    }

    #[test]
    fn every_flipped_bit_of_secret_and_fingerprint_is_caught() {
        let text = key().to_text("2026-01-01T00:00:00Z");
        let from = text.find("# fingerprint").unwrap() + "# fingerprint: ".len();
        for at in from..text.len() - 1 {
            for bit in 0..8 {
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                assert!(Key::parse(&bytes).is_err(), "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn refuses_what_is_no_key_file() {
        assert_eq!(Key::parse(b"").unwrap_err(), KeyError::Lines { lines: 0 });
        assert_eq!(Key::parse(&[0xff; 10]).unwrap_err(), KeyError::NotText);
        assert_eq!(Key::parse(&[b'a'; 5000]).unwrap_err(), KeyError::NotText);
        let line = key().to_bech32();
        let two = format!("{}\n{}", *line, *line);
        assert_eq!(Key::parse(two.as_bytes()).unwrap_err(), KeyError::Lines { lines: 2 });
        let short = bech32::encode_upper::<Bech32>(HRP, &[1; 31]).unwrap();
        assert!(matches!(Key::parse(short.as_bytes()), Err(KeyError::Damaged { reason }) if reason.contains("31")));
        let other = bech32::encode_upper::<Bech32>(Hrp::parse("age-secret-key-").unwrap(), &[1; 32]).unwrap();
        assert!(matches!(Key::parse(other.as_bytes()), Err(KeyError::Damaged { .. })));
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(format!("{:?}", key()), format!("Key({})", key().fingerprint()));
    }
}
