// Packed bytes XOR each image's own ChaCha20 stream, to normalised floats, planar (N, C, H, W). One invocation
// computes one ChaCha20 block and so writes 64 floats. Needs shared/source.wgsl and shared/chacha20.wgsl in
// front. Twin: Stream::xor in src/schedule.rs and CpuEngine::floats in src/engine/cpu.rs.

@group(0) @binding(4) var<storage, read> scale: array<f32, 256>;  // (2p - 255) / 255 for every byte
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear(group, groups, lane);
    let blocks = (params.samples + 63u) / 64u;
    let image = at / blocks;
    if (image >= params.images) {
        return;
    }
    let pick = picks[image];
    let block = at % blocks;
    let pixels_per_plane = params.height * params.width;
    var stream = chacha20_block(params.key_low, params.key_high, vec2<u32>(block, 0u), pick.id);
    for (var i = 0u; i < 64u; i++) {
        let sample = block * 64u + i;
        if (sample >= params.samples) {
            break;
        }
        let byte = viewed(pick, sample) ^ ((stream[i >> 2u] >> ((i & 3u) * 8u)) & 255u);
        let planar = (sample % params.channels) * pixels_per_plane + sample / params.channels;
        tensor[pick.slot * params.samples + planar] = scale[byte];
    }
}
