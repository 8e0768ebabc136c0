// Signs and channel orders with keys per image, packed words to packed words. One invocation writes four times four
// neighbouring pixels, which are whole words. Needs shared/source.wgsl, shared/chacha20.wgsl, shared/staged.wgsl and
// shared/pixel_keys.wgsl in front.
// Twin: pixel_keyed() in src/engine/step/pixel_keyed.rs.

@group(0) @binding(4) var<storage, read_write> encrypted: array<u32>;

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
            for (var at_pixel = local * 4u; at_pixel < PIXELS; at_pixel += 256u) {
                let start = first_pixel + at_pixel;
                var word = shown.slot * params.stride + start * params.channels / PER_WORD;
                var packed = 0u;
                var filled = 0u;
                for (var pixel = start; pixel < min(start + 4u, pixels_of_image); pixel++) {
                    let order = order_of(shown, first_pixel, pixel);
                    for (var channel = 0u; channel < params.channels; channel++) {
                        packed |= keyed(shown, first_pixel, pixel, order, channel) << filled;
                        filled += BITS;
                        if (filled == 32u) {
                            encrypted[word] = packed;
                            word++;
                            packed = 0u;
                            filled = 0u;
                        }
                    }
                }
                // Only at the image's end.
                if (filled > 0u) {
                    encrypted[word] = packed;
                }
            }
        }
    }
}
