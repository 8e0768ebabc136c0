//! The speed of schemes on a device, and the limits of the device. Before anything is timed, the device's output is
//! compared with that of the CPU engine.

mod ceilings;
mod from_disk;
mod processor;
mod throughput;

pub use ceilings::{Ceiling, ceilings, fastest_copy};
pub use from_disk::work_folder;
pub use processor::processor;
pub use throughput::{Extent, Measured, Row, Way, measure};

/// A figure whose samples have a larger spread, in percent of their median, is printed with a warning.
pub const WIDE_SPREAD: f64 = 5.0;
