// A dispatch has a row of workgroups along x for the parts of an image, and a row along y for each image of the
// batch: no index is ever divided out of another (a division costs more than the rest of a kernel). A dimension
// holds 65,535 workgroups at most, so every kernel goes on in strides of the grid.
//
// The input side of every kernel: packed words, every image beginning at a word; and the picks that say which
// image a batch position shows and how. What is counted are elements of BITS bits: samples, or nibbles where a plan
// moves those. Elements lie in a word from its least significant bits on, so that 8-bit samples are bytes in order,
// 16-bit samples are little-endian, and a sample's lowest nibble comes first. Twin: View::copy in src/image.rs.

struct Params {
    height: u32,
    width: u32,
    channels: u32,
    samples: u32,       // height * width * channels
    stride: u32,        // words of one image
    images: u32,        // images that this dispatch writes
    group: u32,         // picks of one of them: more than one where images are mixed
    unit: f32,          // what a mixture's sum is multiplied by
    // Blocks of the statistics, cut off at the right and lower edge.
    block_height: u32,
    block_width: u32,
    block_columns: u32,
    blocks: u32,
    statistic: u32,
    // ChaCha20 keys of what is keyed per image.
    key_low: vec4<u32>,
    key_high: vec4<u32>,
    colour_low: vec4<u32>,
    colour_high: vec4<u32>,
}

struct Pick {
    index: u32,         // image in `pixels`
    slot: u32,          // position in the output batch
    shift: u32,         // dy in the low half, dx in the high half, both signed 16 bit
    mirrored: u32,      // mirrored in bit 0, the weight in a mixture above it
    id: vec2<u32>,      // stream of the image, low word first
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> picks: array<Pick>;

// Off: picks show images as they are, and the address of an element needs no division.
override VIEWS: bool = false;
override DEPTH: u32 = 8u;                    // bits of a sample
override BITS: u32 = 8u;                     // bits of an element
override PER_WORD: u32 = 32u / BITS;
override PER_SAMPLE: u32 = DEPTH / BITS;
override ONES: u32 = (1u << BITS) - 1u;

fn element_at(image: u32, element: u32) -> u32 {
    let word = pixels[image * params.stride + element / PER_WORD];
    return (word >> ((element % PER_WORD) * BITS)) & ONES;
}

// Element `element` of what `pick` shows.
fn viewed(pick: Pick, element: u32) -> u32 {
    if (!VIEWS) {
        return element_at(pick.index, element);
    }
    let sample = element / PER_SAMPLE;
    let pixel = sample / params.channels;
    let channel = sample % params.channels;
    // Sign-extend the two halves.
    let dy = bitcast<i32>(pick.shift << 16u) >> 16u;
    let dx = bitcast<i32>(pick.shift) >> 16u;
    let y = i32(pixel / params.width) + dy;
    var x = i32(pixel % params.width) + dx;
    let width = i32(params.width);
    if (y < 0 || y >= i32(params.height) || x < 0 || x >= width) {
        return 0u;
    }
    if ((pick.mirrored & 1u) != 0u) {
        x = width - 1 - x;
    }
    let seen = (u32(y) * params.width + u32(x)) * params.channels + channel;
    return element_at(pick.index, seen * PER_SAMPLE + element % PER_SAMPLE);
}

// Word `word` of what `pick` shows; behind the image's end it holds anything.
fn viewed_word(pick: Pick, word: u32) -> u32 {
    if (!VIEWS) {
        return pixels[pick.index * params.stride + word];
    }
    let elements = params.samples * PER_SAMPLE;
    var packed = 0u;
    for (var k = 0u; k < PER_WORD; k++) {
        let element = word * PER_WORD + k;
        if (element < elements) {
            packed |= viewed(pick, element) << (k * BITS);
        }
    }
    return packed;
}
