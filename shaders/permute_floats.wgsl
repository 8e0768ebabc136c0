// Packed bytes through a plan to normalised floats, planar (N, C, H, W): one dispatch from the resident set
// into the network's input. One invocation writes one float of an image. Needs shared/source.wgsl in front.
// Twin: CpuEngine::floats in src/engine/cpu.rs.

@group(0) @binding(3) var<storage, read> plan: array<u32>;       // source in bits 0..31, flip in bit 31
// (2p - 255) / 255 for every byte, made on the host: no arithmetic here that a driver could round otherwise.
@group(0) @binding(4) var<storage, read> scale: array<f32, 256>;
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
            var entry = pixel * params.channels + channel;
            if (PLAN) {
                entry = plan[entry];
            }
            let value = scale[viewed(pick, entry & 0x7fffffffu)];
            // Flipping a sample is flipping the sign of its float, exactly.
            tensor[plane + pixel] = bitcast<f32>(bitcast<u32>(value) ^ (entry & 0x80000000u));
        }
    }
}
