//! Messages of other libraries, adapted for lists.

/// The message on one line.
pub(crate) fn one_line(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
