// Every block filled with its statistic, to packed words. One invocation writes one word. Needs shared/source.wgsl and
// shared/fill.wgsl in front. Twin: fill() in src/engine/step/block_statistic.rs.

@group(0) @binding(4) var<storage, read_write> encrypted: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        for (var word = at.x; word < params.stride; word += groups.x * 64u) {
            var packed = 0u;
            for (var k = 0u; k < PER_WORD; k++) {
                let sample = word * PER_WORD + k;
                // The last word of an image may be only partly filled.
                if (sample < params.samples) {
                    packed |= filled_with(shown, sample / params.channels, sample % params.channels) << (k * BITS);
                }
            }
            encrypted[shown.slot * params.stride + word] = packed;
        }
    }
}
