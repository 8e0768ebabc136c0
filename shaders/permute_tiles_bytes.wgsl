// Packed words through a plan in tiles to packed words. One invocation writes 16 bytes of each of four images. Needs
// shared/tiles.wgsl in front. The same as permute_bytes.wgsl, which is the oracle.

@group(0) @binding(4) var<storage, read_write> encrypted: array<vec4<u32>>;

const ALL: u32 = 0xffffffffu;

fn write(position: u32, chunk: u32, words: vec4<u32>) {
    if (position < params.images) {
        encrypted[refs[position].slot * (params.stride / 4u) + chunk] = words;
    }
}

fn write_quad(first: u32, chunk: u32, entries: u32) {
    let rows = select(LANES, 2u * LANES, NIBBLES);
    let a = four_bytes(entries, ALL, UPPER);
    let b = four_bytes(entries + rows, ALL, UPPER);
    let c = four_bytes(entries + 2u * rows, ALL, UPPER);
    let d = four_bytes(entries + 3u * rows, ALL, UPPER);
    write(first, chunk, vec4<u32>(a.x, b.x, c.x, d.x));
    write(first + 1u, chunk, vec4<u32>(a.y, b.y, c.y, d.y));
    write(first + 2u, chunk, vec4<u32>(a.z, b.z, c.z, d.z));
    write(first + 3u, chunk, vec4<u32>(a.w, b.w, c.w, d.w));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let rows = select(5u, 9u, NIBBLES);
    let place = group.x * rows * LANES + lane;
    let chunks = tiles[place];
    let first = first_image(group, groups);
    if (chunks.x != NONE) {
        lay(first, chunks.x, lane);
    }
    workgroupBarrier();
    if (chunks.y != NONE) {
        write_quad(first, chunks.y, place + LANES);
    }
}
