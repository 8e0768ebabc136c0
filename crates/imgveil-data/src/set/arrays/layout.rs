//! Names of arrays, and how an array of images is laid out in its file.

use crate::format::npy::{Header, TypeChar};
use crate::set::{SPLITS, Split};
use imgveil::internal::image::{Depth, Geometry};

/// The name of the array of a split's images.
pub(in crate::set) fn images_name(split: Split) -> String {
    split.name().map_or("images".into(), |name| format!("{name}_images"))
}

/// The name of the array of a split's labels.
pub(in crate::set) fn labels_name(split: Split) -> String {
    split.name().map_or("labels".into(), |name| format!("{name}_labels"))
}

/// The position of image `i` of a split, as manifests state it.
pub(crate) fn position(split: Split, i: usize) -> String {
    format!("{}[{i}]", images_name(split))
}

/// The file name of an array, in a folder or an archive.
pub(in crate::set) fn file_name(array: &str) -> String {
    format!("{array}.npy")
}

/// How an array of images is laid out in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ArrayLayout {
    pub(super) geometry: Geometry,
    pub(super) count: usize,
    /// 16-bit samples with the most significant byte first.
    pub(super) swapped: bool,
}

/// The file of the labels of a split.
pub(crate) fn labels_file(split: Split) -> String {
    file_name(&labels_name(split))
}

/// Whether a file of this name holds the labels of a split.
pub(crate) fn is_labels(name: &str) -> bool {
    SPLITS.into_iter().any(|split| name == labels_file(split))
}

/// What an array of volumes is, and what helps.
fn volumes(header: &Header) -> String {
    format!(
        "its shape is {}: volumes, and images are read; cut them into slices, such as numpy's \
         array.reshape(-1, array.shape[2], array.shape[3]), and give every slice the label of its volume",
        header.shape_text()
    )
}

impl ArrayLayout {
    /// Reads the layout from an array's header, if the array holds images.
    pub(super) fn of(header: &Header) -> Result<Self, String> {
        let depth = match header.kind() {
            (TypeChar::Uint, 1) => Depth::U8,
            (TypeChar::Uint, 2) => Depth::U16,
            _ => {
                return Err(format!(
                    "it holds {}, only unsigned samples of 8 or 16 bits ('|u1', '<u2') are supported",
                    header.described()
                ));
            }
        };
        let side = |n: u64| u32::try_from(n).map_err(|_| format!("a side of {n} is too large"));
        let (count, geometry) = match *header.shape() {
            [count, height, width] => (count, Geometry::new(side(height)?, side(width)?, 1)),
            [_, channels @ (1 | 3), _, width] if width != 1 && width != 3 => {
                return Err(format!(
                    "its shape is {}: channels first, and N x H x W x {channels} is read; numpy's \
                     array.transpose(0, 2, 3, 1) makes that of it",
                    header.shape_text()
                ));
            }
            [_, _, _, depth] if depth != 1 && depth != 3 && depth > 4 => return Err(volumes(header)),
            [_, _, _, _, _] => return Err(volumes(header)),
            [count, height, width, channels] => (count, Geometry::new(side(height)?, side(width)?, side(channels)?)),
            _ => return Err(format!("its shape is {}; expected N x H x W or N x H x W x 3", header.shape_text())),
        };
        let geometry = geometry.map_err(|e| e.to_string())?.with_depth(depth);
        let count = usize::try_from(count).map_err(|_| format!("{count} images are too many"))?;
        Ok(Self { geometry, count, swapped: depth == Depth::U16 && header.is_big_endian() })
    }
}
