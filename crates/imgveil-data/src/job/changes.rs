//! How the input of an update differs from the set.

use serde::Serialize;
use std::fmt;

/// How many images an update adds, encrypts again, and leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Changes {
    /// Images that are not in the set.
    pub new: usize,
    /// Images whose pixels, split or class are others.
    pub changed: usize,
    /// Images of the set that are not in the input.
    pub gone: usize,
    /// Images that are as they were.
    pub unchanged: usize,
    /// Images that are as they were, and whose encrypted file is missing or damaged.
    pub damaged: usize,
    /// Images of the input that cannot be read.
    pub unreadable: usize,
}

impl Changes {
    /// Whether an update has nothing to do. `prune` says whether it removes images that are gone.
    pub fn is_none(&self, prune: bool) -> bool {
        self.new + self.changed + self.damaged == 0 && !(prune && self.gone > 0)
    }
}

impl fmt::Display for Changes {
    /// `2 new, 1 changed, 1 gone, 97 unchanged`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new, changed, gone, unchanged, damaged, unreadable } = self;
        write!(f, "{new} new, {changed} changed, {gone} gone, {unchanged} unchanged")?;
        if *damaged > 0 {
            write!(f, ", {damaged} damaged in the set")?;
        }
        if *unreadable > 0 {
            write!(f, ", {unreadable} unreadable")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_one_line() {
        let changes = Changes { new: 2, changed: 1, gone: 1, unchanged: 97, ..Changes::default() };
        assert_eq!(changes.to_string(), "2 new, 1 changed, 1 gone, 97 unchanged");
        assert!(!changes.is_none(false));
        let kept = Changes { gone: 1, unreadable: 2, ..Changes::default() };
        assert_eq!(kept.to_string(), "0 new, 0 changed, 1 gone, 0 unchanged, 2 unreadable");
        assert!(kept.is_none(false) && !kept.is_none(true));
    }
}
