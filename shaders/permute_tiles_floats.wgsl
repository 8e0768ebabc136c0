// Packed words through a plan in tiles to normalised floats, planar (N, C, H, W). One invocation writes, of each of
// four images, four times four neighbours of a channel. Needs shared/normalised.wgsl and shared/tiles.wgsl in front.
// The same as permute_floats.wgsl, which is the oracle.

@group(0) @binding(5) var<storage, read_write> tensor: array<vec4<f32>>;

override DEPTH: u32 = 8u;                    // bits that a sample uses
override BYTES: u32 = (DEPTH + 7u) / 8u;      // of a stored sample

const ALL: u32 = 0xffffffffu;

// Bytes 0 to 3 of `low` are four samples; where these have two bytes, their upper bytes are in `high`.
fn write(position: u32, quad_of_plane: u32, low: u32, high: u32) {
    if (position < params.images) {
        let lower = vec4<u32>(low, low >> 8u, low >> 16u, low >> 24u) & vec4<u32>(255u);
        let upper = (vec4<u32>(high, high >> 8u, high >> 16u, high >> 24u) & vec4<u32>(255u)) << vec4<u32>(8u);
        tensor[refs[position].slot * (params.samples / 4u) + quad_of_plane] = normalised(lower | upper, DEPTH);
    }
}

fn write_quad(first: u32, output: u32, entries: u32) {
    let low = four_bytes(entries, ALL, ALL);
    var high = vec4<u32>(0u);
    if (BYTES == 2u) {
        high = four_bytes(entries + select(LANES, 2u * LANES, NIBBLES), UPPER, UPPER);
    }
    write(first, output, low.x, high.x);
    write(first + 1u, output, low.y, high.y);
    write(first + 2u, output, low.z, high.z);
    write(first + 3u, output, low.w, high.w);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = select(1u, 2u, NIBBLES) * BYTES;
    let place = group.x * (4u + 4u * rows) * LANES + lane;
    let first = first_image(group, groups);
    let source = tiles[place].x;
    if (source != NONE) {
        lay(first, source, lane);
    }
    workgroupBarrier();
    for (var i = 0u; i < 4u; i++) {
        let output = tiles[place + i * LANES].y;
        if (output != NONE) {
            write_quad(first, output, place + (4u + i * rows) * LANES);
        }
    }
}
