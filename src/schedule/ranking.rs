//! Rankings: many uniform permutations from one stream, by sorting its pieces (`docs/SCHEDULE.md`, "Streams and
//! draws").

use super::Stream;
use fearless_simd::{Level, i16x16, i32x8, prelude::*};
use rand_chacha::rand_core::Rng;
use std::cmp::Ordering;

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
    pub(super) fn bytes(self) -> usize {
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
/// with e = q n + i and N = n count. A permutation lists its elements by rising pieces; where the first pieces are
/// equal the next ones decide. So all orders are equally likely, and a GPU can find the place of an element from the
/// pieces of its permutation alone.
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
        let mut memory = Zeroizing::new(Vec::new());
        rankings.each(&mut Memory::default(), |_, sorted| orders.extend_from_slice(sorted.order(&mut memory)));
        orders
    }
}

/// Memory that is reused from ranking to ranking. It is as secret as the key.
#[derive(Default)]
pub struct Memory {
    drawn: Zeroizing<Vec<u8>>,
    later: Zeroizing<Vec<u8>>,
    sorting: Sorting,
}

/// What one permutation is sorted in.
#[derive(Default)]
struct Sorting {
    halves: [Zeroizing<Vec<i16>>; 2],
    words: [Zeroizing<Vec<i32>>; 2],
    keyed: [Zeroizing<Vec<u64>>; 2],
    ranks: Zeroizing<Vec<u8>>,
    order: Zeroizing<Vec<u32>>,
    /// Places whose element has the same first piece as the one before.
    ties: Vec<usize>,
}

/// A permutation, in the form in which it was found.
#[derive(Clone, Copy)]
pub enum Sorted<'a> {
    /// The elements in order.
    Order(&'a [u32]),
    /// The place of every element.
    Ranks(&'a [u8]),
}

impl<'a> Sorted<'a> {
    /// The elements in order.
    pub fn order(self, memory: &'a mut Vec<u32>) -> &'a [u32] {
        match self {
            Self::Order(order) => order,
            Self::Ranks(ranks) => {
                memory.resize(ranks.len(), 0);
                (0..).zip(ranks).for_each(|(i, &rank)| memory[usize::from(rank)] = i);
                memory
            }
        }
    }
}

impl Rankings<'_> {
    /// Draws the permutations one after the other, and gives each with its number.
    #[inline]
    pub fn each(self, memory: &mut Memory, mut give: impl FnMut(usize, Sorted<'_>)) {
        if self.n == 0 {
            return;
        }
        let size = self.n * self.piece.bytes();
        // An even number, so that what is drawn ends with a word.
        let together = (DRAWN / size).max(1).next_multiple_of(2);
        let mut stream = Stream::at(self.subkey, self.id, self.from);
        let Memory { drawn, later, sorting } = memory;
        for first in (0..self.count).step_by(together) {
            let few = together.min(self.count - first);
            drawn.resize(few * size, 0);
            stream.0.fill_bytes(drawn);
            for (q, pieces) in (first..).zip(drawn.chunks_exact(size)) {
                if sorting.rank(self.piece, pieces) {
                    give(q, Sorted::Ranks(&sorting.ranks));
                    continue;
                }
                sorting.order(self.piece, pieces);
                if !sorting.ties.is_empty() {
                    let mut later = Later { rankings: self, q, round: 0, bytes: later };
                    sorting.settle(|a, b| later.compare(a, b));
                }
                give(q, Sorted::Order(&sorting.order));
            }
        }
    }
}

impl Sorting {
    /// Finds the place of every element, if that is cheap: of few elements, whose pieces are halves and all differ.
    fn rank(&mut self, piece: Piece, pieces: &[u8]) -> bool {
        let n = pieces.len() / piece.bytes();
        if piece != Piece::Half || n > COUNTED || !counted_halves(pieces, &mut self.halves) {
            return false;
        }
        self.ranks.resize(n, 0);
        self.ranks.iter_mut().zip(self.halves[1].iter()).for_each(|(rank, &count)| *rank = count as u8);
        true
    }

    /// Sorts the elements by their first pieces, and finds the ties. Equal pieces are in any order.
    fn order(&mut self, piece: Piece, pieces: &[u8]) {
        let n = pieces.len() / piece.bytes();
        self.order.resize(n, 0);
        self.ties.clear();
        match piece {
            Piece::Half if n <= COUNTED => self.place(|sorting, i| sorting.halves[1][i] as usize),
            Piece::Word if n <= COUNTED => {
                counted_words(pieces, &mut self.words);
                self.place(|sorting, i| sorting.words[1][i] as usize);
            }
            Piece::Half => self.by_digits::<256, 2>(piece, pieces),
            Piece::Word if n < 1024 => self.by_digits::<256, 4>(piece, pieces),
            Piece::Word => self.by_digits::<2048, 3>(piece, pieces),
        }
    }

    /// Puts every element behind as many as have smaller pieces.
    fn place(&mut self, smaller: impl Fn(&Self, usize) -> usize) {
        self.order.fill(u32::MAX);
        for i in 0..self.order.len() {
            let first = smaller(self, i);
            // Equal pieces have the same count, and there are as many free places from there on.
            let taken = self.order[first..].iter().take_while(|place| **place != u32::MAX).count();
            self.order[first + taken] = i as u32;
            if taken > 0 {
                self.ties.push(first + taken);
            }
        }
        self.ties.sort_unstable();
    }

    /// Sorts by digits below `SIZE`, of which a piece has `PASSES`.
    fn by_digits<const SIZE: usize, const PASSES: usize>(&mut self, piece: Piece, pieces: &[u8]) {
        let Self { keyed: [keyed, other], order, ties, .. } = self;
        keyed.resize(order.len(), 0);
        other.resize(order.len(), 0);
        match piece {
            Piece::Half => {
                let halves = pieces.as_chunks().0.iter().map(|&own| u32::from(u16::from_le_bytes(own)));
                by_digits::<SIZE, PASSES>(halves, keyed, other, order, ties);
            }
            Piece::Word => {
                let words = pieces.as_chunks().0.iter().map(|&own| u32::from_le_bytes(own));
                by_digits::<SIZE, PASSES>(words, keyed, other, order, ties);
            }
        }
    }

    /// Orders elements whose first pieces are equal.
    fn settle(&mut self, mut compare: impl FnMut(u32, u32) -> Ordering) {
        for tied in self.ties.chunk_by(|a, b| a + 1 == *b) {
            let equal = &mut self.order[tied[0] - 1..=tied[tied.len() - 1]];
            equal.sort_unstable_by(|&a, &b| compare(a, b));
        }
    }
}

/// Sorts pieces by digits, the lowest one first: `PASSES` digits below `SIZE`, a power of two.
fn by_digits<const SIZE: usize, const PASSES: usize>(
    pieces: impl Iterator<Item = u32> + Clone,
    keyed: &mut [u64],
    other: &mut [u64],
    order: &mut [u32],
    ties: &mut Vec<usize>,
) {
    let digit = |piece: u32, pass: usize| (piece >> (pass as u32 * SIZE.trailing_zeros())) as usize % SIZE;
    let mut places = [[0u32; SIZE]; PASSES];
    for piece in pieces.clone() {
        for (pass, places) in places.iter_mut().enumerate() {
            places[digit(piece, pass)] += 1;
        }
    }
    for places in &mut places {
        let mut sum = 0;
        for place in places {
            sum += std::mem::replace(place, sum);
        }
    }
    let (mut from, mut to) = (keyed, other);
    // A piece above the number of its element.
    for (piece, i) in pieces.zip(0u64..) {
        let place = &mut places[0][digit(piece, 0)];
        to[*place as usize] = u64::from(piece) << 32 | i;
        *place += 1;
    }
    for (pass, places) in places.iter_mut().enumerate().skip(1) {
        (from, to) = (to, from);
        for &key in from.iter() {
            let place = &mut places[digit((key >> 32) as u32, pass)];
            to[*place as usize] = key;
            *place += 1;
        }
    }
    let mut before = None;
    for (place, (&key, element)) in to.iter().zip(order).enumerate() {
        if before == Some(key >> 32) {
            ties.push(place);
        }
        (*element, before) = (key as u32, Some(key >> 32));
    }
}

/// The later pieces of a permutation's elements. All of a round are drawn together: where one pair is equal, others
/// often are too.
struct Later<'a> {
    rankings: Rankings<'a>,
    q: usize,
    /// The round whose pieces are in `bytes`; 0 if none are.
    round: u64,
    bytes: &'a mut Vec<u8>,
}

impl Later<'_> {
    /// Compares two elements whose first pieces are equal.
    fn compare(&mut self, a: u32, b: u32) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let mut round = 1;
        loop {
            match self.at(round, a).cmp(&self.at(round, b)) {
                Ordering::Equal => round += 1,
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

/// Counts, for every element, the smaller pieces, in the second list. Tells whether all pieces differ.
macro_rules! counted {
    ($name:ident, $piece:ty, $signed:ty, $vector:ident, $lanes:literal) => {
        fn $name(pieces: &[u8], memory: &mut [Zeroizing<Vec<$signed>>; 2]) -> bool {
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
            let n = pieces.len() / size_of::<$piece>();
            let [signed, counts] = memory;
            signed.clear();
            // Vectors compare signed numbers fastest.
            let sign = |own: &[u8; size_of::<$piece>()]| (<$piece>::from_le_bytes(*own) as $signed) ^ <$signed>::MIN;
            signed.extend(pieces.as_chunks().0.iter().map(sign));
            signed.resize(n.next_multiple_of($lanes), 0);
            counts.resize(signed.len(), 0);
            fearless_simd::dispatch!(Level::new(), simd => count(simd, &signed[..n], signed, counts));
            counts.truncate(n);
            // Equal pieces have smaller counts than they would have in order.
            counts.iter().map(|&count| count as usize).sum::<usize>() == n * (n - 1) / 2
        }
    };
}

counted!(counted_halves, u16, i16, i16x16, 16);
counted!(counted_words, u32, i32, i32x8, 8);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Elements by rising sequences: a first piece, and later ones as the stream has them.
    fn naive(n: usize, sequence: impl Fn(u32) -> [u32; 4]) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by_key(|&i| sequence(i));
        order
    }

    fn bytes(piece: Piece, pieces: &[u32]) -> Vec<u8> {
        pieces.iter().flat_map(|own| own.to_le_bytes()[..piece.bytes()].to_vec()).collect()
    }

    /// What [`Rankings::each`] does with the first pieces of a permutation.
    fn sorted(sorting: &mut Sorting, piece: Piece, pieces: &[u32], later: &[[u32; 3]]) -> Vec<u32> {
        let (bytes, mut memory) = (bytes(piece, pieces), Vec::new());
        if sorting.rank(piece, &bytes) {
            return Sorted::Ranks(&sorting.ranks).order(&mut memory).to_vec();
        }
        sorting.order(piece, &bytes);
        sorting.settle(|a, b| later[a as usize].cmp(&later[b as usize]));
        sorting.order.to_vec()
    }

    proptest! {
        /// Pieces of few values: many are equal, in runs of all lengths. The memory was used for another length before.
        #[test]
        fn equal_pieces_are_settled(
            lengths in prop::collection::vec(1usize..2100, 1..4),
            word: bool,
            values in prop_oneof![Just(1u32), 2u32..300, Just(u32::MAX)],
            top: bool,
            seed: u64,
        ) {
            let piece = if word { Piece::Word } else { Piece::Half };
            let mut sorting = Sorting::default();
            let mut stream = Stream::new(&[6; 32], seed);
            let largest = if word { u32::MAX } else { 0xffff };
            for n in lengths {
                let pieces: Vec<u32> = (0..n).map(|_| {
                    let value = (stream.word() % values) & largest;
                    if top { largest - value } else { value }
                }).collect();
                // The last piece is the number of the element: no two sequences are equal.
                let later: Vec<[u32; 3]> = (0..n).map(|i| [stream.word() % 2, stream.word() % 9, i as u32]).collect();
                let expected = naive(n, |i| {
                    let [a, b, c] = later[i as usize];
                    [pieces[i as usize], a, b, c]
                });
                prop_assert_eq!(sorted(&mut sorting, piece, &pieces, &later), expected);
            }
        }

        /// The pieces of a stream, in every round, for permutations of all lengths and any number of them.
        #[test]
        fn rankings_are_those_of_the_stream(
            n in prop_oneof![0usize..260, 260usize..3000],
            count in 0usize..9,
            word: bool,
            key: [u8; 32],
            id: u64,
            from in 0u64..50,
        ) {
            let (piece, bits) = if word { (Piece::Word, 32) } else { (Piece::Half, 16) };
            let all = n * count;
            let mut stream = Stream::at(&key, id, from);
            let words: Vec<u32> = (0..(4 * all * bits).div_ceil(32)).map(|_| stream.word()).collect();
            let at = |number: usize| words[number * bits / 32] >> (number * bits % 32) & (u32::MAX >> (32 - bits));
            let expected: Vec<u32> = (0..count)
                .flat_map(|q| naive(n, |i| [0, 1, 2, 3].map(|round| at(q * n + i as usize + round * all))))
                .collect();
            prop_assert_eq!(Stream::rankings(&key, id, from, piece, n, count), expected);
        }
    }

    /// Every length up to where digits take over from counting, and those around it.
    #[test]
    fn every_short_length_is_sorted() {
        let mut sorting = Sorting::default();
        let mut stream = Stream::new(&[7; 32], 1);
        for n in 1..=COUNTED + 70 {
            for (piece, largest) in [(Piece::Half, 0xffff), (Piece::Word, u32::MAX)] {
                let mut pieces: Vec<u32> = (0..n).map(|_| stream.word() & largest).collect();
                pieces[0] = largest;
                pieces[n / 2] = 0;
                let later: Vec<[u32; 3]> = (0..n).map(|i| [stream.word(), 0, i as u32]).collect();
                let expected = naive(n, |i| [pieces[i as usize], later[i as usize][0], 0, i]);
                assert_eq!(sorted(&mut sorting, piece, &pieces, &later), expected, "{piece:?} {n}");
            }
        }
    }
}
