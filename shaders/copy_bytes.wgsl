// Packed words to packed words, as they are. One invocation writes 16 bytes of an image. Picks show images as they are, and
// an image is a whole number of such pieces. The same as permute_bytes.wgsl without a plan, which is the oracle.

@group(0) @binding(1) var<storage, read> pixels: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> encrypted: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let chunks = params.stride / 4u;
    for (var image = at.y; image < params.images; image += groups.y) {
        let pick = picks[image];
        for (var chunk = at.x; chunk < chunks; chunk += groups.x * 64u) {
            encrypted[pick.slot * chunks + chunk] = pixels[pick.index * chunks + chunk];
        }
    }
}
