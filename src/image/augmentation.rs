//! [`Augmentation`]: mirroring, turning, shifting and brightening of an image, in integers.

use super::{Depth, Geometry};

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

#[cfg(test)]
mod tests {
    use super::*;

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
