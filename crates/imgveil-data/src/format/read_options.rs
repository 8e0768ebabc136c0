//! Options for sets whose format can be read in several ways.

use super::channels::Channels;
use super::window::Window;
use crate::Memory;
use crate::burnt_in::Region;
use imgveil::internal::image::Depth;
use std::num::NonZeroU32;
use std::path::PathBuf;

/// Options for sets whose format can be read in several ways.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadOptions {
    /// DICOM and NIfTI: the grey values that are converted to 8 bits. `None` keeps the full depth.
    pub window: Option<Window>,
    /// NIfTI without a window: the values in the modality's units that become 0 and 65,535 in every file. `None` scales
    /// each file that needs it by its own smallest and largest value. A set with such files is opened with the range
    /// of all of them.
    pub range: Option<(f64, f64)>,
    /// NIfTI: the axis along which a volume is cut into slices.
    pub axis: Axis,
    /// The bits that samples of more than 8 bits use, 9 to 16. `None` means as many as headers say, or as samples use.
    pub depth: Option<Depth>,
    /// A CSV file of labels (and splits) that replaces those of folders and arrays.
    pub labels: Option<PathBuf>,
    /// Leave the classes out: no image has a label.
    pub no_labels: bool,
    /// Divide the set by the patients that the file of labels names, with this secret value. No patient is in two
    /// splits. A job takes the value from its key.
    pub by_patient: Option<[u8; 32]>,
    /// How many times each training image is listed. `None` is once. Images of other splits are listed once.
    pub copies: Option<NonZeroU32>,
    /// The number of channels that all images get. `None` keeps them as they are.
    pub channels: Option<Channels>,
    /// Pictures: whether they are turned as their EXIF orientation says.
    pub exif_orientation: ExifOrientation,
    /// Regions that are made black in every image, in pixels as the image is stored.
    pub masks: Vec<Region>,
    /// A CSV file of regions that are made black in single images (columns name, x, y, width, height).
    pub mask_file: Option<PathBuf>,
    /// WebDataset: extensions of the members (`json`, `txt`) that are carried over with the image and its class.
    pub members: Vec<String>,
    /// Folders of images: also follow links that lead out of the folder.
    pub follow_links: bool,
    /// How much memory may be used.
    pub memory: Memory,
}

/// What is done about the EXIF orientation of pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_orientation)]
pub enum ExifOrientation {
    /// Nothing: rows and columns stay as they are stored.
    #[default]
    Keep,
    /// Pictures are turned and mirrored as it says.
    Apply,
}

fn no_orientation(text: &str) -> String {
    format!("`{text}` is neither keep nor apply")
}

/// An axis of a volume, as the file stores it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = not_an_axis)]
pub enum Axis {
    /// The first: slices of (third x second).
    X,
    /// The second: slices of (third x first).
    Y,
    /// The third: slices of (second x first).
    #[default]
    Z,
}

fn not_an_axis(text: &str) -> String {
    format!("`{text}` is not an axis: write x, y or z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_read_as_they_are_written() {
        for text in ["x", "y", "z"] {
            assert_eq!(text.parse::<Axis>().unwrap().to_string(), text);
        }
        assert_eq!("w".parse::<Axis>().unwrap_err(), "`w` is not an axis: write x, y or z");
    }
}
