//! Hex digits for hashes, ids and fingerprints. Lower case only, so that one value has one text.

use std::fmt::Write;

/// Bytes as lower-case hex digits.
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The `N` bytes that `text` writes; `None` when it is not exactly `2 * N` lower-case hex digits.
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let digit = |d: u8| match d {
        b'0'..=b'9' => Some(d - b'0'),
        b'a'..=b'f' => Some(d - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_value_has_one_text() {
        assert_eq!(super::encode(&[0, 0xab]), "00ab");
        assert_eq!(super::decode("00ab"), Some([0, 0xab]));
        assert_eq!(super::decode::<2>("00AB"), None);
        assert_eq!(super::decode::<2>("00a"), None);
    }
}
