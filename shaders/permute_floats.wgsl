// Packed words through a plan to normalised floats, planar (N, C, H, W): one dispatch from the resident set
// into the network's input. One invocation writes one float of an image. Needs shared/source.wgsl in front.
// Twin: floats() in src/engine/cpu/mod.rs.

@group(0) @binding(3) var<storage, read> plan: array<u32>;       // source in bits 0..31, flip in bit 31
// (2p - max) / max for every sample, made on the host: no arithmetic here that a driver could round otherwise.
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

// Off: the identity, which reads no table.
override PLAN: bool = true;

// Where output element `element` comes from, and whether it is flipped.
fn entry_of(element: u32) -> u32 {
    if (!PLAN) {
        return element;
    }
    return plan[element];
}

// What an entry of the plan makes of what `shown` shows.
fn moved(shown: ImageRef, entry: u32) -> u32 {
    return augmented(shown, entry & 0x7fffffffu) ^ (ONES * (entry >> 31u));
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let pixels_per_plane = params.height * params.width;
    // The third dimension is the channel.
    let channel = at.z;
    for (var pixel = at.x; pixel < pixels_per_plane; pixel += groups.x * 256u) {
        let first = (pixel * params.channels + channel) * PER_SAMPLE;
        let to = channel * pixels_per_plane + pixel;
        // Looked up once for all images of the row. Nibbles: two or four to a sample.
        let entry = entry_of(first);
        var second = 0u;
        var third = 0u;
        var fourth = 0u;
        if (PER_SAMPLE > 1u) {
            second = entry_of(first + 1u);
        }
        if (PER_SAMPLE > 2u) {
            third = entry_of(first + 2u);
            fourth = entry_of(first + 3u);
        }
        for (var image = at.y; image < params.images; image += groups.y) {
            let shown = refs[image];
            var value = moved(shown, entry);
            // No loop over one element: a loop costs more than the rest.
            if (PER_SAMPLE > 1u) {
                value |= moved(shown, second) << 4u;
            }
            if (PER_SAMPLE > 2u) {
                value |= moved(shown, third) << 8u;
                value |= moved(shown, fourth) << 12u;
            }
            tensor[shown.slot * params.samples + to] = scale[value];
        }
    }
}
