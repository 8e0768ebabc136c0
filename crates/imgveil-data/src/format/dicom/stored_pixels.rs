//! From the images of a set to the stored pixels of a DICOM object: the reverse of reading.

use super::description::{Description, Photometric};
use super::frames::Frames;
use crate::format::write_back::NotWrittenBack;
use imgveil::internal::image::{Depth, Image};

/// The pixels of all frames as they are stored, the least significant byte of a sample first, the samples of a pixel
/// side by side.
pub(super) struct StoredPixels {
    bytes: Vec<u8>,
    /// Bits of a stored sample.
    pub allocated: u32,
    /// Whether indices or colour differences have become red, green and blue of 8 bits.
    pub converted: bool,
}

impl StoredPixels {
    /// Compares the frames of an object with the images of a set, and stores these. `depth` is that of the object's
    /// frames as they are read.
    ///
    /// # Errors
    /// If a frame cannot be decoded, or has other pixels than its image.
    pub(super) fn of(
        description: &Description,
        bytes: &[u8],
        images: &[Image],
        depth: Depth,
    ) -> Result<Self, NotWrittenBack> {
        let frames = Frames::locate(description, bytes)?;
        let grey = matches!(description.photometric, Photometric::Grey { .. });
        let (mut stored, mut bits, mut converted) = (Vec::new(), Vec::new(), description.palette.is_some());
        for (index, image) in images.iter().enumerate() {
            let frame = description.decode(frames.bytes(description, bytes, index)?)?;
            converted = converted || description.converts(&frame, depth);
            let words = frame.samples.to_vec();
            let read = if grey { description.full_depth(&words, depth) } else { description.rgb(frame, depth) };
            if read != image.samples() {
                return Err(NotWrittenBack::OtherPixels(index));
            }
            if converted {
                stored.extend_from_slice(image.samples());
            } else if description.allocated == 1 {
                bits.extend(description.restored(image.samples(), &words, depth));
            } else {
                stored.extend(description.restored(image.samples(), &words, depth));
            }
        }
        // Frames of single bits follow each other without a gap, the first bit of a byte is its lowest.
        stored.extend(bits.chunks(8).map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit)));
        let allocated = if converted { 8 } else { description.allocated };
        Ok(Self { bytes: stored, allocated, converted })
    }

    /// Whether the element that holds the pixels is a stream of words of 16 bits. `stated` is what the original says.
    pub(super) fn in_words(&self, stated: bool) -> bool {
        self.allocated == 16 || stated
    }

    /// The value of the element that holds the pixels.
    pub(super) fn into_value(mut self, big_endian: bool, in_words: bool) -> Vec<u8> {
        if self.bytes.len() % 2 == 1 {
            self.bytes.push(0);
        }
        // In big-endian words, samples of at most 8 bits are swapped in pairs.
        if big_endian && in_words {
            self.bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|pair| pair.reverse());
        }
        self.bytes
    }
}

impl Description {
    /// The stored words of samples. `originals` are the words of the object: bits that hold no part of a sample stay
    /// what they are there.
    fn restored(&self, samples: &[u8], originals: &[u8], depth: Depth) -> Vec<u8> {
        let size = self.allocated.div_ceil(8) as usize;
        let mut words = Vec::with_capacity(originals.len());
        let mut push = |level: u64, original: &[u8]| {
            let original = original.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
            words.extend_from_slice(&self.word(level, original).to_le_bytes()[..size]);
        };
        let originals = originals.chunks_exact(size);
        match depth {
            // A single bit is black or white.
            Depth::U8 if self.stored == 1 => {
                samples.iter().zip(originals).for_each(|(&level, original)| push(u64::from(level & 1), original));
            }
            Depth::U8 => samples.iter().zip(originals).for_each(|(&level, original)| push(level.into(), original)),
            _ => {
                let levels = samples.as_chunks().0.iter().map(|&level| u16::from_le_bytes(level));
                levels.zip(originals).for_each(|(level, original)| push(level.into(), original));
            }
        }
        words
    }

    /// The word of a level: the reverse of [`Description::full_depth`].
    pub(super) fn word(&self, level: u64, original: u64) -> u64 {
        let mask = u64::MAX >> (64 - self.stored);
        let turned = if self.photometric == (Photometric::Grey { inverted: true }) { mask } else { 0 };
        let code = level ^ turned ^ self.sign();
        let around = match self.syntax.coding.keeps_bits() {
            true => original & !(mask << self.shift),
            // The bits above a signed sample repeat its sign.
            false if code & self.sign() != 0 => !mask,
            false => 0,
        };
        around | code << self.shift
    }
}
