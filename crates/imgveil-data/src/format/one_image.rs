//! One image of a file in any format, for what shows a single image.

use super::detect::Format;
use super::error::{ReadError, ReadErrorKind};
use super::picture::read_image_with;
use super::read_options::ReadOptions;
use crate::regular_file;
use imgveil::internal::image::Image;
use std::path::Path;

/// Whether a file is of a format that is read, by its name or its first bytes.
pub fn is_image_file(path: &Path) -> bool {
    path.is_file() && Format::of(path).is_ok()
}

/// Decodes the image of a picture, or the middle one of a DICOM object or a NIfTI volume, if `factor` times its samples
/// fit into the memory that may be used.
///
/// # Errors
/// If it cannot be read, does not fit, is damaged, of a kind that is not supported, or is a picture of several pages.
pub fn one_image(path: &Path, options: &ReadOptions, factor: u64) -> Result<Image, ReadError> {
    let format = match Format::of(path) {
        Ok(format @ (Format::Dicom | Format::Nifti)) => format,
        // Its error says what the file is.
        Ok(Format::Picture) | Err(_) => return read_image_with(path, options, factor),
    };
    let read = || -> Result<Image, ReadErrorKind> {
        let mut file = regular_file::open(path).map_err(ReadErrorKind::Io)?;
        let bytes = regular_file::read_within(&mut file, options.memory, 4).map_err(ReadErrorKind::Io)?;
        let length = bytes.len() as u64;
        let opened = format.open(bytes, options)?;
        let header = opened.header();
        options.memory.check((header.geometry.bytes() as u64).saturating_mul(factor).saturating_add(length))?;
        let image = opened.image(header.count / 2)?;
        match options.channels {
            Some(channels) => Ok(channels.apply(image)?),
            None => Ok(image),
        }
    };
    read().map_err(|kind| ReadError { path: path.display().to_string(), kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A volume of three slices of one voxel.
    fn volume() -> Vec<u8> {
        let mut file = vec![0; 352];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &348u32.to_le_bytes());
        for (axis, length) in [3u16, 1, 1, 3].into_iter().enumerate() {
            put(40 + 2 * axis, &length.to_le_bytes());
        }
        put(70, &2u16.to_le_bytes());
        put(108, &352f32.to_le_bytes());
        put(344, b"n+1\0");
        [file.as_slice(), &[7, 8, 9]].concat()
    }

    #[test]
    fn the_middle_of_a_volume_and_the_only_image_of_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
            folder.path().join(name)
        };
        let options = ReadOptions::default();
        let (scan, picture) = (write("a.nii", &volume()), write("b.pgm", b"P5 1 1 255\n\x05"));
        assert_eq!(one_image(&scan, &options, 1).unwrap().samples(), [8]);
        assert_eq!(one_image(&picture, &options, 1).unwrap().samples(), [5]);
        let other = write("c.txt", b"no image");
        assert_eq!([&scan, &picture, &other].map(|path| is_image_file(path)), [true, true, false]);
        assert!(one_image(&other, &options, 1).is_err());
        let kept = one_image(&scan, &options, u64::MAX).unwrap_err();
        assert!(matches!(kept.kind, ReadErrorKind::Memory(_)), "{kept}");
    }
}
