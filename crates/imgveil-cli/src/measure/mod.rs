//! How fast schemes run on a device, and the limits of the device. Before anything is timed, its output is compared
//! with that of the CPU engine.

mod ceilings;
mod from_disk;
mod throughput;

use imgveil::internal::engine::gpu::Timed;
use std::time::Instant;

pub use ceilings::{Ceiling, ceilings};
pub use throughput::{Extent, Measured, Row, Way, measure};

/// A figure whose samples are farther apart, in percent of their median, is printed with a warning.
pub const WIDE_SPREAD: f64 = 5.0;

/// The times of a repetition on the host, of which the first is not counted.
fn timed<E>(seconds: f64, mut once: impl FnMut() -> Result<(), E>) -> Result<Timed, E> {
    once()?;
    samples(seconds, || {
        let begun = Instant::now();
        once()?;
        Ok(begun.elapsed().as_secs_f64())
    })
}

/// Samples of `once`, which gives seconds: until `seconds` have passed, and at least five.
fn samples<E>(seconds: f64, mut once: impl FnMut() -> Result<f64, E>) -> Result<Timed, E> {
    let begun = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < 5 || begun.elapsed().as_secs_f64() < seconds {
        samples.push(once()?);
    }
    Ok(Timed::new(samples, false))
}
