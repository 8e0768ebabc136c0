//! Studies: what encryption costs in accuracy. A grid of schemes x networks x seeds is trained, one process a run, and the runs'
//! figures become a table with mean and spread, and charts.

mod grid;
mod results;
mod table;

pub use grid::{Grid, GridError, Row, Run};
pub use results::{Figures, ResultsError, Scored};
pub use table::{Study, StudyError};
