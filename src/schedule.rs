//! Keyed randomness, version 1: from the secret to every permutation, sign bit and keystream byte. The published
//! contract is `docs/SCHEDULE.md`; known-answer vectors are in `assets/vectors/`. The key is the only source of
//! randomness, so that the same key gives the same bytes on every machine.

pub mod ranking;

pub use ranking::Piece;

use crate::image::{Augmentation, Geometry};
use crate::key::Key;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

/// The key of one stage of one scheme at one geometry.
pub type Subkey = Zeroizing<[u8; 32]>;

/// The subkey of the stage that `descriptor` names (see `docs/SCHEDULE.md`, "Subkeys").
pub fn subkey(key: &Key, descriptor: &str) -> Subkey {
    key.derive("imgveil v1 stage", descriptor.as_bytes())
}

/// A stream of keyed random words: ChaCha20 with a 64-bit stream id, starting at its first block.
pub struct Stream(ChaCha20Rng);

impl Stream {
    /// The stream `id` of a subkey. Stages with fixed keys use stream 0; stages keyed per image use the image's id.
    pub fn new(subkey: &[u8; 32], id: u64) -> Self {
        let mut rng = ChaCha20Rng::from_seed(*subkey);
        rng.set_stream(id);
        Self(rng)
    }

    /// The stream, starting at word number `word`.
    pub fn at(subkey: &[u8; 32], id: u64, word: u64) -> Self {
        let mut stream = Self::new(subkey, id);
        stream.0.set_word_pos(u128::from(word));
        stream
    }

    /// The next 32-bit word.
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A uniform integer below `n` (1 <= n): Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29(1),
    /// 2019, algorithm 5, on 32-bit words. Unbiased: words in the short last interval are drawn again.
    pub fn below(&mut self, n: u32) -> u32 {
        let mut product = u64::from(self.word()) * u64::from(n);
        if (product as u32) < n {
            let threshold = n.wrapping_neg() % n;
            while (product as u32) < threshold {
                product = u64::from(self.word()) * u64::from(n);
            }
        }
        (product >> 32) as u32
    }

    /// A uniform permutation of `0..n`: Fisher-Yates from the end.
    pub fn permutation(&mut self, n: u32) -> Vec<u32> {
        let mut table: Vec<u32> = (0..n).collect();
        for i in (1..n).rev() {
            let j = self.below(i + 1);
            table.swap(i as usize, j as usize);
        }
        table
    }

    /// `n` sign bits, least significant bit of each word first.
    pub fn bits(&mut self, n: usize) -> Vec<bool> {
        let mut bits = Vec::with_capacity(n.next_multiple_of(32));
        while bits.len() < n {
            let word = self.word();
            bits.extend((0..32).map(|k| word >> k & 1 == 1));
        }
        bits.truncate(n);
        bits
    }

    /// The same bits as bytes: 0 or 255. `masks` holds them, and up to 31 more.
    pub fn masks(&mut self, n: usize, masks: &mut Vec<u8>) {
        masks.resize(n.next_multiple_of(32), 0);
        let mut drawn = Zeroizing::new([0u8; 1024]);
        for part in masks.chunks_mut(8 * drawn.len()) {
            let drawn = &mut drawn[..part.len() / 8];
            self.0.fill_bytes(drawn);
            for (masks, &bits) in part.as_chunks_mut::<8>().0.iter_mut().zip(&*drawn) {
                // Bit k of the byte in byte k, then in its highest bit, and from there in all bits.
                let apart = (u64::from(bits) * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
                let ones = (apart + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101;
                *masks = (ones * 255).to_le_bytes();
            }
        }
    }

    /// `count` uniform integers below `n` (1 <= n). Digit i takes the first of the words number i, i + count,
    /// i + 2 count and so on that [`Stream::below`] would not draw again. Words are counted from the stream's
    /// beginning, so a GPU can draw any digit alone.
    pub fn digits(subkey: &[u8; 32], id: u64, n: u32, count: usize) -> Vec<u32> {
        let mut stream = Self::new(subkey, id);
        let threshold = n.wrapping_neg() % n;
        let product = |word: u32| u64::from(word) * u64::from(n);
        let mut digits = Vec::with_capacity(count);
        let mut drawn = Zeroizing::new([0u8; 1024]);
        while digits.len() < count {
            let first = digits.len();
            let drawn = &mut drawn[..4 * (count - first).min(256)];
            stream.0.fill_bytes(drawn);
            let mut fair = true;
            digits.extend(drawn.as_chunks().0.iter().map(|&word| {
                let m = product(u32::from_le_bytes(word));
                fair &= m as u32 >= threshold;
                (m >> 32) as u32
            }));
            if fair {
                continue;
            }
            for (place, (digit, &word)) in (first..).zip(digits[first..].iter_mut().zip(drawn.as_chunks().0)) {
                let (mut place, mut m) = (place as u64, product(u32::from_le_bytes(word)));
                while (m as u32) < threshold {
                    place += count as u64;
                    m = product(Self::at(subkey, id, place).word());
                }
                *digit = (m >> 32) as u32;
            }
        }
        digits
    }

    /// |x| of a standard normal x in units of 2^-32: Karney, "Sampling exactly from the normal distribution", ACM TOMS
    /// 42(1), 2016, algorithm N, on 32-bit uniform deviates. It only compares integers and rounds nothing, so all
    /// machines agree.
    pub fn half_normal(&mut self) -> u64 {
        'again: loop {
            let mut k = 0u64;
            while self.half() {
                k += 1;
            }
            for _ in 0..k * k.saturating_sub(1) {
                if !self.half() {
                    continue 'again;
                }
            }
            let x = self.word();
            for _ in 0..=k {
                if !self.trial(k, x) {
                    continue 'again;
                }
            }
            return k << 32 | u64::from(x);
        }
    }

    /// True with probability exp(-1/2): the length of a falling run below 1/2 is even (von Neumann).
    fn half(&mut self) -> bool {
        let (mut bound, mut even) = (1 << 31, true);
        loop {
            let u = self.word();
            if u >= bound {
                return even;
            }
            (bound, even) = (u, !even);
        }
    }

    /// True with probability exp(-x (2k + x) / (2k + 2)).
    fn trial(&mut self, k: u64, x: u32) -> bool {
        let (mut bound, mut even) = (x, true);
        loop {
            let u = self.word();
            if u >= bound {
                return even;
            }
            let v = u64::from(self.word());
            if v * (2 * k + 2) >= ((2 * k) << 32) + u64::from(x) {
                return even;
            }
            (bound, even) = (u, !even);
        }
    }

    /// XORs the stream's next bytes into `data`. The bytes of a word are in order from the least significant one.
    pub fn xor(&mut self, data: &mut [u8]) {
        let mut pad = Zeroizing::new([0u8; 1024]);
        for part in data.chunks_mut(pad.len()) {
            let pad = &mut pad[..part.len()];
            self.0.fill_bytes(pad);
            part.iter_mut().zip(pad.iter()).for_each(|(p, k)| *p ^= k);
        }
    }
}

/// Hashes the geometry and the samples: the beginning of every hash of an image.
pub(crate) fn hash_pixels(hasher: &mut blake3::Hasher, geometry: Geometry, samples: &[u8]) {
    for part in [geometry.height() as u32, geometry.width() as u32, geometry.channels() as u32, geometry.depth().bits()]
    {
        hasher.update(&part.to_le_bytes());
    }
    hasher.update(samples);
}

pub(crate) fn first_8(hasher: &blake3::Hasher) -> [u8; 8] {
    let mut id = [0; 8];
    hasher.finalize_xof().fill(&mut id);
    id
}

/// An image's own stream id: 8 bytes of a keyed hash of its name and plain pixels. Two different images do not share a
/// stream under one key, and a second run gives the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ImageId(pub [u8; 8]);

impl ImageId {
    /// The id of an image named `name` (its name in the manifest).
    pub fn new(key: &Key, name: &str, geometry: Geometry, samples: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&key.derive("imgveil v1 image id", b""));
        hasher.update(&(name.len() as u32).to_le_bytes());
        hasher.update(name.as_bytes());
        hash_pixels(&mut hasher, geometry, samples);
        Self(first_8(&hasher))
    }

    /// The id of a view of the image. An augmented image differs from the original and must not share its stream. The
    /// identity view has the id of the image itself.
    pub fn of_augmentation(self, key: &Key, view: Augmentation) -> Self {
        if view == Augmentation::IDENTITY {
            return self;
        }
        let mut hasher = blake3::Hasher::new_keyed(&key.derive("imgveil v1 view id", b""));
        hasher.update(&self.0);
        hasher.update(&i32::from(view.dy).to_le_bytes());
        hasher.update(&i32::from(view.dx).to_le_bytes());
        hasher.update(&[u8::from(view.mirrored)]);
        // Only turned or brightened views hash these bytes, so that all other views keep the ids of earlier versions.
        if (view.angle, view.brightness) != (0, 0) {
            hasher.update(&i32::from(view.angle).to_le_bytes());
            hasher.update(&i32::from(view.brightness).to_le_bytes());
        }
        Self(first_8(&hasher))
    }

    /// The id that replaces this one in one epoch, for a training that draws anew from the key in every epoch.
    pub fn of_epoch(self, key: &Key, epoch: u32) -> Self {
        let mut hasher = blake3::Hasher::new_keyed(&key.derive("imgveil v1 epoch id", b""));
        hasher.update(&self.0);
        hasher.update(&epoch.to_le_bytes());
        Self(first_8(&hasher))
    }

    /// The id as a stream number.
    pub fn stream(self) -> u64 {
        u64::from_le_bytes(self.0)
    }
}

/// A keyed hash of the plain pixels. It proves to the holder of the key that a decryption is exact. It tells nothing to
/// anyone else, not even whether two sets hold the same image.
pub fn plain_hash(key: &Key, geometry: Geometry, samples: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(&key.derive("imgveil v1 plain hash", b""));
    hash_pixels(&mut hasher, geometry, samples);
    let mut hash = [0; 16];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn below_stays_below(seed: [u8; 32], n in 1u32..) {
            let mut stream = Stream::new(&seed, 0);
            prop_assert!((0..50).all(|_| stream.below(n) < n));
        }

        #[test]
        fn permutations_are_permutations(seed: [u8; 32], n in 0u32..2000) {
            let mut table = Stream::new(&seed, 0).permutation(n);
            table.sort_unstable();
            prop_assert_eq!(table, (0..n).collect::<Vec<_>>());
        }

        #[test]
        fn masks_are_the_bits(seed: [u8; 32], id: u64, n in 0usize..20_000, skipped in 0u64..40) {
            let mut masks = vec![3; 7];
            Stream::at(&seed, id, skipped).masks(n, &mut masks);
            let bits = Stream::at(&seed, id, skipped).bits(n);
            prop_assert_eq!(masks.len(), n.next_multiple_of(32));
            let expected: Vec<u8> = bits.iter().map(|&bit| u8::from(bit) * 255).collect();
            prop_assert!(masks[..n] == expected);
        }

        #[test]
        fn xor_does_not_depend_on_how_the_data_is_cut(seed: [u8; 32], id: u64, cut in 0usize..600) {
            let (mut whole, mut parts) = ([0u8; 2400], [0u8; 2400]);
            Stream::new(&seed, id).xor(&mut whole);
            let mut stream = Stream::new(&seed, id);
            let (a, b) = parts.split_at_mut(cut * 4);
            stream.xor(a);
            stream.xor(b);
            prop_assert_eq!(whole, parts);
        }
    }

    #[test]
    fn half_normal_numbers_are_half_normal() {
        let mut stream = Stream::new(&[9; 32], 0);
        let drawn: Vec<f64> = (0..40_000).map(|_| stream.half_normal() as f64 / 4_294_967_296.0).collect();
        // Kolmogorov-Smirnov against erf(x / sqrt 2), with its probabilities at a few points; 0.1% point 1.95 /
        // sqrt(n).
        for (x, below) in [(0.1, 0.079_656), (0.5, 0.382_925), (1.0, 0.682_689), (1.5, 0.866_386), (2.0, 0.954_500)] {
            let found = drawn.iter().filter(|&&d| d < x).count() as f64 / drawn.len() as f64;
            assert!((found - below).abs() < 0.009_75, "P(|x| < {x}) = {found}");
        }
        let second: f64 = drawn.iter().map(|d| d * d).sum::<f64>() / drawn.len() as f64;
        assert!((second - 1.0).abs() < 0.03, "second moment {second}");
    }

    #[test]
    fn digits_are_drawn_by_their_place() {
        // n is just above half of 2^32: nearly every second word is drawn again, so later rounds are used all the time.
        // There are more digits than are drawn at a time.
        let (key, n, count) = ([4; 32], (1u32 << 31) + 1, 600);
        let words: Vec<u32> = (0..60_000).map(|i| Stream::at(&key, 7, i).word()).collect();
        let fair = |w: u32| (u64::from(w) * u64::from(n)) as u32 >= n.wrapping_neg() % n;
        let naive = (0..count).map(|i| {
            let word = (i..words.len()).step_by(count).map(|place| words[place]).find(|&w| fair(w)).unwrap();
            ((u64::from(word) * u64::from(n)) >> 32) as u32
        });
        let digits = Stream::digits(&key, 7, n, count);
        assert_eq!(digits, naive.collect::<Vec<_>>());
        assert!(
            digits.iter().zip(&words).filter(|(d, w)| **d != ((u64::from(**w) * u64::from(n)) >> 32) as u32).count()
                > 20
        );
        let sixes = Stream::digits(&key, 7, 6, 60_000);
        for digit in 0..6 {
            let seen = sixes.iter().filter(|&&d| d == digit).count();
            // standard deviation 91
            assert!(seen.abs_diff(10_000) < 400, "{digit}: {seen}");
        }
    }

    /// By sequences of three pieces, word by word. So many elements have equal halves all the time.
    #[test]
    fn rankings_sort_the_sequences_of_their_pieces() {
        let (key, id, from) = ([5; 32], 9, 3);
        for (piece, n, count) in
            [(Piece::Half, 1500, 3), (Piece::Half, 16, 40), (Piece::Word, 300, 1), (Piece::Word, 1, 5)]
        {
            let (bits, all) = (8 * piece.bytes() as u32, n * count);
            let at = |number: usize| {
                let place = number as u64 * u64::from(bits);
                let word = Stream::at(&key, id, from + place / 32).word();
                u64::from(word) >> (place % 32) & ((1 << bits) - 1)
            };
            let found = Stream::rankings(&key, id, from, piece, n, count);
            let mut equal = 0;
            for (q, found) in found.chunks(n).enumerate() {
                let sequence = |i: &u32| [0, 1, 2].map(|round| at(q * n + *i as usize + round * all));
                let mut order: Vec<u32> = (0..n as u32).collect();
                order.sort_by_key(sequence);
                assert_eq!(found, order, "{piece:?} {n} {q}");
                equal += order.windows(2).filter(|pair| sequence(&pair[0])[0] == sequence(&pair[1])[0]).count();
            }
            assert_eq!(equal > 10, n == 1500, "{equal}");
        }
    }

    #[test]
    fn small_rankings_are_uniform() {
        let mut count = std::collections::HashMap::new();
        for order in Stream::rankings(&[8; 32], 1, 0, Piece::Half, 4, 24_000).chunks(4) {
            *count.entry(order.to_vec()).or_insert(0u32) += 1;
        }
        assert_eq!(count.len(), 24);
        // 23 degrees of freedom, 0.1% point 49.7.
        let chi: f64 = count.values().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 49.7, "chi-square {chi}");
    }

    #[test]
    fn small_permutations_are_uniform() {
        // chi-square over the 24 permutations of 4, 24,000 draws: 23 degrees of freedom, 0.1% point 49.7
        let mut stream = Stream::new(&[7; 32], 0);
        let mut count = std::collections::HashMap::new();
        for _ in 0..24_000 {
            *count.entry(stream.permutation(4)).or_insert(0u32) += 1;
        }
        assert_eq!(count.len(), 24);
        let chi: f64 = count.values().map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0).sum();
        assert!(chi < 49.7, "chi-square {chi}");
    }
}
