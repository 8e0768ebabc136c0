// What a block is filled with: `pixels` holds the statistics that block_statistic.wgsl wrote, in the order of the refs.
// Needs shared/source.wgsl in front.

fn filled_with(shown: ImageRef, pixel: u32, channel: u32) -> u32 {
    let row = pixel / params.width / params.block_height;
    let column = pixel % params.width / params.block_width;
    let block = row * params.block_columns + column;
    return pixels[(shown.index * params.blocks + block) * params.channels + channel];
}
