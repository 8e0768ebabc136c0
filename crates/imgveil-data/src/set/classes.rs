//! Labels as texts: which of them are no label, which are numbers, and their order.

use super::remark::Remark;
use std::cmp::Ordering;

/// Whether a text stands for a missing label: empty, or what pandas, R and SQL write for one.
pub(crate) fn is_missing(text: &str) -> bool {
    let text = text.trim();
    let words = ["nan", "null", "n/a", "<na>", "#n/a"];
    text.is_empty() || text == "NA" || text == "None" || words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The whole number that a text states: `3`, `-1`, or `3.0`, as tables with missing values have it.
pub(crate) fn whole_number(text: &str) -> Option<i64> {
    let (digits, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_plain = digits.strip_prefix('-').unwrap_or(digits).bytes().all(|byte| byte.is_ascii_digit());
    let zeros = rest.bytes().all(|byte| byte == b'0');
    digits.parse().ok().filter(|_| is_plain && zeros)
}

/// The finite number that a text states.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The order of the names of classes: numbers by their value, and other names behind them in alphabetical order.
pub(crate) fn order(one: &str, other: &str) -> Ordering {
    match (number(one), number(other)) {
        (Some(one_number), Some(other_number)) => one_number.total_cmp(&other_number).then_with(|| one.cmp(other)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.cmp(other),
    }
}

/// A remark about classes that are numbers and get other ones.
pub(crate) fn renumbered(classes: &[String]) -> Option<Remark> {
    let changed: Vec<String> = classes
        .iter()
        .zip(0..)
        .filter(|(name, number)| self::number(name).is_some_and(|stated| stated != f64::from(*number)))
        .map(|(name, number): (&String, i32)| format!("{name} becomes {number}"))
        .collect();
    if changed.is_empty() {
        return None;
    }
    const SHOWN: usize = 5;
    let more = match changed.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = changed[..changed.len().min(SHOWN)].join(", ");
    Some(Remark::new(format!("classes are numbered anew, from 0 on: {shown}{more}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_labels_are_told_from_names() {
        for missing in ["", " ", "NaN", "nan", "NULL", "null", "N/A", "<NA>", "NA", "None"] {
            assert!(is_missing(missing), "{missing}");
        }
        for name in ["0", "none", "Na", "nano", "no finding", "-"] {
            assert!(!is_missing(name), "{name}");
        }
    }

    #[test]
    fn numbers_sort_by_their_value() {
        let mut names = ["b", "10.0", "2.0", "a", "-1", "0.5", "10"];
        names.sort_by(|one, other| order(one, other));
        assert_eq!(names, ["-1", "0.5", "2.0", "10", "10.0", "a", "b"]);
        let whole = ["3", "3.0", "3.", "-1", "03", "3.5", "1e3", "+3", "inf", "", "-", ".0"].map(whole_number);
        let none = None;
        assert_eq!(whole, [Some(3), Some(3), Some(3), Some(-1), Some(3), none, none, none, none, none, none, none]);
    }
}
