// Where the kernels that draw an image's own plan write it: for every image a record of `params.record` words, which
// begins with the image's packed words and goes on with an entry for every element. The images are not
// augmented here. Needs shared/source.wgsl in front.

@group(0) @binding(4) var<storage, read_write> drawn: array<u32>;

// What is drawn. Flags and no constants: every pipeline takes a driver long to make, and few are made this way.
const TURN: u32 = 1u;               // turns of blocks
const SIGNS: u32 = 2u;              // signs of blocks or of samples
const COLOUR: u32 = 4u;             // orders of the channels of blocks
const PLACES: u32 = 8u;             // places of blocks or of elements
const INVERSE: u32 = 16u;           // the plan that undoes it
const NIBBLES: u32 = 32u;           // elements are nibbles
const CHANNELS_FIRST: u32 = 64u;    // samples of a block are counted (channel, row, column)

fn has(flag: u32) -> bool {
    return (params.flags & flag) != 0u;
}

// Entries of a sample: 1, or 2 or 4 nibbles.
fn entries_of_sample() -> u32 {
    return (params.flags >> 8u) & 255u;
}

// Those of them that hold bits of the depth.
fn levels() -> u32 {
    return params.flags >> 16u;
}

fn copy_words_of(shown: ImageRef, first: u32, step: u32) {
    for (var word = first; word < params.stride; word += step) {
        drawn[shown.slot * params.record + word] = pixels[shown.index * params.stride + word];
    }
}

// Encryption takes element `place` from element `source`, and flips it or not.
fn write_pair(shown: ImageRef, place: u32, source: u32, flip: u32) {
    let plan = shown.slot * params.record + params.stride;
    if (has(INVERSE)) {
        drawn[plan + source] = place | (flip << 31u);
    } else {
        drawn[plan + place] = source | (flip << 31u);
    }
}
