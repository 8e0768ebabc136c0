//! Texts of others on a terminal: names of files, members and classes, and what files say of themselves. Everything
//! that the command prints passes through here.

use imgveil::internal::plain::is_unsafe;
use std::fmt::Write;

/// How the text of a key begins, in lower case.
const KEY: &str = "imgveil-secret-key-1";

/// A text on one line: line breaks, control characters, escape sequences and marks that reorder text are written as
/// Rust escapes them, such as `\u{1b}`. The text of a key is left out.
pub fn plain(text: &str) -> String {
    escaped(text, |_| false)
}

/// As [`plain`], and line breaks stay. For texts that are our own, with others' words escaped already.
pub fn plain_lines(text: &str) -> String {
    escaped(text, |c| c == '\n')
}

/// JSON in which only visible characters are left. Control characters are escaped already, except those above U+007F.
pub fn plain_json(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for c in without_keys(json).chars() {
        if c != '\n' && is_unsafe(c) {
            // Outside of strings, JSON has none of these.
            let _ = write!(plain, "\\u{:04x}", u32::from(c));
        } else {
            plain.push(c);
        }
    }
    plain
}

/// Whether a text has anything that [`plain`] would change.
pub fn is_plain(text: &str) -> bool {
    !text.chars().any(is_unsafe) && !text.to_ascii_lowercase().contains(KEY)
}

fn escaped(text: &str, keep: impl Fn(char) -> bool) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    for c in without_keys(text).chars() {
        if is_unsafe(c) && !keep(c) { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

/// A text without the texts of keys in it.
fn without_keys(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let (mut rest, mut kept) = (0, String::with_capacity(text.len()));
    while let Some(found) = lower[rest..].find(KEY) {
        let end = rest + found + KEY.len();
        kept.push_str(&text[rest..end]);
        rest = text[end..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(text.len(), |length| end + length);
        if rest > end {
            kept.push_str("...");
        }
    }
    kept + &text[rest..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_is_left() {
        let hostile = "a\u{1b}[2Jb\nc\rd\te\u{202e}f\u{2066}g\u{9b}31mh\u{7f}\0\u{2028}i";
        let expected = "a\\u{1b}[2Jb\\nc\\rd\\te\\u{202e}f\\u{2066}g\\u{9b}31mh\\u{7f}\\u{0}\\u{2028}i";
        assert_eq!(plain(hostile), expected);
        assert_eq!(plain(&plain(hostile)), expected);
        assert_eq!(plain_lines("a\nb\u{1b}c"), "a\nb\\u{1b}c");
        for harmless in ["", "é ü 名前 \\n", "a b\u{200d}c"] {
            assert!(is_plain(harmless) && plain(harmless) == harmless);
        }
    }

    #[test]
    fn json_stays_json() {
        let value = serde_json::json!({ "name\u{9b}": "a\u{1b}\n\u{202e}\u{7f}\u{85}b" });
        let text = plain_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(text.chars().all(|c| c == '\n' || !is_unsafe(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn the_text_of_a_key_is_not_repeated() {
        let key = "IMGVEIL-SECRET-KEY-1QQQSYQCYQ5RQWZQF";
        assert_eq!(plain(&format!("no {key}: {key}, x")), "no IMGVEIL-SECRET-KEY-1...: IMGVEIL-SECRET-KEY-1..., x");
        assert_eq!(plain(&key.to_lowercase()), "imgveil-secret-key-1...");
        assert_eq!(plain_json(&format!("\"{key}\"")), "\"IMGVEIL-SECRET-KEY-1...\"");
        assert_eq!(plain("begins with IMGVEIL-SECRET-KEY-1"), "begins with IMGVEIL-SECRET-KEY-1");
    }
}
