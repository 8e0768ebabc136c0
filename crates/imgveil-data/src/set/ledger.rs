//! The ledger of an output: which of its files this run, and earlier runs of the same identity, wrote. Only these may
//! be replaced or removed. A file is entered before it is created, so that a run that is killed in between leaves
//! nothing unknown.
//!
//! The ledger is a file of lines, each a JSON array of a path, the BLAKE3 of its contents (empty for a file that is
//! written piece by piece), and a keyed check of both and of the ledger's name. An incomplete last line is dropped, and
//! so is a line whose check does not fit: whoever else writes to the output could name files of the user.

use super::is_inside;
use crate::{Memory, regular_file};
use imgveil::internal::key::Key;
use imgveil::internal::sealed::Text;
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// How a ledger names the archive that is made of its folder and lies beside it.
pub(crate) const ARCHIVE: &str = ":archive";

/// A byte of a ledger takes at most so many bytes: its text, and the values made of it.
const PARSED: u64 = 4;

/// The keyed check of a line of the ledger at `ledger`.
fn checked(key: &Key, ledger: &Path, path: &str, hash: &str) -> String {
    let mut text = Text::new("ledger");
    text.text(&ledger.file_name().unwrap_or_default().to_string_lossy()).text(path).text(hash);
    text.keyed(key, "imgveil v2 ledger").to_hex().to_string()
}

/// The files of an output that imgveil wrote.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    file: Mutex<File>,
    key: Key,
    /// Hashes of contents by path. No hash stands for any contents.
    known: HashMap<String, Vec<blake3::Hash>>,
}

impl Ledger {
    /// Opens or creates the ledger at `path`. `others` are files that imgveil is known to have written, with the hashes
    /// of their contents, if they are known.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub(crate) fn open(
        path: PathBuf,
        key: &Key,
        others: impl IntoIterator<Item = (String, Option<blake3::Hash>)>,
    ) -> std::io::Result<Self> {
        let mut file = regular_file::open_with(&path, OpenOptions::new().read(true).append(true).create(true))?;
        let bytes = regular_file::read_within(&mut file, Memory::default(), PARSED)?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        let mut known: HashMap<String, Vec<blake3::Hash>> = HashMap::new();
        let lines = bytes[..whole].split(|&byte| byte == b'\n');
        let lines = lines.filter_map(|line| serde_json::from_slice::<(String, String, String)>(line).ok());
        let lines = lines.filter(|(name, hash, check)| checked(key, &path, name, hash) == *check);
        let lines = lines.map(|(path, hash, _)| (path, blake3::Hash::from_hex(hash).ok()));
        for (name, hash) in lines.chain(others).filter(|(name, _)| is_inside(name)) {
            let hashes = known.entry(name).or_default();
            hashes.extend(hash.filter(|hash| !hashes.contains(hash)));
        }
        Ok(Self { path, file: Mutex::new(file), key: key.clone(), known })
    }

    /// The ledger with what was entered since it was opened.
    pub(crate) fn reopened(&self) -> std::io::Result<Self> {
        Self::open(self.path.clone(), &self.key, [])
    }

    /// Enters a file that is about to be created or replaced.
    pub(crate) fn enter(&self, path: &str, hash: Option<blake3::Hash>) -> std::io::Result<()> {
        let hash = hash.map_or(String::new(), |hash| hash.to_hex().to_string());
        let check = checked(&self.key, &self.path, path, &hash);
        let mut line = serde_json::to_vec(&(path, hash, check))?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let length = file.metadata()?.len();
        // A full disk leaves half a line, which would hide the lines behind it.
        file.write_all(&line).inspect_err(|_| drop(file.set_len(length)))
    }

    /// Whether an earlier run wrote a file of this path.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.known.contains_key(path)
    }

    /// The files in the folder that earlier runs wrote.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str).filter(|&path| path != ARCHIVE)
    }

    /// Whether an earlier run wrote these contents to this path.
    pub(crate) fn wrote(&self, path: &str, contents: impl FnOnce() -> Option<blake3::Hash>) -> bool {
        match self.known.get(path) {
            None => false,
            Some(hashes) if hashes.is_empty() => true,
            Some(hashes) => contents().is_some_and(|hash| hashes.contains(&hash)),
        }
    }

    /// Removes the ledger's file.
    pub(crate) fn close(&self) -> std::io::Result<()> {
        super::remove(&self.path)
    }

    /// The ledger's file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_entered_is_known_to_the_next_run_up_to_a_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let hash = |text: &str| blake3::hash(text.as_bytes());
        let key = Key::from_bytes([1; 32]);
        let ledger = Ledger::open(path.clone(), &key, [("old.png".into(), Some(hash("old")))]).unwrap();
        assert!(ledger.knows("old.png") && !ledger.knows("a/b.png"));
        ledger.enter("a/b.png", Some(hash("one"))).unwrap();
        ledger.enter("a/b.png", Some(hash("two"))).unwrap();
        ledger.enter("images.npy", None).unwrap();
        ledger.enter("../outside", None).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let ledger = Ledger::open(path.clone(), &key, []).unwrap();
        assert!(!ledger.knows("old.png") && !ledger.knows("../outside"));
        for (contents, wrote) in [("one", true), ("two", true), ("three", false)] {
            assert_eq!(ledger.wrote("a/b.png", || Some(hash(contents))), wrote);
        }
        assert!(ledger.wrote("images.npy", || None) && !ledger.wrote("c.png", || Some(hash("one"))));
        drop(ledger);
        // A line that others wrote, and a line of another run's ledger.
        let text = String::from_utf8(whole.clone()).unwrap();
        let other = Ledger::open(folder.path().join("other"), &key, []).unwrap();
        other.enter("c.png", None).unwrap();
        let line = std::fs::read_to_string(folder.path().join("other")).unwrap();
        for text in [text.replacen("a/b.png", "c.png", 1), text.replace("images.npy", "c.png"), format!("{text}{line}")]
        {
            std::fs::write(&path, text).unwrap();
            assert!(!Ledger::open(path.clone(), &key, []).unwrap().knows("c.png"));
        }
        assert!(!Ledger::open(path.clone(), &Key::from_bytes([2; 32]), []).unwrap().knows("images.npy"));
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let ledger = Ledger::open(path.clone(), &key, []).unwrap();
            ledger.enter("behind.png", None).unwrap();
            assert!(Ledger::open(path.clone(), &key, []).unwrap().knows("behind.png"), "cut to {length}");
        }
    }
}
