//! What the samples of a grey image mean: whether equal samples of two files are equal values.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What the samples of a file mean at full depth.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Scale {
    /// The file does not say, or its samples are colours or went through a window.
    #[default]
    Unknown,
    /// A value in the modality's units is a multiple of the sample, and an offset.
    Linear(Rescale),
    /// A value in the modality's units is an entry of a table. Equal numbers are equal tables.
    Table(u32),
    /// The images of the file differ in what their samples mean.
    Several,
}

/// How a value in the modality's units follows from a sample: `slope` times the sample, plus `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescale {
    /// Units in a step of samples.
    pub slope: f64,
    /// The value of the sample 0.
    pub offset: f64,
}

impl Rescale {
    /// `None` if the numbers tell no values.
    pub(crate) fn new(slope: f64, offset: f64) -> Option<Self> {
        (slope.is_finite() && slope != 0.0 && offset.is_finite()).then_some(Self { slope, offset })
    }

    /// The values of the samples 0 and 65,535.
    pub(crate) fn range(self) -> (f64, f64) {
        (self.offset, self.slope * f64::from(u16::MAX) + self.offset)
    }
}

impl fmt::Display for Rescale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { slope, offset } if offset < 0.0 => write!(f, "{slope} x sample - {}", -offset),
            Self { slope, offset } => write!(f, "{slope} x sample + {offset}"),
        }
    }
}

impl From<Option<Rescale>> for Scale {
    fn from(rescale: Option<Rescale>) -> Self {
        rescale.map_or(Self::Unknown, Self::Linear)
    }
}

/// The [`Rescale`] of each image of a file: none, one for all of them, or one for each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rescales(Arc<[Option<Rescale>]>);

impl Rescales {
    /// One for all images.
    pub(super) fn all(rescale: Option<Rescale>) -> Self {
        Self(rescale.into_iter().map(Some).collect())
    }

    /// One for each image, in their order.
    pub(super) fn each(rescales: impl Iterator<Item = Option<Rescale>>) -> Self {
        Self(rescales.collect())
    }

    /// That of an image.
    pub fn of(&self, image: usize) -> Option<Rescale> {
        match &*self.0 {
            [one] => *one,
            each => each.get(image).copied().flatten(),
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Linear(rescale) => rescale.fmt(f),
            Self::Table(number) => write!(f, "an entry of table {number:08x}"),
            Self::Several => f.write_str("another one in each of its images"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_written_as_formulas() {
        let linear = |slope, offset| Scale::Linear(Rescale { slope, offset }).to_string();
        assert_eq!(linear(1.0, -1024.0), "1 x sample - 1024");
        assert_eq!(linear(0.5, 3.0), "0.5 x sample + 3");
        assert_eq!(Scale::Table(0x0123_4567).to_string(), "an entry of table 01234567");
    }
}
