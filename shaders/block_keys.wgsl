// Draws a plan for every image from its own streams, which turns, negates, recolours and scrambles blocks as wholes.
// Writes what element_keys.wgsl writes. Needs shared/source.wgsl, shared/chacha20.wgsl, shared/staged.wgsl,
// shared/rankings.wgsl, shared/colour_orders.wgsl and shared/own_plan_written.wgsl in front. Twin: BlockKeys::pairs in
// src/engine/step/own_plan/block_keys.rs.

// What is done to the run's blocks: the turn in bits 0 to 2, the sign in bit 3, above it the order of the channels,
// channel j at bits 4 + 2j and 5 + 2j.
var<workgroup> done: array<u32, 256>;

// A loop, so that ChaCha20 is in the kernel once for all keys.
fn done_to(id: vec2<u32>, block: u32) -> u32 {
    var all = select(0x240u, 0u, has(COLOUR));
    for (var what = TURN; what <= COLOUR; what *= 2u) {
        if (!has(what)) {
            continue;
        }
        var key_low = params.turn_low;
        var key_high = params.turn_high;
        var number = block;
        if (what == SIGNS) {
            key_low = params.key_low;
            key_high = params.key_high;
            number = block / 32u;
        } else if (what == COLOUR) {
            key_low = params.colour_low;
            key_high = params.colour_high;
        }
        var word = 0u;
        var is_fair = false;
        while (!is_fair) {
            word = word_of(chacha20_block(key_low, key_high, vec2<u32>(number / 16u, 0u), id), number % 16u);
            // For turns and signs every word is fair.
            is_fair = what != COLOUR || gives_order(word);
            number += params.blocks;
        }
        if (what == TURN) {
            all |= word >> 29u;
        } else if (what == SIGNS) {
            all |= ((word >> (block & 31u)) & 1u) << 3u;
        } else {
            all |= order_by(word) << 4u;
        }
    }
    return all;
}

fn stored(block: u32, y: u32, x: u32, channel: u32) -> u32 {
    let row = block / params.block_columns * params.block_height + y;
    let column = block % params.block_columns * params.block_width + x;
    return (row * params.width + column) * params.channels + channel;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let runs = runs_of(params.blocks, 1u);
    let samples = params.block_height * params.block_width * params.channels;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        let id = stream_of(shown);
        copy_words_of(shown, at.x * 64u + local, groups.x * 64u);
        for (var number = at.x; number < runs; number += groups.x) {
            let run = run_of(number, params.blocks, 1u);
            if (has(PLACES)) {
                rank(id, run, params.blocks, 1u, 0u, local);
            }
            workgroupBarrier();
            for (var block = run.first + local; block < run.end; block += 64u) {
                done[block - run.first] = done_to(id, block);
            }
            workgroupBarrier();
            for (var i = local; i < (run.end - run.first) * samples; i += 64u) {
                let block = run.first + i / samples;
                let sample = i % samples;
                let all = done[block - run.first];
                var place = block;
                if (has(PLACES)) {
                    place = places[block - run.first];
                }
                let channel = sample % params.channels;
                let to_y = sample / params.channels / params.block_width;
                let to_x = sample / params.channels % params.block_width;
                // From the output back to the input: a block is mirrored last, so that is undone first.
                var y = to_y;
                var x = to_x;
                if (has(TURN)) {
                    let last = params.block_width - 1u;
                    if ((all & 4u) != 0u) {
                        x = last - x;
                    }
                    for (var turn = 0u; turn < (all & 3u); turn++) {
                        let before = y;
                        y = x;
                        x = last - before;
                    }
                }
                var source = channel;
                if (has(COLOUR)) {
                    source = (all >> (4u + 2u * channel)) & 3u;
                }
                write_pair(shown, stored(place, to_y, to_x, channel), stored(block, y, x, source), (all >> 3u) & 1u);
            }
        }
    }
}
