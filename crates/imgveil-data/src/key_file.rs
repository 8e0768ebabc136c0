//! Key files on disk: mode 0600, written whole or not at all, never over another file.

use imgveil::internal::key::{Key, KeyError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Why a key file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file is there already.
    #[error(
        "{0} exists already; a key is never overwritten, because what it encrypted would be lost: choose another name"
    )]
    Exists(PathBuf),
    /// Nothing there.
    #[error("there is no key file {0}: check the path, or make a key with `imgveil keygen -o FILE`")]
    Missing(PathBuf),
    /// Its folder is not there.
    #[error("there is no folder {0}: make it first, or choose another path for the key")]
    NoFolder(PathBuf),
    /// The operating system refused.
    #[error("cannot {doing} the key file {path}: {source}")]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Its words.
        source: std::io::Error,
    },
    /// The file holds no key.
    #[error("{path} is not a usable key file: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
}

/// A key read from a file.
pub struct LoadedKey {
    /// The key.
    pub key: Key,
    /// Something the user should know, such as a file that others can read.
    pub warning: Option<String>,
}

/// Writes the key to a new file of mode 0600.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn save(key: &Key, path: &Path) -> Result<(), KeyFileError> {
    write_private(path, key.to_text(&now()).as_bytes()).map_err(|error| match error {
        NotWritten::Exists => KeyFileError::Exists(path.to_owned()),
        NotWritten::NoFolder(folder) => KeyFileError::NoFolder(folder),
        NotWritten::Io(source) => KeyFileError::Io { doing: "write", path: path.to_owned(), source },
    })
}

/// Reads a key file.
///
/// # Errors
/// When it cannot be read, or is damaged or foreign.
pub fn load(path: &Path) -> Result<LoadedKey, KeyFileError> {
    let io = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => KeyFileError::Io { doing: "read", path: path.to_owned(), source },
    };
    let text = Zeroizing::new(std::fs::read(path).map_err(io)?);
    let key = Key::parse(&text).map_err(|source| KeyFileError::Invalid { path: path.to_owned(), source })?;
    Ok(LoadedKey { key, warning: others_can_read(path, "key") })
}

/// Why a secret was not written.
pub(crate) enum NotWritten {
    /// The file is there already.
    Exists,
    /// Its folder is not there.
    NoFolder(PathBuf),
    /// The operating system refused.
    Io(std::io::Error),
}

/// Writes a secret to a new file of mode 0600, whole or not at all.
pub(crate) fn write_private(path: &Path, secret: &[u8]) -> Result<(), NotWritten> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(NotWritten::NoFolder(folder.to_owned()));
    }
    // tempfile makes it with mode 0600; persist_noclobber neither overwrites nor leaves half a secret.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(NotWritten::Io)?;
    file.write_all(secret).map_err(NotWritten::Io)?;
    file.as_file().sync_all().map_err(NotWritten::Io)?;
    file.persist_noclobber(path).map_err(|e| match e.error.kind() {
        std::io::ErrorKind::AlreadyExists => NotWritten::Exists,
        _ => NotWritten::Io(e.error),
    })?;
    Ok(())
}

/// Words of warning where other users can read the file that holds this `secret`.
#[cfg(unix)]
pub(crate) fn others_can_read(path: &Path, secret: &str) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let path = path.display();
    (mode & 0o077 != 0)
        .then(|| format!("{path} has mode {mode:04o}: other users can read the {secret}; run `chmod 600 {path}`"))
}

#[cfg(not(unix))]
pub(crate) fn others_can_read(_: &Path, _: &str) -> Option<String> {
    None
}

/// Now, as ISO 8601 in UTC.
fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days as i64);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
fn civil(mut days: i64) -> (i64, u32, u32) {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let february = 28 + i64::from(leap(year));
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in months {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days as u32 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_779), (2026, 11, 22));
        assert_eq!(civil(20_818), (2026, 12, 31));
    }

    #[test]
    fn saved_keys_load_and_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let key = Key::generate().unwrap();
        save(&key, &path).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.key.fingerprint(), key.fingerprint());
        assert_eq!(loaded.warning, None);
        assert!(matches!(save(&Key::generate().unwrap(), &path), Err(KeyFileError::Exists(_))));
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
