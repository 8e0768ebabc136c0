// Packed words XOR each image's own ChaCha20 stream, to normalised floats, planar (N, C, H, W). One invocation
// computes one ChaCha20 block and so writes 64 floats, or 32 of 16-bit samples. Needs shared/source.wgsl and
// shared/chacha20.wgsl in front. Twin: Stream::xor in src/schedule.rs and CpuEngine::floats in src/engine/cpu.rs.

@group(0) @binding(4) var<storage, read> scale: array<f32>;      // (2p - max) / max for every sample
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let blocks = (params.stride + 15u) / 16u;
    let in_block = 16u * PER_WORD;
    let pixels_per_plane = params.height * params.width;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        let first = shown.slot * params.samples;
        for (var block = at.x; block < blocks; block += groups.x * 64u) {
            var stream = chacha20_block(params.key_low, params.key_high, vec2<u32>(block, 0u), stream_of(shown));
            var pixel = block * in_block / params.channels;
            var channel = block * in_block % params.channels;
            for (var i = 0u; i < in_block; i++) {
                let sample = block * in_block + i;
                if (sample >= params.samples) {
                    break;
                }
                let pad = (stream[i / PER_WORD] >> ((i % PER_WORD) * BITS)) & ONES;
                tensor[first + channel * pixels_per_plane + pixel] = scale[augmented(shown, sample) ^ pad];
                channel++;
                if (channel == params.channels) {
                    channel = 0u;
                    pixel++;
                }
            }
        }
    }
}
