//! From stored samples to grey images: at their full depth, or as 8 bits through a window as DICOM PS3.3 C.11 defines
//! it (modality transformation, then values of interest).

use super::description::{Description, Number, Photometric, Values};
use super::voi::{Function, Voi};
use crate::format::Window;
use imgveil::internal::image::Depth;

/// Calls `each` for every stored word of a frame.
pub(super) fn each_word(frame: &[u8], allocated: u32, mut each: impl FnMut(u64)) {
    match allocated {
        16 => frame.as_chunks().0.iter().for_each(|word| each(u64::from(u16::from_le_bytes(*word)))),
        32 => frame.as_chunks().0.iter().for_each(|word| each(u64::from(u32::from_le_bytes(*word)))),
        64 => frame.as_chunks().0.iter().for_each(|word| each(u64::from_le_bytes(*word))),
        _ => frame.iter().for_each(|&byte| each(u64::from(byte))),
    }
}

impl Description {
    /// The significant bits of a stored word, without sign extension.
    pub(super) fn code(&self, word: u64) -> u64 {
        (word >> self.shift) & (u64::MAX >> (64 - self.stored))
    }

    /// The sign bit of a code. 0 for unsigned samples.
    pub(super) fn sign(&self) -> u64 {
        if self.signed { 1 << (self.stored - 1) } else { 0 }
    }

    /// The value of a stored word, before any transformation.
    fn value(&self, word: u64) -> f64 {
        match self.number {
            Number::Float => f64::from(f32::from_bits(word as u32)),
            Number::Double => f64::from_bits(word),
            // Integers have at most 32 bits, so the conversion is exact.
            Number::Integer => (self.code(word) ^ self.sign()) as f64 - self.sign() as f64,
        }
    }

    /// The value of a stored word in the modality's units.
    fn modality_value(&self, word: u64, values: &Values) -> f64 {
        let value = self.value(word);
        match &self.modality {
            Some(lut) => f64::from(lut.entry(value as i64)),
            None => value * values.slope + values.intercept,
        }
    }

    pub(super) fn inverted(&self) -> bool {
        self.photometric == Photometric::Grey { inverted: true }
    }

    /// A frame at its full depth: half of the range is added to signed values, and values are inverted if the smallest
    /// is white, so that larger is brighter.
    pub(super) fn full_depth(&self, frame: &[u8], depth: Depth) -> Vec<u8> {
        let (sign, max) = (self.sign(), u64::MAX >> (64 - self.stored));
        let turned = if self.inverted() { max } else { 0 };
        let level = |word| self.code(word) ^ sign ^ turned;
        let mut samples = Vec::with_capacity(frame.len());
        match depth {
            // A single bit is black or white.
            Depth::U8 if self.stored == 1 => {
                each_word(frame, self.allocated, |word| samples.push(level(word) as u8 * 255))
            }
            Depth::U8 => each_word(frame, self.allocated, |word| samples.push(level(word) as u8)),
            _ => {
                each_word(frame, self.allocated, |word| samples.extend((level(word) as u16).to_le_bytes()));
            }
        }
        samples
    }

    /// What the values of frame `index` mean.
    pub(super) fn frame_values(&self, index: usize) -> &Values {
        self.frame_values.get(index).unwrap_or(&self.values)
    }

    /// Frame `index` as 8 bits through a window.
    pub(super) fn windowed(&self, index: usize, frame: &[u8], window: Window) -> Vec<u8> {
        let values = self.frame_values(index);
        let voi = match window {
            Window::Linear { centre, width } => Voi::Window { function: Function::Linear, centre, width },
            Window::Auto => values.voi.clone().unwrap_or_else(|| self.range(frame, values)),
        };
        let turned = if self.inverted() { 255 } else { 0 };
        let grey = |word| voi.grey(self.modality_value(word, values)) ^ turned;
        let mut samples = Vec::with_capacity(frame.len());
        if self.number == Number::Integer && self.stored <= 16 && frame.len() >> self.stored > 0 {
            // A table pays, because there are about as many pixels as values, or more.
            let table: Vec<u8> = (0..1u64 << self.stored).map(|code| grey(code << self.shift)).collect();
            let entry = |word| table.get(self.code(word) as usize).copied().unwrap_or(0);
            each_word(frame, self.allocated, |word| samples.push(entry(word)));
        } else {
            each_word(frame, self.allocated, |word| samples.push(grey(word)));
        }
        samples
    }

    /// A window from a frame's smallest to its largest value.
    fn range(&self, frame: &[u8], values: &Values) -> Voi {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        each_word(frame, self.allocated, |word| {
            let value = self.modality_value(word, values);
            if value.is_finite() {
                (least, most) = (least.min(value), most.max(value));
            }
        });
        // A frame with only one value, or without finite values, is black.
        let width = if most > least { most - least } else { f64::MAX };
        let centre = if most > least { least + width / 2.0 } else { f64::MAX };
        Voi::Window { function: Function::LinearExact, centre, width }
    }
}
