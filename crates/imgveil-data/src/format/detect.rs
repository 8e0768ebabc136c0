//! The format of a file, by its name or its first bytes.

use super::error::ReadErrorKind;
use super::image_file::{Header, ImageFile};
use super::passed_over::PassedOverReason;
use super::read_options::ReadOptions;
use super::{dicom, nifti, picture};
use crate::limits::check_images_of_a_file;
use crate::regular_file::{self, Retrying};
use std::io::{BufReader, Read, Seek};
use std::path::Path;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Picture,
    Dicom,
    Nifti,
}

/// The number of bytes at the start of a file that tell whether it is DICOM. Names of DICOM files often have no
/// extension, or end in something that looks like one.
const START: u64 = 132;

impl Format {
    /// The format by the file's name or else by its first bytes. DICOM is known by them whatever the name is, and a
    /// picture if the name has no ending.
    ///
    /// # Errors
    /// Why the file is passed over.
    pub fn of(path: &Path) -> Result<Self, PassedOverReason> {
        Self::of_file(path, || regular_file::open(path))
    }

    /// As [`Format::of`]. `open` opens the file, if its name does not tell enough.
    pub fn of_file<R: Read>(path: &Path, open: impl FnOnce() -> std::io::Result<R>) -> Result<Self, PassedOverReason> {
        if picture::is_picture_name(path) {
            return Ok(Self::Picture);
        }
        if nifti::is_nifti_name(path) {
            return Ok(Self::Nifti);
        }
        if has_extension(path, &["dcm", "dicom", "ima"]) {
            return Ok(Self::Dicom);
        }
        let mut start = Vec::new();
        let read = open().and_then(|file| file.take(START).read_to_end(&mut start));
        if read.is_ok() && dicom::is_dicom(&start) {
            return Ok(Self::Dicom);
        }
        if picture::is_picture(&start) {
            return if path.extension().is_none() { Ok(Self::Picture) } else { Err(PassedOverReason::Ending) };
        }
        if has_extension(path, &["tar", "npy", "npz"]) {
            return Err(PassedOverReason::Set);
        }
        let other = has_extension(path, &["gif", "heic", "heif", "avif", "jp2", "j2k", "jxl", "exr", "psd", "svg"]);
        Err(if other { PassedOverReason::Format } else { PassedOverReason::NoImage })
    }

    /// Whether a file of this format may hold several images, so that its header must be read to list a set.
    pub fn may_be_several(self, path: &Path) -> bool {
        self != Self::Picture || has_extension(path, &["tif", "tiff"])
    }

    /// Reads the header of a file of `length` bytes.
    pub fn header_of(
        self,
        file: impl Read + Seek,
        length: u64,
        options: &ReadOptions,
    ) -> Result<Header, ReadErrorKind> {
        let file = BufReader::new(Retrying(file));
        let header = match self {
            Self::Picture => picture::header(file),
            Self::Dicom => dicom::header(file, options),
            Self::Nifti => nifti::header(file, options),
        }?;
        check_images_of_a_file(header.count, length)?;
        Ok(header)
    }

    /// Opens the contents of a file.
    pub fn open(self, bytes: Vec<u8>, options: &ReadOptions) -> Result<Box<dyn ImageFile>, ReadErrorKind> {
        let length = bytes.len() as u64;
        let file = match self {
            Self::Picture => picture::open(bytes),
            Self::Dicom => dicom::open(bytes, options),
            Self::Nifti => nifti::open(bytes, options),
        }?;
        check_images_of_a_file(file.header().count, length)?;
        Ok(file)
    }
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    extension.is_some_and(|extension| extensions.contains(&extension.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, ImageFormat};
    use std::io::{Cursor, Error, ErrorKind, Result, SeekFrom};

    /// A reader that a signal interrupts every other time, and that gives little at a time.
    struct Fickle {
        inner: Cursor<Vec<u8>>,
        reads: usize,
    }

    impl Read for Fickle {
        fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
            self.reads += 1;
            if self.reads % 2 == 1 {
                return Err(Error::from(ErrorKind::Interrupted));
            }
            let length = bytes.len().min(7);
            self.inner.read(&mut bytes[..length])
        }
    }

    impl Seek for Fickle {
        fn seek(&mut self, to: SeekFrom) -> Result<u64> {
            self.inner.seek(to)
        }
    }

    #[test]
    fn a_signal_is_no_damage() {
        let grey = DynamicImage::ImageLuma8(image::GrayImage::from_fn(8, 6, |x, y| image::Luma([(x * y) as u8])));
        let rgb = DynamicImage::ImageRgb8(grey.to_rgb8());
        let header = Header::new(1, "6x8x1".parse().unwrap());
        let coloured = Header { geometry: "6x8x3".parse().unwrap(), ..header.clone() };
        let options = ReadOptions::default();
        let check = |bytes: Vec<u8>, format: Format, expected: Header, what: &str| {
            let length = bytes.len() as u64;
            let found = format.header_of(Fickle { inner: Cursor::new(bytes), reads: 0 }, length, &options);
            assert_eq!(found.unwrap_or_else(|e| panic!("{what}: {e}")), expected, "{what}");
        };
        for (format, image, expected) in [
            (ImageFormat::Png, &grey, header.clone()),
            (ImageFormat::Jpeg, &grey, header.clone()),
            (ImageFormat::Bmp, &rgb, coloured.clone()),
            (ImageFormat::Pnm, &grey, header.clone()),
            (ImageFormat::WebP, &rgb, coloured.clone()),
        ] {
            let mut bytes = Cursor::new(Vec::new());
            image.write_to(&mut bytes, format).unwrap();
            check(bytes.into_inner(), Format::Picture, expected, &format!("{format:?}"));
        }
        let mut tiff = Cursor::new(Vec::new());
        let mut encoder = ::tiff::encoder::TiffEncoder::new(&mut tiff).unwrap();
        encoder.write_image::<::tiff::encoder::colortype::Gray8>(8, 6, grey.as_bytes()).unwrap();
        check(tiff.into_inner(), Format::Picture, header, "tiff");
    }
}
