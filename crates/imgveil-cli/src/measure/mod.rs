//! How fast schemes run on a device, and the limits of the device. Before anything is timed, its output is compared
//! with that of the CPU engine.

mod ceilings;
mod from_disk;
mod throughput;

pub use ceilings::{Ceiling, ceilings};
pub use throughput::{Extent, Measured, Row, Way, measure};

/// The median time of a repetition. Repeats until `seconds` have passed, and at least three times.
fn median<E>(seconds: f64, mut once: impl FnMut() -> Result<f64, E>) -> Result<f64, E> {
    let begun = std::time::Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || begun.elapsed().as_secs_f64() < seconds {
        times.push(once()?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
