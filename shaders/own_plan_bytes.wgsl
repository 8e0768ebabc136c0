// Packed words through the images' own plans to packed words. One invocation writes one word of an image. Needs
// shared/source.wgsl and shared/own_plan.wgsl in front. Twin: gather() in src/engine/step/permute.rs.

@group(0) @binding(4) var<storage, read_write> encrypted: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let elements = params.samples * PER_SAMPLE;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        let record = shown.index * params.record;
        for (var word = at.x; word < params.stride; word += groups.x * 64u) {
            let first = word * PER_WORD;
            // The last word of an image may be only partly filled.
            let filled = min(PER_WORD, elements - first);
            var packed = 0u;
            for (var k = 0u; k < filled; k++) {
                packed |= taken(record, first + k) << (k * BITS);
            }
            encrypted[shown.slot * params.stride + word] = packed;
        }
    }
}
