// Keys per image of single pixels: a sign bit for every sample and an order of the channels for every pixel, drawn
// from the image's own ChaCha20 streams. A workgroup of 64 works on 1024 pixels: as many as its 64 ChaCha20 blocks
// have words, and so digits. Needs shared/source.wgsl, shared/chacha20.wgsl, shared/staged.wgsl and
// shared/colour_orders.wgsl in front.
// Twin: pixel_keyed() in src/engine/step/pixel_keyed.rs; draws: Stream::bits and Stream::digits in src/schedule.rs.

override NEGATIVE: bool = true;     // sign bits
override COLOUR: bool = true;       // orders of the channels
override INVERSE: bool = false;     // both undone, in the reverse order

const PIXELS: u32 = 1024u;

// The words of the sign bits of the group's pixels, 48 a channel: its 32 words begin anywhere in a ChaCha20 block.
var<workgroup> sign_words: array<u32, 144>;

// Where the sign bits of a channel's pixel lie in the stream, in words: every channel begins at a new one.
fn sign_word(channel: u32, pixel: u32) -> u32 {
    return channel * ((params.height * params.width + 31u) / 32u) + pixel / 32u;
}

// The group's sign bits, into workgroup memory. Between two barriers.
fn draw_signs(shown: ImageRef, first_pixel: u32, local: u32) {
    if (!NEGATIVE || local >= 3u * params.channels) {
        return;
    }
    let block = sign_word(local / 3u, first_pixel) / 16u + local % 3u;
    let stream = chacha20_block(params.key_low, params.key_high, vec2<u32>(block, 0u), stream_of(shown));
    for (var i = 0u; i < 16u; i++) {
        sign_words[local * 16u + i] = word_of(stream, i);
    }
}

// All ones where the sample is flipped, else 0.
fn sign_of(first_pixel: u32, pixel: u32, channel: u32) -> u32 {
    if (!NEGATIVE) {
        return 0u;
    }
    let drawn_from = sign_word(channel, first_pixel) / 16u * 16u;
    let word = sign_words[channel * 48u + sign_word(channel, pixel) - drawn_from];
    return ONES * ((word >> (pixel & 31u)) & 1u);
}

// The words of the orders of the group's pixels, into workgroup memory. Between two barriers.
fn draw_orders(shown: ImageRef, first_pixel: u32, local: u32) {
    if (COLOUR) {
        let counter = vec2<u32>(first_pixel / 16u + local, 0u);
        stage(local, chacha20_block(params.colour_low, params.colour_high, counter, stream_of(shown)));
    }
}

// The order of a pixel's channels: channel j at bits 2j and 2j+1.
fn order_of(shown: ImageRef, first_pixel: u32, pixel: u32) -> u32 {
    if (!COLOUR) {
        return 0x24u;
    }
    let pixels_of_image = params.height * params.width;
    var word = staged_word(pixel - first_pixel);
    for (var place = pixel; !gives_order(word);) {
        place += pixels_of_image;
        let again = chacha20_block(params.colour_low, params.colour_high, vec2<u32>(place / 16u, 0u), stream_of(shown));
        word = word_of(again, place % 16u);
    }
    return order_by(word);
}

// Channel `channel` of a pixel after its order (or before it, undone) and with its sign.
fn keyed(shown: ImageRef, first_pixel: u32, pixel: u32, order: u32, channel: u32) -> u32 {
    var source = (order >> (2u * channel)) & 3u;
    var flipped = source;
    if (INVERSE) {
        // Where `channel` went to, and its own sign.
        source = 0u;
        for (var j = 1u; j < params.channels; j++) {
            if (((order >> (2u * j)) & 3u) == channel) {
                source = j;
            }
        }
        flipped = channel;
    }
    return augmented(shown, pixel * params.channels + source) ^ sign_of(first_pixel, pixel, flipped);
}
