//! Charts of training runs and studies, as SVG: curves over the epochs, and the scores of many runs. They draw what
//! they are given into memory, with the axes, meshes and legends of plotters.

mod curves;
mod plot;
mod scores;

pub use curves::{Panel, Series, curves_svg};
pub use plot::ChartError;
pub use scores::{ScorePanel, ScoreRow, scores_svg};
