//! Mixtures of images, which are floats.

use super::Fault;
use super::compare::{Extent, equal};
use super::draws::Draws;
use crate::engine::{Device, ImageRef, Loaded};
use crate::image::Geometry;
use crate::key::Key;
use crate::schedule::ImageId;
use crate::scheme::{Options, Preset, compile};

/// Compares the floats of InstaHide.
pub fn check(device: &Device, extent: Extent) -> Result<String, Fault> {
    let mut draws = Draws::new(extent.seed);
    let mut mixtures = 0;
    for (height, width, channels) in [(28, 28, 1), (32, 32, 3), (9, 7, 3)] {
        let geometry = Geometry::new(height, width, channels)?;
        let scheme = Preset::InstaHide.scheme(Options::default())?;
        let program = compile(&scheme, &Key::from_bytes(draws.bytes()), geometry)?;
        let Some(mixing) = program.mixing() else { continue };
        let (images, outputs) = (12, 20);
        let mut refs = Vec::new();
        for _ in 0..outputs {
            let id = ImageId(draws.bytes());
            for weight in mixing.weights(id, geometry.samples()) {
                refs.push(ImageRef::new(draws.number(0..images)).with_id(id).weighted(weight));
            }
        }
        let input = draws.images(geometry, images as usize);
        let floats = |device: &Device| -> Result<Vec<u32>, Fault> {
            let mut floats = vec![0.0f32; outputs * geometry.samples()];
            Loaded::new(device, program.clone())?.floats(&input, &refs, &mut floats)?;
            Ok(floats.into_iter().map(f32::to_bits).collect())
        };
        equal(&floats(device)?, &floats(&Device::cpu())?, || format!("mixtures of {geometry}"))?;
        mixtures += outputs;
    }
    Ok(format!("{mixtures} mixtures of four images"))
}
