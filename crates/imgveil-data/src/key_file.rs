//! Key files: mode 0600, written whole or not at all, never over another file. A key file may be sealed with a
//! passphrase.

use crate::Error;
pub use crate::passphrase::{LoadedPassphrase, Passphrase, PassphraseError};
use crate::private_file::{NotWritten, others_can_read, replace_private, write_private};
use crate::regular_file;
use crate::sealed;
pub use crate::sealed::UnsealError;
pub use crate::secret_error::KeyFileError;
use imgveil::internal::key::Key;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use zeroize::Zeroizing;

/// How much of a key file is read. A whole one is shorter.
const LONGEST: usize = 8192;

/// A key read from a file.
pub struct LoadedKey {
    /// The key.
    pub key: Key,
    /// A warning for the user, such as that others can read the file.
    pub warning: Option<String>,
}

/// A key file that was read and may be sealed. Its text is wiped when dropped.
pub struct KeyFile {
    path: PathBuf,
    text: Zeroizing<Vec<u8>>,
    warning: Option<String>,
}

/// A key, and the text of its file.
struct Opened {
    key: Key,
    text: Zeroizing<Vec<u8>>,
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let io = |source: std::io::Error| match source.kind() {
            std::io::ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
            _ => KeyFileError::Io { doing: "read", path: path.to_owned(), source },
        };
        let file = regular_file::open_named(path).map_err(io)?;
        let warning = others_can_read(path, "key");
        Self::read_from(file, path).map(|read| Self { warning, ..read })
    }

    /// Reads the text of a key file from elsewhere, such as standard input, which messages call `name`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_from(from: impl Read, name: &Path) -> Result<Self, Error> {
        // With room for all of it, no copy of the secret stays behind when the buffer grows.
        let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
        let io = |source| KeyFileError::Io { doing: "read", path: name.to_owned(), source };
        // What is too long for a key is no key: parsing says so.
        from.take(LONGEST as u64).read_to_end(&mut text).map_err(io)?;
        Ok(Self { path: name.to_owned(), text, warning: None })
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A warning for the user, such as that others can read the file.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Whether a passphrase is needed.
    pub fn is_sealed(&self) -> bool {
        sealed::is_sealed(&self.text)
    }

    /// The key. The passphrase is not used for a file that is not sealed.
    ///
    /// # Errors
    /// If the file is damaged or no key file, or the passphrase is missing or wrong.
    pub fn open(&self, passphrase: Option<&Passphrase>) -> Result<Key, Error> {
        Ok(self.opened(passphrase)?.key)
    }

    fn opened(&self, passphrase: Option<&Passphrase>) -> Result<Opened, KeyFileError> {
        let path = || self.path.clone();
        let text = match (self.is_sealed(), passphrase) {
            (false, _) => self.text.clone(),
            (true, None) => return Err(KeyFileError::Sealed(path())),
            (true, Some(passphrase)) => sealed::open(&self.text, passphrase, LONGEST)
                .map_err(|source| KeyFileError::Unseal { path: path(), source })?,
        };
        let key = Key::parse(&text).map_err(|source| KeyFileError::Invalid { path: path(), source })?;
        Ok(Opened { key, text })
    }

    /// Seals the file with another passphrase in place of the `old` one, or with none. The file is replaced in one
    /// step, and only after what is written was opened again.
    ///
    /// # Errors
    /// As [`KeyFile::open`], and if the file cannot be replaced.
    pub fn reseal(&self, old: Option<&Passphrase>, new: Option<&Passphrase>) -> Result<Key, Error> {
        let Opened { key, text } = self.opened(old)?;
        let io = |source| KeyFileError::Io { doing: "write", path: self.path.clone(), source };
        let text = match new {
            None => text,
            Some(new) => sealed_text(&key, &text, new).map_err(io)?,
        };
        replace_private(&self.path, &text).map_err(io)?;
        Ok(key)
    }
}

/// The text of a key file, sealed with a passphrase: for whoever keeps key files elsewhere than on a disk.
///
/// # Errors
/// If the text is no key.
pub fn seal(text: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, Error> {
    let path = PathBuf::from("the key");
    let key = Key::parse(text).map_err(|source| KeyFileError::Invalid { path: path.clone(), source })?;
    let io = |source| KeyFileError::Io { doing: "seal", path, source };
    Ok(sealed_text(&key, text, passphrase).map_err(io)?)
}

/// Writes the key to a new file of mode 0600.
///
/// # Errors
/// If the file exists or cannot be written.
pub fn save(key: &Key, path: &Path) -> Result<(), Error> {
    write(path, Ok(Zeroizing::new(text_of(key).as_bytes().to_vec())))
}

/// Writes the key to a new file of mode 0600 that is sealed with a passphrase.
///
/// # Errors
/// If the file exists or cannot be written.
pub fn save_sealed(key: &Key, path: &Path, passphrase: &Passphrase) -> Result<(), Error> {
    write(path, sealed_text(key, text_of(key).as_bytes(), passphrase))
}

/// Reads a key file that is not sealed.
///
/// # Errors
/// If it cannot be read, is damaged or sealed, or is not a key file.
pub fn load(path: &Path) -> Result<LoadedKey, Error> {
    let file = KeyFile::read(path)?;
    Ok(LoadedKey { key: file.open(None)?, warning: file.warning })
}

/// Reads a key file with the passphrase in another file, which is not read if the key file is not sealed.
///
/// # Errors
/// If either cannot be read, the key file is damaged or no key file, or the passphrase is wrong.
pub fn load_with(path: &Path, passphrase: &Path) -> Result<LoadedKey, Error> {
    let file = KeyFile::read(path)?;
    if !file.is_sealed() {
        return Ok(LoadedKey { key: file.open(None)?, warning: file.warning });
    }
    let wrong = |source| KeyFileError::Passphrase { path: passphrase.to_owned(), source };
    let LoadedPassphrase { passphrase, warning } = Passphrase::load(passphrase).map_err(wrong)?;
    Ok(LoadedKey { key: file.open(Some(&passphrase))?, warning: file.warning.or(warning) })
}

/// The text of a new key file.
fn text_of(key: &Key) -> Zeroizing<String> {
    // ISO 8601 in UTC.
    key.to_text(&humantime::format_rfc3339_seconds(SystemTime::now()).to_string())
}

/// Seals the text of a key and opens it again: a key that cannot be opened is lost.
fn sealed_text(key: &Key, text: &[u8], passphrase: &Passphrase) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let sealed = sealed::seal(text, passphrase)?;
    let again = sealed::open(sealed.as_bytes(), passphrase, LONGEST).map_err(std::io::Error::other)?;
    match Key::parse(&again) {
        Ok(same) if same.fingerprint() == key.fingerprint() => Ok(Zeroizing::new(sealed.into_bytes())),
        _ => Err(std::io::Error::other("what was sealed does not open again; please report this")),
    }
}

fn write(path: &Path, text: std::io::Result<Zeroizing<Vec<u8>>>) -> Result<(), Error> {
    let io = |source| KeyFileError::Io { doing: "write", path: path.to_owned(), source };
    let written = write_private(path, &text.map_err(io)?);
    Ok(written.map_err(|error| match error {
        NotWritten::Exists => KeyFileError::Exists(path.to_owned()),
        NotWritten::NoFolder(folder) => KeyFileError::NoFolder(folder),
        NotWritten::Io(source) => io(source),
    })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Detail, ErrorKind};

    #[test]
    fn saved_keys_load_and_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let key = Key::generate().unwrap();
        save(&key, &path).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.key.fingerprint(), key.fingerprint());
        assert_eq!(loaded.warning, None);
        let other = Key::generate().unwrap();
        assert!(save(&other, &path).is_err_and(|e| e.kind() == ErrorKind::AlreadyExists));
        let sealed = save_sealed(&other, &path, &Passphrase::new("three words here").unwrap());
        assert!(sealed.is_err_and(|e| e.kind() == ErrorKind::AlreadyExists));
        assert_eq!(load(&path).unwrap().key.fingerprint(), key.fingerprint());
    }

    #[test]
    fn passphrases_are_added_changed_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let [first, second] = ["three words here", "other words"].map(|text| Passphrase::new(text).unwrap());
        let key = Key::generate().unwrap();
        save(&key, &path).unwrap();
        let plain = std::fs::read(&path).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        let read = || KeyFile::read(&path).unwrap();
        read().reseal(None, Some(&first)).unwrap();
        assert!(read().is_sealed());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        }
        let words = |error: Error| (error.kind(), error.to_string());
        let name = path.display();
        let sealed = (ErrorKind::InvalidRequest, format!("{name} is sealed with a passphrase"));
        assert_eq!(words(load(&path).err().unwrap()), sealed);
        let wrong = (ErrorKind::InvalidSecret, format!("{name} cannot be opened: the passphrase is wrong"));
        assert_eq!(words(read().reseal(Some(&second), None).unwrap_err()), wrong);
        assert_eq!(words(read().reseal(None, None).unwrap_err()), sealed);
        read().reseal(Some(&first), Some(&second)).unwrap();
        assert_eq!(words(read().open(Some(&first)).unwrap_err()), wrong);
        let file = folder.path().join("passphrase");
        std::fs::write(&file, "other words\n").unwrap();
        assert_eq!(load_with(&path, &file).unwrap().key.fingerprint(), key.fingerprint());
        let none = load_with(&path, &folder.path().join("none")).err().unwrap();
        assert!(matches!(none.detail(), Detail::KeyFile(KeyFileError::Passphrase { .. })), "{none}");
        read().reseal(Some(&second), None).unwrap();
        // Comments and all.
        assert_eq!(std::fs::read(&path).unwrap(), plain);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_key_file_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [path, link] = ["a.key", "link.key"].map(|name| folder.path().join(name));
        let key = Key::generate().unwrap();
        save(&key, &path).unwrap();
        std::os::unix::fs::symlink("a.key", &link).unwrap();
        KeyFile::read(&link).unwrap().reseal(None, None).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(load(&path).unwrap().key.fingerprint(), key.fingerprint());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_warned_about() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        save(&Key::generate().unwrap(), &path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load(&path).unwrap().warning.unwrap().contains("0644"));
    }
}
