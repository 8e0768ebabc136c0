//! What the samples of a set mean: kept for the manifest, and compared between images.

use crate::format::{Rescale, Scale};
use crate::set::{Described, Remark, Source};

/// The meanings of the samples of a set's images.
pub(super) struct Meanings {
    /// Those that differ, each with the first image that has it, as far as a note names them.
    scales: Vec<(Scale, usize)>,
    /// By the number of the image.
    rescales: Vec<Option<Rescale>>,
}

impl Meanings {
    /// Those of so many images, of which nothing is known yet.
    pub(super) fn of(images: usize) -> Self {
        Self { scales: Vec::new(), rescales: vec![None; images] }
    }

    /// Adds what the header of an image says.
    pub(super) fn add(&mut self, index: usize, described: Described) {
        let Described { scale, rescale, .. } = described;
        let known = self.scales.iter().any(|(other, _)| *other == scale);
        if !known && scale != Scale::Unknown && self.scales.len() < 2 {
            self.scales.push((scale, index));
        }
        if let Some(place) = self.rescales.get_mut(index) {
            *place = rescale;
        }
    }

    /// How the values of an image follow from its samples.
    pub(super) fn rescale(&self, index: usize) -> Option<Rescale> {
        self.rescales.get(index).copied().flatten()
    }

    /// A note, if equal samples of two images are not equal values.
    pub(super) fn incomparable(&self, source: &dyn Source) -> Option<Remark> {
        let name = |index: usize| source.items().get(index).map_or("", |item| item.name.as_str());
        let of = |&(scale, index): &(Scale, usize)| format!("in `{}` a value is {scale}", name(index));
        let what = match self.scales.as_slice() {
            [one @ (Scale::Several, _)] => of(one),
            [one, two, ..] => format!("{}, {}", of(one), of(two)),
            _ => return None,
        };
        let way = "a window of a centre and a width reads all of them on one scale";
        let words = "samples of different images cannot be compared";
        Some(Remark::new(format!("{words}: {what} (slope, intercept, sign or table differ); {way}")))
    }
}
