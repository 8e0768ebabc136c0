//! Gaussian blur.

use super::fields::Fields;
use super::key::Keyed;
use super::rules::{Facts, Kind, Rules, Unfit};
use super::{Shape, StageError};
use crate::engine::{self, Step};
use crate::image::Geometry;
use crate::scheme::CompileError;
use std::fmt;
use std::str::FromStr;

/// Every sample becomes a weighted mean of its neighbours in its row, and then in its column: three box means of the
/// radius in one pass (Wells, "Efficient synthesis of Gaussian filters by cascaded uniform filters", IEEE TPAMI 8(2),
/// 1986), a Gaussian of the standard deviation sqrt(radius * (radius + 1)). No key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GaussianBlur {
    /// The radius of the boxes. The blur reaches three times as far.
    pub radius: Radius,
}

/// A radius in pixels, 1 to 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Radius(u32);

impl Radius {
    /// 4 pixels, a blur with a standard deviation of 4.5 pixels.
    pub const FOUR: Self = Self(4);

    /// A radius of so many pixels, from 1 to 64.
    pub fn pixels(number: u32) -> Option<Self> {
        (1..=64).contains(&number).then_some(Self(number))
    }
}

impl FromStr for Radius {
    type Err = StageError;

    /// A whole number of pixels, such as `4`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok().filter(|number: &u32| number.to_string() == text);
        number.and_then(Self::pixels).ok_or_else(|| StageError::Radius(text.to_owned()))
    }
}

impl fmt::Display for Radius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Kind for GaussianBlur {
    const NAME: &'static str = "gaussian-blur";
    const FIELDS: &'static [&'static str] = &["radius"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        Ok(Self { radius: fields.needed("radius")?.parse()? })
    }
}

impl fmt::Display for GaussianBlur {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} radius={}", Self::NAME, self.radius)
    }
}

impl Rules for GaussianBlur {
    fn facts(&self) -> Facts {
        Facts { has_inverse: false, smooth: true, ..Facts::new(Self::NAME) }
    }

    fn explain(&self) -> String {
        let Radius(radius) = self.radius;
        let deviation = f64::from(radius * (radius + 1)).sqrt();
        format!("every sample becomes a mean of its neighbours, with Gaussian weights of {deviation:.1} pixels")
    }

    fn shape(&self, _: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape::default())
    }

    fn step(&self, _: Keyed<'_>, _: Geometry) -> Result<Step, Unfit> {
        Ok(Step::GaussianBlur(engine::GaussianBlur { radius: self.radius.0 }))
    }
}
