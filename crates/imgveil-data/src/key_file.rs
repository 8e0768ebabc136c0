//! Key files: mode 0600, written whole or not at all, never over another file.

use crate::Error;
use crate::private_file::{NotWritten, others_can_read, write_private};
use crate::regular_file;
pub use crate::secret_error::KeyFileError;
use imgveil::internal::key::Key;
use std::io::Read;
use std::path::Path;
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

/// Writes the key to a new file of mode 0600.
///
/// # Errors
/// If the file exists or cannot be written.
pub fn save(key: &Key, path: &Path) -> Result<(), Error> {
    // ISO 8601 in UTC.
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let written = write_private(path, key.to_text(&now).as_bytes());
    Ok(written.map_err(|error| match error {
        NotWritten::Exists => KeyFileError::Exists(path.to_owned()),
        NotWritten::NoFolder(folder) => KeyFileError::NoFolder(folder),
        NotWritten::Io(source) => KeyFileError::Io { doing: "write", path: path.to_owned(), source },
    })?)
}

/// Reads a key file.
///
/// # Errors
/// If it cannot be read, is damaged, or is not a key file.
pub fn load(path: &Path) -> Result<LoadedKey, Error> {
    let io = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => KeyFileError::Io { doing: "read", path: path.to_owned(), source },
    };
    // With room for all of it, no copy of the secret stays behind when the buffer grows.
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST));
    // What is too long for a key is no key: parsing says so.
    let file = regular_file::open_named(path).map_err(io)?;
    file.take(LONGEST as u64).read_to_end(&mut text).map_err(io)?;
    let key = Key::parse(&text).map_err(|source| KeyFileError::Invalid { path: path.to_owned(), source })?;
    Ok(LoadedKey { key, warning: others_can_read(path, "key") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_keys_load_and_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let key = Key::generate().unwrap();
        save(&key, &path).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.key.fingerprint(), key.fingerprint());
        assert_eq!(loaded.warning, None);
        assert!(save(&Key::generate().unwrap(), &path).is_err_and(|e| e.kind() == crate::ErrorKind::AlreadyExists));
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
