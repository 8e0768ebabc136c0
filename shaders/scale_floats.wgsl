// Packed 8-bit samples to normalised floats, planar (N, C, H, W), as they are: what a plan to floats is held against.
// One invocation writes four neighbours of every channel of an image. References show images as they are, and an image
// is a whole number of such pieces. Needs shared/normalised.wgsl in front. The same as permute_floats.wgsl without a
// plan, which is the oracle.

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(5) var<storage, read_write> tensor: array<vec4<f32>>;

fn scaled(a: u32, b: u32, c: u32, d: u32) -> vec4<f32> {
    return normalised(vec4<u32>(a, b, c, d) & vec4<u32>(255u), 8u);
}

// No loops: each costs more here than all the rest. The host sees to it that the grid is large enough.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let position = at.z * groups.y + at.y;
    let quads = params.samples / params.channels / 4u;
    if (at.x >= quads || position >= params.images) {
        return;
    }
    let image = refs[position];
    let first = image.index * params.stride + at.x * params.channels;
    let written = image.slot * (params.samples / 4u) + at.x;
    let a = pixels[first];
    if (params.channels == 1u) {
        tensor[written] = scaled(a, a >> 8u, a >> 16u, a >> 24u);
        return;
    }
    // RGBR GBRG BRGB.
    let b = pixels[first + 1u];
    let c = pixels[first + 2u];
    tensor[written] = scaled(a, a >> 24u, b >> 16u, c >> 8u);
    tensor[written + quads] = scaled(a >> 8u, b, b >> 24u, c >> 16u);
    tensor[written + 2u * quads] = scaled(a >> 16u, b >> 8u, c, c >> 24u);
}
