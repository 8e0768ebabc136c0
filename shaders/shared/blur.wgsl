// A blur in one direction with the weights of three box means. `params.statistic` is the radius of the boxes,
// `params.blocks` 1 for columns and 0 for rows. Needs shared/source.wgsl in front. Twin:
// src/engine/step/gaussian_blur.rs.

// A box of 2 * radius + 1 pixels, three times over itself.
fn weight(radius: u32, distance: u32) -> u32 {
    if (distance <= radius) {
        let width = 2u * radius + 1u;
        return (3u * width * width + 1u) / 4u - distance * distance;
    }
    let rest = 3u * radius + 1u - distance;
    return rest * (rest + 1u) / 2u;
}

// Half up. Quotient and rest are carried along, so that no sum overflows.
fn blurred(shown: ImageRef, pixel: u32, channel: u32) -> u32 {
    let radius = params.statistic;
    let down = params.blocks == 1u;
    let y = pixel / params.width;
    let x = pixel % params.width;
    let at = i32(select(x, y, down));
    let last = i32(select(params.width, params.height, down)) - 1;
    let width = 2u * radius + 1u;
    let whole = width * width * width;
    let reach = 3 * i32(radius);
    var quotient = 0u;
    var rest = whole / 2u;
    for (var d = -reach; d <= reach; d++) {
        // Beyond the edge, the last sample is repeated.
        let place = u32(clamp(at + d, 0, last));
        let source = select(y * params.width + place, place * params.width + x, down);
        rest += weight(radius, u32(abs(d))) * augmented(shown, source * params.channels + channel);
        quotient += rest / whole;
        rest %= whole;
    }
    return quotient;
}
