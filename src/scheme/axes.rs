//! Shapes of the arrays in written-out tables, with what every dimension counts.

use super::KeyScope;
use super::tiling::Tiling;
use crate::image::Geometry;
use crate::tables::dimensions;
use std::fmt;

/// What a dimension of an array counts.
#[derive(Clone, Copy)]
enum Axis {
    Blocks,
    Samples,
    Nibbles,
    Height,
    Width,
    Channels,
}

/// The shape of an array.
pub(super) struct Axes(Vec<(Axis, u32)>);

impl Axes {
    fn new<const N: usize>(axes: [(Axis, usize); N]) -> Self {
        // A block has fewer than 2^31 samples. More than 2^31 nibbles are refused when the plan is made.
        Self(axes.map(|(axis, length)| (axis, u32::try_from(length).unwrap_or(u32::MAX))).into())
    }

    /// No dimension.
    pub fn none() -> Self {
        Self::new([])
    }

    /// One value for every block.
    pub fn blocks(tiling: &Tiling) -> Self {
        Self::new([(Axis::Blocks, tiling.blocks())])
    }

    /// One value for every sample of a block, for each key.
    pub fn samples(tiling: &Tiling, scope: KeyScope) -> Self {
        Self::keyed(tiling, scope, (Axis::Samples, tiling.samples()))
    }

    /// One value for every nibble of a block, for each key.
    pub fn nibbles(tiling: &Tiling, scope: KeyScope) -> Self {
        Self::keyed(tiling, scope, (Axis::Nibbles, tiling.nibbles()))
    }

    fn keyed(tiling: &Tiling, scope: KeyScope, each: (Axis, usize)) -> Self {
        match scope {
            KeyScope::Block => Self::new([(Axis::Blocks, tiling.blocks()), each]),
            KeyScope::Shared | KeyScope::Image => Self::new([each]),
        }
    }

    /// One value for every pixel of an image.
    pub fn pixels(geometry: Geometry) -> Self {
        Self::new([(Axis::Height, geometry.height()), (Axis::Width, geometry.width())])
    }

    /// One value for every sample of an image.
    pub fn image(geometry: Geometry) -> Self {
        let (height, width) = ((Axis::Height, geometry.height()), (Axis::Width, geometry.width()));
        Self::new([height, width, (Axis::Channels, geometry.channels())])
    }

    /// The length of every dimension.
    pub fn shape(&self) -> Vec<u32> {
        self.0.iter().map(|(_, length)| *length).collect()
    }
}

impl fmt::Display for Axes {
    /// As `docs/SCHEDULE.md` writes it, with its letters explained.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut letters, mut meaning) = (Vec::new(), "");
        for (axis, _) in &self.0 {
            letters.push(match axis {
                Axis::Blocks => "blocks",
                Axis::Samples => "D",
                Axis::Nibbles => "n",
                Axis::Height => "H",
                Axis::Width => "W",
                Axis::Channels => "C",
            });
            match axis {
                Axis::Samples => meaning = ", D being the samples of a block",
                Axis::Nibbles => meaning = ", n being the nibbles of a block",
                _ => {}
            }
        }
        write!(f, "({}) = {}{meaning}", letters.join(", "), dimensions(&self.shape()))
    }
}
