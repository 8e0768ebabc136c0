//! Texts under a passphrase, in the format of the program age (age-encryption.org/v1) with its ASCII armor. What is
//! sealed here is opened by `age --decrypt`, and what `age --passphrase` seals is opened here.

use crate::passphrase::Passphrase;
use age::armor::ArmoredReader;
use age::{DecryptError, Decryptor, Identity, scrypt};
use std::io::Read;
use std::iter;
use zeroize::Zeroizing;

/// The cost of a guess: scrypt with N = 2^18 takes about a second and 256 MiB. It is that of the program age.
const COST: u8 = 18;
/// The largest cost that is paid for a file: 1 GiB.
const HIGHEST_COST: u8 = 20;

const ARMOR: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const BINARY: &[u8] = b"age-encryption.org/";

/// Why a sealed text cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// Another passphrase.
    #[error("the passphrase is wrong")]
    Passphrase,
    /// Sealed to public keys, not with a passphrase.
    #[error("it is sealed for a public key of age, and only passphrases are asked for: open it with age")]
    PublicKey,
    /// Opening would take too much memory and time.
    #[error("its passphrase costs 2^{0} steps to try, and 2^{HIGHEST_COST} are the most that are tried")]
    Cost(u8),
    /// Changed or cut off.
    #[error("its sealed text is damaged ({0}); take it from a backup")]
    Damaged(String),
}

/// Whether these bytes are sealed. Comments and empty lines may stand before the armor.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    let rest = without_comments(bytes);
    rest.starts_with(ARMOR) || rest.starts_with(BINARY)
}

/// What follows comments and empty lines.
fn without_comments(mut bytes: &[u8]) -> &[u8] {
    loop {
        let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let text = line.trim_ascii();
        if bytes.len() == line.len() || !(text.is_empty() || text.starts_with(b"#")) {
            return bytes.trim_ascii_start();
        }
        bytes = &bytes[line.len() + 1..];
    }
}

/// Seals a text with a passphrase.
///
/// # Errors
/// When writing into memory fails, which it does not.
pub(crate) fn seal(text: &[u8], passphrase: &Passphrase) -> std::io::Result<String> {
    seal_at(text, passphrase, COST)
}

fn seal_at(text: &[u8], passphrase: &Passphrase, cost: u8) -> std::io::Result<String> {
    let mut recipient = scrypt::Recipient::new(passphrase.secret());
    recipient.set_work_factor(cost);
    age::encrypt_and_armor(&recipient, text).map_err(std::io::Error::other)
}

/// Opens a sealed text of at most `longest` bytes.
///
/// # Errors
/// If the passphrase is another one, or the bytes are damaged.
pub(crate) fn open(bytes: &[u8], passphrase: &Passphrase, longest: usize) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
    let damaged = |error: &dyn std::fmt::Display| UnsealError::Damaged(error.to_string().replace('\n', " "));
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(without_comments(bytes)));
    let decryptor = decryptor.map_err(|error| match error {
        DecryptError::Io(error) => damaged(&error),
        _ => UnsealError::Damaged("its head is not that of a sealed file".to_owned()),
    })?;
    if !decryptor.is_scrypt() {
        return Err(UnsealError::PublicKey);
    }
    let mut identity = scrypt::Identity::new(passphrase.secret());
    identity.set_max_work_factor(HIGHEST_COST);
    let mut reader = decryptor.decrypt(iter::once(&identity as &dyn Identity)).map_err(|error| match error {
        DecryptError::ExcessiveWork { required, .. } => UnsealError::Cost(required),
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => UnsealError::Passphrase,
        DecryptError::Io(error) => damaged(&error),
        _ => UnsealError::Damaged("its head was changed".to_owned()),
    })?;
    // With room for all of it, no copy stays behind when the buffer grows.
    let mut text = Zeroizing::new(Vec::with_capacity(longest));
    reader.by_ref().take(longest as u64).read_to_end(&mut text).map_err(|error| damaged(&error))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: u8 = 4;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text).unwrap()
    }

    fn sealed() -> String {
        seal_at(b"the text", &passphrase("three words here"), FAST).unwrap()
    }

    fn opened(bytes: &[u8]) -> Result<Vec<u8>, UnsealError> {
        open(bytes, &passphrase("three words here"), 100).map(|text| text.to_vec())
    }

    #[test]
    fn what_is_sealed_is_opened_with_its_passphrase_only() {
        let sealed = sealed();
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
        assert!(sealed.ends_with("-----END AGE ENCRYPTED FILE-----\n"));
        assert_eq!(opened(sealed.as_bytes()).unwrap(), b"the text");
        let wrong = open(sealed.as_bytes(), &passphrase("three words there"), 100);
        assert!(matches!(wrong, Err(UnsealError::Passphrase)), "{wrong:?}");
        // The second seal of a text has nothing in common with the first.
        assert_ne!(sealed, self::sealed());
    }

    #[test]
    fn comments_and_lines_of_windows_and_the_binary_form_are_read() {
        let sealed = sealed();
        for text in
            [format!("# a note\n\n# another\n{sealed}"), sealed.replace('\n', "\r\n"), format!("\n  \n{sealed}\n\n")]
        {
            assert!(is_sealed(text.as_bytes()), "{text}");
            assert_eq!(opened(text.as_bytes()).unwrap(), b"the text", "{text}");
        }
        let mut recipient = scrypt::Recipient::new(passphrase("three words here").secret());
        recipient.set_work_factor(FAST);
        let binary = age::encrypt(&recipient, b"the text").unwrap();
        assert!(is_sealed(&binary));
        assert_eq!(opened(&binary).unwrap(), b"the text");
        for plain in [&b""[..], b"# only a comment", b"# a\nIMGVEIL-SECRET-KEY-1", b"PK\x03\x04"] {
            assert!(!is_sealed(plain));
        }
    }

    #[test]
    fn every_changed_character_is_caught() {
        let sealed = sealed();
        for at in 0..sealed.len() {
            let mut bytes = sealed.as_bytes().to_vec();
            // Case is part of base64.
            bytes[at] = if bytes[at].is_ascii_alphabetic() { bytes[at] ^ 0x20 } else { b'q' };
            if let Ok(text) = opened(&bytes) {
                panic!("{} at {at} gives {text:?}", char::from(bytes[at]));
            }
        }
        for length in 0..sealed.trim_end().len() {
            assert!(opened(&sealed.as_bytes()[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_costly_seal_and_one_for_a_public_key_are_refused_at_once() {
        let dear = sealed();
        let body: String = dear.lines().filter(|line| !line.starts_with('-')).collect();
        let bytes = base64_decoded(&body);
        let head = String::from_utf8_lossy(&bytes[..80]).into_owned();
        assert!(head.contains(" 4\n"), "{head}");
        let at = bytes.windows(3).position(|three| three == b" 4\n").unwrap();
        let mut dear = bytes[..=at].to_vec();
        dear.extend(b"30\n");
        dear.extend(&bytes[at + 3..]);
        assert!(matches!(opened(&dear), Err(UnsealError::Cost(30))), "{:?}", opened(&dear));
        let public = age::encrypt(&age::x25519::Identity::generate().to_public(), b"the text").unwrap();
        assert!(matches!(opened(&public), Err(UnsealError::PublicKey)));
    }

    fn base64_decoded(text: &str) -> Vec<u8> {
        let value = |byte: u8| match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
        for byte in text.bytes().filter(|&byte| byte != b'=') {
            bits = bits << 6 | u32::from(value(byte));
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        bytes
    }
}
