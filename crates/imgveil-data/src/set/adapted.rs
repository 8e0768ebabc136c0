//! A plain set whose images are turned as their EXIF orientation says, or brought to one number of channels.

use super::source::{Described, Source};
use super::wrapper::Wrapper;
use crate::format::picture::Orientation;
use crate::format::{Channels, ExifOrientation, ReadError, ReadOptions};
use imgveil::internal::image::{Geometry, GeometryError, Image};

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
    /// How an image is turned.
    fn turning(&self, index: usize) -> Orientation {
        if self.turned { self.source.orientation(index) } else { Orientation::default() }
    }

    fn unfit(&self, index: usize) -> impl Fn(GeometryError) -> ReadError {
        let name = self.source.items().get(index).map_or(String::new(), |item| item.name.clone());
        move |error| ReadError::new(name.clone(), error.into())
    }
}

impl Wrapper for Adapted {
    fn inner(&self) -> &dyn Source {
        self.source.as_ref()
    }

    /// With the samples of an image that is changed: it is in memory before and after.
    fn length(&self, index: usize) -> u64 {
        let changed = self.source.geometry(index).ok().filter(|stored| {
            let recoloured = self.channels.is_some_and(|channels| channels.geometry(*stored).ok() != Some(*stored));
            recoloured || !self.turning(index).is_upright()
        });
        self.source.length(index).saturating_add(changed.map_or(0, |stored| stored.bytes() as u64))
    }

    fn geometry(&self, index: usize) -> Result<Geometry, ReadError> {
        let geometry = self.source.geometry(index)?;
        let unfit = self.unfit(index);
        let geometry = self.turning(index).geometry(geometry).map_err(&unfit)?;
        self.channels.map_or(Ok(geometry), |channels| channels.geometry(geometry)).map_err(unfit)
    }

    fn described(&self, index: usize) -> Result<Described, ReadError> {
        let geometry = Wrapper::geometry(self, index)?;
        Ok(Described { geometry, ..self.source.described(index)? })
    }

    fn read(&self, index: usize) -> Result<Image, ReadError> {
        let image = self.source.read(index)?;
        let unfit = self.unfit(index);
        let image = self.turning(index).apply(image).map_err(&unfit)?;
        match self.channels {
            Some(channels) => channels.apply(image).map_err(unfit),
            None => Ok(image),
        }
    }
}
