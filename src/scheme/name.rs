//! Names of schemes. Names appear on terminals and in the names of folders, and some come from files that others wrote.

use super::PRESETS;
use crate::plain::Plain;
use serde::{Deserialize, Deserializer, de::Error};

/// The most characters that a name may have.
pub const LONGEST_NAME: usize = 64;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// No name, or one that does not begin well.
    #[error("the name `{}` does not begin with a letter or digit of ASCII", .0.plain())]
    Begin(String),
    /// A character that a name must not have.
    #[error(
        "the name `{}` has a `{}`: write letters, digits, `-`, `_` and `.` of ASCII only",
        .name.plain(),
        .found.plain()
    )]
    Character {
        /// The name.
        name: String,
        /// Its first character of the kind.
        found: char,
    },
    /// Too many characters.
    #[error("the name has {0} characters, and at most {LONGEST_NAME} are allowed")]
    Long(usize),
    /// The name of a preset.
    #[error("`{0}` is the name of a built-in scheme; choose another, so that nobody mixes their results up")]
    Taken(String),
}

/// Refuses what is no name for a scheme.
pub(super) fn check(name: &str) -> Result<(), NameError> {
    // First, so that no error repeats a page.
    let length = name.chars().count();
    if length > LONGEST_NAME {
        return Err(NameError::Long(length));
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(NameError::Begin(name.to_owned()));
    }
    match name.chars().find(|c| !c.is_ascii_alphanumeric() && !['-', '_', '.'].contains(c)) {
        Some(found) => Err(NameError::Character { name: name.to_owned(), found }),
        None => Ok(()),
    }
}

/// Refuses the names of presets too, whatever their case: some file systems do not tell it apart either.
pub(super) fn check_own(name: &str) -> Result<(), NameError> {
    check(name)?;
    if PRESETS.iter().any(|preset| preset.name().eq_ignore_ascii_case(name)) {
        return Err(NameError::Taken(name.to_owned()));
    }
    Ok(())
}

/// Reads the name of a scheme that somebody wrote down.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    check(&name).map_err(D::Error::custom)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_words_and_no_paths() {
        for name in ["a", "my-scheme", "Etc_2.1", "9", &"x".repeat(LONGEST_NAME)] {
            assert_eq!(check_own(name), Ok(()), "{name}");
        }
        for preset in PRESETS {
            assert_eq!(check(preset.name()), Ok(()));
            let shouted = preset.name().to_uppercase();
            assert_eq!(check_own(&shouted), Err(NameError::Taken(shouted.clone())));
        }
        let words = |name: &str| check(name).unwrap_err().to_string();
        assert_eq!(words(""), "the name `` does not begin with a letter or digit of ASCII");
        assert_eq!(words("../up"), "the name `../up` does not begin with a letter or digit of ASCII");
        assert_eq!(
            words("a\u{1b}[31m"),
            "the name `a\\u{1b}[31m` has a `\\u{1b}`: write letters, digits, `-`, `_` and `.` of ASCII only"
        );
        assert_eq!(
            words("two words"),
            "the name `two words` has a ` `: write letters, digits, `-`, `_` and `.` of ASCII only"
        );
        assert_eq!(words(&"é".repeat(65)), "the name has 65 characters, and at most 64 are allowed");
    }

    #[test]
    fn a_written_scheme_with_a_strange_name_is_not_read() {
        let read = |name: &str| {
            serde_json::from_value::<super::super::Scheme>(serde_json::json!({ "name": name, "stages": [] }))
        };
        assert!(read("mine").is_ok());
        assert!(read("../../mine").unwrap_err().to_string().contains("does not begin with a letter"));
    }
}
