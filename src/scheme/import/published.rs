//! How published code writes keys, where it differs from ours.

/// The channel orders of the published EtC code, as digits of ours: its number 1 is our order 2 (102), and so on.
const ETC_ORDERS: [u32; 6] = [0, 2, 5, 1, 4, 3];

/// Our digit of an order of the published EtC code, which is below 6.
pub(super) fn order(published: u32) -> u32 {
    ETC_ORDERS[published as usize]
}

/// The order of the published EtC code for our digit.
pub(super) fn published_order(ours: u32) -> u32 {
    (0..).zip(ETC_ORDERS).find(|(_, order)| *order == ours).map_or(0, |(published, _)| published)
}

/// The symmetry of a block that the published EtC code turns (0, 1, 2: by 90, 180, 270 degrees counter-clockwise; 3:
/// not) and then flips (0: up-down; 1: left-right; 2: not).
pub(super) fn symmetry(rotate: u32, flip: u32) -> u32 {
    let turns = (rotate + 1) % 4;
    match flip {
        // Up-down is half a turn and left-right.
        0 => (turns + 2) % 4 + 4,
        1 => turns + 4,
        _ => turns,
    }
}

/// The published turn for a symmetry.
pub(super) fn rotate(symmetry: u32) -> u32 {
    (symmetry % 4 + 3) % 4
}

/// The published flip for a symmetry, after [`rotate`].
pub(super) fn flip(symmetry: u32) -> u32 {
    if symmetry >= 4 { 1 } else { 2 }
}

/// Flips as published code derives them from permutations of `n`: `key > n/2`.
pub(super) fn above_half(permutations: &[u32], n: usize) -> Vec<bool> {
    permutations.iter().map(|&entry| 2 * u64::from(entry) > n as u64).collect()
}
