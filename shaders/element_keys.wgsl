// Draws a plan for every image from its own streams, which moves and flips elements inside blocks: samples are moved
// and then negated, or nibbles are negated, moved and negated again. Writes the image's words and behind them the plan:
// an entry for every element in stored order, as in permute_bytes.wgsl. Needs shared/source.wgsl, shared/chacha20.wgsl,
// shared/staged.wgsl, shared/rankings.wgsl and shared/own_plan_written.wgsl in front. Twin: ElementKeys::pairs in
// src/engine/step/own_plan/element_keys.rs.

// Words of sign bits that a run needs, if its permutations are short.
var<workgroup> sign_words: array<u32, 48>;

// The element of the image that is element `i` of a block.
fn stored(block: u32, i: u32) -> u32 {
    let samples = params.block_height * params.block_width * params.channels;
    let level = i / samples;
    let sample = i % samples;
    var y: u32;
    var x: u32;
    var channel: u32;
    if (has(CHANNELS_FIRST)) {
        let pixel = sample % (params.block_height * params.block_width);
        channel = sample / (params.block_height * params.block_width);
        y = pixel / params.block_width;
        x = pixel % params.block_width;
    } else {
        let pixel = sample / params.channels;
        channel = sample % params.channels;
        y = pixel / params.block_width;
        x = pixel % params.block_width;
    }
    y += block / params.block_columns * params.block_height;
    x += block % params.block_columns * params.block_width;
    return ((y * params.width + x) * params.channels + channel) * entries_of_sample() + level;
}

fn sign_block(id: vec2<u32>, block: u32) -> Stream {
    return chacha20_block(params.key_low, params.key_high, vec2<u32>(block, 0u), id);
}

// The sign bit of an element, counted block by block.
fn sign_of(id: vec2<u32>, element: u32, run: Run, n: u32) -> u32 {
    if (!has(SIGNS)) {
        return 0u;
    }
    var word: u32;
    if (n <= RUN) {
        word = sign_words[element / 32u - run.first / 512u * 16u];
    } else {
        word = word_of(sign_block(id, element / 512u), element / 32u % 16u);
    }
    return (word >> (element & 31u)) & 1u;
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let n = params.block_height * params.block_width * params.channels * levels();
    let count = params.blocks;
    let runs = runs_of(n, count);
    // The signs of nibbles come first in their stream.
    var skipped = 0u;
    if (has(NIBBLES)) {
        skipped = (n * count + 31u) / 32u * 2u;
    }
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        let id = stream_of(shown);
        copy_words_of(shown, at.x * 64u + local, groups.x * 64u);
        for (var number = at.x; number < runs; number += groups.x) {
            let run = run_of(number, n, count);
            if (has(PLACES)) {
                rank(id, run, n, count, skipped, local);
            }
            if (n <= RUN) {
                workgroupBarrier();
                if (has(SIGNS) && local < 3u) {
                    let block = sign_block(id, run.first / 512u + local);
                    for (var i = 0u; i < 16u; i++) {
                        sign_words[local * 16u + i] = word_of(block, i);
                    }
                }
                workgroupBarrier();
            }
            for (var element = run.first + local; element < run.end; element += 64u) {
                let block = element / n;
                let source = element % n;
                var place = source;
                if (has(PLACES)) {
                    place = places[element - run.first];
                }
                // Nibbles change their signs before, too.
                var flip = 0u;
                for (var sign = 0u; sign < select(1u, 2u, has(NIBBLES)); sign++) {
                    flip ^= sign_of(id, select(block * n + place, element, sign == 1u), run, n);
                }
                write_pair(shown, stored(block, place), stored(block, source), flip);
                // Nibbles above the depth stay where they are.
                if (has(NIBBLES) && source < n / levels()) {
                    for (var level = levels(); level < entries_of_sample(); level++) {
                        let unused = stored(block, source) + level;
                        write_pair(shown, unused, unused, 0u);
                    }
                }
            }
        }
    }
}
