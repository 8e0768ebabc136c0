//! NIfTI-1 and NIfTI-2 volumes in one file (`.nii`, `.nii.gz`): every slice along an axis is an image, volume by
//! volume.
//!
//! The header is parsed by hand: it is a handful of numbers at fixed offsets. A header with wrong numbers must not make
//! the reader allocate or unpack more than the stated size.
//!
//! Without a window, samples of 8 and 16 bits are exact: unsigned samples are kept, and 128 or 32,768 is added to
//! signed ones. Integers of 32 and 64 bits and floats are scaled so that the smallest to largest finite value of a set
//! become 0 to 65,535, and NaN becomes 0. With a window, values are converted to the modality's units (by the header's
//! slope and intercept) and then to 8 bits. RGB is kept. Slices are never rotated or flipped. Only sizes are kept from
//! the header.

mod gzip;
mod slices;
mod volume;
mod write_back;

use super::error::ReadErrorKind;
use super::image_file::{Header, ImageFile};
use super::read_options::ReadOptions;
use crate::Memory;
use gzip::Members;
use slices::{Greys, Nifti};
use std::io::{BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use volume::{NIFTI_2, Volume, truncated};
pub use write_back::written_back;

/// Whether a file's name says that it is a NIfTI volume.
pub fn is_nifti_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    name.ends_with(".nii") || name.ends_with(".nii.gz")
}

/// The number of slices of a volume and their geometry, from its header alone.
///
/// # Errors
/// If it is not a NIfTI file, its header is damaged or promises more than the file can hold, or it is of a kind that is
/// not supported.
pub fn header(mut reader: impl BufRead + Seek, reading: &ReadOptions) -> Result<Header, ReadErrorKind> {
    let length = reader.seek(SeekFrom::End(0)).map_err(ReadErrorKind::Io)?;
    reader.rewind().map_err(ReadErrorKind::Io)?;
    let (compressed, volume) = opened(reader)?;
    volume.check_length(length, compressed)?;
    volume.header(reading)
}

/// Opens the contents of a volume.
///
/// # Errors
/// As [`header`], and if the file ends before its voxels do.
pub fn open(bytes: Vec<u8>, reading: &ReadOptions) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
    let header = header(Cursor::new(&bytes), reading)?;
    let (volume, bytes) =
        if is_gzip(&bytes) { unpack(&bytes, reading.memory)? } else { (Volume::parse(&bytes)?, bytes) };
    let mut opened = Nifti { bytes, header, volume, axis: reading.axis, greys: Greys::Stored };
    opened.greys = opened.greys(reading)?;
    Ok(Box::new(opened))
}

/// Whether samples of 16 bits cannot hold the voxels of a volume, so that they are scaled.
///
/// # Errors
/// If it is not a NIfTI file, or its header cannot be read.
pub(crate) fn is_wide(reader: impl BufRead) -> Result<bool, ReadErrorKind> {
    Ok(opened(reader)?.1.is_wide())
}

/// The smallest and the largest finite value of a volume in the modality's units. `None` for colours.
///
/// # Errors
/// As [`open`].
pub(crate) fn extremes(bytes: Vec<u8>, memory: Memory) -> Result<Option<(f64, f64)>, ReadErrorKind> {
    let reading = ReadOptions::default();
    let header = header(Cursor::new(&bytes), &reading)?;
    let (volume, bytes) = if is_gzip(&bytes) { unpack(&bytes, memory)? } else { (Volume::parse(&bytes)?, bytes) };
    let grey = header.geometry.channels() == 1;
    let opened = Nifti { bytes, header, volume, axis: reading.axis, greys: Greys::Stored };
    grey.then(|| opened.extremes(|value| volume.scaled(value))).transpose()
}

/// Whether a file is compressed, and the header of its volume.
fn opened(mut reader: impl BufRead) -> Result<(bool, Volume), ReadErrorKind> {
    let compressed = is_gzip(reader.fill_buf().map_err(ReadErrorKind::Io)?);
    let start = if compressed { start(Members::new(reader))? } else { start(reader)? };
    Ok((compressed, Volume::parse(&start)?))
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// As many bytes as the longer of the two headers has, or all of them.
fn start(reader: impl Read) -> Result<Vec<u8>, ReadErrorKind> {
    let mut start = Vec::new();
    reader.take(NIFTI_2).read_to_end(&mut start).map_err(packed)?;
    Ok(start)
}

/// Unpacks a compressed file, but no more bytes than its header states.
fn unpack(bytes: &[u8], memory: Memory) -> Result<(Volume, Vec<u8>), ReadErrorKind> {
    let volume = Volume::parse(&start(Members::new(bytes))?)?;
    let length = volume.check_length(bytes.len() as u64, true)?;
    // Two files are open at a time.
    memory.check(length.saturating_add(bytes.len() as u64).saturating_mul(2))?;
    let mut unpacked = Vec::new();
    let memory =
        |_| ReadErrorKind::Damaged(format!("its header promises {length} bytes, more than there is memory for"));
    unpacked.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX)).map_err(memory)?;
    let mut decoder = Members::new(bytes);
    decoder.by_ref().take(length).read_to_end(&mut unpacked).map_err(packed)?;
    if unpacked.len() as u64 != length {
        return Err(truncated());
    }
    // Reading the end compares the checksum.
    decoder.read(&mut [0]).map_err(packed)?;
    Ok((volume, unpacked))
}

/// An error of unpacking.
fn packed(error: std::io::Error) -> ReadErrorKind {
    match error.kind() {
        ErrorKind::UnexpectedEof => truncated(),
        ErrorKind::InvalidInput | ErrorKind::InvalidData => {
            ReadErrorKind::Damaged(format!("its gzip compression is broken ({error})"))
        }
        _ => ReadErrorKind::Io(error),
    }
}

#[cfg(test)]
mod tests;
