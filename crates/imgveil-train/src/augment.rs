//! Augmentation: random crop, horizontal flip, rotation and brightness. The feed's dispatch augments the plain image
//! and then encrypts it.

use imgveil::internal::image::Augmentation;
use imgveil::internal::schedule::Stream;
use std::str::FromStr;

/// The random augmentations of training images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Augment {
    /// Shift by up to this many pixels in each direction, black outside (random crop of the image with a border).
    pub crop: u16,
    /// Mirror every other image left to right.
    pub flip: bool,
    /// Turn by up to this many degrees in each direction, black outside.
    pub rotate: u16,
    /// Make brighter or darker by up to this many percent.
    pub brightness: u16,
}

impl Augment {
    /// Whether every augmentation is the identity.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Draws an augmentation.
    pub fn draw(self, stream: &mut Stream) -> Augmentation {
        let (dy, dx) = (around_zero(stream, self.crop.into()), around_zero(stream, self.crop.into()));
        let mirrored = self.flip && stream.word() & 1 == 1;
        // Rotation and brightness are drawn last, so that a seed gives the same crops and flips with and without them.
        let angle = around_zero(stream, 100 * u32::from(self.rotate));
        let brightness = around_zero(stream, (u32::from(self.brightness) * 256 + 50) / 100);
        Augmentation { dy, dx, mirrored, angle, brightness }
    }
}

impl FromStr for Augment {
    type Err = String;

    /// `none`, or a list of `flip`, `crop` (by up to 4 pixels), `rotate` (by up to 10 degrees) and `brightness` (by
    /// up to 20 percent), the last three also with a number: `crop=8,flip,rotate=5`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut augment = Self::default();
        for part in text.split(',') {
            let (name, number) = part.split_once('=').map_or((part, None), |(name, number)| (name, Some(number)));
            let up_to = |most: u16, usual: u16, what: &str| match number {
                None => Ok(usual),
                Some(number) => number
                    .parse()
                    .ok()
                    .filter(|n| (1..=most).contains(n))
                    .ok_or_else(|| format!("`{part}`: {name} takes 1 to {most} {what}, such as {name}={usual}")),
            };
            match name {
                "none" if text == "none" => {}
                "flip" if number.is_none() => augment.flip = true,
                "crop" => augment.crop = up_to(1024, 4, "pixels")?,
                "rotate" => augment.rotate = up_to(180, 10, "degrees")?,
                "brightness" => augment.brightness = up_to(100, 20, "percent")?,
                _ => {
                    return Err(format!(
                        "`{part}` is no augmentation: none, or a list of crop, flip, rotate and brightness, such as \
                         crop=4,flip,rotate=10,brightness=20"
                    ));
                }
            }
        }
        Ok(augment)
    }
}

/// Draws a number from -most to most, uniformly. Draws nothing for 0.
fn around_zero(stream: &mut Stream, most: u32) -> i16 {
    match most {
        0 => 0,
        // A parsed `Augment` gives at most 18,000.
        most => (stream.below(2 * most + 1) as i32 - most as i32) as i16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_refuses() {
        assert_eq!("none".parse(), Ok(Augment::default()));
        assert_eq!("crop,flip".parse(), Ok(Augment { crop: 4, flip: true, ..Augment::default() }));
        assert_eq!("crop=9".parse(), Ok(Augment { crop: 9, ..Augment::default() }));
        let all = Augment { crop: 4, flip: true, rotate: 10, brightness: 20 };
        assert_eq!("crop,flip,rotate,brightness".parse(), Ok(all));
        assert_eq!("brightness=20,rotate=10,flip,crop".parse(), Ok(all));
        for bad in
            ["", "crop=0", "crop=x", "flip=1", "none,flip", "none=1", "spin", "rotate=181", "rotate=", "brightness=101"]
        {
            assert!(bad.parse::<Augment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn views_reach_every_shift_and_no_further() {
        let mut stream = Stream::new(&[1; 32], 0);
        let augment = Augment { crop: 2, flip: true, ..Augment::default() };
        let views: std::collections::HashSet<Augmentation> = (0..2000).map(|_| augment.draw(&mut stream)).collect();
        assert_eq!(views.len(), 5 * 5 * 2);
        assert!(views.iter().all(|v| v.dy.abs() <= 2 && v.dx.abs() <= 2));
        assert_eq!(Augment::default().draw(&mut stream), Augmentation::IDENTITY);

        let augment = Augment { rotate: 1, brightness: 2, ..Augment::default() };
        let views: Vec<Augmentation> = (0..4000).map(|_| augment.draw(&mut stream)).collect();
        let range = |of: fn(&Augmentation) -> i16| (views.iter().map(of).min(), views.iter().map(of).max());
        assert_eq!(range(|view| view.angle), (Some(-100), Some(100)));
        assert_eq!(range(|view| view.brightness), (Some(-5), Some(5)));
        assert_eq!(range(|view| view.dx), (Some(0), Some(0)));
        // The largest values that can be parsed are defined on the largest images.
        let most: Augment = "crop=1024,flip,rotate=180,brightness=100".parse().unwrap();
        let geometry = imgveil::internal::image::Geometry::new(16_384, 16_384, 1).unwrap();
        assert!((0..4000).all(|_| most.draw(&mut stream).fits(geometry)));
    }

    #[test]
    fn rotation_and_brightness_leave_the_other_draws_alone() {
        let views = |augment: Augment| {
            let mut stream = Stream::new(&[1; 32], 0);
            augment.draw(&mut stream)
        };
        let plain = views(Augment { crop: 20, flip: true, ..Augment::default() });
        let more = views(Augment { crop: 20, flip: true, rotate: 10, brightness: 20 });
        assert_eq!((plain.dy, plain.dx, plain.mirrored), (more.dy, more.dx, more.mirrored));
        assert!(more.angle != 0 && more.brightness != 0);
    }
}
