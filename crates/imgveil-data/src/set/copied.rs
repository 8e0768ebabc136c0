//! A set whose training images are listed several times, so that each is encrypted several times.

use super::item::Item;
use super::source::Source;
use super::split::Split;
use super::wrapper::Wrapper;
use std::collections::HashSet;
use std::num::NonZeroU32;

/// A set whose training images are listed several times.
pub(super) struct Copied {
    source: Box<dyn Source>,
    /// The number of each image in the source.
    numbers: Vec<usize>,
    items: Vec<Item>,
}

impl Copied {
    /// Lists every training image `copies` times. Images of a set without splits count as training images; those of
    /// other splits stay single, so that scores count each once. Copies of `a/1` are `a/1-copy2`, `a/1-copy3` and so
    /// on. They have other names and with them other ids, so that a scheme with a key per image encrypts each
    /// differently.
    pub fn new(source: Box<dyn Source>, copies: NonZeroU32) -> Self {
        let mut names: HashSet<String> = source.items().iter().map(|item| item.name.clone()).collect();
        let (mut numbers, mut items) = (Vec::new(), Vec::new());
        for (number, item) in source.items().iter().enumerate() {
            numbers.push(number);
            items.push(item.clone());
            if !matches!(item.split, Split::All | Split::Train) {
                continue;
            }
            for copy in 2..=copies.get() {
                let mut name = format!("{}-copy{copy}", item.name);
                while !names.insert(name.clone()) {
                    name.push('_');
                }
                numbers.push(number);
                items.push(Item { name, ..item.clone() });
            }
        }
        Self { source, numbers, items }
    }
}

impl Wrapper for Copied {
    fn inner(&self) -> &dyn Source {
        self.source.as_ref()
    }

    /// A number that does not exist stays one, so that the source's own error results.
    fn number(&self, index: usize) -> usize {
        self.numbers.get(index).copied().unwrap_or(usize::MAX)
    }

    fn items(&self) -> &[Item] {
        &self.items
    }
}
