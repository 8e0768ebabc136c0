//! Rankings: many uniform permutations from one stream, by sorting its pieces (`docs/SCHEDULE.md`, "Streams and draws").

use super::Stream;
use fearless_simd::{Level, prelude::*, i16x16, i32x8};
use rand_chacha::rand_core::Rng;

use zeroize::Zeroizing;

/// Permutations of at most so many elements are sorted by counting smaller pieces, which compares every element with
/// every other, many at a time. Longer ones are sorted digit by digit.
const COUNTED: usize = 192;
/// Bytes of pieces that are drawn at a time, about: few enough for the nearest cache.
const DRAWN: usize = 8192;

/// The parts of a stream by which [`Rankings`] compares elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Halves of words, the low one first: for short permutations, of which there are many.
    Half,
    /// Whole words: for one long permutation, where halves would often be equal.
    Word,
}

impl Piece {
    fn bytes(self) -> usize {
        match self {
            Self::Half => 2,
            Self::Word => 4,
        }
    }

    /// Piece number `i` of some bytes.
    fn at(self, bytes: &[u8], i: usize) -> u32 {
        match self {
            Self::Half => u32::from(u16::from_le_bytes(bytes.as_chunks().0[i])),
            Self::Word => u32::from_le_bytes(bytes.as_chunks().0[i]),
        }
    }
}

/// Uniform permutations of `0..n`, one behind the other. Piece number i of the stream is its 16-bit half or 32-bit word
/// number i, counted from word `from` on. Element i of permutation q has the pieces number e, e + N, e + 2N and so on,
/// with e = q n + i and N = n count. A permutation lists its elements by rising pieces; where the first pieces are equal
/// the next ones decide. So all orders are equally likely, and a GPU can find the place of an element from the pieces of
/// its permutation alone.
#[derive(Clone, Copy)]
pub struct Rankings<'a> {
    /// The key of the stream.
    pub subkey: &'a [u8; 32],
    /// The number of the stream.
    pub id: u64,
    /// The word at which pieces begin.
    pub from: u64,
    /// The size of pieces.
    pub piece: Piece,
    /// Elements of a permutation.
    pub n: usize,
    /// The number of permutations.
    pub count: usize,
}

impl Stream {
    /// All permutations of [`Rankings`] in one list.
    pub fn rankings(subkey: &[u8; 32], id: u64, from: u64, piece: Piece, n: usize, count: usize) -> Vec<u32> {
        let mut orders = Vec::with_capacity(n * count);
        let rankings = Rankings { subkey, id, from, piece, n, count };
        rankings.each(&mut Memory::default(), |_, order| orders.extend_from_slice(order));
        orders
    }
}

/// Memory that is reused from ranking to ranking. It is as secret as the key.
#[derive(Default)]
pub struct Memory {
    drawn: Zeroizing<Vec<u8>>,
    later: Zeroizing<Vec<u8>>,
    halves: [Zeroizing<Vec<i16>>; 2],
    words: [Zeroizing<Vec<i32>>; 2],
    keyed: [Zeroizing<Vec<u64>>; 2],
    order: Zeroizing<Vec<u32>>,
}

impl Rankings<'_> {
    /// Draws the permutations one after the other, and gives each with its number.
    pub fn each(self, memory: &mut Memory, mut give: impl FnMut(usize, &[u32])) {
        if self.n == 0 {
            return;
        }
        let size = self.n * self.piece.bytes();
        // An even number, so that what is drawn ends with a word.
        let together = (DRAWN / size).max(1).next_multiple_of(2);
        let mut stream = Stream::at(self.subkey, self.id, self.from);
        for first in (0..self.count).step_by(together) {
            let few = together.min(self.count - first);
            memory.drawn.resize(few * size, 0);
            stream.0.fill_bytes(&mut memory.drawn);
            for q in 0..few {
                self.sort(first + q, q * size..(q + 1) * size, memory);
                give(first + q, &memory.order);
            }
        }
    }

    /// Sorts permutation `q`, whose first pieces are in a range of those drawn.
    fn sort(self, q: usize, range: std::ops::Range<usize>, memory: &mut Memory) {
        let Memory { drawn, later, halves, words, keyed, order } = memory;
        let pieces = &drawn[range];
        order.resize(self.n, 0);
        let distinct = match self.piece {
            Piece::Half if self.n <= COUNTED => counted_halves(pieces, halves, order),
            Piece::Word if self.n <= COUNTED => counted_words(pieces, words, order),
            Piece::Half => by_digits::<256, 2>(pieces, self.piece, keyed, order),
            Piece::Word if self.n < 1024 => by_digits::<256, 4>(pieces, self.piece, keyed, order),
            Piece::Word => by_digits::<2048, 3>(pieces, self.piece, keyed, order),
        };
        if !distinct {
            let piece = |i: u32| self.piece.at(pieces, i as usize);
            let mut later = Later { rankings: self, q, round: 0, bytes: later };
            for equal in order.chunk_by_mut(|&a, &b| piece(a) == piece(b)).filter(|equal| equal.len() > 1) {
                equal.sort_unstable_by(|&a, &b| later.compare(a, b));
            }
        }
    }
}

/// The later pieces of a permutation's elements. All of a round are drawn together: where one pair is equal, others often
/// are too.
struct Later<'a> {
    rankings: Rankings<'a>,
    q: usize,
    /// The round whose pieces are in `bytes`; 0 if none are.
    round: u64,
    bytes: &'a mut Vec<u8>,
}

impl Later<'_> {
    /// Compares two elements whose first pieces are equal.
    fn compare(&mut self, a: u32, b: u32) -> std::cmp::Ordering {
        if a == b {
            return std::cmp::Ordering::Equal;
        }
        let mut round = 1;
        loop {
            match self.at(round, a).cmp(&self.at(round, b)) {
                std::cmp::Ordering::Equal => round += 1,
                decided => return decided,
            }
        }
    }

    /// The piece of an element in a round.
    fn at(&mut self, round: u64, element: u32) -> u32 {
        let Rankings { subkey, id, from, piece, n, count } = self.rankings;
        let place = self.q as u64 * n as u64 + round * (n as u64 * count as u64);
        let of_a_word = 4 / piece.bytes() as u64;
        let skipped = (place % of_a_word) as usize;
        if self.round != round {
            self.bytes.resize((skipped + n) * piece.bytes(), 0);
            Stream::at(subkey, id, from + place / of_a_word).0.fill_bytes(self.bytes);
            self.round = round;
        }
        piece.at(self.bytes, skipped + element as usize)
    }
}

/// Sorts by digits, the lowest one first: `PASSES` digits below `SIZE`, a power of two. Tells whether all pieces differ.
fn by_digits<const SIZE: usize, const PASSES: usize>(
    pieces: &[u8],
    piece: Piece,
    [keyed, other]: &mut [Zeroizing<Vec<u64>>; 2],
    order: &mut [u32],
) -> bool {
    let digit = |key: u64, pass: usize| (key >> (32 + pass as u32 * SIZE.trailing_zeros())) as usize % SIZE;
    keyed.clear();
    match piece {
        Piece::Half => keyed.extend((0..).zip(pieces.as_chunks().0).map(|(i, &own)| key(u16::from_le_bytes(own), i))),
        Piece::Word => keyed.extend((0..).zip(pieces.as_chunks().0).map(|(i, &own)| key(u32::from_le_bytes(own), i))),
    }
    let mut places = [[0u32; SIZE]; PASSES];
    for &key in keyed.iter() {
        for (pass, places) in places.iter_mut().enumerate() {
            places[digit(key, pass)] += 1;
        }
    }
    other.resize(keyed.len(), 0);
    for (pass, places) in places.iter_mut().enumerate() {
        let mut sum = 0;
        for place in places.iter_mut() {
            sum += std::mem::replace(place, sum);
        }
        for &key in keyed.iter() {
            let place = &mut places[digit(key, pass)];
            other[*place as usize] = key;
            *place += 1;
        }
        std::mem::swap(keyed, other);
    }
    let mut equal = false;
    let mut before = u64::MAX;
    for (&key, place) in keyed.iter().zip(order) {
        equal |= (key ^ before) >> 32 == 0;
        (*place, before) = (key as u32, key);
    }
    // Only the first element may have met the end of pieces by chance.
    !equal
}

/// A piece above the number of its element.
fn key(piece: impl Into<u64>, element: u32) -> u64 {
    piece.into() << 32 | u64::from(element)
}

/// Sorts by counting, for every element, the smaller pieces. Tells whether all pieces differ.
macro_rules! counted {
    ($name:ident, $piece:ty, $signed:ty, $vector:ident, $lanes:literal) => {
        fn $name(pieces: &[u8], memory: &mut [Zeroizing<Vec<$signed>>; 2], order: &mut [u32]) -> bool {
            /// Some vectors at a time, so that they and their counts stay in registers.
            #[inline(always)]
            fn group<S: Simd, const G: usize>(simd: S, all: &[$signed], own: &[$signed], counts: &mut [$signed]) {
                let own: [$vector<S>; G] =
                    std::array::from_fn(|g| $vector::from_slice(simd, &own[g * $lanes..][..$lanes]));
                let one = $vector::splat(simd, 1);
                let mut sums = [$vector::splat(simd, 0); G];
                for &piece in all {
                    let piece = $vector::splat(simd, piece);
                    for (sum, own) in sums.iter_mut().zip(own) {
                        *sum = own.simd_gt(piece).select(*sum + one, *sum);
                    }
                }
                for (sum, counts) in sums.iter().zip(counts.chunks_exact_mut($lanes)) {
                    sum.store_slice(counts);
                }
            }
            #[inline(always)]
            fn count<S: Simd>(simd: S, all: &[$signed], own: &[$signed], counts: &mut [$signed]) {
                simd.vectorize(
                    #[inline(always)]
                    || {
                        let counts = counts.chunks_mut(3 * $lanes);
                        for (own, counts) in own.chunks(3 * $lanes).zip(counts) {
                            match own.len() / $lanes {
                                1 => group::<S, 1>(simd, all, own, counts),
                                2 => group::<S, 2>(simd, all, own, counts),
                                _ => group::<S, 3>(simd, all, own, counts),
                            }
                        }
                    },
                );
            }
            let n = order.len();
            let [signed, counts] = memory;
            signed.clear();
            // Vectors compare signed numbers fastest.
            let sign = |own: &[u8; size_of::<$piece>()]| (<$piece>::from_le_bytes(*own) as $signed) ^ <$signed>::MIN;
            signed.extend(pieces.as_chunks().0.iter().map(sign));
            signed.resize(n.next_multiple_of($lanes), 0);
            counts.resize(signed.len(), 0);
            fearless_simd::dispatch!(Level::new(), simd => count(simd, &signed[..n], signed, counts));
            let mut sum = 0;
            for (i, &count) in (0..).zip(&counts[..n]) {
                sum += count as usize;
                order[count as usize] = i;
            }
            if sum == n * (n - 1) / 2 {
                return true;
            }
            // Equal pieces have the same count, and there are as many free places from there on.
            order.fill(u32::MAX);
            for (i, &count) in (0..).zip(&counts[..n]) {
                if let Some(place) = order[count as usize..].iter_mut().find(|place| **place == u32::MAX) {
                    *place = i;
                }
            }
            false
        }
    };
}

counted!(counted_halves, u16, i16, i16x16, 16);
counted!(counted_words, u32, i32, i32x8, 8);
