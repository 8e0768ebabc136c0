//! The lists of images that were set aside, `OUT.failed.csv`, and how imgveil knows its own: a file of that name may be
//! another's.

use crate::regular_file;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;

/// The first line of a list.
pub const HEADER: &str = "path,reason\n";

/// Whether a path is free, or holds a list that imgveil wrote: its first line is [`HEADER`], and the next one, if there
/// is one, begins with a quote, as every field of a list does. A link is never ours.
pub fn is_ours(path: &Path) -> bool {
    let file = match regular_file::open_no_link(path) {
        Ok(file) => file,
        Err(error) => return error.kind() == ErrorKind::NotFound,
    };
    let mut start = BufReader::new(std::io::Read::take(file, 4096));
    let mut first = Vec::new();
    let header = start.read_until(b'\n', &mut first).is_ok() && first == HEADER.as_bytes();
    header && start.fill_buf().is_ok_and(|rest| rest.is_empty() || rest.starts_with(b"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_another_is_not_taken_for_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.failed.csv");
        assert!(is_ours(&path));
        for (text, ours) in [
            ("path,reason\n", true),
            ("path,reason\n\"a.png\",\"is damaged\"\n", true),
            ("path,reason\na.png,mine\n", false),
            ("path,reason", false),
            ("", false),
            ("my notes\n", false),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(is_ours(&path), ours, "{text:?}");
        }
        assert!(!is_ours(folder.path()));
        #[cfg(unix)]
        {
            std::fs::write(&path, HEADER).unwrap();
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert!(!is_ours(&link));
        }
    }
}
