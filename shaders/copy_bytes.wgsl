// Packed words to packed words, as they are. One invocation writes 16 bytes of an image. References show images as they
// are, and an image is a whole number of such pieces. The same as permute_bytes.wgsl without a plan, which is the
// oracle.

@group(0) @binding(1) var<storage, read> pixels: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> encrypted: array<vec4<u32>>;

// No loops: each costs more here than all the rest. The host sees to it that the grid is large enough.
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let position = at.z * groups.y + at.y;
    let chunks = params.stride / 4u;
    if (at.x < chunks && position < params.images) {
        let image = refs[position];
        encrypted[image.slot * chunks + at.x] = pixels[image.index * chunks + at.x];
    }
}
