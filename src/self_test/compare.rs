//! How much a self-test does, and the comparisons that the checks share.

use super::Fault;
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

/// The bytes and the bits of the floats that a device makes of a batch.
pub(super) fn outputs(
    device: &Device,
    program: &Program,
    input: &[u8],
    refs: &[ImageRef],
) -> Result<(Vec<u8>, Vec<u32>), Fault> {
    let geometry = program.geometry();
    let loaded = Loaded::new(device, program.clone())?;
    let (mut bytes, mut floats) =
        (vec![0; geometry.bytes() * refs.len()], vec![0.0f32; geometry.samples() * refs.len()]);
    loaded.bytes(input, refs, &mut bytes)?;
    loaded.floats(input, refs, &mut floats)?;
    Ok((bytes, floats.into_iter().map(f32::to_bits).collect()))
}

/// Compares what the device and the CPU engine make of a batch.
pub(super) fn compare(
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
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(
    found: &[T],
    expected: &[T],
    what: impl Fn() -> String,
) -> Result<(), Fault> {
    if found == expected {
        return Ok(());
    }
    let differing = found.iter().zip(expected).filter(|(found, expected)| found != expected).count();
    let first = found.iter().zip(expected).position(|(found, expected)| found != expected);
    Err(Fault::Differs { what: what(), differing, of: expected.len(), first })
}
