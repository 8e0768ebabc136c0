//! Passphrases: never shown, wiped when dropped, and read from the first line of a file.

use crate::private_file::others_can_read;
use crate::regular_file;
use age::secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// How much of a file of a passphrase is read.
const LONGEST: usize = 4096;

/// A passphrase of a sealed key file. Wiped when dropped.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Two passphrases may be compared when one was typed twice.
impl PartialEq for Passphrase {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Eq for Passphrase {}

/// Why a passphrase cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Nothing was typed, or the file's first line is empty.
    #[error("a passphrase has at least one character")]
    Empty,
    /// A control character, which no terminal passes on.
    #[error("a passphrase has no control characters")]
    Control,
    /// Not text in UTF-8.
    #[error("a passphrase is text in UTF-8")]
    NotText,
    /// Several lines.
    #[error("it has several lines, and a passphrase has one")]
    Lines,
    /// Far too long.
    #[error("it is longer than a passphrase: at most {LONGEST} bytes are read")]
    Long,
    /// The operating system refused.
    #[error("{0}")]
    Io(std::io::Error),
}

/// A passphrase that was read from a file.
pub struct LoadedPassphrase {
    /// The passphrase.
    pub passphrase: Passphrase,
    /// A warning for the user, such as that others can read the file.
    pub warning: Option<String>,
}

impl Passphrase {
    /// A passphrase that somebody typed.
    ///
    /// # Errors
    /// If it is empty or has control characters.
    pub fn new(text: &str) -> Result<Self, PassphraseError> {
        if text.is_empty() {
            return Err(PassphraseError::Empty);
        }
        if text.contains(char::is_control) {
            return Err(PassphraseError::Control);
        }
        Ok(Self(text.to_owned().into()))
    }

    /// Reads the one line of a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is not one line of text.
    pub fn load(path: &Path) -> Result<LoadedPassphrase, PassphraseError> {
        let file = regular_file::open_named(path).map_err(PassphraseError::Io)?;
        let passphrase = Self::read(file)?;
        Ok(LoadedPassphrase { passphrase, warning: others_can_read(path, "passphrase") })
    }

    /// Reads the one line that a reader has, such as standard input.
    ///
    /// # Errors
    /// As [`Passphrase::load`].
    pub fn read(from: impl Read) -> Result<Self, PassphraseError> {
        // With room for all of it, no copy stays behind when the buffer grows.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
        from.take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(PassphraseError::Io)?;
        if bytes.len() > LONGEST {
            return Err(PassphraseError::Long);
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| PassphraseError::NotText)?;
        // Editors of Windows write a byte order mark and two characters at the end of a line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains(['\n', '\r']) {
            return Err(PassphraseError::Lines);
        }
        Self::new(line)
    }

    /// The number of characters.
    pub fn length(&self) -> usize {
        self.0.expose_secret().chars().count()
    }

    /// The text, for sealing and opening.
    pub(crate) fn secret(&self) -> SecretString {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Passphrase, String> {
        Passphrase::read(bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn a_passphrase_is_one_line() {
        let plain = Passphrase::new("three words here").unwrap();
        for text in ["three words here", "three words here\n", "three words here\r\n", "\u{feff}three words here\r\n"] {
            assert_eq!(read(text.as_bytes()).unwrap(), plain, "{text:?}");
        }
        // Blanks belong to it.
        assert_ne!(read(b"three words here \n").unwrap(), plain);
        for (bytes, words) in [
            (&b""[..], "a passphrase has at least one character"),
            (b"\n", "a passphrase has at least one character"),
            (b"a\nb\n", "it has several lines, and a passphrase has one"),
            (b"a\n\n", "it has several lines, and a passphrase has one"),
            (b"a\0", "a passphrase has no control characters"),
            (b"\xff", "a passphrase is text in UTF-8"),
            (&[b'a'; LONGEST + 1], "it is longer than a passphrase: at most 4096 bytes are read"),
        ] {
            assert_eq!(read(bytes).unwrap_err(), words);
        }
        assert!(read(&[b'a'; LONGEST]).is_ok());
    }

    #[test]
    fn debug_shows_no_passphrase() {
        assert_eq!(format!("{:?}", Passphrase::new("three words here").unwrap()), "Passphrase(..)");
    }
}
