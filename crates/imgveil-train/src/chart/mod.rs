//! Charts of training runs and studies, as SVG: curves over the epochs, the scores of many runs, and points of two
//! measures. They draw what they are given into memory, with the axes, meshes and legends of plotters.

mod curves;
mod plot;
mod scatter;
mod scores;

pub use curves::{Panel, Series, curves_svg};
pub use plot::ChartError;
pub use scatter::{ScatterPanel, ScatterPoint, scatter_svg};
pub use scores::{ScorePanel, ScoreRow, scores_svg};
