//! The ways in which a block can be turned, mirrored and recoloured as a whole.

/// The orders of three channels.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Every way, as a table of the elements (row, column, channel) of a block: `out[i] = in[table[i]]`. A block that is no
/// square is only mirrored and turned by half.
pub(crate) fn turns(block: (usize, usize), channels: usize) -> Vec<Vec<u32>> {
    let (height, width) = block;
    let orders: &[[usize; 3]] = if channels == 3 { &ORDERS } else { &ORDERS[..1] };
    let mut all = Vec::with_capacity(8 * orders.len());
    for turn in 0..8 {
        let (transposed, down, right) = (turn & 1 == 1, turn & 2 == 2, turn & 4 == 4);
        if transposed && height != width {
            continue;
        }
        for order in orders {
            let mut table = Vec::with_capacity(height * width * channels);
            for y in 0..height {
                for x in 0..width {
                    let (y, x) = if transposed { (x, y) } else { (y, x) };
                    let (y, x) = (if down { height - 1 - y } else { y }, if right { width - 1 - x } else { x });
                    table.extend((0..channels).map(|c| ((y * width + x) * channels + order[c]) as u32));
                }
            }
            all.push(table);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_way_is_another_one() {
        for (block, channels, ways) in [((4, 4), 1, 8), ((4, 4), 3, 48), ((2, 4), 1, 4)] {
            let all = turns(block, channels);
            assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (ways, ways));
            for table in all {
                let mut sorted = table.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..table.len() as u32).collect::<Vec<_>>());
            }
        }
    }
}
