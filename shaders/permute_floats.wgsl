// Packed bytes through a plan to normalised floats, planar (N, C, H, W): one dispatch from the resident set
// into the network's input. One invocation writes one float. Needs shared/source.wgsl in front.
// Twin: CpuEngine::floats in src/engine/cpu.rs.

@group(0) @binding(3) var<storage, read> plan: array<u32>;       // source in bits 0..31, flip in bit 31
// (2p - 255) / 255 for every byte, made on the host: no arithmetic here that a driver could round otherwise.
@group(0) @binding(4) var<storage, read> scale: array<f32, 256>;
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

// Off: the identity, which reads no table.
override PLAN: bool = true;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let at = linear(group, groups, lane);
    let image = at / params.samples;
    if (image >= params.images) {
        return;
    }
    let pick = picks[image];
    let planar = at % params.samples;
    let pixels_per_plane = params.height * params.width;
    let channel = planar / pixels_per_plane;
    let pixel = planar % pixels_per_plane;
    var entry = pixel * params.channels + channel;
    if (PLAN) {
        entry = plan[entry];
    }
    let value = scale[viewed(pick, entry & 0x7fffffffu)];
    // Flipping a sample is flipping the sign of its float, exactly.
    tensor[pick.slot * params.samples + planar] = bitcast<f32>(bitcast<u32>(value) ^ (entry & 0x80000000u));
}
