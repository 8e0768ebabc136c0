//! Texts of others in messages: names of files, members and classes, and what files say of themselves.

use std::fmt::Write;

/// A text on one line, as messages quote it.
pub trait Plain {
    /// Line breaks, control characters, escape sequences and marks that reorder text are written as Rust escapes them,
    /// such as `\u{1b}`. All other characters stay, quotes and backslashes too.
    fn plain(&self) -> String;
}

impl Plain for str {
    fn plain(&self) -> String {
        let mut plain = String::with_capacity(self.len());
        for c in self.chars() {
            match is_unsafe(c) {
                true => plain.extend(c.escape_default()),
                false => drop(plain.write_char(c)),
            }
        }
        plain
    }
}

impl Plain for char {
    fn plain(&self) -> String {
        self.encode_utf8(&mut [0; 4]).plain()
    }
}

/// Control characters, and the marks of Unicode that break lines or reorder text (Unicode TR 36, 3.2).
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_unsafe_is_escaped() {
        assert_eq!("d'Or \"x\" \\ é 名\u{200d}".plain(), "d'Or \"x\" \\ é 名\u{200d}");
        assert_eq!("a\u{1b}[2J\n\u{202e}\u{9b}\0".plain(), "a\\u{1b}[2J\\n\\u{202e}\\u{9b}\\u{0}");
    }
}
