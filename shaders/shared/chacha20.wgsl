// ChaCha20 (RFC 8439, section 2.3) in Bernstein's layout: 64-bit block counter in words 12 and 13, 64-bit
// stream id in words 14 and 15. The state is four rows of a matrix, and a quarter round works on all columns at once:
// no array is indexed, which would lie in memory. Twin: rand_chacha's ChaCha20Rng, as src/schedule.rs uses it.

// The 16 words of a block, row by row.
struct Stream {
    a: vec4<u32>,
    b: vec4<u32>,
    c: vec4<u32>,
    d: vec4<u32>,
}

fn rotated(x: vec4<u32>, bits: u32) -> vec4<u32> {
    return (x << vec4<u32>(bits)) | (x >> vec4<u32>(32u - bits));
}

// A quarter round of every column.
fn round_of_columns(s: Stream) -> Stream {
    var t = s;
    t.a += t.b;
    t.d = rotated(t.d ^ t.a, 16u);
    t.c += t.d;
    t.b = rotated(t.b ^ t.c, 12u);
    t.a += t.b;
    t.d = rotated(t.d ^ t.a, 8u);
    t.c += t.d;
    t.b = rotated(t.b ^ t.c, 7u);
    return t;
}

fn chacha20_block(key_low: vec4<u32>, key_high: vec4<u32>, counter: vec2<u32>, id: vec2<u32>) -> Stream {
    // "expand 32-byte k"
    let start = Stream(
        vec4<u32>(0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u), key_low, key_high, vec4<u32>(counter, id),
    );
    var s = start;
    for (var round = 0u; round < 10u; round++) {
        s = round_of_columns(s);
        // Diagonals become columns, and columns again.
        s = round_of_columns(Stream(s.a, s.b.yzwx, s.c.zwxy, s.d.wxyz));
        s = Stream(s.a, s.b.wxyz, s.c.zwxy, s.d.yzwx);
    }
    return Stream(s.a + start.a, s.b + start.b, s.c + start.c, s.d + start.d);
}

// Word `i` of a block.
fn word_of(s: Stream, i: u32) -> u32 {
    var row = s.a;
    if (i >= 12u) {
        row = s.d;
    } else if (i >= 8u) {
        row = s.c;
    } else if (i >= 4u) {
        row = s.b;
    }
    return row[i % 4u];
}
