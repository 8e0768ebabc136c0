// Packed words through a plan to normalised floats, planar (N, C, H, W): one dispatch from the resident set
// into the network's input. One invocation writes one float of an image. Needs shared/source.wgsl in front.
// Twin: CpuEngine::floats in src/engine/cpu.rs.

@group(0) @binding(3) var<storage, read> plan: array<u32>;       // source in bits 0..31, flip in bit 31
// (2p - max) / max for every sample, made on the host: no arithmetic here that a driver could round otherwise.
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

// Off: the identity, which reads no table.
override PLAN: bool = true;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let pixels_per_plane = params.height * params.width;
    // The third dimension is the channel.
    let channel = at.z;
    for (var image = at.y; image < params.images; image += groups.y) {
        let pick = picks[image];
        let plane = pick.slot * params.samples + channel * pixels_per_plane;
        for (var pixel = at.x; pixel < pixels_per_plane; pixel += groups.x * 64u) {
            let sample = pixel * params.channels + channel;
            var value = 0u;
            for (var k = 0u; k < PER_SAMPLE; k++) {
                var entry = sample * PER_SAMPLE + k;
                if (PLAN) {
                    entry = plan[entry];
                }
                let flip = ONES * (entry >> 31u);
                value |= (viewed(pick, entry & 0x7fffffffu) ^ flip) << (k * BITS);
            }
            tensor[plane + pixel] = scale[value];
        }
    }
}
