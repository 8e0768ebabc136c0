// The ChaCha20 blocks of a workgroup of 64, in its memory: each invocation computes one block, and all of them read
// the words in order, so that neighbours write neighbouring words of an image. Needs shared/chacha20.wgsl in front.

// A block is 17 words apart from the next: neighbours write to different banks.
var<workgroup> staged: array<u32, 1088>;

// Between two barriers.
fn stage(local: u32, s: Stream) {
    let at = local * 17u;
    staged[at] = s.a.x;
    staged[at + 1u] = s.a.y;
    staged[at + 2u] = s.a.z;
    staged[at + 3u] = s.a.w;
    staged[at + 4u] = s.b.x;
    staged[at + 5u] = s.b.y;
    staged[at + 6u] = s.b.z;
    staged[at + 7u] = s.b.w;
    staged[at + 8u] = s.c.x;
    staged[at + 9u] = s.c.y;
    staged[at + 10u] = s.c.z;
    staged[at + 11u] = s.c.w;
    staged[at + 12u] = s.d.x;
    staged[at + 13u] = s.d.y;
    staged[at + 14u] = s.d.z;
    staged[at + 15u] = s.d.w;
}

// Word `i` of the 64 blocks.
fn staged_word(i: u32) -> u32 {
    return staged[i + i / 16u];
}
