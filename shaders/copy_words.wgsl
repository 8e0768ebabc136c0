// Memory to memory, two times 4 bytes an invocation: what a device's kernels are held against. Reads neither parameters
// nor references, whose bindings every kernel has.

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(4) var<storage, read_write> encrypted: array<u32>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first = (at.y * groups.x + at.x) * 512u + local;
    // Both reads before both writes.
    if (first + 256u < arrayLength(&pixels)) {
        let a = pixels[first];
        let b = pixels[first + 256u];
        encrypted[first] = a;
        encrypted[first + 256u] = b;
    } else if (first < arrayLength(&pixels)) {
        encrypted[first] = pixels[first];
    }
}
