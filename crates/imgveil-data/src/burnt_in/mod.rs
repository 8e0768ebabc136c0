//! Text that is burnt into pixels, such as a patient's name on an ultrasound image: finding what looks like it, and
//! blanking regions. Nothing here reads the text, and nothing finds all of it.

mod letters;
mod lines;
mod region;

pub use region::{NotARegion, Region};

use imgveil::internal::image::{Depth, Image};
use letters::letters;
use lines::lines;

/// The smallest side of an image that is looked at.
const SMALLEST: usize = 16;

/// Regions near the border of an image in which there seem to be lines of letters, from left to right: three or more
/// marks of like height on one line that stand out sharply, bright on dark or dark on bright. Letters of 5 pixels to an
/// eighth of the image's height are found, large ones in smaller copies of the image.
pub fn text_like(image: &Image) -> Vec<Region> {
    let mut grey = Grey::of(image);
    let (height, width) = (grey.height(), grey.width);
    let (mut found, mut scale) = (Vec::<Region>::new(), 1);
    while grey.width.min(grey.height()) >= SMALLEST * if scale == 1 { 1 } else { 6 } {
        for inverted in [false, true] {
            let marks = letters(&grey, inverted);
            for line in lines(marks) {
                let region = line.padded().scaled(scale).within(height, width);
                let near = region.filter(|region| is_near_the_border(region, height, width));
                found.extend(near.filter(|region| !found.iter().any(|other| other.overlaps(region))));
            }
        }
        grey = grey.halved();
        scale *= 2;
    }
    found.sort_unstable();
    found
}

/// Whether a region's middle is outside of the middle of the image, where anatomy is.
fn is_near_the_border(region: &Region, height: usize, width: usize) -> bool {
    let middle = |from: u32, length: u32, side: usize| {
        let centre = f64::from(from) + f64::from(length) / 2.0;
        (0.3..0.7).contains(&(centre / side as f64))
    };
    !(middle(region.x, region.width, width) && middle(region.y, region.height, height))
}

/// Grey samples of 8 bits, row by row.
struct Grey {
    samples: Vec<u8>,
    width: usize,
}

impl Grey {
    /// An image with its largest sample as white, and colours by their largest channel.
    fn of(image: &Image) -> Self {
        let geometry = image.geometry();
        let (channels, width) = (geometry.channels(), geometry.width());
        let levels: Vec<u16> = match geometry.depth() {
            Depth::U8 => image.samples().iter().map(|&sample| sample.into()).collect(),
            _ => image.samples().as_chunks().0.iter().map(|&sample| u16::from_le_bytes(sample)).collect(),
        };
        let pixels = levels.chunks_exact(channels).map(|pixel| pixel.iter().copied().max().unwrap_or(0));
        let pixels: Vec<u16> = pixels.collect();
        let most = u32::from(pixels.iter().copied().max().unwrap_or(0).max(1));
        let samples = pixels.into_iter().map(|level| (u32::from(level) * 255 / most) as u8).collect();
        Self { samples, width }
    }

    fn height(&self) -> usize {
        self.samples.len() / self.width
    }

    /// Half as high and wide: every sample is the mean of four.
    fn halved(&self) -> Self {
        let (height, width) = (self.height() / 2, self.width / 2);
        let at = |y: usize, x: usize| u16::from(self.samples[y * self.width + x]);
        let mean = |y: usize, x: usize| at(y, x) + at(y, x + 1) + at(y + 1, x) + at(y + 1, x + 1);
        let samples = (0..height).flat_map(|y| (0..width).map(move |x| (mean(2 * y, 2 * x) / 4) as u8));
        Self { samples: samples.collect(), width: width.max(1) }
    }
}

#[cfg(test)]
mod tests;
