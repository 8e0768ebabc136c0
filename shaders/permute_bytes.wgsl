// Packed words through a plan to packed words. One invocation writes one word of an image: eight nibbles, four 8-bit
// samples or two of 16 bits. Needs shared/source.wgsl in front. Twin: gather() in src/engine/step/permute.rs.

@group(0) @binding(3) var<storage, read> plan: array<u32>;       // source in bits 0..31, flip in bit 31
@group(0) @binding(4) var<storage, read_write> encrypted: array<u32>;

// Off: the identity, which reads no table.
override PLAN: bool = true;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let elements = params.samples * PER_SAMPLE;
    for (var word = at.x; word < params.stride; word += groups.x * 256u) {
        let first = word * PER_WORD;
        // The last word of an image may be only partly filled.
        let filled = min(PER_WORD, elements - first);
        // Looked up once for all images of the row.
        var entries: array<u32, 8>;
        for (var k = 0u; k < PER_WORD; k++) {
            entries[k] = first + k;
            if (PLAN && k < filled) {
                entries[k] = plan[first + k];
            }
        }
        for (var image = at.y; image < params.images; image += groups.y) {
            let shown = refs[image];
            var packed = 0u;
            for (var k = 0u; k < filled; k++) {
                let entry = entries[k];
                packed |= (augmented(shown, entry & 0x7fffffffu) ^ (ONES * (entry >> 31u))) << (k * BITS);
            }
            encrypted[shown.slot * params.stride + word] = packed;
        }
    }
}
