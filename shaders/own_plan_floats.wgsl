// Packed words through the images' own plans to normalised floats, planar (N, C, H, W). One invocation writes one
// float. Needs shared/source.wgsl and shared/own_plan.wgsl in front. Twins: gather() in src/engine/step/permute.rs and
// floats() in src/engine/cpu/mod.rs.

@group(0) @binding(4) var<storage, read> scale: array<f32>;      // (2p - max) / max for every sample
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let pixels_per_plane = params.height * params.width;
    // The third dimension is the channel.
    let channel = at.z;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        let record = shown.index * params.record;
        let plane = shown.slot * params.samples + channel * pixels_per_plane;
        for (var pixel = at.x; pixel < pixels_per_plane; pixel += groups.x * 64u) {
            let first = (pixel * params.channels + channel) * PER_SAMPLE;
            var value = 0u;
            for (var k = 0u; k < PER_SAMPLE; k++) {
                value |= taken(record, first + k) << (k * BITS);
            }
            tensor[plane + pixel] = scale[value];
        }
    }
}
