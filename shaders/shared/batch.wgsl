// A dispatch has a row of workgroups along x for the parts of an image, and a row along y for each image of the
// batch: no index is ever divided out of another (a division costs more than the rest of a kernel). A dimension
// holds 65,535 workgroups at most, so most kernels go on in strides of the grid, and those that
// do not are only given what fits one.
//
// In front of every kernel. What a batch is: the images' size, and the references that say which image each position of
// the batch shows, and how it is augmented.

struct Params {
    height: u32,
    width: u32,
    channels: u32,
    samples: u32,       // height * width * channels
    stride: u32,        // words of one image
    images: u32,        // images that this dispatch writes
    group: u32,         // references of one output image: more than one where images are mixed
    unit: f32,          // what a mixture's sum is multiplied by
    // Blocks; those of statistics are cut off at the right and lower edge.
    block_height: u32,
    block_width: u32,
    block_columns: u32,
    blocks: u32,
    statistic: u32,
    record: u32,        // words of an image with its own plan behind it
    flags: u32,         // what is drawn for such a plan: shared/own_plan_written.wgsl
    // ChaCha20 keys of what is keyed per image.
    key_low: vec4<u32>,
    key_high: vec4<u32>,
    colour_low: vec4<u32>,
    colour_high: vec4<u32>,
    turn_low: vec4<u32>,
    turn_high: vec4<u32>,
    places_low: vec4<u32>,
    places_high: vec4<u32>,
}

struct ImageRef {
    index: u32,         // image in `pixels`
    slot: u32,          // position in the output batch
    shift: u32,         // dy in the low half, dx in the high half, both signed 16 bit
    how: u32,           // mirrored in bit 0, the weight in a mixture in 17 bits, the added brightness in 14, signed
    turn: u32,          // cosine in the low half, sine in the high half, both signed, in units of 2^-14
    // Stream of the image; a vector would make a reference 32 bytes instead of 28.
    id_low: u32,
    id_high: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> refs: array<ImageRef>;
