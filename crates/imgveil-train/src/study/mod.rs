//! Studies: what encryption costs in accuracy. A grid of schemes, networks and seeds is trained, one process a run,
//! and the figures of the runs become a table with mean and spread, and charts.

mod grid;
mod results;
mod settings;
mod table;

pub use grid::{Grid, Row, Run};
pub use results::{Figures, Scored};
pub use settings::{Setting, not_negative, positive, share};
pub use table::Study;
