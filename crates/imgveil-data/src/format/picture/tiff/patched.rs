//! A TIFF file in which some bytes read as other bytes. With it, any page can be decoded as if it were the first one,
//! and a palette's indices as if they were grey. The decoder offers neither.

use std::io::{Read, Seek, SeekFrom};
use tiff::tags::Tag;

/// The bytes of a file.
#[derive(Clone, Copy)]
pub(super) struct TiffBytes<'a>(pub(super) &'a [u8]);

impl TiffBytes<'_> {
    fn is_big_endian(&self) -> bool {
        self.0.starts_with(b"M")
    }

    /// BigTIFF has offsets of 8 bytes.
    fn is_big(&self) -> bool {
        let number = self.0.get(2..4);
        number == Some([43, 0].as_slice()) || number == Some([0, 43].as_slice())
    }

    /// A number in the file's byte order, as pairs of offset and byte.
    pub(super) fn number(&self, at: u64, number: u64, bytes: usize) -> Vec<(u64, u8)> {
        let mut digits = number.to_le_bytes()[..bytes].to_vec();
        if self.is_big_endian() {
            digits.reverse();
        }
        (at..).zip(digits).collect()
    }

    /// The patch that makes this page the first one of the file.
    pub(super) fn first_page(&self, directory: u64) -> Vec<(u64, u8)> {
        if self.is_big() { self.number(8, directory, 8) } else { self.number(4, directory, 4) }
    }

    /// The number of 2 or 8 bytes at an offset.
    fn at(&self, at: usize, bytes: usize) -> Option<u64> {
        let digits = self.0.get(at..at.checked_add(bytes)?)?;
        let fold = |number: u64, &digit: &u8| number << 8 | u64::from(digit);
        Some(if self.is_big_endian() { digits.iter().fold(0, fold) } else { digits.iter().rev().fold(0, fold) })
    }

    /// The offset of the value of a tag.
    pub(super) fn value(&self, directory: u64, tag: Tag) -> Option<u64> {
        let (count, entry, value) = if self.is_big() { (8, 20, 12) } else { (2, 12, 8) };
        let directory = usize::try_from(directory).ok()?;
        let entries = usize::try_from(self.at(directory, count)?).ok()?;
        let mut places = (0..entries).map_while(|i| directory.checked_add(count)?.checked_add(i.checked_mul(entry)?));
        let place = places.find(|&at| self.at(at, 2).is_none_or(|number| number == u64::from(tag.to_u16())))?;
        Some((place + value) as u64)
    }
}

/// A file in which some bytes read as others.
pub(super) struct Patched<R> {
    pub(super) inner: R,
    pub(super) patches: Vec<(u64, u8)>,
}

impl<R: Read + Seek> Read for Patched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let start = self.inner.stream_position()?;
        let read = self.inner.read(buffer)?;
        for &(at, byte) in &self.patches {
            let place = at.checked_sub(start).and_then(|place| usize::try_from(place).ok());
            if let Some(place) = place.and_then(|place| buffer[..read].get_mut(place)) {
                *place = byte;
            }
        }
        Ok(read)
    }
}

impl<R: Seek> Seek for Patched<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.inner.seek(to)
    }
}
