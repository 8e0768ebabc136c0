//! The markers of a codestream. Bytes that belong to no segment are skipped, as libjpeg does.

/// The next marker at or behind `at`, and where its segment begins. Bytes before it are skipped, and so are fill bytes.
pub(super) fn next_marker(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut at = at;
    loop {
        at += bytes.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        at += bytes.get(at..)?.iter().position(|&byte| byte != 0xff)?;
        let kind = *bytes.get(at)?;
        at += 1;
        // In entropy-coded data, 0 behind 255 says that the 255 is no marker.
        if kind != 0 {
            return Some((kind, at));
        }
    }
}

/// Whether a marker has no segment: restarts, start and end of an image, and one that is reserved.
pub(super) fn stands_alone(kind: u8) -> bool {
    matches!(kind, 0x01 | 0xd0..=0xd9)
}

/// The segment that begins at `at`, without its length, and where it ends.
pub(super) fn segment(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?));
    let end = at.checked_add(length)?;
    Some((bytes.get(at + 2..end)?, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_between_segments_are_skipped() {
        let bytes = [0xff, 0xd8, 7, 0xff, 0, 9, 0xff, 0xff, 0xda, 0, 3, 5, 6];
        assert_eq!(next_marker(&bytes, 0), Some((0xd8, 2)));
        assert_eq!(next_marker(&bytes, 2), Some((0xda, 9)));
        assert_eq!(segment(&bytes, 9), Some(([5].as_slice(), 12)));
        assert_eq!(next_marker(&bytes, 9), None);
        assert_eq!(segment(&bytes, 12), None);
    }
}
