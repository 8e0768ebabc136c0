// A plan tile by tile (src/plan/tiles.rs). A workgroup takes one tile of four images. An invocation fetches a chunk of
// 16 bytes of each image and lays the four side by side: one word holds the same byte of all four, so that one look
// into workgroup memory moves a byte of four images. Device memory is read and written in vectors of 16 bytes, each
// once; what is looked up in the plan is good for four images. References show images as they are. Twin: permute() in
// src/engine/step/permute.rs.

@group(0) @binding(1) var<storage, read> pixels: array<vec4<u32>>;
// Rows of 64, one place for each invocation. First the numbers of chunks: x is that of the source, and y those of the
// outputs, one a row. Then for each output its entries, two in a word: the place in `near` in bits 0 to 9, the upper
// nibble in bit 10, the flip in bit 15.
@group(0) @binding(3) var<storage, read> tiles: array<vec2<u32>>;

// Whether nibbles are moved: two entries to a byte.
override NIBBLES: bool = false;
// What flips every second byte of an image, in every byte of the word: the upper byte of a sample of two bytes.
override UPPER: u32 = 0xffffffffu;

const LANES: u32 = 64u;
const IMAGES: u32 = 4u;
// An invocation without a source or an output.
const NONE: u32 = 0xffffffffu;

// Byte 0 of every chunk, byte 1 of every chunk, and so on. Neighbouring invocations write neighbouring words,
// and where their chunks are moved alike they read neighbouring words: of each bank of the memory, one.
var<workgroup> near: array<u32, 1024>;

// Byte j of word i becomes byte i of word j.
fn transposed(w: vec4<u32>) -> vec4<u32> {
    let low = (w.xz & vec2<u32>(0x00ff00ffu)) | ((w.yw & vec2<u32>(0x00ff00ffu)) << vec2<u32>(8u));
    let high = ((w.xz >> vec2<u32>(8u)) & vec2<u32>(0x00ff00ffu)) | (w.yw & vec2<u32>(0xff00ff00u));
    return vec4<u32>(
        (low.x & 0xffffu) | (low.y << 16u),
        (high.x & 0xffffu) | (high.y << 16u),
        (low.x >> 16u) | (low.y & 0xffff0000u),
        (high.x >> 16u) | (high.y & 0xffff0000u),
    );
}

// A chunk of the image at a position of the batch. Behind the last image there is the last one once more.
fn chunk_of(position: u32, chunk: u32) -> vec4<u32> {
    return pixels[refs[min(position, params.images - 1u)].index * (params.stride / 4u) + chunk];
}

// Four bytes of a chunk.
fn put(place: u32, bytes: vec4<u32>) {
    near[place] = bytes.x;
    near[place + 64u] = bytes.y;
    near[place + 128u] = bytes.z;
    near[place + 192u] = bytes.w;
}

// Lays a chunk of four images from `first` on side by side.
fn lay(first: u32, chunk: u32, lane: u32) {
    let a = chunk_of(first, chunk);
    let b = chunk_of(first + 1u, chunk);
    let c = chunk_of(first + 2u, chunk);
    let d = chunk_of(first + 3u, chunk);
    put(lane, transposed(vec4<u32>(a.x, b.x, c.x, d.x)));
    put(lane + 256u, transposed(vec4<u32>(a.y, b.y, c.y, d.y)));
    put(lane + 512u, transposed(vec4<u32>(a.z, b.z, c.z, d.z)));
    put(lane + 768u, transposed(vec4<u32>(a.w, b.w, c.w, d.w)));
}

// The first image of a workgroup.
fn first_image(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return (group.z * groups.y + group.y) * IMAGES;
}

// The byte of four images that the lower half of a word names, as it lies.
fn byte_at(entry: u32) -> u32 {
    return near[entry & 1023u];
}

// All ones where the lower half of a word says that it is flipped.
fn flips(entry: u32) -> u32 {
    return bitcast<u32>(bitcast<i32>(entry << 16u) >> 31u);
}

// The same for nibbles: in the lower half of every byte.
fn nibble_at(entry: u32) -> u32 {
    return ((byte_at(entry) >> ((entry >> 8u) & 4u)) ^ flips(entry)) & 0x0f0f0f0fu;
}

// A byte of four images, of which `ones` flips in each.
fn sample_of(entry: u32, ones: u32) -> u32 {
    return byte_at(entry) ^ (flips(entry) & ones);
}

// A byte of four images from the entries of its two nibbles.
fn both_nibbles(entries: u32) -> u32 {
    return nibble_at(entries) | (nibble_at(entries >> 16u) << 4u);
}

// Four bytes of output of four images, a word an image. `place` is that of their entries; `even` and `odd` flip bytes 0
// and 2, and bytes 1 and 3. A nibble that samples do not use is never flipped.
fn four_bytes(place: u32, even: u32, odd: u32) -> vec4<u32> {
    let e = tiles[place];
    if (NIBBLES) {
        let f = tiles[place + LANES];
        return transposed(vec4<u32>(
            both_nibbles(e.x), both_nibbles(e.y), both_nibbles(f.x), both_nibbles(f.y),
        ));
    }
    return transposed(vec4<u32>(
        sample_of(e.x, even), sample_of(e.x >> 16u, odd), sample_of(e.y, even), sample_of(e.y >> 16u, odd),
    ));
}
