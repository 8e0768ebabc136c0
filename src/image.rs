//! Images as the rest of the library sees them: their [`Geometry`], their pixels as interleaved bytes, and the
//! [`Augmentation`] of an image. This module does not decode, and does not use files or devices.

mod augmentation;
mod depth;

use crate::plain::Plain;
use std::fmt;
use std::str::FromStr;

pub use augmentation::Augmentation;
pub use depth::{Depth, normalised};

/// Height, width, channels and depth of an image.
///
/// Pixels are stored interleaved: sample `(y * width + x) * channels + c`. Invariants: sides are at least 1, channels
/// are 1 or 3, and there are fewer than 2^31 samples, so that an entry of a plan's table has one bit left for the flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    height: u32,
    width: u32,
    channels: u32,
    depth: Depth,
}

/// Why a geometry was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// A side of zero pixels.
    #[error("an image of {height}x{width} pixels has no pixels; leave it out")]
    Empty {
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
    },
    /// Neither grey nor RGB.
    #[error(
        "{channels} channels are not supported: images must be grey (1) or RGB (3); flatten an alpha channel first"
    )]
    Channels {
        /// Channels found.
        channels: u32,
    },
    /// 2^31 samples or more.
    #[error("an image of {height}x{width}x{channels} is too large (2^31 samples or more); cut it into tiles first")]
    TooLarge {
        /// Rows.
        height: u32,
        /// Columns.
        width: u32,
        /// Channels.
        channels: u32,
    },
    /// Not of the form `HEIGHTxWIDTHxCHANNELS`.
    #[error(
        "`{}` is not a geometry; write HEIGHTxWIDTHxCHANNELS, such as 224x224x3, and x16 behind it for 16-bit samples",
        .0.plain()
    )]
    Syntax(String),
}

impl Geometry {
    /// An 8-bit geometry.
    ///
    /// # Errors
    /// When a side is zero, channels are neither 1 nor 3, or there are 2^31 samples or more.
    pub fn new(height: u32, width: u32, channels: u32) -> Result<Self, GeometryError> {
        if height == 0 || width == 0 {
            return Err(GeometryError::Empty { height, width });
        }
        if channels != 1 && channels != 3 {
            return Err(GeometryError::Channels { channels });
        }
        // 128 bits cannot overflow, even if a header states wrong sizes.
        if u128::from(height) * u128::from(width) * u128::from(channels) >= 1 << 31 {
            return Err(GeometryError::TooLarge { height, width, channels });
        }
        Ok(Self { height, width, channels, depth: Depth::U8 })
    }

    /// The same sides and channels with samples of another depth.
    pub fn with_depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// Rows.
    pub fn height(self) -> usize {
        self.height as usize
    }

    /// Columns.
    pub fn width(self) -> usize {
        self.width as usize
    }

    /// Samples of one pixel: 1 or 3.
    pub fn channels(self) -> usize {
        self.channels as usize
    }

    /// The bits that samples use.
    pub fn depth(self) -> Depth {
        self.depth
    }

    /// Pixels: height x width.
    pub fn pixels(self) -> usize {
        self.height() * self.width()
    }

    /// Samples of one image: height x width x channels.
    pub fn samples(self) -> usize {
        self.pixels() * self.channels()
    }

    /// Bytes of one stored image: samples x bytes of a sample.
    pub fn bytes(self) -> usize {
        self.samples() * self.depth.bytes()
    }

    /// `HEIGHTxWIDTHxCHANNELS` without the depth, as the key schedule writes it.
    pub fn size(self) -> String {
        format!("{}x{}x{}", self.height, self.width, self.channels)
    }
}

impl fmt::Display for Geometry {
    /// `HEIGHTxWIDTHxCHANNELS`, followed by `x` and the depth if samples use more than 8 bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.size())?;
        match self.depth {
            Depth::U8 => Ok(()),
            depth => write!(f, "x{}", depth.bits()),
        }
    }
}

impl FromStr for Geometry {
    type Err = GeometryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || GeometryError::Syntax(text.to_owned());
        let sides: Vec<u32> = text.split('x').map(str::parse).collect::<Result<_, _>>().map_err(|_| syntax())?;
        match sides[..] {
            [height, width, channels] => Self::new(height, width, channels),
            [height, width, channels, bits] => {
                let depth = Depth::new(bits).filter(|&depth| depth != Depth::U8).ok_or_else(syntax)?;
                Ok(Self::new(height, width, channels)?.with_depth(depth))
            }
            _ => Err(syntax()),
        }
    }
}

/// One decoded image: interleaved samples as they are stored, `geometry.bytes()` bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    geometry: Geometry,
    samples: Vec<u8>,
}

impl Image {
    /// Wraps interleaved samples.
    ///
    /// Returns `None` when `samples` does not have `geometry.bytes()` bytes.
    pub fn new(geometry: Geometry, samples: Vec<u8>) -> Option<Self> {
        (samples.len() == geometry.bytes()).then_some(Self { geometry, samples })
    }

    /// The image's geometry.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Interleaved samples, row by row. A 16-bit sample is two bytes, the less significant one first.
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// The same samples at another depth of as many bytes.
    ///
    /// # Errors
    /// The first sample that is larger than the depth holds. Where the depth has another number of bytes: any sample.
    pub fn at_depth(self, depth: Depth) -> Result<Self, u16> {
        if depth.bytes() != self.geometry.depth().bytes() {
            return Err(self.geometry.depth().sample(&self.samples, 0));
        }
        match depth.first_above(&self.samples) {
            Some(sample) => Err(sample),
            None => Ok(Self { geometry: self.geometry.with_depth(depth), ..self }),
        }
    }

    /// The depth that the samples use: 8 bits in one byte, else 9 to 16.
    pub fn used_depth(&self) -> Depth {
        if self.geometry.depth() == Depth::U8 {
            return Depth::U8;
        }
        let samples = self.samples.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair));
        std::cmp::max(Depth::holding(samples.max().unwrap_or_default()), Depth::U9)
    }

    /// Takes the samples out.
    pub fn into_samples(self) -> Vec<u8> {
        self.samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The constants of `shaders/shared/normalised.wgsl`, without fusing and with either product fused into the sum.

    #[test]
    fn refuses_what_no_plan_can_address() {
        assert!(matches!(Geometry::new(0, 4, 1), Err(GeometryError::Empty { .. })));
        assert!(matches!(Geometry::new(4, 4, 2), Err(GeometryError::Channels { channels: 2 })));
        assert!(matches!(Geometry::new(u32::MAX, u32::MAX, 3), Err(GeometryError::TooLarge { .. })));
        assert!(Geometry::new(1 << 15, (1 << 16) - 1, 1).is_ok());
        assert!(matches!("28x28".parse::<Geometry>(), Err(GeometryError::Syntax(_))));
        for depth in ["0", "7", "8", "17", "012x1", "12x12", "4294967304"] {
            let text = format!("28x28x1x{depth}");
            assert!(matches!(text.parse::<Geometry>(), Err(GeometryError::Syntax(_))), "{text}");
        }
        for text in ["28x30x3", "28x30x1x9", "28x30x3x12", "28x30x1x16"] {
            assert_eq!(text.parse::<Geometry>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_image_takes_a_depth_that_holds_its_samples() {
        let geometry = Geometry::new(1, 2, 1).unwrap();
        let image = |samples: [u8; 4]| Image::new(geometry.with_depth(Depth::U16), samples.to_vec()).unwrap();
        let bits = |samples| image(samples).used_depth().bits();
        assert_eq!([[0; 4], [255, 0, 0, 2], [255, 15, 0, 0], [0, 0, 0, 128]].map(bits), [9, 10, 12, 16]);
        let twelve = Depth::new(12).unwrap();
        assert_eq!(image([255, 15, 0, 0]).at_depth(twelve).unwrap().geometry(), geometry.with_depth(twelve));
        assert_eq!(image([255, 15, 0, 16]).at_depth(twelve), Err(4096));
        assert_eq!(image([7, 0, 0, 0]).at_depth(Depth::U8), Err(7));
    }
}
