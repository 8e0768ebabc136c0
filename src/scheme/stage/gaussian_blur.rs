//! Gaussian blur.

use super::fields::Fields;
use super::key::Keyed;
use super::rules::{Facts, Kind, Rules, Unfit};
use super::{Shape, StageError};
use crate::engine::{self, Step};
use crate::image::Geometry;
use crate::scheme::CompileError;
use std::fmt;

/// The largest radius.
const MOST: u32 = 64;

/// Every sample becomes a weighted mean of its neighbours in its row, and then in its column: three box means of the
/// radius in one pass (Wells, "Efficient synthesis of Gaussian filters by cascaded uniform filters", IEEE TPAMI 8(2),
/// 1986), a Gaussian of the standard deviation sqrt(radius * (radius + 1)). No key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GaussianBlur {
    /// The radius of the boxes in pixels, 1 to 64. The blur reaches three times as far.
    pub radius: u32,
}

impl Kind for GaussianBlur {
    const NAME: &'static str = "gaussian-blur";
    const FIELDS: &'static [&'static str] = &["radius"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        let text = fields.needed("radius")?;
        let radius = text.parse().ok().filter(|radius: &u32| radius.to_string() == text);
        let radius = radius.filter(|radius| (1..=MOST).contains(radius));
        Ok(Self { radius: radius.ok_or_else(|| StageError::Radius(text.to_owned()))? })
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
        let deviation = f64::from(self.radius * (self.radius + 1)).sqrt();
        format!("every sample becomes a mean of its neighbours, with Gaussian weights of {deviation:.1} pixels")
    }

    fn shape(&self, _: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape::default())
    }

    fn step(&self, _: Keyed<'_>, _: Geometry) -> Result<Step, Unfit> {
        Ok(Step::GaussianBlur(engine::GaussianBlur { radius: self.radius }))
    }
}
