//! Which encrypted image is which plain one, for sets that were encrypted elsewhere.

use crate::exit::{Failure, USAGE};
use imgveil_data::set::names;
use std::collections::HashMap;
use std::path::Path;

/// How the images of two sets were brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Both sets have the same names.
    Names,
    /// By the file of names of `imgveil encrypt`.
    File,
    /// By their order: the sets have as many images, and nothing else tells.
    Order,
}

impl Pairing {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Names => "paired by their names",
            Self::File => "paired by the file of names",
            Self::Order => "paired by their order, as their names differ",
        }
    }
}

/// For every encrypted image that has a plain one: its number, and the number of the plain image.
///
/// # Errors
/// When no image has a partner, or only the file of names could tell and there is none.
pub fn pairs(
    encrypted: &Path,
    hidden: &[String],
    plain: &[String],
    ours: bool,
    file: Option<&Path>,
) -> Result<(Vec<(usize, usize)>, Pairing), Failure> {
    let number: HashMap<&str, usize> = plain.iter().map(String::as_str).zip(0..).collect();
    let by = |name: &dyn Fn(&str) -> Option<usize>| -> Vec<(usize, usize)> {
        hidden.iter().enumerate().filter_map(|(index, hidden)| Some((index, name(hidden)?))).collect()
    };
    let beside = names::beside(encrypted);
    let file = file.or_else(|| beside.exists().then_some(beside.as_path()));
    if let Some(file) = file {
        let list = names::read(file).map_err(|error| Failure::from(imgveil_data::Error::from(error)))?;
        let told: HashMap<&str, &str> = list.iter().map(|name| (name.id.as_str(), name.name.as_str())).collect();
        let found = by(&|hidden| number.get(told.get(hidden)?).copied());
        if !found.is_empty() {
            return Ok((found, Pairing::File));
        }
    }
    let found = by(&|hidden| number.get(hidden).copied());
    if !found.is_empty() {
        return Ok((found, Pairing::Names));
    }
    let usage = |words: String| Err(Failure { words, code: USAGE });
    if ours {
        return usage(format!(
            "{} has neutral names, and which image is which is in the file of names that `imgveil encrypt` wrote: give \
             it with --names FILE",
            encrypted.display()
        ));
    }
    if hidden.len() != plain.len() {
        return usage(format!(
            "the names of the images differ, and there are {} encrypted and {} plain ones: nothing tells which belong \
             together",
            hidden.len(),
            plain.len()
        ));
    }
    Ok(((0..plain.len()).map(|index| (index, index)).collect(), Pairing::Order))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn images_are_paired_by_names_then_by_order_and_never_by_guessing() {
        let none = Path::new("nowhere");
        let pairs = |hidden: &[&str], plain: &[&str], ours| pairs(none, &names(hidden), &names(plain), ours, None);
        assert_eq!(pairs(&["b", "x", "a"], &["a", "b"], true).unwrap(), (vec![(0, 1), (2, 0)], Pairing::Names));
        assert_eq!(pairs(&["x", "y"], &["a", "b"], false).unwrap(), (vec![(0, 0), (1, 1)], Pairing::Order));
        assert!(pairs(&["x", "y"], &["a", "b"], true).is_err());
        assert!(pairs(&["x"], &["a", "b"], false).is_err());
    }
}
