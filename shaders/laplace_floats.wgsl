// Laplace noise on blocks, packed words to normalised floats, planar (N, C, H, W). One invocation writes one float.
// Needs shared/source.wgsl, shared/chacha20.wgsl and shared/laplace.wgsl in front. Twin:
// src/engine/step/laplace_noise.rs and floats() in src/engine/cpu/mod.rs.

@group(0) @binding(4) var<storage, read> scale: array<f32>;      // (2p - max) / max for every sample
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let pixels_per_plane = params.height * params.width;
    // The third dimension is the channel.
    let channel = at.z;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        let plane = shown.slot * params.samples + channel * pixels_per_plane;
        for (var pixel = at.x; pixel < pixels_per_plane; pixel += groups.x * 64u) {
            tensor[plane + pixel] = scale[noisy(shown, pixel, channel)];
        }
    }
}
