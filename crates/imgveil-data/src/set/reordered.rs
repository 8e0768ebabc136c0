//! A set whose images are listed in another order.

use super::item::{Item, Member};
use super::passed_over::PassedOver;
use super::source::{Beside, Source};
use crate::format::picture::Orientation;
use crate::format::{ReadError, Scale};
use imgveil::internal::image::{Geometry, Image};
use std::path::PathBuf;

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

    /// The number in the source. A number that does not exist stays one, so that the source's own error results.
    fn of(&self, index: usize) -> usize {
        self.order.get(index).copied().unwrap_or(usize::MAX)
    }
}

impl Source for Reordered {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn classes(&self) -> &[String] {
        self.source.classes()
    }

    fn ignored(&self) -> &[PassedOver] {
        self.source.ignored()
    }

    fn links_out(&self) -> &[PathBuf] {
        self.source.links_out()
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        self.source.geometry(self.of(index))
    }

    fn scaled(&self, index: usize) -> Result<(Geometry, Scale), ReadError> {
        self.source.scaled(self.of(index))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        self.source.read(self.of(index))
    }

    fn orientation(&self, index: usize) -> Orientation {
        self.source.orientation(self.of(index))
    }

    fn members(&self, index: usize, kinds: &[String]) -> Result<Vec<Member>, ReadError> {
        self.source.members(self.of(index), kinds)
    }

    fn beside(&self) -> Beside {
        self.source.beside()
    }

    fn length(&self, index: usize) -> u64 {
        self.source.length(self.of(index))
    }

    fn stamp(&self, index: usize) -> String {
        self.source.stamp(self.of(index))
    }
}
