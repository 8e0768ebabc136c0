//! What an image is to the rest of the library: its [`Geometry`], its pixels as interleaved bytes, and the
//! [`View`] that augmentation takes of it. Never decodes, never touches a file or a device.

use std::fmt;
use std::str::FromStr;

/// Bits of one sample. A geometry names its depth in the key schedule, so that no two depths share a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Depth {
    /// 8 bits a sample, one byte.
    #[default]
    U8,
    /// 16 bits a sample, two bytes, the less significant one first.
    U16,
}

impl Depth {
    /// Bits of one sample.
    pub fn bits(self) -> u32 {
        match self {
            Depth::U8 => 8,
            Depth::U16 => 16,
        }
    }

    /// Bytes of one sample.
    pub fn bytes(self) -> usize {
        self.bits() as usize / 8
    }

    /// The largest sample: 255 or 65,535. Flipping the sign of `p` is `max - p`.
    pub fn max(self) -> u32 {
        (1 << self.bits()) - 1
    }
}

/// Height, width, channels and depth of an image.
///
/// Pixels are stored interleaved: sample `(y * width + x) * channels + c`. Invariants: sides are at least 1,
/// channels are 1 or 3, and there are fewer than 2^31 samples, so that a plan's table entry has a bit to spare.
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
        .0.escape_debug()
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
        // In 128 bits nothing overflows, whatever a lying header says.
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

    /// Bits of one sample.
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

    /// Bytes of one image as it is stored: samples x bytes of a sample.
    pub fn bytes(self) -> usize {
        self.samples() * self.depth.bytes()
    }

    /// `HEIGHTxWIDTHxCHANNELS`, without the depth: as the key schedule names it.
    pub fn size(self) -> String {
        format!("{}x{}x{}", self.height, self.width, self.channels)
    }
}

impl fmt::Display for Geometry {
    /// `HEIGHTxWIDTHxCHANNELS`, and `x16` behind it for 16-bit samples.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.size())?;
        match self.depth {
            Depth::U8 => Ok(()),
            Depth::U16 => f.write_str("x16"),
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
            [height, width, channels, 16] => Ok(Self::new(height, width, channels)?.with_depth(Depth::U16)),
            _ => Err(syntax()),
        }
    }
}

/// One decoded image: interleaved samples as they are stored, `geometry.bytes()` of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    geometry: Geometry,
    samples: Vec<u8>,
}

impl Image {
    /// Wraps interleaved samples.
    ///
    /// Returns `None` when they are not `geometry.bytes()` bytes.
    pub fn new(geometry: Geometry, samples: Vec<u8>) -> Option<Self> {
        (samples.len() == geometry.bytes()).then_some(Self { geometry, samples })
    }

    /// The image's geometry.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Interleaved samples, row by row; those of 16 bits as two bytes, the less significant one first.
    pub fn samples(&self) -> &[u8] {
        &self.samples
    }

    /// Takes the samples out.
    pub fn into_samples(self) -> Vec<u8> {
        self.samples
    }
}

/// What augmentation makes of an image before it is encrypted: mirrored left to right or not, then shifted.
///
/// Output pixel (y, x) is pixel (y + dy, x + dx) of the (mirrored) image, black outside of it: a random crop of the
/// image with a black border. A view keeps the geometry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct View {
    /// Rows down.
    pub dy: i16,
    /// Columns to the right.
    pub dx: i16,
    /// Mirrored left to right, before the shift.
    pub mirrored: bool,
}

impl View {
    /// The image as it is.
    pub const IDENTITY: View = View { dy: 0, dx: 0, mirrored: false };

    /// Writes the view of `input` into `output`; both hold one image of `geometry`.
    pub fn copy(self, geometry: Geometry, input: &[u8], output: &mut [u8]) {
        if self == Self::IDENTITY {
            output.copy_from_slice(input);
            return;
        }
        let (height, width) = (geometry.height(), geometry.width());
        let bytes = geometry.channels() * geometry.depth().bytes();
        for y in 0..height {
            for x in 0..width {
                let (sy, sx) = (y as i64 + i64::from(self.dy), x as i64 + i64::from(self.dx));
                let inside = (0..height as i64).contains(&sy) && (0..width as i64).contains(&sx);
                let to = (y * width + x) * bytes;
                if !inside {
                    output[to..to + bytes].fill(0);
                    continue;
                }
                let sx = if self.mirrored { width - 1 - sx as usize } else { sx as usize };
                let from = (sy as usize * width + sx) * bytes;
                output[to..to + bytes].copy_from_slice(&input[from..from + bytes]);
            }
        }
    }
}

/// The scale for training: `(2p - max) / max`, so that flipping a sample (`p -> max - p`) is exactly flipping the sign of its
/// float. An entry for every sample of this depth, the same bits on every engine because every engine reads this table.
pub fn normalised(depth: Depth) -> Vec<f32> {
    let max = depth.max() as f32;
    (0..=depth.max()).map(|p| (2.0 * p as f32 - max) / max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_plan_can_address() {
        assert!(matches!(Geometry::new(0, 4, 1), Err(GeometryError::Empty { .. })));
        assert!(matches!(Geometry::new(4, 4, 2), Err(GeometryError::Channels { channels: 2 })));
        assert!(matches!(Geometry::new(u32::MAX, u32::MAX, 3), Err(GeometryError::TooLarge { .. })));
        assert!(Geometry::new(1 << 15, (1 << 16) - 1, 1).is_ok());
        assert!(matches!("28x28".parse::<Geometry>(), Err(GeometryError::Syntax(_))));
        assert!(matches!("28x28x1x12".parse::<Geometry>(), Err(GeometryError::Syntax(_))));
        for text in ["28x30x3", "28x30x1x16"] {
            assert_eq!(text.parse::<Geometry>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn flipping_a_sample_flips_only_the_sign_bit() {
        for depth in [Depth::U8, Depth::U16] {
            let (scale, max) = (normalised(depth), depth.max() as usize);
            for p in 0..=max {
                assert_eq!(scale[max - p].to_bits(), scale[p].to_bits() ^ (1 << 31));
            }
            assert_eq!((scale[0], scale[max]), (-1.0, 1.0));
        }
    }

    #[test]
    fn a_view_mirrors_first_and_then_shifts() {
        let g = Geometry::new(2, 3, 1).unwrap();
        let mut out = [9; 6];
        View { dy: 1, dx: -1, mirrored: true }.copy(g, &[1, 2, 3, 4, 5, 6], &mut out);
        // mirrored: 3 2 1 / 6 5 4; one row down, one column left: row 0 shows row 1, column 0 is outside
        assert_eq!(out, [0, 6, 5, 0, 0, 0]);
        let wide = g.with_depth(Depth::U16);
        let mut out = [9; 12];
        View { dy: 1, dx: -1, mirrored: true }.copy(wide, &[1, 0, 2, 0, 3, 0, 4, 0, 5, 1, 6, 2], &mut out);
        assert_eq!(out, [0, 0, 6, 2, 5, 1, 0, 0, 0, 0, 0, 0]);
    }
}
