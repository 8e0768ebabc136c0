//! Staged files that a process left beside their places when it was killed. The next process that writes to the place
//! removes them.

use crate::set::parent;
use std::fs::{File, TryLockError};
use std::path::Path;

/// The beginning of the names of staged files for `path`, which begins with `staged`. Names of other places begin
/// otherwise. Staged files of this beginning that no process holds are removed: whoever writes one
/// [holds](hold) it.
///
/// What cannot be removed stays: it is in nobody's way.
pub(crate) fn prefix(path: &Path, staged: &str) -> String {
    // A hash, because a long name would not leave room for more.
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let prefix = format!("{staged}{}-", &blake3::hash(name).to_hex()[..12]);
    for entry in parent(path).read_dir().into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(&prefix);
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_file()) && is_left(&entry.path()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    prefix
}

/// Marks a staged file as one that is being written, until the file is closed.
pub(crate) fn hold(file: &File) {
    // On a file system without locks no file can be told to be left, and none is removed.
    let _ = file.try_lock();
}

/// Whether no process holds a file.
fn is_left(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::set::staging::STAGED;
    use crate::set::{write_atomically, write_privately};

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        for write in [write_privately, write_atomically] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("out.names.csv");
            let own = prefix(&path, STAGED);
            let files = [format!("{own}left"), format!("{own}held"), format!("{STAGED}other"), "own.txt".to_owned()];
            for name in &files {
                std::fs::write(folder.path().join(name), b"x").unwrap();
            }
            std::fs::create_dir(folder.path().join(format!("{own}folder"))).unwrap();
            let held = File::open(folder.path().join(&files[1])).unwrap();
            hold(&held);
            write(&path, b"new").unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), b"new");
            let there: Vec<bool> = files.iter().map(|name| folder.path().join(name).exists()).collect();
            assert_eq!(there, [false, true, true, true]);
            assert_eq!(folder.path().read_dir().unwrap().count(), 5);
        }
    }
}
