// Memory to memory, 16 bytes an invocation: what a device's kernels are held against. Reads neither parameters nor references, whose
// bindings every kernel has.

@group(0) @binding(1) var<storage, read> pixels: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> encrypted: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (at.y * groups.x + at.x) * 64u + local;
    if (i < arrayLength(&pixels)) {
        encrypted[i] = pixels[i];
    }
}
