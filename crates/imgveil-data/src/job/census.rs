//! Counts of images by split, class and size.

use crate::format::Rescale;
use crate::set::Split;
use serde::Serialize;
use std::collections::BTreeMap;

/// The number of images of one size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Size {
    /// The geometry of the images.
    pub geometry: String,
    /// The number of images.
    pub images: usize,
}

/// The number of images whose values follow from plain samples in one way.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Values {
    /// How they follow.
    #[serde(flatten)]
    pub rescale: Rescale,
    /// The number of images.
    pub images: usize,
}

/// What a set holds, for a user to compare with what is expected of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Contents {
    /// The number of images by split.
    pub splits: BTreeMap<String, usize>,
    /// The number of images by the class's name in the output. Images without a class are under the empty name.
    pub classes: BTreeMap<String, usize>,
    /// The classes' names in the input, by their names in the output.
    pub plain_classes: BTreeMap<String, String>,
}

/// Counts of images.
#[derive(Default)]
pub(super) struct Census {
    pub images: usize,
    pub bytes: u64,
    pub splits: BTreeMap<String, usize>,
    pub classes: BTreeMap<String, usize>,
    sizes: BTreeMap<String, usize>,
    /// By the bits of slope and offset.
    values: BTreeMap<[u64; 2], Values>,
}

impl Census {
    /// Counts one image.
    pub fn add(&mut self, split: Split, label: Option<u32>, classes: &[String], geometry: String, bytes: u64) {
        self.images += 1;
        self.bytes += bytes;
        *self.splits.entry(split.name().unwrap_or("all").to_owned()).or_default() += 1;
        let class = label.and_then(|label| classes.get(label as usize)).cloned().unwrap_or_default();
        *self.classes.entry(class).or_default() += 1;
        *self.sizes.entry(geometry).or_default() += 1;
    }

    /// Counts how the values of an image follow from its samples, if that is known.
    pub fn add_values(&mut self, rescale: Option<Rescale>) {
        let Some(rescale) = rescale else { return };
        let bits = [rescale.slope, rescale.offset].map(f64::to_bits);
        self.values.entry(bits).or_insert(Values { rescale, images: 0 }).images += 1;
    }

    /// How values follow from samples, most frequent first.
    pub fn values(&self) -> Vec<Values> {
        let mut values: Vec<Values> = self.values.values().cloned().collect();
        values.sort_by_key(|values| std::cmp::Reverse(values.images));
        values
    }

    /// The sizes, most frequent first.
    pub fn sizes(&self) -> Vec<Size> {
        let size = |(geometry, &images): (&String, &usize)| Size { geometry: geometry.clone(), images };
        let mut sizes: Vec<Size> = self.sizes.iter().map(size).collect();
        sizes.sort_by_key(|size| std::cmp::Reverse(size.images));
        sizes
    }
}
