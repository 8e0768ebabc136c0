// Laplace noise for every block and channel, from the image's own ChaCha20 stream: word number block * channels +
// channel. `params.statistic` is the scale of the noise times ln 2, in units of 1/256 of a sample. Needs
// shared/source.wgsl and shared/chacha20.wgsl in front. Twin: src/engine/step/laplace_noise.rs.

// `scale * -log2(u)`, rounded half up to whole samples, for u = (2w + 1) / 2^32 with the lower 31 bits w of a word.
fn magnitude(word: u32) -> u32 {
    let odd = (word << 1u) | 1u;
    let whole = 31u - countLeadingZeros(odd);
    // The fraction of log2, bit by bit: a number in [1, 2) is squared, and halved where that is 2 or more.
    var x = (odd << (31u - whole)) >> 16u;
    var fraction = 0u;
    for (var bit = 0u; bit < 16u; bit++) {
        let square = x * x;
        let above = square >> 31u;
        fraction = (fraction << 1u) | above;
        x = square >> (15u + above);
    }
    let bits = (32u << 16u) - ((whole << 16u) | fraction);
    let units = bits >> 16u;
    let part = bits & 0xffffu;
    let size = params.statistic;
    let rest = ((size >> 12u) * part + (((size & 0xfffu) * part) >> 12u)) >> 4u;
    return (size * units + rest + 128u) >> 8u;
}

// A sample of the augmented image with the noise of its block and channel.
fn noisy(shown: ImageRef, pixel: u32, channel: u32) -> u32 {
    let row = pixel / params.width / params.block_height;
    let column = pixel % params.width / params.block_width;
    let number = (row * params.block_columns + column) * params.channels + channel;
    let counter = vec2<u32>(number / 16u, 0u);
    let word = word_of(chacha20_block(params.key_low, params.key_high, counter, stream_of(shown)), number % 16u);
    let noise = magnitude(word);
    let value = augmented(shown, pixel * params.channels + channel);
    if (word >> 31u == 1u) {
        return value - min(value, noise);
    }
    return min(MAX, value + noise);
}
