//! Images brought to one number of channels.

use imgveil::internal::image::{Geometry, GeometryError, Image};

/// A number of channels that images are brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString)]
#[strum(parse_err_ty = String, parse_err_fn = not_channels)]
pub enum Channels {
    /// Grey. RGB becomes grey by [`luma`].
    #[strum(serialize = "1")]
    Grey,
    /// RGB. Grey becomes RGB by repetition.
    #[strum(serialize = "3")]
    Rgb,
}

fn not_channels(text: &str) -> String {
    format!("`{text}` is no number of channels: write 1 or 3")
}

/// The grey value of a pixel: the luma of ITU-R BT.601 in integers, as Pillow's conversion from RGB to L has it.
pub fn luma(red: u16, green: u16, blue: u16) -> u16 {
    // The factors sum up to 65,536, so that the result is at most the largest sample.
    let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
    ((sum + 0x8000) >> 16) as u16
}

impl Channels {
    fn count(self) -> u32 {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }

    /// The geometry of an image with this number of channels.
    ///
    /// # Errors
    /// If it has too many samples.
    pub fn geometry(self, geometry: Geometry) -> Result<Geometry, GeometryError> {
        let (height, width) = (geometry.height() as u32, geometry.width() as u32);
        Ok(Geometry::new(height, width, self.count())?.with_depth(geometry.depth()))
    }

    /// The image with this number of channels.
    ///
    /// # Errors
    /// As [`Channels::geometry`].
    pub fn apply(self, image: Image) -> Result<Image, GeometryError> {
        let (from, target) = (image.geometry(), self.geometry(image.geometry())?);
        if from == target {
            return Ok(image);
        }
        let depth = from.depth();
        let bytes = depth.bytes();
        let mut samples = Vec::with_capacity(target.bytes());
        match self {
            Self::Rgb => {
                for sample in image.samples().chunks_exact(bytes) {
                    (0..3).for_each(|_| samples.extend_from_slice(sample));
                }
            }
            Self::Grey => {
                for pixel in image.samples().chunks_exact(3 * bytes) {
                    let sample = |i: usize| depth.sample(pixel, i);
                    let grey = luma(sample(0), sample(1), sample(2)).to_le_bytes();
                    samples.extend_from_slice(&grey[..bytes]);
                }
            }
        }
        // The number of samples matches the target by construction.
        Ok(Image::new(target, samples).unwrap_or(image))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(geometry: &str, samples: &[u8]) -> Image {
        Image::new(geometry.parse().unwrap(), samples.to_vec()).unwrap()
    }

    #[test]
    fn grey_values_are_those_of_pillow() {
        // What Pillow 10 gives for Image.convert("L").
        for (rgb, grey) in [
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([255, 255, 255], 255),
            ([1, 2, 3], 2),
            ([200, 100, 50], 124),
            ([12, 200, 77], 130),
        ] {
            let [red, green, blue] = rgb;
            assert_eq!(luma(red, green, blue), grey, "{rgb:?}");
        }
        assert_eq!(luma(65_535, 65_535, 65_535), 65_535);
    }

    #[test]
    fn images_get_one_number_of_channels() {
        assert_eq!(Channels::Rgb.apply(image("1x2x1", &[7, 9])).unwrap(), image("1x2x3", &[7, 7, 7, 9, 9, 9]));
        assert_eq!(Channels::Grey.apply(image("1x2x3", &[255, 0, 0, 5, 5, 5])).unwrap(), image("1x2x1", &[76, 5]));
        assert_eq!(Channels::Grey.apply(image("1x1x1", &[7])).unwrap(), image("1x1x1", &[7]));
        let deep = image("1x1x1x16", &[0x34, 0x12]);
        let rgb = Channels::Rgb.apply(deep.clone()).unwrap();
        assert_eq!(rgb, image("1x1x3x16", &[0x34, 0x12, 0x34, 0x12, 0x34, 0x12]));
        assert_eq!(Channels::Grey.apply(rgb).unwrap(), deep);
        assert_eq!(("1".parse(), "3".parse()), (Ok(Channels::Grey), Ok(Channels::Rgb)));
        assert_eq!("2".parse::<Channels>().unwrap_err(), "`2` is no number of channels: write 1 or 3");
        assert_eq!(Channels::Rgb.to_string(), "3");
    }
}
