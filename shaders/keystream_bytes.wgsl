// Packed bytes XOR each image's own ChaCha20 stream, to packed bytes. One invocation computes one ChaCha20
// block and so writes 16 words. Needs shared/source.wgsl and shared/chacha20.wgsl in front.
// Twin: Stream::xor in src/schedule.rs.

@group(0) @binding(4) var<storage, read_write> encrypted: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let blocks = (params.samples + 63u) / 64u;
    for (var image = at.y; image < params.images; image += groups.y) {
        let pick = picks[image];
        for (var block = at.x; block < blocks; block += groups.x * 64u) {
            var stream = chacha20_block(params.key_low, params.key_high, vec2<u32>(block, 0u), pick.id);
            for (var i = 0u; i < 16u; i++) {
                let word = block * 16u + i;
                if (word >= params.stride) {
                    break;
                }
                var packed = 0u;
                for (var k = 0u; k < 4u; k++) {
                    let sample = word * 4u + k;
                    // The last word of an image may be only partly filled: its rest stays zero.
                    if (sample < params.samples) {
                        packed |= (viewed(pick, sample) ^ ((stream[i] >> (k * 8u)) & 255u)) << (k * 8u);
                    }
                }
                encrypted[pick.slot * params.stride + word] = packed;
            }
        }
    }
}
