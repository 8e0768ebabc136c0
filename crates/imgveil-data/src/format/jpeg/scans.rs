//! Whether the scans of a codestream hold all of its image. Each scan may be whole while others are missing: such a
//! file is shown as a coarse image, and a network would learn from it.

use super::head::JpegHead;
use super::markers::{next_marker, segment, stands_alone};

/// Whether an end marker follows the first scan, and the scans before it hold every component in full precision.
pub(super) fn are_complete(bytes: &[u8], head: &JpegHead) -> bool {
    let mut at = head.scan;
    if !head.is_progressive() && head.scanned >= head.components {
        // The decoder counts the blocks of the only scan.
        return bytes.get(at..).unwrap_or_default().windows(2).rev().any(|pair| pair == [0xff, 0xd9]);
    }
    // For every coefficient of a component: the lowest bit that was sent, or none.
    let mut sent: Vec<[Option<u8>; 64]> = vec![[None; 64]; head.ids.len()];
    while let Some((kind, start)) = next_marker(bytes, at) {
        at = start;
        if kind == 0xd9 {
            return sent.iter().flatten().all(|&bit| bit == Some(0));
        }
        if stands_alone(kind) {
            continue;
        }
        let Some((content, end)) = segment(bytes, start) else { return false };
        if kind == 0xda {
            record(&mut sent, content, head);
        }
        at = end;
    }
    false
}

/// Records what a scan sends. A scan that is not as it must be is left to the decoder.
fn record(sent: &mut [[Option<u8>; 64]], content: &[u8], head: &JpegHead) {
    let Some((&count, rest)) = content.split_first() else { return };
    let Some((ids, &[first, last, bits])) = rest.split_at_checked(2 * usize::from(count)) else { return };
    let (first, last, low) = if head.is_progressive() { (first, last, bits & 15) } else { (0, 63, 0) };
    for [id, _] in ids.as_chunks().0 {
        let Some(place) = head.ids.iter().position(|known| known == id) else { continue };
        let coefficients = sent.get_mut(place).and_then(|all| all.get_mut(usize::from(first)..=usize::from(last)));
        coefficients.unwrap_or_default().fill(Some(low));
    }
}
