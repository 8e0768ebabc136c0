// Packed words XOR each image's own ChaCha20 stream, to packed words. One invocation computes one ChaCha20
// block and so writes 16 words; behind an image's last sample they hold what nobody reads. Needs shared/source.wgsl and shared/chacha20.wgsl in front.
// Twin: Stream::xor in src/schedule.rs.

@group(0) @binding(4) var<storage, read_write> encrypted: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let blocks = (params.stride + 15u) / 16u;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        for (var block = at.x; block < blocks; block += groups.x * 64u) {
            var stream = chacha20_block(params.key_low, params.key_high, vec2<u32>(block, 0u), stream_of(shown));
            for (var i = 0u; i < 16u; i++) {
                let word = block * 16u + i;
                if (word >= params.stride) {
                    break;
                }
                encrypted[shown.slot * params.stride + word] = augmented_word(shown, word) ^ stream[i];
            }
        }
    }
}
