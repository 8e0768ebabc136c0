//! Limits of what is read from outside. No real set comes near them. They keep a small hostile file from taking all
//! memory or all time: each bounds something whose cost is far above the bytes that ask for it. What a whole job may
//! take is bounded by [`Memory`](crate::Memory). `docs/FORMATS.md` lists the limits for users.

use crate::format::ReadErrorKind;

/// The most classes of a set. A network has an output for every class.
pub const MOST_CLASSES: usize = 65_536;

/// The most images of a file: slices, frames, pages. The longest recordings of functional magnetic resonance have
/// about 100,000 slices.
pub const MOST_IMAGES_OF_A_FILE: usize = 1 << 18;

/// The most elements of the header of a DICOM object, in all of its sequences. Objects with tens of thousands of frames
/// have about ten for each.
pub(crate) const MOST_ELEMENTS: usize = 1 << 21;

/// As [`MOST_ELEMENTS`], where the object is deflated: a few bytes may inflate to millions of them. Only small objects
/// are stored so.
pub(crate) const MOST_DEFLATED_ELEMENTS: usize = 1 << 18;

/// The most fragments of the pixels of a DICOM object. Most have one for each frame.
pub(crate) const MOST_FRAGMENTS: usize = 1 << 20;

/// The most bytes before the samples of a PNM file: three numbers, and what somebody wrote about them.
pub(crate) const LONGEST_PNM_HEADER: u64 = 1 << 16;

/// What a decoder of PNG may take for what lies before the pixels. The largest colour profiles have 4 MiB.
pub(crate) const LARGEST_PNG_HEADER: u64 = 32 << 20;

/// The most bytes of a line of a CSV file with all of its fields.
pub(crate) const LONGEST_LINE: usize = 1 << 20;

/// The most images of a set. The largest public sets that are one data set have 15 million.
pub const MOST_IMAGES: usize = 1 << 26;

/// As many images as this may be in a file, however few bytes it has.
const FREE_IMAGES: u64 = 4096;

/// The fewest bytes of a file for each of its images beyond [`FREE_IMAGES`]. Even a compressed black slice takes more.
const BYTES_OF_AN_IMAGE: u64 = 16;

/// As many pages as this may be in a TIFF file, however few bytes it has.
const FREE_PAGES: usize = 4096;

/// The fewest bytes of a TIFF file for each of its pages beyond [`FREE_PAGES`]. A directory alone takes more than 100,
/// and reading it takes as long as decoding an image of this size.
const BYTES_OF_A_PAGE: u64 = 512;

/// The most pages of a TIFF file of `length` bytes.
pub(crate) fn most_pages(length: u64) -> usize {
    usize::try_from(length / BYTES_OF_A_PAGE).unwrap_or(usize::MAX).clamp(FREE_PAGES, MOST_IMAGES_OF_A_FILE)
}

/// The most partitions of a set. Each is a process of its own.
pub const MOST_PARTITIONS: u32 = 65_536;

/// The most members of an `.npz` file, which has eight arrays and a manifest.
pub const MOST_MEMBERS: usize = 4096;

/// The most bytes of a name, a path, or a field of a CSV file. Linux allows paths of 4,096 bytes.
pub const LONGEST_TEXT: usize = 4096;

/// The most bytes of the name of a class.
pub const LONGEST_CLASS: usize = 1024;

/// How many times its compressed size a manifest may have. Half of a manifest is hashes, which do not compress.
pub(crate) const MANIFEST_RATIO: u64 = 32;

/// A manifest of up to this size may be compressed in any way.
pub(crate) const FREE_MANIFEST: u64 = 1 << 20;

/// Checks how many images a file of `length` bytes has.
pub(crate) fn check_images_of_a_file(count: usize, length: u64) -> Result<(), ReadErrorKind> {
    if count > MOST_IMAGES_OF_A_FILE {
        return Err(ReadErrorKind::ManyImages { count, most: MOST_IMAGES_OF_A_FILE });
    }
    check_images(count, length)
}

/// Checks that a file of `length` bytes may list `count` images. Listing an image takes hundreds of bytes of memory.
pub(crate) fn check_images(count: usize, length: u64) -> Result<(), ReadErrorKind> {
    let most = usize::try_from((length / BYTES_OF_AN_IMAGE).max(FREE_IMAGES)).unwrap_or(usize::MAX).min(MOST_IMAGES);
    if count > most { Err(ReadErrorKind::ManyImages { count, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_lists_few_images() {
        assert!(check_images(4096, 0).is_ok());
        assert!(check_images(4097, 65_551).is_err());
        assert!(check_images(4097, 65_552).is_ok());
        assert!(check_images_of_a_file(1 << 18, u64::MAX).is_ok());
        assert!(check_images_of_a_file((1 << 18) + 1, u64::MAX).is_err());
        assert!(check_images(1 << 26, u64::MAX).is_ok());
        assert!(check_images((1 << 26) + 1, u64::MAX).is_err());
    }
}
