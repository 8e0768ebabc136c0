// The statistic of every block and channel. One invocation computes one; shared/fill.wgsl's kernels write it into the
// block. Needs shared/source.wgsl in front. Twin: fill() in src/engine/step/block_statistic.rs.

@group(0) @binding(4) var<storage, read_write> statistics: array<u32>;

// A block's pixels and channel.
struct Block {
    top: u32,
    left: u32,
    bottom: u32,
    right: u32,
    channel: u32,
}

fn value_at(shown: ImageRef, block: Block, y: u32, x: u32) -> u32 {
    return augmented(shown, (y * params.width + x) * params.channels + block.channel);
}

fn largest(shown: ImageRef, block: Block) -> u32 {
    var most = 0u;
    for (var y = block.top; y < block.bottom; y++) {
        for (var x = block.left; x < block.right; x++) {
            most = max(most, value_at(shown, block, y, x));
        }
    }
    return most;
}

fn smallest(shown: ImageRef, block: Block) -> u32 {
    var least = ONES;
    for (var y = block.top; y < block.bottom; y++) {
        for (var x = block.left; x < block.right; x++) {
            least = min(least, value_at(shown, block, y, x));
        }
    }
    return least;
}

// Half up. Quotient and rest are carried along, so that no sum overflows whatever the block's size.
fn mean(shown: ImageRef, block: Block, count: u32) -> u32 {
    var quotient = 0u;
    var rest = 0u;
    for (var y = block.top; y < block.bottom; y++) {
        for (var x = block.left; x < block.right; x++) {
            rest += value_at(shown, block, y, x);
            if (rest >= count) {
                quotient += rest / count;
                rest %= count;
            }
        }
    }
    if (rest >= count - rest) {
        quotient++;
    }
    return quotient;
}

// The value number `rank` in order, from 0: bit by bit from the top, the largest value that at most `rank` others are
// below of. As many passes as a sample has bits, and no memory.
fn ranked(shown: ImageRef, block: Block, rank: u32) -> u32 {
    var found = 0u;
    for (var bit = BITS; bit > 0u; bit--) {
        let candidate = found | (1u << (bit - 1u));
        var below = 0u;
        for (var y = block.top; y < block.bottom; y++) {
            for (var x = block.left; x < block.right; x++) {
                if (value_at(shown, block, y, x) < candidate) {
                    below++;
                }
            }
        }
        if (below <= rank) {
            found = candidate;
        }
    }
    return found;
}

fn median(shown: ImageRef, block: Block, count: u32) -> u32 {
    let upper = ranked(shown, block, count / 2u);
    if (count % 2u == 1u) {
        return upper;
    }
    // Half up.
    return (ranked(shown, block, count / 2u - 1u) + upper + 1u) / 2u;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let parts = params.blocks * params.channels;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        for (var part = at.x; part < parts; part += groups.x * 64u) {
            let number = part / params.channels;
            let top = number / params.block_columns * params.block_height;
            let left = number % params.block_columns * params.block_width;
            let bottom = min(params.height, top + params.block_height);
            let right = min(params.width, left + params.block_width);
            let block = Block(top, left, bottom, right, part % params.channels);
            let count = (bottom - top) * (right - left);
            var result = 0u;
            switch params.statistic {
                case 0u: { result = median(shown, block, count); }
                case 1u: { result = mean(shown, block, count); }
                case 2u: { result = largest(shown, block); }
                default: { result = smallest(shown, block); }
            }
            statistics[shown.slot * parts + part] = result;
        }
    }
}
