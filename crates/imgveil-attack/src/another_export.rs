//! Another export of an image: the same scan, cut, brightened and compressed, as a second system would store it.

use crate::{Batch, Error};
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::imageops::{FilterType, crop_imm, resize};
use image::{DynamicImage, GrayImage, RgbImage};
use rayon::prelude::*;
use std::io::Cursor;

/// The quality of the JPEG.
const QUALITY: u8 = 50;

/// Every image cut by 4 % at the edges and resized back, 5 % brighter, and stored as JPEG of quality 50.
///
/// The samples keep their depth, with 8 bits of content.
///
/// # Errors
///
/// If the codec fails, or a side is below 8.
pub fn another_export(batch: &Batch) -> Result<Batch, Error> {
    let shape = batch.shape();
    if shape.height < 8 || shape.width < 8 {
        return Err(Error::TooSmall { needed: 8, shape });
    }
    let max = u32::from(batch.max());
    let exported = |image: &[u16]| -> Result<Vec<u16>, Error> {
        let bytes: Vec<u8> = image.iter().map(|&sample| (u32::from(sample) * 255 / max) as u8).collect();
        let failed = |what: &str| Error::NotApplicable(format!("an image cannot be stored as JPEG: {what}"));
        let (width, height) = (shape.width as u32, shape.height as u32);
        let picture = match shape.channels {
            1 => GrayImage::from_raw(width, height, bytes).map(DynamicImage::from),
            _ => RgbImage::from_raw(width, height, bytes).map(DynamicImage::from),
        };
        let picture = picture.ok_or_else(|| failed("its size"))?;
        // Of 224 pixels, 4 and 4 go left and right, and 5 and 3 above and below.
        let part = |side: u32, of_224: u32| (side * of_224 + 112) / 224;
        let (left, top) = (part(width, 4), part(height, 5));
        let (wide, high) = (width - left - part(width, 4), height - top - part(height, 3));
        let changed: DynamicImage = match picture {
            DynamicImage::ImageLuma8(grey) => {
                let cut = crop_imm(&grey, left, top, wide, high).to_image();
                resize(&cut, width, height, FilterType::CatmullRom).into()
            }
            other => {
                let cut = crop_imm(&other.to_rgb8(), left, top, wide, high).to_image();
                resize(&cut, width, height, FilterType::CatmullRom).into()
            }
        };
        let brighter: Vec<u8> =
            changed.as_bytes().iter().map(|&sample| (u32::from(sample) * 105 / 100).min(255) as u8).collect();
        let mut file = Vec::new();
        JpegEncoder::new_with_quality(&mut file, QUALITY)
            .encode(&brighter, width, height, changed.color().into())
            .map_err(|error| failed(&error.to_string()))?;
        let decoded = JpegDecoder::new(Cursor::new(file)).and_then(DynamicImage::from_decoder);
        let decoded = decoded.map_err(|error| failed(&error.to_string()))?;
        let back = if shape.channels == 1 { decoded.to_luma8().into_raw() } else { decoded.to_rgb8().into_raw() };
        Ok(back.into_iter().map(|sample| (u32::from(sample) * max / 255) as u16).collect())
    };
    let images: Vec<&[u16]> = batch.iter().collect();
    let exported = images.par_iter().map(|image| exported(image)).collect::<Result<Vec<_>, Error>>()?;
    Batch::new(shape, batch.max(), exported.concat())
}
