//! Charts of training runs and studies, as SVG: curves over the epochs, dots for the scores of many runs. Draws what it is
//! given.

mod curves;
mod dots;
mod plot;

pub use curves::{Panel, Series, curves_svg};
pub use dots::{DotPanel, DotRow, dots_svg};
pub use plot::ChartError;
