//! Resizes, pads or crops images before encryption, so that a scheme's blocks tile them.

use imgveil::internal::image::{Depth, Geometry, GeometryError, Image};
use imgveil::internal::scheme::Block;
use std::fmt;
use std::str::FromStr;

/// A height and width in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

impl FromStr for Side {
    type Err = String;

    /// `224` (square) or `192x256` (height x width).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let side = |t: &str| {
            t.parse::<u16>()
                .ok()
                .filter(|&n| n > 0)
                .map(u32::from)
                .ok_or_else(|| format!("`{text}` is not a size: write 224 or HEIGHTxWIDTH such as 192x256"))
        };
        let (height, width) = text.split_once('x').unwrap_or((text, text));
        Ok(Self { height: side(height)?, width: side(width)? })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

/// How images are brought to a size that blocks tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resize {
    /// The size that images are resized to first (bilinear, antialiased).
    pub size: Option<Side>,
    /// Pad to the next multiple of the block by repeating the last row and column. Decryption removes the padding.
    pub pad: bool,
    /// Crop to a multiple of the block, evenly on both sides. Decryption does not restore the border.
    pub crop: bool,
}

impl Resize {
    /// The geometry that an image of `geometry` is resized to.
    ///
    /// # Errors
    /// If it has too many samples.
    pub fn geometry(self, geometry: Geometry, tile: Block) -> Result<Geometry, GeometryError> {
        let (height, width) = match self.size {
            Some(side) => (side.height, side.width),
            None => (geometry.height() as u32, geometry.width() as u32),
        };
        let round = |side: u32, tile: u32| match (self.pad, self.crop) {
            // A saturated side is too large for a geometry, which is an error below.
            (true, _) => side.checked_next_multiple_of(tile).unwrap_or(u32::MAX),
            (_, true) if side >= tile => side - side % tile,
            // An image smaller than a block is not changed; the scheme's compiler refuses it.
            _ => side,
        };
        let fitted = Geometry::new(round(height, tile.height), round(width, tile.width), geometry.channels() as u32)?;
        Ok(fitted.with_depth(geometry.depth()))
    }

    /// The geometry of a decrypted image: the geometry before padding.
    ///
    /// # Errors
    /// As [`Resize::geometry`].
    pub fn original(self, geometry: Geometry, tile: Block) -> Result<Geometry, GeometryError> {
        Resize { pad: false, ..self }.geometry(geometry, tile)
    }

    /// Resizes an image.
    ///
    /// # Errors
    /// As [`Resize::geometry`].
    pub fn apply(self, image: Image, tile: Block) -> Result<Image, GeometryError> {
        let target = self.geometry(image.geometry(), tile)?;
        let image = match self.size {
            Some(side) => resize(image, side)?,
            None => image,
        };
        let from = image.geometry();
        if from == target {
            return Ok(image);
        }
        // The target's position in the image: centred for cropping, at the corner for padding.
        let top = from.height().saturating_sub(target.height()) / 2;
        let left = from.width().saturating_sub(target.width()) / 2;
        Ok(window(&image, target, top, left))
    }
}

/// Removes padding: the top left corner of an image.
pub(crate) fn unpad(image: Image, original: Geometry) -> Image {
    if image.geometry() == original { image } else { window(&image, original, 0, 0) }
}

/// A rectangle of an image. Beyond the image, the last row and column are repeated. A black border would be known
/// plaintext and give away the key of its blocks.
fn window(image: &Image, target: Geometry, top: usize, left: usize) -> Image {
    let (from, pixel) = (image.geometry(), target.channels() * target.depth().bytes());
    let mut samples = Vec::with_capacity(target.bytes());
    for y in 0..target.height() {
        let y = (y + top).min(from.height() - 1);
        for x in 0..target.width() {
            let x = (x + left).min(from.width() - 1);
            let at = (y * from.width() + x) * pixel;
            samples.extend_from_slice(&image.samples()[at..at + pixel]);
        }
    }
    // The number of samples matches the target by construction.
    Image::new(target, samples).unwrap_or_else(|| image.clone())
}

fn resize(image: Image, side: Side) -> Result<Image, GeometryError> {
    use image::imageops::{FilterType, resize};
    use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
    let geometry = image.geometry();
    let (height, width, channels) = (geometry.height() as u32, geometry.width() as u32, geometry.channels() as u32);
    let target = Geometry::new(side.height, side.width, channels)?.with_depth(geometry.depth());
    if target == geometry {
        return Ok(image);
    }
    let kept = image.clone();
    let (w, h, filter) = (side.width, side.height, FilterType::Triangle);
    let wide = || kept.samples().chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let stored = |samples: Vec<u16>| samples.into_iter().flat_map(u16::to_le_bytes).collect();
    let samples = match (channels, geometry.depth()) {
        (1, Depth::U8) => {
            GrayImage::from_raw(width, height, image.into_samples()).map(|raw| resize(&raw, w, h, filter).into_raw())
        }
        (_, Depth::U8) => {
            RgbImage::from_raw(width, height, image.into_samples()).map(|raw| resize(&raw, w, h, filter).into_raw())
        }
        (1, _) => ImageBuffer::<Luma<u16>, Vec<u16>>::from_raw(width, height, wide())
            .map(|raw| stored(resize(&raw, w, h, filter).into_raw())),
        (_, _) => ImageBuffer::<Rgb<u16>, Vec<u16>>::from_raw(width, height, wide())
            .map(|raw| stored(resize(&raw, w, h, filter).into_raw())),
    };
    // Neither can fail: an image has as many samples as its geometry states, and resizing gives as many as the
    // target's.
    Ok(samples.and_then(|samples| Image::new(target, samples)).unwrap_or(kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(height: u32, width: u32) -> Image {
        let geometry = Geometry::new(height, width, 1).unwrap();
        Image::new(geometry, (0..geometry.samples()).map(|i| i as u8).collect()).unwrap()
    }

    const TILE: Block = Block { height: 2, width: 4 };

    #[test]
    fn padding_repeats_the_border_and_comes_off_again() {
        let fit = Resize { pad: true, ..Resize::default() };
        let plain = image(3, 3);
        let padded = fit.apply(plain.clone(), TILE).unwrap();
        assert_eq!(padded.geometry(), Geometry::new(4, 4, 1).unwrap());
        assert_eq!(padded.samples(), [0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 6, 7, 8, 8]);
        assert_eq!(fit.original(plain.geometry(), TILE), Ok(plain.geometry()));
        assert_eq!(unpad(padded, plain.geometry()), plain);
    }

    #[test]
    fn cropping_cuts_evenly() {
        let cut = Resize { crop: true, ..Resize::default() }.apply(image(4, 6), TILE).unwrap();
        assert_eq!(cut.samples(), [1, 2, 3, 4, 7, 8, 9, 10, 13, 14, 15, 16, 19, 20, 21, 22]);
        // An image smaller than a block is not changed; the compiler refuses it.
        let small = image(1, 3);
        assert_eq!(Resize { crop: true, ..Resize::default() }.apply(small.clone(), TILE), Ok(small));
    }

    #[test]
    fn resizing_keeps_channels_and_flat_areas() {
        let geometry = Geometry::new(3, 5, 3).unwrap();
        let flat = Image::new(geometry, vec![77; geometry.samples()]).unwrap();
        let fit = Resize { size: Some("8x4".parse().unwrap()), ..Resize::default() };
        let resized = fit.apply(flat, TILE).unwrap();
        assert_eq!(resized.geometry(), Geometry::new(8, 4, 3).unwrap());
        assert!(resized.samples().iter().all(|&sample| sample == 77));
    }

    #[test]
    fn a_size_that_no_plan_can_address_is_an_error() {
        let fit = Resize { size: Some("65535".parse().unwrap()), ..Resize::default() };
        assert!(matches!(fit.apply(image(4, 4), TILE), Err(GeometryError::TooLarge { .. })));
    }
}
