//! Augmentation: random crop and horizontal flip of the plain image, before it is encrypted, in the feed's dispatch.

use crate::image::View;
use crate::schedule::Stream;
use std::str::FromStr;

/// Which random views training takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Augment {
    /// Shift by up to this many pixels in each direction, black outside (random crop of the image with a border).
    pub crop: u16,
    /// Mirror every other image left to right.
    pub flip: bool,
}

impl Augment {
    /// Whether every view is the identity.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Draws a view.
    pub fn view(self, stream: &mut Stream) -> View {
        let mut shift = || match self.crop {
            0 => 0,
            // At most 65,535: the crop is checked to be small when it is parsed.
            crop => stream.below(2 * u32::from(crop) + 1) as i32 - i32::from(crop),
        };
        let (dy, dx) = (shift() as i16, shift() as i16);
        View { dy, dx, mirrored: self.flip && stream.word() & 1 == 1 }
    }
}

impl FromStr for Augment {
    type Err = String;

    /// `none`, `flip`, `crop` (by up to 4 pixels), `crop=8`, or a list such as `crop,flip`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut augment = Self::default();
        for part in text.split(',') {
            match part.split_once('=').unwrap_or((part, "4")) {
                ("none", _) if text == "none" => {}
                ("flip", _) if !part.contains('=') => augment.flip = true,
                ("crop", pixels) => {
                    let pixels = pixels.parse().ok().filter(|&n: &u16| (1..=1024).contains(&n));
                    augment.crop = pixels.ok_or(format!("`{part}`: crop by 1 to 1024 pixels, such as crop=4"))?;
                }
                _ => return Err(format!("`{part}` is no augmentation: none, crop, crop=PIXELS, flip, or crop,flip")),
            }
        }
        Ok(augment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_refuses() {
        assert_eq!("none".parse(), Ok(Augment::default()));
        assert_eq!("crop,flip".parse(), Ok(Augment { crop: 4, flip: true }));
        assert_eq!("crop=9".parse(), Ok(Augment { crop: 9, flip: false }));
        for bad in ["", "crop=0", "crop=x", "flip=1", "none,flip", "rotate"] {
            assert!(bad.parse::<Augment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn views_reach_every_shift_and_no_further() {
        let mut stream = Stream::new(&[1; 32], 0);
        let augment = Augment { crop: 2, flip: true };
        let views: std::collections::HashSet<View> = (0..2000).map(|_| augment.view(&mut stream)).collect();
        assert_eq!(views.len(), 5 * 5 * 2);
        assert!(views.iter().all(|v| v.dy.abs() <= 2 && v.dx.abs() <= 2));
        assert_eq!(Augment::default().view(&mut stream), View::IDENTITY);
    }
}
