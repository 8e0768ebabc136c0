// Packed words XOR each image's own ChaCha20 stream, to packed words. One invocation computes one ChaCha20
// block and writes 16 words, 64 apart; behind an image's last sample they hold what nobody reads. Needs
// shared/source.wgsl, shared/chacha20.wgsl and shared/staged.wgsl in front. Twin: Stream::xor in src/schedule.rs.

@group(0) @binding(4) var<storage, read_write> encrypted: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) at: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    // The bits of a word that samples use.
    let used = MAX * select(0x00010001u, 0x01010101u, DEPTH == 8u);
    for (var image = at.y; image < params.images; image += groups.y) {
        let shown = refs[image];
        // 64 blocks of 16 words.
        for (var first = at.x * 1024u; first < params.stride; first += groups.x * 1024u) {
            let counter = vec2<u32>(first / 16u + local, 0u);
            workgroupBarrier();
            stage(local, chacha20_block(params.key_low, params.key_high, counter, stream_of(shown)));
            workgroupBarrier();
            for (var i = local; i < 1024u && first + i < params.stride; i += 64u) {
                let pad = staged_word(i) & used;
                encrypted[shown.slot * params.stride + first + i] = augmented_word(shown, first + i) ^ pad;
            }
        }
    }
}
