//! [`Depth`]: the bits that samples use, and the scale that turns samples into floats.

use std::fmt;

/// The bits that the samples of an image use: 8 in one byte, or 9 to 16 in two. A sample `p` is flipped to `max - p`,
/// so an encrypted image uses the same bits as its plain image. The key schedule includes the depth, so that no two
/// depths share a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Depth(u8);

impl Depth {
    /// 8 bits a sample, one byte.
    pub const U8: Depth = Depth(8);
    /// 9 bits a sample: the smallest depth of two bytes.
    pub(super) const U9: Depth = Depth(9);
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
}
