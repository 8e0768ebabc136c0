// (2p - max) / max for four samples of 8 to 16 bits, to the bit what a division gives, without one: WGSL lets a
// driver round divisions as it likes. The reciprocal is split in two, so that the first product is exact and the second
// is too small for its own rounding to matter: whether a driver fuses the sum with either makes no difference. Nor may
// it put both factors together, which some do where it looks as if both products were of one number: hence two. Twin:
// normalised() in src/image/depth.rs, whose tests try all of this for every sample there is.
fn normalised(samples: vec4<u32>, depth: u32) -> vec4<f32> {
    if (depth == 8u) {
        let x = vec4<i32>(samples) * 2 - 255;
        return vec4<f32>(x * 257) * 0x1p-16f + vec4<f32>(x) * 0x1.010102p-24f;
    }
    let x = vec4<i32>(samples) * 2 - i32((1u << depth) - 1u);
    return vec4<f32>(x * i32(1u << (23u - depth))) * 0x1p-23f + vec4<f32>(x) * rest(depth);
}

// 1 / max - 2^-depth, rounded.
fn rest(depth: u32) -> f32 {
    switch depth {
        case 9u: { return 0x1.00804p-18f; }
        case 10u: { return 0x1.00401p-20f; }
        case 11u: { return 0x1.002004p-22f; }
        case 12u: { return 0x1.001002p-24f; }
        case 13u: { return 0x1.0008p-26f; }
        case 14u: { return 0x1.0004p-28f; }
        case 15u: { return 0x1.0002p-30f; }
        default: { return 0x1.0001p-32f; }
    }
}
