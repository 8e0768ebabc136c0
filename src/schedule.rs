//! Keyed randomness, version 1: from the secret to every permutation, sign bit and keystream byte. The published
//! contract is `docs/SCHEDULE.md`; known-answer vectors are in `assets/vectors/`. Never draws from anywhere but the
//! key, so that the same key gives the same bytes on every machine.

use crate::image::{Geometry, View};
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

/// A stream of keyed random words: ChaCha20, 64-bit stream id, counted from its first block.
pub struct Stream(ChaCha20Rng);

impl Stream {
    /// The stream `id` of a subkey. Stages with fixed keys use stream 0, stages keyed per image the image's id.
    pub fn new(subkey: &[u8; 32], id: u64) -> Self {
        let mut rng = ChaCha20Rng::from_seed(*subkey);
        rng.set_stream(id);
        Self(rng)
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

    /// XORs the stream's next bytes into `data`, each word least significant byte first.
    pub fn xor(&mut self, data: &mut [u8]) {
        let mut pad = Zeroizing::new([0u8; 1024]);
        for part in data.chunks_mut(pad.len()) {
            let pad = &mut pad[..part.len()];
            self.0.fill_bytes(pad);
            part.iter_mut().zip(pad.iter()).for_each(|(p, k)| *p ^= k);
        }
    }
}

/// The geometry and the samples, as every hash of an image begins.
fn hash_pixels(hasher: &mut blake3::Hasher, geometry: Geometry, samples: &[u8]) {
    for part in [geometry.height() as u32, geometry.width() as u32, geometry.channels() as u32, geometry.depth().bits()]
    {
        hasher.update(&part.to_le_bytes());
    }
    hasher.update(samples);
}

fn first_8(hasher: &blake3::Hasher) -> [u8; 8] {
    let mut id = [0; 8];
    hasher.finalize_xof().fill(&mut id);
    id
}

/// An image's own stream id: 8 bytes of a keyed hash over its name and plain pixels, so that no two different images
/// share a stream under one key and a second run gives the same bytes.
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

    /// The id of a view of the image. A crop or mirror image is another image and must not share its stream; the
    /// identity view is the image itself.
    pub fn of_view(self, key: &Key, view: View) -> Self {
        if view == View::IDENTITY {
            return self;
        }
        let mut hasher = blake3::Hasher::new_keyed(&key.derive("imgveil v1 view id", b""));
        hasher.update(&self.0);
        hasher.update(&i32::from(view.dy).to_le_bytes());
        hasher.update(&i32::from(view.dx).to_le_bytes());
        hasher.update(&[u8::from(view.mirrored)]);
        Self(first_8(&hasher))
    }

    /// The id as a stream number.
    pub fn stream(self) -> u64 {
        u64::from_le_bytes(self.0)
    }
}

/// A keyed hash of the plain pixels: proves to the key's holder that a decryption is exact, and says nothing to anyone
/// else, not even whether two sets hold the same image.
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
