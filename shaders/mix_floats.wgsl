// Several images into one, with signs of its own, to floats, planar (N, C, H, W). A workgroup of 64 works on 2048
// samples, whose sign bits are four ChaCha20 blocks. Weights add up to 2^16, so a sum is an integer below 2^24, which
// a float holds: one product, and one rounding. Needs shared/source.wgsl and shared/chacha20.wgsl in front.
// Twin: mix() in src/engine/cpu/mod.rs.

@group(0) @binding(5) var<storage, read_write> tensor: array<f32>;

const SAMPLES: u32 = 2048u;

var<workgroup> sign_words: array<u32, 64>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let pixels_per_plane = params.height * params.width;
    let group_count = (params.samples + SAMPLES - 1u) / SAMPLES;
    for (var image = at.y; image < params.images; image += groups.y) {
        let first_ref = image * params.group;
        for (var group = at.x; group < group_count; group += groups.x) {
            workgroupBarrier();
            if (local < 4u) {
                let counter = vec2<u32>(group * 4u + local, 0u);
                let stream = chacha20_block(params.key_low, params.key_high, counter, stream_of(refs[first_ref]));
                for (var i = 0u; i < 16u; i++) {
                    sign_words[local * 16u + i] = word_of(stream, i);
                }
            }
            workgroupBarrier();
            for (var i = 0u; i < 32u; i++) {
                let in_group = i * 64u + local;
                let sample = group * SAMPLES + in_group;
                if (sample < params.samples) {
                    var sum = 0i;
                    for (var j = 0u; j < params.group; j++) {
                        let shown = refs[first_ref + j];
                        sum += i32((shown.how >> 1u) & 0x1ffffu) * (2i * i32(augmented(shown, sample)) - 255i);
                    }
                    let value = f32(sum) * params.unit;
                    let sign = ((sign_words[in_group / 32u] >> (in_group & 31u)) & 1u) << 31u;
                    let plane = image * params.samples + (sample % params.channels) * pixels_per_plane;
                    tensor[plane + sample / params.channels] = bitcast<f32>(bitcast<u32>(value) ^ sign);
                }
            }
        }
    }
}
