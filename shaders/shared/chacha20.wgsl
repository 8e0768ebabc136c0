// ChaCha20 (RFC 8439, section 2.3) in Bernstein's layout: 64-bit block counter in words 12 and 13, 64-bit
// stream id in words 14 and 15. Twin: rand_chacha's ChaCha20Rng, as src/schedule.rs uses it.

var<private> state: array<u32, 16>;

fn rotated(x: u32, bits: u32) -> u32 {
    return (x << bits) | (x >> (32u - bits));
}

fn quarter_round(a: u32, b: u32, c: u32, d: u32) {
    state[a] += state[b]; state[d] = rotated(state[d] ^ state[a], 16u);
    state[c] += state[d]; state[b] = rotated(state[b] ^ state[c], 12u);
    state[a] += state[b]; state[d] = rotated(state[d] ^ state[a], 8u);
    state[c] += state[d]; state[b] = rotated(state[b] ^ state[c], 7u);
}

fn chacha20_block(key_low: vec4<u32>, key_high: vec4<u32>, counter: vec2<u32>, id: vec2<u32>) -> array<u32, 16> {
    // "expand 32-byte k"
    let start = array<u32, 16>(
        0x61707865u, 0x3320646eu, 0x79622d32u, 0x6b206574u,
        key_low.x, key_low.y, key_low.z, key_low.w,
        key_high.x, key_high.y, key_high.z, key_high.w,
        counter.x, counter.y, id.x, id.y,
    );
    state = start;
    for (var round = 0u; round < 10u; round++) {
        quarter_round(0u, 4u, 8u, 12u);
        quarter_round(1u, 5u, 9u, 13u);
        quarter_round(2u, 6u, 10u, 14u);
        quarter_round(3u, 7u, 11u, 15u);
        quarter_round(0u, 5u, 10u, 15u);
        quarter_round(1u, 6u, 11u, 12u);
        quarter_round(2u, 7u, 8u, 13u);
        quarter_round(3u, 4u, 9u, 14u);
    }
    for (var i = 0u; i < 16u; i++) {
        state[i] += start[i];
    }
    return state;
}
