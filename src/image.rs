//! Images as the rest of the library sees them: their [`Geometry`], their pixels as interleaved bytes, and the
//! [`Augmentation`] of an image. This module does not decode, and does not use files or devices.

use crate::plain::Plain;
use std::fmt;
use std::str::FromStr;

/// The bits that the samples of an image use: 8 in one byte, or 9 to 16 in two. A sample `p` is flipped to `max - p`,
/// so an encrypted image uses the same bits as its plain image. The key schedule includes the depth, so that no two
/// depths share a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Depth(u8);

impl Depth {
    /// 8 bits a sample, one byte.
    pub const U8: Depth = Depth(8);
    /// 16 bits a sample, two bytes, the less significant one first.
    pub const U16: Depth = Depth(16);

    /// A depth of 8 to 16 bits; `None` for any other number.
    pub fn new(bits: u32) -> Option<Self> {
        (8..=16).contains(&bits).then_some(Self(bits as u8))
    }

    /// The smallest depth whose samples go up to `max`.
    pub fn holding(max: u16) -> Self {
        Self((16 - max.leading_zeros() as u8).max(8))
    }

    /// Bits that a sample uses: 8 to 16.
    pub fn bits(self) -> u32 {
        self.0.into()
    }

    /// Bits that a sample takes where it is stored: 8 or 16.
    pub fn stored_bits(self) -> u32 {
        if self.0 == 8 { 8 } else { 16 }
    }

    /// Bytes of one stored sample: 1 or 2.
    pub fn bytes(self) -> usize {
        self.stored_bits() as usize / 8
    }

    /// The largest sample: 255 for 8 bits, 4,095 for 12, 65,535 for 16.
    pub fn max(self) -> u32 {
        (1 << self.bits()) - 1
    }

    /// The depth whose samples are whole nibbles: 8, 12 or 16 bits.
    pub fn whole_nibbles(self) -> Self {
        Self(self.0.next_multiple_of(4))
    }

    /// Sample number `sample` of stored bytes.
    pub fn sample(self, bytes: &[u8], sample: usize) -> u16 {
        match self {
            Depth::U8 => u16::from(bytes[sample]),
            _ => u16::from_le_bytes([bytes[2 * sample], bytes[2 * sample + 1]]),
        }
    }

    /// Writes sample number `sample` of stored bytes. For 8 bits, writes the lower byte of `value`.
    pub fn set_sample(self, bytes: &mut [u8], sample: usize, value: u16) {
        match self {
            Depth::U8 => bytes[sample] = value as u8,
            _ => bytes[2 * sample..][..2].copy_from_slice(&value.to_le_bytes()),
        }
    }

    /// The first stored sample above [`max`](Self::max). Stored samples of 8 and 16 bits cannot be, and are not read.
    pub fn first_above(self, bytes: &[u8]) -> Option<u16> {
        if self.bits() == self.stored_bits() {
            return None;
        }
        let (pairs, max) = (bytes.as_chunks::<2>().0, self.max() as u16);
        // Without an early end, so that the compiler compares many at a time: nearly all images are within.
        if pairs.iter().fold(0, |all, &pair| all | u16::from_le_bytes(pair)) <= max {
            return None;
        }
        pairs.iter().map(|&pair| u16::from_le_bytes(pair)).find(|&sample| sample > max)
    }
}

impl Default for Depth {
    fn default() -> Self {
        Self::U8
    }
}

impl fmt::Debug for Depth {
    /// `U` and the bits, such as `U12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U{}", self.0)
    }
}

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
        std::cmp::max(Depth::holding(samples.max().unwrap_or_default()), Depth(9))
    }

    /// Takes the samples out.
    pub fn into_samples(self) -> Vec<u8> {
        self.samples
    }
}

/// The augmentation of an image before it is encrypted: mirrored left to right or not, then turned about its centre,
/// then shifted, then made brighter or darker (`docs/SCHEDULE.md`, "Views"). It uses integers only, so that every
/// engine gives the same bits. The result, a view of the image, has the same geometry.
///
/// Output pixel (y, x) is pixel (y + dy, x + dx) of the mirrored and turned image. Pixels outside of the image are
/// black: a shift is a random crop of the image with a black border.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Augmentation {
    /// Shift in rows: output row y shows row y + dy.
    pub dy: i16,
    /// Shift in columns: output column x shows column x + dx.
    pub dx: i16,
    /// Mirrored left to right, before everything else.
    pub mirrored: bool,
    /// Angle, counter-clockwise, in hundredths of a degree. Values between pixels are interpolated.
    pub angle: i16,
    /// Samples are multiplied by (256 + brightness) / 256 and limited to the depth's maximum. From -256 to 256.
    pub brightness: i16,
}

/// The fraction bits of a sine.
const SINE_BITS: u32 = 14;

impl Augmentation {
    /// The image unchanged.
    pub const IDENTITY: Augmentation = Augmentation { dy: 0, dx: 0, mirrored: false, angle: 0, brightness: 0 };

    /// The longest side, and the largest shift, of an image that is turned. Larger positions do not fit 32 bits.
    pub const TURNED_SIDE: usize = 1 << 14;

    /// Whether this view of an image of `geometry` is defined.
    pub fn fits(self, geometry: Geometry) -> bool {
        let near = |distance: i16| usize::from(distance.unsigned_abs()) <= Self::TURNED_SIDE;
        let small = geometry.height().max(geometry.width()) <= Self::TURNED_SIDE && near(self.dy) && near(self.dx);
        (self.angle == 0 || small) && (-256..=256).contains(&self.brightness)
    }

    /// Cosine and sine of the angle in units of 2^-14, rounded.
    ///
    /// For every angle, the exact value is far enough from the middle of two units that all machines round it alike (a
    /// test checks all angles).
    pub fn cosine_and_sine(self) -> (i16, i16) {
        let angle = f64::from(self.angle).to_radians() / 100.0;
        let rounded = |value: f64| (value * f64::from(1 << SINE_BITS)).round() as i16;
        (rounded(angle.cos()), rounded(angle.sin()))
    }

    /// Writes the view of `input` into `output`. Both hold one image of `geometry`, which the view must
    /// [fit](Self::fits).
    pub fn copy(self, geometry: Geometry, input: &[u8], output: &mut [u8]) {
        if self == Self::IDENTITY {
            output.copy_from_slice(input);
            return;
        }
        match self.angle {
            0 => self.shift(geometry, input, output),
            _ => self.turn(geometry, input, output),
        }
        if self.brightness != 0 {
            self.brighten(geometry.depth(), output);
        }
    }

    /// Writes the mirrored and shifted image: whole pixels.
    fn shift(self, geometry: Geometry, input: &[u8], output: &mut [u8]) {
        let (height, width) = (geometry.height(), geometry.width());
        let bytes = geometry.channels() * geometry.depth().bytes();
        for y in 0..height {
            for x in 0..width {
                let (sy, sx) = (y as i64 + i64::from(self.dy), x as i64 + i64::from(self.dx));
                let to = &mut output[(y * width + x) * bytes..][..bytes];
                match self.place(geometry, sy, sx) {
                    Some(pixel) => to.copy_from_slice(&input[pixel * bytes..][..bytes]),
                    None => to.fill(0),
                }
            }
        }
    }

    /// Writes the mirrored, turned and shifted image: every sample is interpolated from the four around its source
    /// position.
    fn turn(self, geometry: Geometry, input: &[u8], output: &mut [u8]) {
        let (height, width, channels) = (geometry.height() as i64, geometry.width() as i64, geometry.channels());
        let (cosine, sine) = self.cosine_and_sine();
        let (cosine, sine) = (i64::from(cosine), i64::from(sine));
        let depth = geometry.depth();
        for y in 0..height {
            for x in 0..width {
                // Distance from the centre, in half pixels.
                let (from_y, from_x) =
                    (2 * (y + i64::from(self.dy)) - (height - 1), 2 * (x + i64::from(self.dx)) - (width - 1));
                // In units of 2^-15 pixels: half pixels times a sine.
                let column = cosine * from_x - sine * from_y + ((width - 1) << SINE_BITS);
                let row = sine * from_x + cosine * from_y + ((height - 1) << SINE_BITS);
                let (left, top) = (column >> 15, row >> 15);
                // The upper eight bits of the fractions.
                let (right_part, lower_part) = (column >> 7 & 255, row >> 7 & 255);
                let around = [
                    (self.place(geometry, top, left), (256 - lower_part) * (256 - right_part)),
                    (self.place(geometry, top, left + 1), (256 - lower_part) * right_part),
                    (self.place(geometry, top + 1, left), lower_part * (256 - right_part)),
                    (self.place(geometry, top + 1, left + 1), lower_part * right_part),
                ];
                for channel in 0..channels {
                    let share = |&(pixel, weight): &(Option<usize>, i64)| {
                        pixel.map_or(0, |pixel| i64::from(depth.sample(input, pixel * channels + channel)) * weight)
                    };
                    let value = (around.iter().map(share).sum::<i64>() + (1 << 15)) >> 16;
                    depth.set_sample(output, (y * width + x) as usize * channels + channel, value as u16);
                }
            }
        }
    }

    /// The number of the pixel at (y, x) of the mirrored image; `None` outside of the image.
    fn place(self, geometry: Geometry, y: i64, x: i64) -> Option<usize> {
        let (height, width) = (geometry.height() as i64, geometry.width() as i64);
        let inside = (0..height).contains(&y) && (0..width).contains(&x);
        let x = if self.mirrored { width - 1 - x } else { x };
        inside.then_some((y * width + x) as usize)
    }

    /// Multiplies all samples by the brightness.
    fn brighten(self, depth: Depth, image: &mut [u8]) {
        let factor = (256 + i32::from(self.brightness)).unsigned_abs();
        for sample in 0..image.len() / depth.bytes() {
            let brighter = (u32::from(depth.sample(image, sample)) * factor + 128) >> 8;
            depth.set_sample(image, sample, brighter.min(depth.max()) as u16);
        }
    }
}

/// The scale for training: `(2p - max) / max`, so that flipping a sample (`p -> max - p`) exactly flips the sign of its
/// float. The table has one entry for every sample of this depth. Every engine gives the same bits because it uses this
/// table.
pub fn normalised(depth: Depth) -> Vec<f32> {
    let max = depth.max() as f32;
    (0..=depth.max()).map(|p| (2.0 * p as f32 - max) / max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The constants of `shaders/shared/normalised.wgsl`, without fusing and with either product fused into the sum.
    #[test]
    fn a_reciprocal_in_two_parts_is_the_division() {
        let power = |exponent: i32| 2f32.powi(exponent);
        // 1 / max - 2^-depth, rounded to 24 bits.
        let rest = |bits: u32| {
            let max = f64::from((1 << bits) - 1);
            (bits, 1 << (23 - bits), power(-23), (1.0 / max - 2f64.powi(-(bits as i32))) as f32)
        };
        let eight = (8, 257, power(-16), power(-24) + power(-32) + power(-40) + power(-47));
        for (bits, factor, high, low) in (9..=16).map(rest).chain([eight]) {
            let depth = Depth::new(bits).unwrap();
            for (p, expected) in (0..=depth.max()).zip(normalised(depth)) {
                let x = 2 * p as i32 - depth.max() as i32;
                let (a, b) = ((factor * x) as f32, x as f32);
                for found in [a * high + b * low, a.mul_add(high, b * low), b.mul_add(low, a * high)] {
                    assert_eq!(found.to_bits(), expected.to_bits(), "{p} of {depth:?}");
                }
            }
        }
    }

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
    fn flipping_a_sample_flips_only_the_sign_bit() {
        for depth in (8..=16).filter_map(Depth::new) {
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
        let view = Augmentation { dy: 1, dx: -1, mirrored: true, ..Augmentation::IDENTITY };
        view.copy(g, &[1, 2, 3, 4, 5, 6], &mut out);
        // mirrored: 3 2 1 / 6 5 4; one row down, one column left: row 0 shows row 1, column 0 is outside
        assert_eq!(out, [0, 6, 5, 0, 0, 0]);
        let wide = g.with_depth(Depth::U16);
        let mut out = [9; 12];
        view.copy(wide, &[1, 0, 2, 0, 3, 0, 4, 0, 5, 1, 6, 2], &mut out);
        assert_eq!(out, [0, 0, 6, 2, 5, 1, 0, 0, 0, 0, 0, 0]);
    }
    #[test]
    fn a_quarter_turn_moves_pixels_and_a_small_one_mixes_them() {
        let g = Geometry::new(3, 3, 1).unwrap();
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let turned = |angle| {
            let mut out = [77; 9];
            Augmentation { angle, ..Augmentation::IDENTITY }.copy(g, &image, &mut out);
            out
        };
        assert_eq!(turned(9_000), [3, 6, 9, 2, 5, 8, 1, 4, 7], "counter-clockwise");
        assert_eq!(turned(-9_000), [7, 4, 1, 8, 5, 2, 9, 6, 3]);
        assert_eq!(turned(18_000), [9, 8, 7, 6, 5, 4, 3, 2, 1]);
        // A sixteenth of a turn: the centre stays, and the corners come partly from outside.
        let small = turned(2_250);
        assert_eq!(small[4], 5);
        assert!(small[8] < 9 && small[8] > 3, "{small:?}");
        // Even sides turn about the middle of four pixels.
        let mut out = [0; 4];
        Augmentation { angle: 9_000, ..Augmentation::IDENTITY }.copy(
            Geometry::new(2, 2, 1).unwrap(),
            &[1, 2, 3, 4],
            &mut out,
        );
        assert_eq!(out, [2, 4, 1, 3]);
    }

    #[test]
    fn brightness_multiplies_and_stops_at_the_top() {
        let g = Geometry::new(1, 4, 1).unwrap();
        let brighter = |brightness, geometry, image: &[u8]| {
            let mut out = vec![0; image.len()];
            Augmentation { brightness, ..Augmentation::IDENTITY }.copy(geometry, image, &mut out);
            out
        };
        assert_eq!(brighter(128, g, &[0, 1, 100, 200]), [0, 2, 150, 255]);
        assert_eq!(brighter(-128, g, &[0, 1, 100, 255]), [0, 1, 50, 128]);
        assert_eq!(brighter(-256, g, &[0, 1, 100, 255]), [0, 0, 0, 0]);
        assert_eq!(brighter(256, g, &[0, 1, 127, 128]), [0, 2, 254, 255]);
        let wide = Geometry::new(1, 2, 1).unwrap().with_depth(Depth::U16);
        assert_eq!(brighter(256, wide, &[255, 0, 255, 255]), [254, 1, 255, 255]);
        let twelve = wide.with_depth(Depth::new(12).unwrap());
        assert_eq!(brighter(256, twelve, &[255, 0, 0, 9]), [254, 1, 255, 15]);
    }

    #[test]
    fn depths_know_their_largest_sample_and_what_is_above() {
        assert_eq!(
            [7, 8, 9, 12, 16, 17].map(|bits| Depth::new(bits).map(Depth::max)),
            [None, Some(255), Some(511), Some(4_095), Some(65_535), None]
        );
        let holding = |max| Depth::holding(max).bits();
        assert_eq!([0, 255, 256, 511, 512, 4_095, 4_096, 65_535].map(holding), [8, 8, 9, 9, 10, 12, 13, 16]);
        let twelve = Depth::new(12).unwrap();
        assert_eq!((twelve.bytes(), twelve.stored_bits(), Depth::U8.stored_bits()), (2, 16, 8));
        assert_eq!(
            (8..=16).map(|bits| Depth::new(bits).unwrap().whole_nibbles().bits()).collect::<Vec<_>>(),
            [8, 12, 12, 12, 12, 16, 16, 16, 16]
        );
        assert_eq!(twelve.first_above(&[255, 15, 0, 0]), None);
        assert_eq!(twelve.first_above(&[255, 15, 0, 16, 255, 255]), Some(4_096));
        assert_eq!(Depth::U16.first_above(&[255, 255]), None);
        assert_eq!(Depth::U8.first_above(&[255, 255]), None);
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

    #[test]
    fn no_machine_rounds_a_sine_differently() {
        let off = |value: f64| ((value * 16_384.0).rem_euclid(1.0) - 0.5).abs();
        for angle in i16::MIN..=i16::MAX {
            let radians = f64::from(angle).to_radians() / 100.0;
            // The margin is a hundred million times the error of the worst library.
            assert!(off(radians.cos()) > 1e-6 && off(radians.sin()) > 1e-6, "{angle}");
        }
        assert_eq!(Augmentation { angle: 3_000, ..Augmentation::IDENTITY }.cosine_and_sine(), (14_189, 8_192));
        assert_eq!(Augmentation { angle: -9_000, ..Augmentation::IDENTITY }.cosine_and_sine(), (0, -16_384));
    }

    #[test]
    fn views_that_32_bits_do_not_hold_are_known() {
        let (side, long) = (Geometry::new(1 << 14, 1, 1).unwrap(), Geometry::new(1, (1 << 14) + 1, 1).unwrap());
        let turned = Augmentation { angle: 1, ..Augmentation::IDENTITY };
        assert!(turned.fits(side) && !turned.fits(long) && Augmentation::IDENTITY.fits(long));
        assert!(!Augmentation { dx: -16_385, ..turned }.fits(side));
        assert!(!Augmentation { brightness: 257, ..Augmentation::IDENTITY }.fits(side));
    }
}
