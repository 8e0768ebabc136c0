//! The self-test of a device: whether an adapter and its driver compute the right bits.
//!
//! Each check has a file. Checks compare the device with known answers that an independent program made, and with the
//! CPU engine. Training on the device has checks of its own in imgveil-train.

mod answers;
mod draws;
mod fault;
mod floats;
mod mixtures;
mod per_image;
mod programs;
#[cfg(feature = "gpu")]
mod sets;
#[cfg(feature = "gpu")]
mod traffic;
mod under_way;

pub use answers::{ANSWERS, Answer, answers};
pub use fault::Fault;

use crate::engine::{Device, ImageRef, Loaded, Program};

/// How much a self-test does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Random programs that are compared with the CPU engine.
    pub programs: usize,
    /// The seed of everything that is drawn.
    pub seed: u64,
}

impl Extent {
    /// The usual extent: 200 programs.
    pub const FULL: Extent = Extent { programs: 200, seed: 1 };
    /// A short form: 40 programs.
    pub const SHORT: Extent = Extent { programs: 40, seed: 1 };
}

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
    Check { name: "known answers", run: answers::check },
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

/// The bytes and the bits of the floats that a device makes of a batch.
fn outputs(device: &Device, program: &Program, input: &[u8], refs: &[ImageRef]) -> Result<(Vec<u8>, Vec<u32>), Fault> {
    let geometry = program.geometry();
    let loaded = Loaded::new(device, program.clone())?;
    let (mut bytes, mut floats) =
        (vec![0; geometry.bytes() * refs.len()], vec![0.0f32; geometry.samples() * refs.len()]);
    loaded.bytes(input, refs, &mut bytes)?;
    loaded.floats(input, refs, &mut floats)?;
    Ok((bytes, floats.into_iter().map(f32::to_bits).collect()))
}

/// Compares what the device and the CPU engine make of a batch.
fn compare(
    device: &Device,
    program: &Program,
    input: &[u8],
    refs: &[ImageRef],
    what: impl Fn() -> String,
) -> Result<(), Fault> {
    let (found, expected) = (outputs(device, program, input, refs)?, outputs(&Device::cpu(), program, input, refs)?);
    equal(&found.0, &expected.0, || format!("{}, bytes", what()))?;
    equal(&found.1, &expected.1, || format!("{}, floats", what()))
}

/// The first difference of two outputs is a fault.
fn equal<T: PartialEq + std::fmt::Debug>(found: &[T], expected: &[T], what: impl Fn() -> String) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    let differing = found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
    let first = found.iter().zip(expected).position(|(found, expected)| found != expected);
    Err(Fault::Differs { what: what(), differing, of: expected.len(), first })
}
