// A dispatch has a row of workgroups along x for the parts of an image, and a row along y for each image of the
// batch: no index is ever divided out of another (a division costs more than the rest of a kernel). A dimension
// holds 65,535 workgroups at most, so every kernel goes on in strides of the grid.
//
// The input side of every kernel: packed bytes, four to a word, every image beginning at a word; and the
// picks that say which image a batch position shows and how. Twin: View::copy in src/image.rs.

struct Params {
    height: u32,
    width: u32,
    channels: u32,
    samples: u32,      // height * width * channels
    stride: u32,       // words of one image: ceil(samples / 4)
    images: u32,       // picks of this dispatch
    // ChaCha20 key of the keystream kernels; unused elsewhere.
    key_low: vec4<u32>,
    key_high: vec4<u32>,
}

struct Pick {
    index: u32,        // image in `pixels`
    slot: u32,         // position in the output batch
    shift: u32,        // dy in the low half, dx in the high half, both signed 16 bit
    mirrored: u32,
    id: vec2<u32>,     // stream of the image, low word first
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read> picks: array<Pick>;

// Off: picks show images as they are, and the address of a sample needs no division.
override VIEWS: bool = false;

fn byte_at(image: u32, sample: u32) -> u32 {
    let word = pixels[image * params.stride + (sample >> 2u)];
    return (word >> ((sample & 3u) * 8u)) & 255u;
}

// Sample `sample` of what `pick` shows.
fn viewed(pick: Pick, sample: u32) -> u32 {
    if (!VIEWS) {
        return byte_at(pick.index, sample);
    }
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
    if (pick.mirrored != 0u) {
        x = width - 1 - x;
    }
    return byte_at(pick.index, (u32(y) * params.width + u32(x)) * params.channels + channel);
}
