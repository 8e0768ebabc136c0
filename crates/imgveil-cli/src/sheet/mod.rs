//! Sheets: images with text on one PNG, for people to look at.

mod contact_sheet;
mod drawing;
mod gallery;
mod text;

pub use contact_sheet::{Row, contact_sheet};
pub use gallery::{Captioned, gallery};

use image::{ImageFormat, Rgb, RgbImage};
use imgveil::internal::image::{Depth, Image};
use std::io::Cursor;

/// What a sheet says of deep images.
pub const STRETCHED: &str =
    "Images of more than 8 bits are shown with more contrast: their smallest value is black, their largest white.";

/// Whether [`picture`] shows an image with more contrast than it has.
pub fn is_stretched(image: &Image) -> bool {
    image.geometry().depth() != Depth::U8
}

/// Converts an image to what a screen shows: grey as RGB. Of more than 8 bits, scans use a small part, and would be
/// even grey: their smallest value becomes black, and their largest white.
pub fn picture(image: &Image) -> RgbImage {
    let geometry = image.geometry();
    let depth = geometry.depth();
    let value = |sample: usize| u32::from(depth.sample(image.samples(), sample));
    let (low, high) = match is_stretched(image) {
        false => (0, 255),
        true => (0..geometry.samples()).map(value).fold((u32::MAX, 0), |(l, h), value| (l.min(value), h.max(value))),
    };
    let (width, channels) = (geometry.width(), geometry.channels());
    let sample = |pixel: usize, channel: usize| {
        let sample = pixel * channels + channel.min(channels - 1);
        match is_stretched(image) {
            false => image.samples()[sample],
            true => ((value(sample) - low) * 255 / (high - low).max(1)) as u8,
        }
    };
    RgbImage::from_fn(width as u32, geometry.height() as u32, |x, y| {
        let pixel = y as usize * width + x as usize;
        Rgb([0, 1, 2].map(|channel| sample(pixel, channel)))
    })
}

/// The sheet as a PNG file.
///
/// # Errors
/// The reason that the encoder gives.
pub fn png(sheet: &RgbImage) -> Result<Vec<u8>, String> {
    let mut png = Cursor::new(Vec::new());
    sheet.write_to(&mut png, ImageFormat::Png).map_err(|error| error.to_string())?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil::internal::image::Geometry;

    #[test]
    fn deep_images_are_shown_from_their_smallest_value_to_their_largest_and_grey_ones_as_rgb() {
        let grey = Geometry::new(1, 3, 1).unwrap();
        let words = |values: [u16; 3]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let shown = |depth, values| {
            let image = Image::new(grey.with_depth(depth), words(values)).unwrap();
            picture(&image).into_raw().into_iter().step_by(3).collect::<Vec<u8>>()
        };
        assert_eq!(shown(Depth::U16, [32_000, 33_000, 36_000]), [0, 63, 255]);
        assert_eq!(shown(Depth::new(12).unwrap(), [4095, 0, 2048]), [255, 0, 127]);
        assert_eq!(shown(Depth::U16, [7, 7, 7]), [0, 0, 0]);
        let eight = Image::new(grey, vec![1, 2, 255]).unwrap();
        assert_eq!(picture(&eight).into_raw(), [1, 1, 1, 2, 2, 2, 255, 255, 255]);
        let colour = Image::new(Geometry::new(1, 2, 3).unwrap(), vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(picture(&colour).into_raw(), [1, 2, 3, 4, 5, 6]);
    }
}
