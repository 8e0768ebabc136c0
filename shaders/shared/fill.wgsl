// What a block is filled with: `pixels` holds the statistics that block_statistic.wgsl wrote, in the order of the picks.
// Needs shared/source.wgsl in front.

fn filled_with(pick: Pick, pixel: u32, channel: u32) -> u32 {
    let row = pixel / params.width / params.block_height;
    let column = pixel % params.width / params.block_width;
    let block = row * params.block_columns + column;
    return pixels[(pick.index * params.blocks + block) * params.channels + channel];
}
