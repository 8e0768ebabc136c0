//! A plain set whose images are turned as their EXIF orientation says, or brought to one number of channels.

use super::item::{Item, Member};
use super::passed_over::PassedOver;
use super::source::{Beside, Source};
use crate::format::picture::Orientation;
use crate::format::{Channels, ExifOrientation, ReadError, ReadOptions, Scale};
use imgveil::internal::image::{Geometry, GeometryError, Image};
use std::path::PathBuf;

/// A set with adapted images.
struct Adapted {
    source: Box<dyn Source>,
    turned: bool,
    channels: Option<Channels>,
}

/// The set with the images that the options ask for.
pub(super) fn adapted(source: Box<dyn Source>, options: &ReadOptions) -> Box<dyn Source> {
    let turned = options.exif_orientation == ExifOrientation::Apply;
    if !turned && options.channels.is_none() {
        return source;
    }
    Box::new(Adapted { source, turned, channels: options.channels })
}

impl Adapted {
    fn orientation(&self, index: usize) -> Orientation {
        if self.turned { self.source.orientation(index) } else { Orientation::default() }
    }

    fn unfit(&self, index: usize) -> impl Fn(GeometryError) -> ReadError {
        let name = self.source.items().get(index).map_or(String::new(), |item| item.name.clone());
        move |error| ReadError::new(name.clone(), error.into())
    }
}

impl Source for Adapted {
    fn items(&self) -> &[Item] {
        self.source.items()
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

    fn orientation(&self, index: usize) -> Orientation {
        self.source.orientation(index)
    }

    /// With the samples of an image that is changed: it is in memory before and after.
    fn length(&self, index: usize) -> u64 {
        let changed = self.source.geometry(index).ok().filter(|stored| {
            let recoloured = self.channels.is_some_and(|channels| channels.geometry(*stored).ok() != Some(*stored));
            recoloured || !Adapted::orientation(self, index).is_upright()
        });
        self.source.length(index).saturating_add(changed.map_or(0, |stored| stored.bytes() as u64))
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        let geometry = self.source.geometry(index)?;
        let unfit = self.unfit(index);
        let geometry = Adapted::orientation(self, index).geometry(geometry).map_err(&unfit)?;
        self.channels.map_or(Ok(geometry), |channels| channels.geometry(geometry)).map_err(unfit)
    }

    fn scaled(&self, index: usize) -> Result<(Geometry, Scale), ReadError> {
        let (_, scale) = self.source.scaled(index)?;
        Ok((self.geometry(index)?, scale))
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let image = self.source.read(index)?;
        let unfit = self.unfit(index);
        let image = Adapted::orientation(self, index).apply(image).map_err(&unfit)?;
        match self.channels {
            Some(channels) => channels.apply(image).map_err(unfit),
            None => Ok(image),
        }
    }

    fn members(&self, index: usize, kinds: &[String]) -> Result<Vec<Member>, ReadError> {
        self.source.members(index, kinds)
    }

    fn beside(&self) -> Beside {
        self.source.beside()
    }

    fn stamp(&self, index: usize) -> String {
        self.source.stamp(index)
    }
}
