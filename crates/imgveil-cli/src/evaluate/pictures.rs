//! Small pictures of what an attack gives, as PNG in text.

use crate::attack::{Pictures, picture};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};
use imgveil_attack::Batch;
use serde::{Deserialize, Serialize};
use std::io::Cursor;

/// The longest side of a picture.
const SIDE: u32 = 144;

/// Pictures of one image, side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Strip {
    /// The name of the image.
    pub name: String,
    /// What there is to say of it.
    pub note: String,
    pub pictures: Vec<Picture>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    pub caption: String,
    /// PNG in Base64.
    pub png: String,
    /// Width and height in pixels.
    pub size: [u32; 2],
}

impl Picture {
    /// Image `number` of a batch.
    pub fn of(caption: &str, images: &Batch, number: usize) -> Result<Self, String> {
        let drawn = small(picture(images, number));
        let size = [drawn.width(), drawn.height()];
        // Grey takes a third of the bytes.
        let grey = drawn.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]);
        let drawn = DynamicImage::from(drawn);
        let drawn = if grey { drawn.to_luma8().into() } else { drawn };
        let mut png = Cursor::new(Vec::new());
        drawn.write_to(&mut png, ImageFormat::Png).map_err(|error| error.to_string())?;
        Ok(Self { caption: caption.to_owned(), png: STANDARD.encode(png.into_inner()), size })
    }
}

fn small(drawn: RgbImage) -> RgbImage {
    let longest = drawn.width().max(drawn.height());
    if longest <= SIDE {
        return drawn;
    }
    let scaled = |side: u32| (u64::from(side) * u64::from(SIDE) / u64::from(longest)).max(1) as u32;
    image::imageops::resize(&drawn, scaled(drawn.width()), scaled(drawn.height()), FilterType::Triangle)
}

/// The first `rows` rows of an attack's pictures.
pub fn strips(pictures: &Pictures, rows: usize) -> Result<Vec<Strip>, String> {
    let row = |number: usize| {
        let of_column = |column: &crate::attack::Column| Picture::of(&column.heading, &column.images, number);
        Ok(Strip {
            name: pictures.names[number].clone(),
            note: pictures.notes.get(number).cloned().unwrap_or_default(),
            pictures: pictures.columns.iter().map(of_column).collect::<Result<_, String>>()?,
        })
    };
    let rows = if pictures.columns.is_empty() { 0 } else { rows.min(pictures.names.len()) };
    (0..rows).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use imgveil_attack::Shape;

    #[test]
    fn pictures_are_small_and_keep_their_shape() {
        let shape = Shape { height: 200, width: 400, channels: 3 };
        let samples: Vec<u16> = (0..shape.samples()).map(|i| (i % 251) as u16).collect();
        let batch = Batch::new(shape, 255, samples).unwrap();
        let picture = Picture::of("plain", &batch, 0).unwrap();
        assert_eq!(picture.size, [144, 72]);
        let grey = Batch::new(Shape { height: 8, width: 6, channels: 1 }, 4095, vec![4095; 48]).unwrap();
        let picture = Picture::of("", &grey, 0).unwrap();
        let decoded = image::load_from_memory(&STANDARD.decode(picture.png).unwrap()).unwrap();
        assert_eq!((picture.size, decoded), ([6, 8], image::GrayImage::from_pixel(6, 8, image::Luma([255])).into()));
    }
}
