//! Reading and writing at an offset of an open file. Many threads may do so at once, because no file position is
//! shared.

use std::fs::File;
use std::io;

/// Fills `bytes` from an offset.
#[cfg(unix)]
pub(crate) fn read(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Writes `bytes` to an offset.
#[cfg(unix)]
pub(crate) fn write(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Fills `bytes` from an offset.
#[cfg(windows)]
pub(crate) fn read(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
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

/// Writes `bytes` to an offset.
#[cfg(windows)]
pub(crate) fn write(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
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

/// A browser has no files.
#[cfg(not(any(unix, windows)))]
pub(crate) fn read(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A browser has no files.
#[cfg(not(any(unix, windows)))]
pub(crate) fn write(_: &File, _: &[u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A range of a file, read as if it were a file of its own.
pub(crate) struct FileRange<'a> {
    file: &'a File,
    range: std::ops::Range<u64>,
    /// Where reading continues, counted from the start of the range.
    at: u64,
}

impl<'a> FileRange<'a> {
    /// The bytes `range` of a file.
    pub(crate) fn new(file: &'a File, range: std::ops::Range<u64>) -> Self {
        Self { file, range, at: 0 }
    }

    fn length(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }
}

impl io::Read for FileRange<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = bytes.len().min(left);
        read(self.file, &mut bytes[..length], self.range.start + self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl io::Seek for FileRange<'_> {
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
