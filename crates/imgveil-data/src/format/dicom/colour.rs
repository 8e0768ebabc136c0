//! From stored samples to RGB: palettes, colour differences, planes.

use super::codec::Decoded;
use super::description::{Description, Photometric};
use super::grey::each_word;
use super::voi::Lut;
use imgveil::internal::image::Depth;

impl Description {
    /// A frame of interleaved samples as RGB.
    pub(super) fn rgb(&self, frame: Decoded<'_>, depth: Depth) -> Vec<u8> {
        match &self.palette {
            Some(palette) => self.looked_up(&frame.samples, palette),
            None if self.converts(&frame, depth) => from_differences(frame.samples.into_owned()),
            None => self.full_depth(&frame.samples, depth),
        }
    }

    /// Whether a frame holds colour differences, which become RGB.
    pub(super) fn converts(&self, frame: &Decoded<'_>, depth: Depth) -> bool {
        let differences = matches!(self.photometric, Photometric::Ybr | Photometric::Ybr422);
        self.samples == 3 && frame.differences.unwrap_or(differences) && depth == Depth::U8
    }

    fn looked_up(&self, frame: &[u8], palette: &[Lut; 3]) -> Vec<u8> {
        let mut samples = Vec::with_capacity(frame.len() * 3);
        each_word(frame, self.allocated, |word| {
            let index = (self.code(word) ^ self.sign()).cast_signed() - self.sign().cast_signed();
            // The upper 8 bits of larger entries.
            samples.extend(palette.each_ref().map(|lut| (lut.entry(index) >> lut.bits.saturating_sub(8)) as u8));
        });
        samples
    }
}

/// Y, Cb, Cr of 0 to 255 each (ITU-R BT.601, PS3.3 C.7.6.3.1.2) to red, green, blue, in place.
fn from_differences(mut frame: Vec<u8>) -> Vec<u8> {
    for pixel in frame.as_chunks_mut().0 {
        let [y, blue, red] = pixel.map(f32::from);
        let (blue, red) = (blue - 128.0, red - 128.0);
        let rgb = [y + 1.402 * red, y - 0.114 * 1.772 / 0.587 * blue - 0.299 * 1.402 / 0.587 * red, y + 1.772 * blue];
        // The cast saturates.
        *pixel = rgb.map(|sample| sample.round() as u8);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_stays_grey_and_primaries_come_out() {
        for y in [0, 1, 127, 255] {
            assert_eq!(from_differences(vec![y, 128, 128]), [y; 3]);
        }
        assert_eq!(from_differences(vec![76, 85, 255]), [254, 0, 0]);
        assert_eq!(from_differences(vec![29, 255, 107]), [0, 0, 254]);
    }
}
