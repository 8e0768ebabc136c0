//! Random programs: any stages in any order, on any geometry, with augmented and repeated images.

use super::Fault;
use super::compare::{Extent, compare};
use super::draws::Draws;
use crate::engine::{Device, ImageRef};
use crate::key::Key;
use crate::scheme::compile;

/// Compares bytes and floats of each program, and of its inverse.
pub fn check(device: &Device, extent: Extent) -> Result<String, Fault> {
    let mut draws = Draws::new(extent.seed);
    let mut inverses = 0;
    for number in 0..extent.programs {
        let case = draws.case()?;
        let program = compile(&case.scheme, &Key::from_bytes(case.secret), case.geometry)?;
        let what = |way: &str| format!("program {number}{way}: {} on {}", case.scheme.describe(), case.geometry);
        compare(device, &program, &case.input, &case.refs, || what(""))?;
        if let Ok(inverse) = program.inverse() {
            let images = (case.input.len() / case.geometry.bytes()) as u32;
            // An inverse takes images as they are.
            let refs: Vec<ImageRef> =
                case.refs.iter().map(|r| ImageRef { id: r.id, ..ImageRef::new(r.index % images) }).collect();
            compare(device, &inverse, &case.input, &refs, || what(", inverse"))?;
            inverses += 1;
        }
    }
    Ok(format!("{} programs and {inverses} inverses", extent.programs))
}
