//! Every sample of every depth, as the float that a network gets.

use super::Fault;
use super::compare::{Extent, compare};
use crate::engine::{Device, ImageRef};
use crate::image::{Depth, Geometry};
use crate::key::Key;
use crate::scheme::{Options, Preset, compile};

/// Converts all samples, unchanged and flipped. Five images go through the kernels for large batches.
pub fn check(device: &Device, _: Extent) -> Result<String, Fault> {
    let mut samples = 0;
    for depth in (8..=16).filter_map(Depth::new) {
        let geometry = Geometry::new(16, 1 << (depth.bits() - 4), 1)?.with_depth(depth);
        let image: Vec<u8> = match depth {
            Depth::U8 => (0..=255).collect(),
            depth => (0..=depth.max() as u16).flat_map(u16::to_le_bytes).collect(),
        };
        for preset in [Preset::None, Preset::Np] {
            let program = compile(&preset.scheme(Options::default())?, &Key::from_bytes([5; 32]), geometry)?;
            for images in [1, 5] {
                let what = || format!("floats of {depth:?} with {}", preset.name());
                compare(device, &program, &image.repeat(images), &ImageRef::all(images), what)?;
            }
        }
        samples += geometry.samples();
    }
    Ok(format!("{samples} samples of 8 to 16 bits, unchanged and flipped"))
}
