//! Laplace noise on blocks.

use super::fields::Fields;
use super::rules::{Facts, Kind, Rules};
use super::{Shape, StageError};
use crate::engine::{self, Step};
use crate::image::{Depth, Geometry};
use crate::schedule::Subkey;
use crate::scheme::{Block, CompileError};
use std::fmt;
use std::str::FromStr;

/// One number of Laplace noise for every block and channel, added to all of its samples, which are cut off at the ends
/// of their range. After a block mean this is DP-Pix (Fan, "Image pixelization with differential privacy", DBSec 2018,
/// its section on the mechanism): with noise of the scale `max * m / (pixels of a block * epsilon)`, images that differ
/// in at most m pixels cannot be told apart by more than a factor of e^epsilon. Blocks need not tile.
///
/// The noise is rounded to whole samples and drawn from 31 bits, which the proof for real numbers does not cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaplaceNoise {
    /// The block.
    pub block: Block,
    /// The bound epsilon.
    pub epsilon: Epsilon,
    /// The number of pixels in which images may differ.
    pub m: u32,
}

/// A privacy bound, in thousandths: 0.001 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epsilon(u32);

impl Epsilon {
    /// 0.5, as the experiments of the source have it.
    pub const HALF: Self = Self(500);

    /// A bound of so many thousandths, from 1 to 1,000,000.
    pub fn thousandths(number: u32) -> Option<Self> {
        (1..=1_000_000).contains(&number).then_some(Self(number))
    }
}

impl FromStr for Epsilon {
    type Err = StageError;

    /// A decimal number with up to three digits behind the point, such as `0.5`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = digits(whole) && digits(rest) && (1..=4).contains(&whole.len()) && rest.len() <= 3;
        let number = || format!("{whole}{rest:0<3}").parse().ok();
        plain.then(number).flatten().and_then(Self::thousandths).ok_or_else(|| StageError::Epsilon(text.to_owned()))
    }
}

impl fmt::Display for Epsilon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / 1000)?;
        match format!("{:03}", self.0 % 1000).trim_end_matches('0') {
            "" => Ok(()),
            rest => write!(f, ".{rest}"),
        }
    }
}

impl LaplaceNoise {
    /// The scale of the noise times ln 2, in units of 1/256 of a sample, rounded half up: at most 2^24.
    /// 45426 is ln 2 times 2^16, rounded.
    fn scale(&self, depth: Depth) -> u32 {
        let pixels = u128::from(self.block.height) * u128::from(self.block.width);
        let above = u128::from(depth.max()) * u128::from(self.m) * 1000 * 45426;
        let below = 256 * pixels * u128::from(self.epsilon.0);
        ((above + below / 2) / below).min(1 << 24) as u32
    }
}

impl Kind for LaplaceNoise {
    const NAME: &'static str = "laplace-noise";
    const FIELDS: &'static [&'static str] = &["block", "epsilon", "m", "key"];

    fn read(fields: &Fields<'_>) -> Result<Self, StageError> {
        fields.scope(&["image"])?;
        let text = fields.needed("m")?;
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let m = plain.then(|| text.parse().ok()).flatten().filter(|m| *m <= 1_000_000);
        let m = m.ok_or_else(|| StageError::Pixels(text.to_owned()))?;
        Ok(Self { block: fields.block()?, epsilon: fields.needed("epsilon")?.parse()?, m })
    }
}

impl fmt::Display for LaplaceNoise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block, epsilon, m } = self;
        write!(f, "{} block={block} epsilon={epsilon} m={m} key=image", Self::NAME)
    }
}

impl Rules for LaplaceNoise {
    fn facts(&self) -> Facts {
        Facts {
            block: Some(self.block),
            tiles: false,
            keyed_per_image: true,
            has_inverse: false,
            whole_blocks: true,
            ..Facts::new(Self::NAME)
        }
    }

    fn explain(&self) -> String {
        let Self { block, epsilon, m } = self;
        format!(
            "every {block} block gets Laplace noise of its own, channel by channel, of the scale that hides {m} pixels \
             with epsilon {epsilon}"
        )
    }

    fn shape(&self, _: Geometry) -> Result<Shape, CompileError> {
        Ok(Shape::default())
    }

    fn step_per_image(&self, subkey: Subkey, geometry: Geometry) -> Result<Step, CompileError> {
        let block = (self.block.height, self.block.width);
        Ok(Step::LaplaceNoise(engine::LaplaceNoise { block, scale: self.scale(geometry.depth()), subkey }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_as_they_are_read() {
        for text in ["0.5", "1", "0.001", "12.25", "1000"] {
            assert_eq!(text.parse::<Epsilon>().unwrap().to_string(), text);
        }
        for text in ["", ".5", "0", "0.0001", "1001", "-1", "1e3", "0,5", "+1"] {
            assert!(text.parse::<Epsilon>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_scale_is_that_of_the_mechanism() {
        let noise = |block, epsilon: &str, m| LaplaceNoise {
            block: Block::square(block),
            epsilon: epsilon.parse().unwrap(),
            m,
        };
        // 255 * 16 / (256 * 0.5) = 31.875 samples.
        let scale = noise(16, "0.5", 16).scale(Depth::U8);
        assert!((f64::from(scale) / 256.0 - 31.875 * std::f64::consts::LN_2).abs() < 0.01, "{scale}");
        assert_eq!(noise(1, "0.001", 1_000_000).scale(Depth::U16), 1 << 24);
        assert_eq!(noise(60_000, "1000", 1).scale(Depth::U8), 0);
    }
}
