// The input side of the kernels that look at single elements: packed words, every image beginning at a word. What is
// counted are elements of BITS bits: samples, or nibbles where a plan moves those. Elements lie in a word from its
// least significant bits on, so that 8-bit samples are bytes in order, 16-bit samples are little-endian, and a sample's
// lowest nibble comes first. Needs shared/batch.wgsl in front. Twin: Augmentation::copy in src/image/augmentation.rs.

@group(0) @binding(1) var<storage, read> pixels: array<u32>;

// Off: no image is augmented, and the address of an element needs no division.
override AUGMENTED: bool = false;
// Off: no image is turned, and a sample is looked up once instead of four times.
override TURNED: bool = false;
override DEPTH: u32 = 8u;                    // bits of a stored sample: 8 or 16
override MAX: u32 = (1u << DEPTH) - 1u;      // the largest sample: of the 16 bits, it may use as few as 9
override BITS: u32 = 8u;                     // bits of an element
override PER_WORD: u32 = 32u / BITS;
override PER_SAMPLE: u32 = DEPTH / BITS;
override ONES: u32 = (1u << BITS) - 1u;      // what flips an element: MAX, or 15

fn element_at(image: u32, element: u32) -> u32 {
    let word = pixels[image * params.stride + element / PER_WORD];
    return (word >> ((element % PER_WORD) * BITS)) & ONES;
}

fn stream_of(shown: ImageRef) -> vec2<u32> {
    return vec2<u32>(shown.id_low, shown.id_high);
}

// Sign-extends the low half of a word.
fn low_half(word: u32) -> i32 {
    return bitcast<i32>(word << 16u) >> 16u;
}

// Sign-extends the high half of a word.
fn high_half(word: u32) -> i32 {
    return bitcast<i32>(word) >> 16u;
}

// The sample of a channel at (y, x) of the mirrored image, 0 outside of it.
fn placed(shown: ImageRef, y: i32, x: i32, channel: u32) -> u32 {
    let width = i32(params.width);
    if (y < 0 || y >= i32(params.height) || x < 0 || x >= width) {
        return 0u;
    }
    let column = u32(select(x, width - 1 - x, (shown.how & 1u) != 0u));
    let sample = (u32(y) * params.width + column) * params.channels + channel;
    let per_word = 32u / DEPTH;
    let word = pixels[shown.index * params.stride + sample / per_word];
    return (word >> ((sample % per_word) * DEPTH)) & ((1u << DEPTH) - 1u);
}

// The sample of a channel at (y, x) of the mirrored and turned image, from the four around its place. The weights add
// up to 2^16, so the sum of 16-bit samples stays below 2^32.
fn turned(shown: ImageRef, y: i32, x: i32, channel: u32) -> u32 {
    let cosine = low_half(shown.turn);
    let sine = high_half(shown.turn);
    let last_row = i32(params.height) - 1;
    let last_column = i32(params.width) - 1;
    // From the centre, in half pixels; then in units of 2^-15 pixels.
    let from_y = 2 * y - last_row;
    let from_x = 2 * x - last_column;
    let column = cosine * from_x - sine * from_y + (last_column << 14u);
    let row = sine * from_x + cosine * from_y + (last_row << 14u);
    let left = column >> 15u;
    let top = row >> 15u;
    // Eight bits of the fractions.
    let right_part = u32(column >> 7u) & 255u;
    let lower_part = u32(row >> 7u) & 255u;
    // A loop, so that `placed` is in the kernel once and not four times: every call is pasted where it stands, and a
    // driver would compile for minutes.
    var sum = 32768u;
    for (var corner = 0u; corner < 4u; corner++) {
        let right = corner & 1u;
        let lower = corner >> 1u;
        let across = select(256u - right_part, right_part, right == 1u);
        let down = select(256u - lower_part, lower_part, lower == 1u);
        sum += placed(shown, top + i32(lower), left + i32(right), channel) * across * down;
    }
    return sum >> 16u;
}

// Element `element` of the augmented image that `shown` refers to.
fn augmented(shown: ImageRef, element: u32) -> u32 {
    if (!AUGMENTED) {
        return element_at(shown.index, element);
    }
    let sample = element / PER_SAMPLE;
    let pixel = sample / params.channels;
    let channel = sample % params.channels;
    let y = i32(pixel / params.width) + low_half(shown.shift);
    let x = i32(pixel % params.width) + high_half(shown.shift);
    var value: u32;
    if (TURNED) {
        value = turned(shown, y, x, channel);
    } else {
        value = placed(shown, y, x, channel);
    }
    let factor = u32(256 + (bitcast<i32>(shown.how) >> 18u));
    value = min((value * factor + 128u) >> 8u, MAX);
    return (value >> ((element % PER_SAMPLE) * BITS)) & ONES;
}

// Word `word` of the augmented image that `shown` refers to; behind the image's end it holds anything.
fn augmented_word(shown: ImageRef, word: u32) -> u32 {
    if (!AUGMENTED) {
        return pixels[shown.index * params.stride + word];
    }
    let elements = params.samples * PER_SAMPLE;
    var packed = 0u;
    for (var k = 0u; k < PER_WORD; k++) {
        let element = word * PER_WORD + k;
        if (element < elements) {
            packed |= augmented(shown, element) << (k * BITS);
        }
    }
    return packed;
}
