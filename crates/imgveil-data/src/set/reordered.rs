//! A set whose images are listed in another order.

use super::item::Item;
use super::source::Source;
use super::wrapper::Wrapper;

/// A set whose images are listed in another order.
pub(crate) struct Reordered {
    source: Box<dyn Source>,
    /// The number of each image in the source.
    order: Vec<usize>,
    items: Vec<Item>,
}

impl Reordered {
    /// Lists image `order[i]` of a source as image `i`.
    pub fn new(source: Box<dyn Source>, order: Vec<usize>) -> Self {
        let items = order.iter().filter_map(|&index| source.items().get(index).cloned()).collect();
        Self { source, order, items }
    }
}

impl Wrapper for Reordered {
    fn inner(&self) -> &dyn Source {
        self.source.as_ref()
    }

    /// A number that does not exist stays one, so that the source's own error results.
    fn number(&self, index: usize) -> usize {
        self.order.get(index).copied().unwrap_or(usize::MAX)
    }

    fn items(&self) -> &[Item] {
        &self.items
    }
}
