//! Turns separate planes, and colour differences that pixels share, into interleaved pixels.

/// Interleaves planes of samples of `bytes` bytes.
pub(super) fn interleaved(planes: &[u8], bytes: usize) -> Vec<u8> {
    let plane = planes.len() / 3;
    let mut samples = Vec::with_capacity(planes.len());
    let (red, rest) = planes.split_at(plane);
    let (green, blue) = rest.split_at(plane);
    for ((r, g), b) in red.chunks_exact(bytes).zip(green.chunks_exact(bytes)).zip(blue.chunks_exact(bytes)) {
        samples.extend_from_slice(r);
        samples.extend_from_slice(g);
        samples.extend_from_slice(b);
    }
    samples
}

/// Turns two luminances and the pair of differences that they share into two pixels of three samples.
pub(super) fn pairs_apart(frame: &[u8]) -> Vec<u8> {
    frame.as_chunks().0.iter().flat_map(|&[first, second, blue, red]| [first, blue, red, second, blue, red]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_and_pairs_become_pixels() {
        assert_eq!(interleaved(&[1, 2, 3, 4, 5, 6], 1), [1, 3, 5, 2, 4, 6]);
        assert_eq!(interleaved(&[1, 2, 3, 4, 5, 6], 2), [1, 2, 3, 4, 5, 6]);
        assert_eq!(pairs_apart(&[1, 2, 8, 9]), [1, 8, 9, 2, 8, 9]);
    }
}
