//! A set that changes some things of another set and leaves the others as they are.

use super::item::{Item, Member};
use super::passed_over::PassedOver;
use super::source::{Beside, Described, Source};
use crate::format::picture::Orientation;
use crate::format::{BurntIn, ReadError};
use imgveil::internal::image::{Geometry, Image};
use std::path::PathBuf;

/// A set around another one. What is not written out is that of the inner set. Every wrapper is a [`Source`].
pub(super) trait Wrapper: Send + Sync {
    /// The inner set.
    fn inner(&self) -> &dyn Source;

    /// The number of image `index` in the inner set.
    fn number(&self, index: usize) -> usize {
        index
    }

    fn items(&self) -> &[Item] {
        self.inner().items()
    }

    fn classes(&self) -> &[String] {
        self.inner().classes()
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        self.inner().geometry(self.number(index))
    }

    fn described(&self, index: usize) -> Result<Described, ReadError> {
        self.inner().described(self.number(index))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        self.inner().read(self.number(index))
    }

    fn length(&self, index: usize) -> u64 {
        self.inner().length(self.number(index))
    }
}

impl<W: Wrapper> Source for W {
    fn items(&self) -> &[Item] {
        Wrapper::items(self)
    }

    fn classes(&self) -> &[String] {
        Wrapper::classes(self)
    }

    fn ignored(&self) -> &[PassedOver] {
        self.inner().ignored()
    }

    fn links_out(&self) -> &[PathBuf] {
        self.inner().links_out()
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        Wrapper::geometry(self, index)
    }

    fn described(&self, index: usize) -> Result<Described, ReadError> {
        Wrapper::described(self, index)
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        Wrapper::read(self, index)
    }

    fn orientation(&self, index: usize) -> Orientation {
        self.inner().orientation(self.number(index))
    }

    fn burnt_in(&self, index: usize) -> BurntIn {
        self.inner().burnt_in(self.number(index))
    }

    fn members(&self, index: usize, kinds: &[String]) -> Result<Vec<Member>, ReadError> {
        self.inner().members(self.number(index), kinds)
    }

    fn beside(&self) -> Beside {
        self.inner().beside()
    }

    fn length(&self, index: usize) -> u64 {
        Wrapper::length(self, index)
    }

    fn stamp(&self, index: usize) -> String {
        self.inner().stamp(self.number(index))
    }
}
