//! What bounds a figure: a roofline of the device's own limits.

use crate::measure::{Ceiling, Row, Way, fastest_copy};
use imgveil::internal::engine::Device;

/// From this share of a limit on, the limit bounds the figure.
const NEAR: f64 = 0.8;
/// A batch that takes less than this many empty dispatches is bound by launching.
const LAUNCHES: f64 = 10.0;

/// A row and what bounds it.
pub struct Bound {
    /// Bytes of samples read and of output written for one image.
    pub bytes_per_image: f64,
    /// Percent of what the limit of this way allows, if there is one.
    pub percent_of_peak: Option<f64>,
    /// What bounds the figure.
    pub by: &'static str,
}

/// What bounds a row of a device with these limits.
pub fn bound(device: &Device, row: &Row, limits: &[Ceiling]) -> Bound {
    let bytes_per_image = row.gib_per_second * f64::from(1 << 30) / row.images_per_second;
    let rate = |name: &str| limits.iter().find(|limit| limit.name == name).and_then(|limit| limit.gib_per_second);
    let peak = match row.way {
        Way::Bytes | Way::Floats => fastest_copy(device, limits),
        // Half of the bytes go up and half come back.
        Way::Memory => rate("upload").zip(rate("readback")).map(|(up, back)| 2.0 / (1.0 / up + 1.0 / back)),
        Way::Disk => None,
    };
    let share = peak.map(|peak| row.gib_per_second / peak);
    let launch = limits.iter().find_map(|limit| limit.microseconds);
    let batch = row.images as f64 / row.images_per_second * 1e6;
    let is_launch = launch.is_some_and(|launch| batch < LAUNCHES * launch);
    let by = match row.way {
        Way::Disk => "the job: reading, encrypting, writing",
        Way::Memory if share.is_some_and(|share| share >= NEAR) => "transfers",
        Way::Memory => "transfers and the host's copies",
        _ if share.is_some_and(|share| share >= NEAR) => "memory",
        _ if is_launch => "launch",
        _ => "the kernel",
    };
    Bound { bytes_per_image, percent_of_peak: share.map(|share| 100.0 * share), by }
}
