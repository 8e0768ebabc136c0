// Packed words XOR each image's own ChaCha20 stream, to normalised floats, planar (N, C, H, W). One invocation
// computes one ChaCha20 block and writes 64 floats, or 32 of 16-bit samples, 64 samples apart. Needs
// shared/source.wgsl, shared/chacha20.wgsl and shared/staged.wgsl in front. Twin: Stream::xor in src/schedule.rs and
// floats() in src/engine/cpu/mod.rs.

@group(0) @binding(4) var<storage, read> scale: array<f32>;      // (2p - max) / max for every sample
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let pixels_per_plane = params.height * params.width;
    // The samples of 64 blocks.
    let together = 1024u * PER_WORD;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        for (var first = at.x * together; first < params.samples; first += groups.x * together) {
            let counter = vec2<u32>(first / (16u * PER_WORD) + local, 0u);
            workgroupBarrier();
            stage(local, chacha20_block(params.key_low, params.key_high, counter, stream_of(shown)));
            workgroupBarrier();
            for (var i = local; i < together && first + i < params.samples; i += 64u) {
                let sample = first + i;
                let pad = (staged_word(i / PER_WORD) >> ((i % PER_WORD) * BITS)) & ONES;
                let to = sample % params.channels * pixels_per_plane + sample / params.channels;
                tensor[shown.slot * params.samples + to] = scale[augmented(shown, sample) ^ pad];
            }
        }
    }
}
