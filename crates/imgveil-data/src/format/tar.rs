//! The members of a tar file, found by its headers alone: USTAR, GNU long names, PAX paths. The headers are walked by
//! hand, because members must be found by their offsets, and because a header with wrong numbers must neither allocate
//! nor hide a member. The crate `tar` parses the single header. Refuses constructs that tar readers are known to read
//! in different ways: sparse files, and sizes that contradict each other.

use crate::offset_io;
use std::fs::File;
use std::ops::Range;
use tar::{EntryType, Header};

/// The unit of a tar file.
const BLOCK: u64 = 512;

/// The longest run of zeros that is skipped between two archives in one file, or behind the last one.
const LONGEST_GAP: u64 = 64 << 20;

/// The longest name or PAX header that is read.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// A member that is a regular file, or a link in place of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TarMember {
    /// Whether it is a link, which has no data.
    pub(crate) is_link: bool,
    /// Its path. `None` if the path is not UTF-8.
    pub(crate) path: Option<String>,
    /// The range of its data.
    pub(crate) data: Range<u64>,
    /// The range from its first header to the end of its last block.
    pub(crate) blocks: Range<u64>,
}

/// Why a tar file cannot be read any further.
#[derive(Debug, thiserror::Error)]
#[error("{reason} (at byte {at})")]
pub(crate) struct Damage {
    /// The offset.
    pub(crate) at: u64,
    /// What is wrong.
    pub(crate) reason: String,
}

/// An iterator over the members.
pub(crate) struct TarMembers<'a> {
    file: &'a File,
    at: u64,
    end: u64,
    /// Whether a block of zeros must mark the end. A whole file must have one.
    marked: bool,
    done: bool,
}

impl<'a> TarMembers<'a> {
    /// All members of a file of this length.
    pub(crate) fn of_file(file: &'a File, length: u64) -> Self {
        Self { file, at: 0, end: length, marked: true, done: false }
    }

    /// The members in a range that begins and ends between two members.
    pub(crate) fn of_range(file: &'a File, range: Range<u64>) -> Self {
        Self { file, at: range.start, end: range.end, marked: false, done: false }
    }

    fn damage(&self, reason: impl Into<String>) -> Damage {
        Damage { at: self.at, reason: reason.into() }
    }

    fn read(&self, range: &Range<u64>) -> Result<Vec<u8>, Damage> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        offset_io::read(self.file, &mut bytes, range.start)
            .map_err(|e| self.damage(format!("it cannot be read: {e}")))?;
        Ok(bytes)
    }

    /// The header at the current offset and the range of its data. `None` at the end.
    fn header(&mut self) -> Result<Option<(Header, Range<u64>)>, Damage> {
        if self.at == self.end && !self.marked {
            return Ok(None);
        }
        if self.end - self.at < BLOCK {
            return Err(self.damage("it is cut: the end of a tar file is missing"));
        }
        let mut block = self.read(&(self.at..self.at + BLOCK))?;
        if is_zero(&block) {
            // Archives that were concatenated have an end each.
            let Some(next) = self.after_gap()? else { return Ok(None) };
            self.at = next;
            block = self.read(&(next..next + BLOCK))?;
        }
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(&block);
        let stated = header.cksum().ok();
        let mut summed = header.clone();
        summed.set_cksum();
        if stated.is_none() || stated != summed.cksum().ok() {
            let words = match compressed_by(&block) {
                Some(format) if self.at == 0 => format!("it is compressed ({format}): decompress it first"),
                _ => "it holds something else than tar headers, or a damaged one".to_owned(),
            };
            return Err(self.damage(words));
        }
        let size = header.entry_size().map_err(|_| self.damage("a member has no size"))?;
        let start = self.at + BLOCK;
        match start.checked_add(size).filter(|&end| end <= self.end) {
            Some(end) => Ok(Some((header, start..end))),
            None => Err(self.damage("it is cut: it ends before a member does")),
        }
    }

    /// The offset of the block that follows the zeros at the current offset. `None` if there are only zeros.
    fn after_gap(&self) -> Result<Option<u64>, Damage> {
        let mut at = self.at;
        while at < self.end {
            if at - self.at > LONGEST_GAP {
                return Err(self.damage("more than 64 MiB of zeros follow its end"));
            }
            let chunk = self.read(&(at..self.end.min(at + 64 * BLOCK)))?;
            if let Some(place) = chunk.chunks(BLOCK as usize).position(|block| !is_zero(block)) {
                let next = at + place as u64 * BLOCK;
                return match self.end - next < BLOCK {
                    true => Err(self.damage("something else than a tar file follows its end")),
                    false => Ok(Some(next)),
                };
            }
            at += chunk.len() as u64;
        }
        Ok(None)
    }

    /// The data of a header that extends the header after it.
    fn extension(&self, data: &Range<u64>) -> Result<Vec<u8>, Damage> {
        if data.end - data.start > LONGEST_EXTENSION {
            Err(self.damage("the name of a member is longer than 1 MiB"))
        } else {
            self.read(data)
        }
    }

    fn member(&mut self) -> Result<Option<TarMember>, Damage> {
        let (mut start, mut name) = (None, None);
        let mut before = self.at;
        while let Some((header, data)) = self.header()? {
            if self.at != before && name.is_some() {
                break;
            }
            // A gap may lie before the first header.
            let first = *start.get_or_insert(self.at);
            let size = data.end - data.start;
            let next = data.end.checked_next_multiple_of(BLOCK).filter(|&next| next <= self.end);
            let next = next.ok_or_else(|| self.damage("it is cut: it ends before a member does"))?;
            let entry_type = header.entry_type();
            match entry_type {
                EntryType::GNULongName => {
                    let mut bytes = self.extension(&data)?;
                    bytes.truncate(bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len()));
                    name = Some(bytes);
                }
                EntryType::XHeader | EntryType::XGlobalHeader => {
                    let found = self.pax(&self.extension(&data)?)?;
                    match (found, entry_type) {
                        (Some(_), EntryType::XGlobalHeader) => return Err(self.damage("it gives all members one name")),
                        (Some(found), _) => name = Some(found),
                        (None, _) => {}
                    }
                }
                EntryType::GNULongLink => {}
                EntryType::GNUSparse => return Err(self.damage("it holds a sparse file, which is not supported")),
                EntryType::Regular | EntryType::Continuous | EntryType::Link | EntryType::Symlink => {
                    let is_link = matches!(entry_type, EntryType::Link | EntryType::Symlink);
                    let path = name.unwrap_or_else(|| header.path_bytes().into_owned());
                    let (path, blocks) = (String::from_utf8(path).ok(), first..next);
                    self.at = next;
                    // The oldest tar files mark directories in this way.
                    if size == 0 && path.as_ref().is_some_and(|path| path.ends_with('/')) {
                        (start, name, before) = (None, None, next);
                        continue;
                    }
                    // Some readers skip the data of a link, and others do not.
                    if is_link && size > 0 {
                        return Err(self.damage("it holds a link with data, which is not supported"));
                    }
                    return Ok(Some(TarMember { is_link, path, data, blocks }));
                }
                // Directories, devices.
                _ => (start, name) = (None, None),
            }
            (self.at, before) = (next, next);
        }
        match name {
            Some(_) => Err(self.damage("it is cut: a member has a name and nothing else")),
            None => Ok(None),
        }
    }

    /// The path in a PAX header, if it has one. A PAX header consists of records `LENGTH KEY=VALUE`, each followed by a
    /// line feed. Values may contain line feeds, so the header cannot be split at them.
    fn pax(&self, mut bytes: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
        let malformed = || self.damage("it has a damaged PAX header");
        let mut path = None;
        while !bytes.is_empty() {
            let space = bytes.iter().position(|&byte| byte == b' ').ok_or_else(malformed)?;
            let length = bytes.get(..space).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
            let length = length.filter(|&length| length > space + 1).ok_or_else(malformed)?;
            let record = bytes.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n"));
            let record = record.ok_or_else(malformed)?;
            let equals = record.iter().position(|&byte| byte == b'=').ok_or_else(malformed)?;
            let (key, value) = (record.get(..equals).unwrap_or_default(), record.get(equals + 1..).unwrap_or_default());
            if key == b"size" || key.starts_with(b"GNU.sparse.") {
                return Err(self.damage("it holds a sparse or huge file (PAX), which is not supported"));
            }
            if key == b"path" {
                path = Some(value.to_vec());
            }
            bytes = bytes.get(length..).unwrap_or_default();
        }
        Ok(path)
    }
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|&byte| byte == 0)
}

impl Iterator for TarMembers<'_> {
    type Item = Result<TarMember, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let member = self.member().transpose();
        self.done = !matches!(member, Some(Ok(_)));
        member
    }
}

/// The format of a compressed file, from its first bytes.
fn compressed_by(start: &[u8]) -> Option<&'static str> {
    const MARKS: [(&[u8], &str); 4] =
        [(b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "Zstandard")];
    MARKS.iter().find(|(mark, _)| start.starts_with(mark)).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn members(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Damage> {
        let file = file(bytes);
        let found: Result<Vec<TarMember>, Damage> = TarMembers::of_file(&file, bytes.len() as u64).collect();
        let data = |range: Range<u64>| bytes[range.start as usize..range.end as usize].to_vec();
        Ok(found?
            .into_iter()
            .filter(|member| !member.is_link)
            .map(|member| (member.path.unwrap(), data(member.data)))
            .collect())
    }

    fn header(kind: EntryType, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header
    }

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, data) in files {
            tar.append_data(&mut header(EntryType::Regular, data.len() as u64), path, *data).unwrap();
        }
        tar.into_inner().unwrap()
    }

    /// One extension header, followed by a member.
    fn extended(kind: EntryType, data: &[u8]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        tar.append_data(&mut header(kind, data.len() as u64), "extension", data).unwrap();
        tar.append_data(&mut header(EntryType::Regular, 2), "a.png", &b"ab"[..]).unwrap();
        tar.into_inner().unwrap()
    }

    #[test]
    fn names_of_every_length_are_found() {
        let long = format!("{}/b.png", "long/".repeat(60));
        let files: [(&str, &[u8]); 3] = [("a.png", b"one"), (&long, &[7; 513]), ("c.cls", b"")];
        let expected: Vec<(String, Vec<u8>)> = files.iter().map(|(p, d)| (p.to_string(), d.to_vec())).collect();
        assert_eq!(members(&archive(&files)).unwrap(), expected);
        // USTAR's prefix.
        let mut tar = tar::Builder::new(Vec::new());
        let mut ustar = Header::new_ustar();
        let path = format!("{}/b.png", "p".repeat(120));
        ustar.set_size(1);
        tar.append_data(&mut ustar, &path, &b"x"[..]).unwrap();
        assert_eq!(members(&tar.into_inner().unwrap()).unwrap()[0].0, path);
        // PAX, with a line feed in the value of another key.
        let pax = b"21 comment=12 path=\n\n14 path=x.cls\n";
        assert_eq!(members(&extended(EntryType::XHeader, pax)).unwrap(), [("x.cls".to_owned(), b"ab".to_vec())]);
        assert_eq!(members(&extended(EntryType::XGlobalHeader, b"14 comment=ab\n")).unwrap()[0].0, "a.png");
        // Links and directories are not files.
        assert_eq!(members(&extended(EntryType::Directory, b"")).unwrap().len(), 1);
        assert_eq!(members(&extended(EntryType::Symlink, b"")).unwrap().len(), 1);
    }

    #[test]
    fn archives_that_were_concatenated_are_read_to_their_end() {
        let both = [archive(&[("a.png", b"one")]), archive(&[("b.png", b"two"), ("a.cls", b"0")])].concat();
        let named = |names: &[(&str, &[u8])]| -> Vec<(String, Vec<u8>)> {
            names.iter().map(|(name, data)| (name.to_string(), data.to_vec())).collect()
        };
        let all = named(&[("a.png", b"one"), ("b.png", b"two"), ("a.cls", b"0")]);
        assert_eq!(members(&both).unwrap(), all);
        // Padding to a record of 10,240 bytes.
        let padded = [vec![0; 9_216 - 1_024], archive(&[("b.png", b"two")])].concat();
        let both = [archive(&[("a.png", b"one")]), padded, vec![0; 20_480]].concat();
        assert_eq!(members(&both).unwrap(), named(&[("a.png", b"one"), ("b.png", b"two")]));
        // Something else behind the end is damage, and no name reaches over a gap.
        let with = |rest: &[u8]| members(&[&archive(&[("a.png", b"one")])[..], rest].concat()).unwrap_err().reason;
        assert!(with(&[7; 512]).contains("something else"));
        assert!(with(&[7; 5]).contains("something else"));
        let mut name = extended(EntryType::GNULongName, b"x.png\0");
        name.truncate(1_024);
        name.extend([0; 1_024]);
        name.extend(archive(&[("a.png", b"one")]));
        assert!(members(&name).unwrap_err().reason.contains("a name and nothing else"));
    }

    #[test]
    fn links_are_named_and_have_no_data() {
        for kind in [EntryType::Link, EntryType::Symlink] {
            let bytes = extended(kind, b"");
            let file = file(&bytes);
            let found: Vec<TarMember> = TarMembers::of_file(&file, bytes.len() as u64).map(Result::unwrap).collect();
            assert_eq!(found.iter().map(|member| member.is_link).collect::<Vec<_>>(), [true, false]);
            assert!(members(&extended(kind, b"ab")).unwrap_err().reason.contains("a link with data"));
        }
    }

    #[test]
    fn what_readers_understand_in_different_ways_is_refused() {
        let refused = |kind, data: &[u8]| members(&extended(kind, data)).unwrap_err().reason;
        assert!(refused(EntryType::XHeader, b"10 size=9\n").contains("sparse or huge"));
        assert!(refused(EntryType::XHeader, b"22 GNU.sparse.major=1\n").contains("sparse or huge"));
        assert!(refused(EntryType::XGlobalHeader, b"14 path=x.cls\n").contains("one name"));
        assert!(refused(EntryType::GNUSparse, b"").contains("sparse"));
        for malformed in [&b"99 path=x\n"[..], b"0 path=x\n", b"path", b"14 path=x.cls ", b"8 aaaaa\n", b"-1 a=b\n"] {
            assert!(refused(EntryType::XHeader, malformed).contains("PAX"), "{malformed:?}");
        }
        // A size that extends beyond the end of the file.
        let mut lying = archive(&[("a.png", b"ab")]);
        let mut big = header(EntryType::Regular, u64::MAX - 3);
        big.set_path("a.png").unwrap();
        big.set_cksum();
        lying[..512].copy_from_slice(big.as_bytes());
        assert_eq!(members(&lying).unwrap_err().to_string(), "it is cut: it ends before a member does (at byte 0)");
    }

    #[test]
    fn every_truncation_is_noticed() {
        let long = format!("{}.png", "n".repeat(150));
        let whole = archive(&[("a.png", b"one"), (&long, &[7; 700]), ("b.cls", b"2")]);
        let expected = members(&whole).unwrap();
        for length in 0..whole.len() {
            match members(&whole[..length]) {
                // The second of the two empty blocks at the end may be missing.
                Ok(found) => assert!(length >= whole.len() - 512 && found == expected, "{length}"),
                Err(damage) => assert!(damage.reason.contains("cut"), "{length}: {damage}"),
            }
        }
    }

    proptest! {
        #[test]
        fn damaged_archives_are_archives_or_errors(
            changes in prop::collection::vec((0usize..3_000, any::<u8>()), 1..9),
        ) {
            let mut bytes = archive(&[("a.png", b"one"), ("b.png", &[7; 700])]);
            for (place, byte) in changes {
                if let Some(place) = bytes.get_mut(place) {
                    *place = byte;
                }
            }
            let file = file(&bytes);
            for member in TarMembers::of_file(&file, bytes.len() as u64).map_while(Result::ok) {
                prop_assert!(member.blocks.start < member.data.start && member.data.start <= member.data.end);
                prop_assert!(member.data.end <= member.blocks.end && member.blocks.end <= bytes.len() as u64);
            }
        }
    }

    #[test]
    fn a_compressed_archive_is_called_one() {
        let mut bytes = archive(&[("a.png", b"one")]);
        bytes[..2].copy_from_slice(b"\x1f\x8b");
        let error = members(&bytes).unwrap_err();
        assert_eq!(error.reason, "it is compressed (gzip): decompress it first");
    }
}
