// Packed 8-bit samples to normalised floats, planar (N, C, H, W), as they are: what a plan to floats is held against. One
// invocation writes four neighbours of every channel of an image. Picks show images as they are, and an image is a
// whole number of such pieces. Needs shared/normalised.wgsl in front. The same as permute_floats.wgsl without a plan, which is the oracle.

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(5) var<storage, read_write> tensor: array<vec4<f32>>;

fn scaled(a: u32, b: u32, c: u32, d: u32) -> vec4<f32> {
    return normalised(vec4<u32>(a, b, c, d) & vec4<u32>(255u), 8u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let quads = params.samples / params.channels / 4u;
    for (var image = at.y; image < params.images; image += groups.y) {
        let pick = picks[image];
        for (var quad = at.x; quad < quads; quad += groups.x * 64u) {
            let first = pick.index * params.stride + quad * params.channels;
            let written = pick.slot * (params.samples / 4u) + quad;
            let a = pixels[first];
            if (params.channels == 1u) {
                tensor[written] = scaled(a, a >> 8u, a >> 16u, a >> 24u);
            } else {
                // RGBR GBRG BRGB.
                let b = pixels[first + 1u];
                let c = pixels[first + 2u];
                tensor[written] = scaled(a, a >> 24u, b >> 16u, c >> 8u);
                tensor[written + quads] = scaled(a >> 8u, b, b >> 24u, c >> 16u);
                tensor[written + 2u * quads] = scaled(a >> 16u, b >> 8u, c, c >> 24u);
            }
        }
    }
}
