// Signs and channel orders with keys per image, packed words to normalised floats, planar (N, C, H, W). One invocation
// writes 16 pixels, 64 apart. Needs shared/source.wgsl, shared/chacha20.wgsl, shared/staged.wgsl and
// shared/pixel_keys.wgsl in front. Twins: pixel_keyed() in src/engine/step/pixel_keyed.rs and floats() in
// src/engine/cpu/mod.rs.

@group(0) @binding(4) var<storage, read> scale: array<f32>;      // (2p - max) / max for every sample
@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let pixels_of_image = params.height * params.width;
    let group_count = (pixels_of_image + PIXELS - 1u) / PIXELS;
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        for (var group = at.x; group < group_count; group += groups.x) {
            let first_pixel = group * PIXELS;
            workgroupBarrier();
            draw_signs(shown, first_pixel, local);
            draw_orders(shown, first_pixel, local);
            workgroupBarrier();
            let end = min(first_pixel + PIXELS, pixels_of_image);
            for (var pixel = first_pixel + local; pixel < end; pixel += 64u) {
                let order = order_of(shown, first_pixel, pixel);
                for (var channel = 0u; channel < params.channels; channel++) {
                    let value = keyed(shown, first_pixel, pixel, order, channel);
                    let plane = shown.slot * params.samples + channel * pixels_of_image;
                    tensor[plane + pixel] = scale[value];
                }
            }
        }
    }
}
