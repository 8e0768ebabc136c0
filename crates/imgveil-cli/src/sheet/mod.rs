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

/// Converts an image to what a screen shows: 8 bits (the most significant ones), grey as RGB.
pub fn picture(image: &Image) -> RgbImage {
    let geometry = image.geometry();
    let (width, channels) = (geometry.width(), geometry.channels());
    let sample = |pixel: usize, channel: usize| {
        let sample = pixel * channels + channel.min(channels - 1);
        match geometry.depth() {
            Depth::U8 => image.samples()[sample],
            depth => (depth.sample(image.samples(), sample) >> (depth.bits() - 8)) as u8,
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
    fn deep_images_are_shown_by_their_upper_bits_and_grey_ones_as_rgb() {
        let geometry = Geometry::new(1, 2, 1).unwrap();
        let deep = Image::new(geometry.with_depth(Depth::U16), vec![1, 2, 3, 255]).unwrap();
        assert_eq!(picture(&deep).into_raw(), [2, 2, 2, 255, 255, 255]);
        let twelve = Image::new(geometry.with_depth(Depth::new(12).unwrap()), vec![0xf1, 2, 0xff, 15]).unwrap();
        assert_eq!(picture(&twelve).into_raw(), [47, 47, 47, 255, 255, 255]);
        let colour = Image::new(Geometry::new(1, 2, 3).unwrap(), vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(picture(&colour).into_raw(), [1, 2, 3, 4, 5, 6]);
    }
}
