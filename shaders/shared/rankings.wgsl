// Permutations from the image's own ChaCha20 stream: the place of an element is the number of elements with smaller
// pieces of the stream. A workgroup of 64 finds the places of a run of elements, and reads the pieces of all elements
// of their permutations in tiles. Needs shared/source.wgsl, shared/chacha20.wgsl and shared/staged.wgsl in front.
// Twin: Stream::rankings in src/schedule.rs.

// Pieces are 16-bit halves of words, the low one first; if not, whole words.
override HALVES: bool = true;
override PIECES: u32 = select(16u, 32u, HALVES);     // of a ChaCha20 block
// Permutations are longer than a run: elements are compared with those of their bucket only.
override LONG: bool = false;

// The most elements of a run, and the number of buckets: a piece's upper eight bits.
const RUN: u32 = 256u;
const NONE: u32 = 0xffffffffu;

// The own pieces of the run's elements, and their places.
var<workgroup> own: array<u32, 256>;
var<workgroup> places: array<u32, 256>;

// Of long permutations: for every bucket its first element of the run and the number of all its pieces, and for every
// element of the run the next one in its bucket and the number of smaller pieces there.
var<workgroup> heads: array<atomic<u32>, 256>;
var<workgroup> sizes: array<atomic<u32>, 256>;
var<workgroup> next_of: array<u32, 256>;
var<workgroup> smaller: array<atomic<u32>, 256>;

// Elements of a run: whole permutations if several fit, else a part of one.
struct Run {
    first: u32,
    end: u32,
    // All elements of the permutations that the run has parts of.
    low: u32,
    high: u32,
}

fn runs_of(n: u32, count: u32) -> u32 {
    if (n <= RUN) {
        let together = RUN / n;
        return (count + together - 1u) / together;
    }
    return count * ((n + RUN - 1u) / RUN);
}

fn run_of(number: u32, n: u32, count: u32) -> Run {
    if (n <= RUN) {
        let elements = RUN / n * n;
        let first = number * elements;
        let end = min(first + elements, n * count);
        return Run(first, end, first, end);
    }
    let parts = (n + RUN - 1u) / RUN;
    let low = number / parts * n;
    let first = low + number % parts * RUN;
    return Run(first, min(first + RUN, low + n), low, low + n);
}

// A piece of the 64 staged blocks.
fn staged_piece(i: u32) -> u32 {
    if (HALVES) {
        return (staged_word(i / 2u) >> (16u * (i & 1u))) & 0xffffu;
    }
    return staged_word(i);
}

// Piece `number` of the stream, drawn alone.
fn piece_at(id: vec2<u32>, number: u32) -> u32 {
    let block = chacha20_block(params.places_low, params.places_high, vec2<u32>(number / PIECES, 0u), id);
    let at = number % PIECES;
    if (HALVES) {
        return (word_of(block, at / 2u) >> (16u * (at & 1u))) & 0xffffu;
    }
    return word_of(block, at);
}

// Whether the element with piece `other` comes before the one with piece `mine`, whose pieces are equal: the later ones
// decide, `all` pieces apart. Loops, so that ChaCha20 is in a kernel once and not four times: every call is pasted
// where it stands, and a driver would compile for long.
fn comes_before(id: vec2<u32>, other: u32, mine: u32, all: u32) -> bool {
    var first = 0u;
    var second = 0u;
    for (var further = all; first == second; further += all) {
        for (var side = 0u; side < 2u; side++) {
            first = second;
            second = piece_at(id, select(other, mine, side == 1u) + further);
        }
    }
    return first < second;
}

fn bucket_of(piece: u32) -> u32 {
    return piece >> select(24u, 8u, HALVES);
}

// The places of a run's elements, each within its permutation of `n` elements, into workgroup memory. The first piece
// is number `skipped` of the stream. All invocations call it; at the end is a barrier.
fn rank(id: vec2<u32>, run: Run, n: u32, count: u32, skipped: u32, local: u32) {
    let all = n * count;
    let last = (run.high + skipped - 1u) / PIECES;
    workgroupBarrier();
    for (var at = local; LONG && at < RUN; at += 64u) {
        atomicStore(&heads[at], NONE);
        atomicStore(&sizes[at], 0u);
        atomicStore(&smaller[at], 0u);
    }
    // First the blocks of the run's own pieces, then those of all pieces of its permutations.
    var block = (run.first + skipped) / PIECES;
    var next = (run.low + skipped) / PIECES;
    var is_staged = false;
    for (var round = 0u; round == 0u || block <= last; round++) {
        if (!is_staged) {
            workgroupBarrier();
            stage(local, chacha20_block(params.places_low, params.places_high, vec2<u32>(block + local, 0u), id));
        }
        workgroupBarrier();
        let staged_from = block * PIECES;
        for (var element = run.first + local; element < run.end && (round == 0u || !LONG); element += 64u) {
            let at = element - run.first;
            if (round == 0u) {
                let mine = staged_piece(element + skipped - staged_from);
                own[at] = mine;
                places[at] = 0u;
                if (LONG) {
                    next_of[at] = atomicExchange(&heads[bucket_of(mine)], at);
                }
                continue;
            }
            // Every element, with all of its permutation.
            let low = element / n * n + skipped;
            let end = min(low + n, staged_from + 64u * PIECES);
            let mine = own[at];
            var before = 0u;
            for (var other = max(low, staged_from); other < end; other++) {
                let piece = staged_piece(other - staged_from);
                if (piece < mine) {
                    before++;
                } else if (piece == mine && other != element + skipped) {
                    if (comes_before(id, other, element + skipped, all)) {
                        before++;
                    }
                }
            }
            places[at] += before;
        }
        if (LONG && round > 0u) {
            // Every piece of the permutation, with the elements of its bucket.
            let end = min(run.high + skipped, staged_from + 64u * PIECES);
            for (var other = max(run.low + skipped, staged_from) + local; other < end; other += 64u) {
                let piece = staged_piece(other - staged_from);
                let bucket = bucket_of(piece);
                atomicAdd(&sizes[bucket], 1u);
                for (var at = atomicLoad(&heads[bucket]); at != NONE; at = next_of[at]) {
                    let element = run.first + at + skipped;
                    var is_smaller = piece < own[at];
                    if (piece == own[at] && other != element) {
                        is_smaller = comes_before(id, other, element, all);
                    }
                    if (is_smaller) {
                        atomicAdd(&smaller[at], 1u);
                    }
                }
            }
        }
        is_staged = round == 0u && block == next;
        block = next;
        next += 64u;
    }
    workgroupBarrier();
    for (var at = local; LONG && at < run.end - run.first; at += 64u) {
        var place = atomicLoad(&smaller[at]);
        for (var bucket = 0u; bucket < bucket_of(own[at]); bucket++) {
            place += atomicLoad(&sizes[bucket]);
        }
        places[at] = place;
    }
    workgroupBarrier();
}
