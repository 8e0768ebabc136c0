//! The speed of schemes on a device, and the limits of the device. Before anything is timed, the device's output is
//! compared with that of the CPU engine.

mod ceilings;
mod from_disk;
mod throughput;

use imgveil::internal::engine::gpu::Timed;
use std::time::Instant;

pub use ceilings::{Ceiling, ceilings};
pub use from_disk::work_folder;
pub use throughput::{Extent, Measured, Row, Way, measure};

/// A figure whose samples have a larger spread, in percent of their median, is printed with a warning.
pub const WIDE_SPREAD: f64 = 5.0;

/// Times repetitions on the host. The first one is not counted.
fn timed<E>(seconds: f64, mut once: impl FnMut() -> Result<(), E>) -> Result<Timed, E> {
    once()?;
    samples(seconds, || {
        let begun = Instant::now();
        once()?;
        Ok(begun.elapsed().as_secs_f64())
    })
}

/// Samples of `once`, which returns seconds. Continues until `seconds` have passed, with at least five samples.
fn samples<E>(seconds: f64, mut once: impl FnMut() -> Result<f64, E>) -> Result<Timed, E> {
    let begun = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < 5 || begun.elapsed().as_secs_f64() < seconds {
        samples.push(once()?);
    }
    Ok(Timed::new(samples, false))
}
