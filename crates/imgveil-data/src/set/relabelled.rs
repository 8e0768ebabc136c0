//! A set whose classes have other numbers.

use super::item::Item;
use super::source::Source;
use super::wrapper::Wrapper;

/// A set whose classes have other numbers.
pub(crate) struct Relabelled {
    source: Box<dyn Source>,
    items: Vec<Item>,
    classes: Vec<String>,
}

impl Relabelled {
    /// Gives class `i` of a source the number `numbers[i]`. `classes` are the names of the classes by their new
    /// numbers.
    pub fn new(source: Box<dyn Source>, numbers: &[u32], classes: Vec<String>) -> Self {
        let number = |label: u32| numbers.get(label as usize).copied();
        let items = source.items().iter().map(|item| Item { label: item.label.and_then(number), ..item.clone() });
        Self { items: items.collect(), source, classes }
    }
}

impl Wrapper for Relabelled {
    fn inner(&self) -> &dyn Source {
        self.source.as_ref()
    }

    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }
}
