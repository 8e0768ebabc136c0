// Images behind which their own plans lie, as shared/own_plan_written.wgsl writes them. Needs shared/source.wgsl in
// front.

// What element `element` of the output is.
fn taken(record: u32, element: u32) -> u32 {
    let entry = pixels[record + params.stride + element];
    let source = entry & 0x7fffffffu;
    let word = pixels[record + source / PER_WORD];
    return ((word >> ((source % PER_WORD) * BITS)) & ONES) ^ (ONES * (entry >> 31u));
}
