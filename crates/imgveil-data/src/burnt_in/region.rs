//! A rectangle of an image.

use imgveil::internal::image::Image;
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// A rectangle of an image, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Region {
    /// The first column.
    pub x: u32,
    /// The first row.
    pub y: u32,
    /// The number of columns, at least 1.
    pub width: u32,
    /// The number of rows, at least 1.
    pub height: u32,
}

/// A text that is no region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no region: write X,Y,WIDTH,HEIGHT in pixels, such as 0,0,200,40")]
pub struct NotARegion(pub(super) String);

impl Region {
    /// The image with black samples inside of the region. What lies outside of the image is left out.
    pub fn blanked(&self, image: Image) -> Image {
        let geometry = image.geometry();
        let pixel = geometry.bytes() / geometry.pixels();
        let Some(inside) = self.within(geometry.height(), geometry.width()) else { return image };
        let (x, width) = (inside.x as usize * pixel, inside.width as usize * pixel);
        let mut samples = image.clone().into_samples();
        let rows = samples.chunks_exact_mut(geometry.width() * pixel);
        for row in rows.skip(inside.y as usize).take(inside.height as usize) {
            row[x..x + width].fill(0);
        }
        // It has as many samples as before.
        Image::new(geometry, samples).unwrap_or(image)
    }

    /// The part of it inside an image of this size, if there is one.
    pub(super) fn within(&self, height: usize, width: usize) -> Option<Self> {
        let part = |from: u32, length: u32, side: usize| {
            let side = u32::try_from(side).unwrap_or(u32::MAX);
            side.checked_sub(from).map(|left| length.min(left)).filter(|&length| length > 0)
        };
        let (width, height) = (part(self.x, self.width, width)?, part(self.y, self.height, height)?);
        Some(Self { width, height, ..*self })
    }

    /// Whether two regions have a pixel in common.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let meets = |a: u32, length: u32, b: u32, other: u32| {
            u64::from(a) < u64::from(b) + u64::from(other) && u64::from(b) < u64::from(a) + u64::from(length)
        };
        meets(self.x, self.width, other.x, other.width) && meets(self.y, self.height, other.y, other.height)
    }

    /// The same in an image that is so many times as large.
    pub(super) fn scaled(&self, scale: u32) -> Self {
        let [x, y, width, height] = [self.x, self.y, self.width, self.height].map(|n| n.saturating_mul(scale));
        Self { x, y, width, height }
    }

    /// With a quarter of its height around it: letters have parts below and above a line's others.
    pub(super) fn padded(&self) -> Self {
        let more = self.height.div_ceil(4);
        let (x, y) = (self.x.saturating_sub(more), self.y.saturating_sub(more));
        Self { x, y, width: self.x - x + self.width + more, height: self.y - y + self.height + more }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.x, self.y, self.width, self.height)
    }
}

impl FromStr for Region {
    type Err = NotARegion;

    fn from_str(text: &str) -> Result<Self, NotARegion> {
        let wrong = || NotARegion(text.to_owned());
        let numbers: Result<Vec<u32>, _> = text.split(',').map(|number| number.trim().parse()).collect();
        match numbers.map_err(|_| wrong())?[..] {
            [x, y, width, height] if width > 0 && height > 0 => Ok(Self { x, y, width, height }),
            _ => Err(wrong()),
        }
    }
}
