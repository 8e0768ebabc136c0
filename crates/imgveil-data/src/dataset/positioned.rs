//! Reading and writing at a place in an open file, from many threads at once: no thread moves another's place.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Fills `bytes` from a place.
#[cfg(unix)]
pub(super) fn read(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Writes `bytes` to a place.
#[cfg(unix)]
pub(super) fn write(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Fills `bytes` from a place.
#[cfg(windows)]
pub(super) fn read(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let length = file.seek_read(bytes, offset)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = bytes.get_mut(length..).unwrap_or_default();
        offset += length as u64;
    }
    Ok(())
}

/// Writes `bytes` to a place.
#[cfg(windows)]
pub(super) fn write(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !bytes.is_empty() {
        let length = file.seek_write(bytes, offset)?;
        if length == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        bytes = bytes.get(length..).unwrap_or_default();
        offset += length as u64;
    }
    Ok(())
}

/// A part of a file, read as if it were all of it.
pub(super) struct Range<'a> {
    file: &'a File,
    range: std::ops::Range<u64>,
    /// Where reading goes on, from the part's beginning.
    at: u64,
}

impl<'a> Range<'a> {
    /// The bytes `range` of a file.
    pub(super) fn new(file: &'a File, range: std::ops::Range<u64>) -> Self {
        Self { file, range, at: 0 }
    }

    fn length(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }
}

impl io::Read for Range<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = bytes.len().min(left);
        read(self.file, &mut bytes[..length], self.range.start + self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl io::Seek for Range<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let at = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::End(offset) => self.length().checked_add_signed(offset),
            io::SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// As [`stamp`], of the file at a path.
pub(super) fn stamp_of(path: &Path) -> String {
    std::fs::metadata(path).map_or(String::new(), |metadata| stamp(&metadata))
}

/// What tells that a file changed between two runs: its size and when it was written. Empty where the system does not say.
pub(super) fn stamp(metadata: &Metadata) -> String {
    let written = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    written.map_or(String::new(), |since| format!("{} {}", metadata.len(), since.as_nanos()))
}
