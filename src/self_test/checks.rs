//! The list of checks.

use super::{Extent, Fault, floats, known, mixtures, per_image, programs, under_way};
#[cfg(feature = "gpu")]
use super::{sets, traffic};
use crate::engine::Device;

/// A check of a device.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The name, for people and for JSON.
    pub name: &'static str,
    run: fn(&Device, Extent) -> Result<String, Fault>,
}

impl Check {
    /// Runs the check. Returns what was compared, in words.
    ///
    /// # Errors
    /// The first difference, or the failure of the device.
    pub fn run(&self, device: &Device, extent: Extent) -> Result<String, Fault> {
        (self.run)(device, extent)
    }
}

/// All checks, the most basic ones first.
pub const CHECKS: &[Check] = &[
    Check { name: "known answers", run: known::check },
    Check { name: "every float of every depth", run: floats::check },
    Check { name: "random programs", run: programs::check },
    Check { name: "keys per image", run: per_image::check },
    Check { name: "mixtures", run: mixtures::check },
    Check { name: "batches under way", run: under_way::check },
    #[cfg(feature = "gpu")]
    Check { name: "resident, paged and streamed sets", run: sets::check },
    #[cfg(feature = "gpu")]
    Check { name: "traffic", run: traffic::check },
];
