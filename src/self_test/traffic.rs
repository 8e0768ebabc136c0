//! What crosses between host and device when a batch becomes floats on the device: references go up, nothing comes
//! back.

use super::Fault;
use super::compare::Extent;
use super::draws::Draws;
use crate::engine::gpu::Resident;
use crate::engine::{Device, Loaded};
use crate::image::Geometry;
use crate::key::Key;
use crate::scheme::{Options, Preset, compile};

/// The most bytes of a reference on its way up, and of what belongs to a dispatch.
const REFERENCE: u64 = 28;
const DISPATCH: u64 = 192;

/// Counts the traffic of one batch of every scheme that is one kernel. Nobody else may use the device meanwhile.
pub fn check(device: &Device, extent: Extent) -> Result<String, Fault> {
    let Some(gpu) = device.gpu() else { return Ok("a GPU only".to_owned()) };
    let mut draws = Draws::new(extent.seed);
    let (geometry, images) = (Geometry::new(32, 32, 3)?, 64);
    let resident = Resident::upload(gpu, geometry, &draws.images(geometry, images))?;
    let refs = draws.refs(images, images, false);
    let output = gpu.guarded("making memory for a batch", || {
        gpu.buffer((images * geometry.samples() * size_of::<f32>()) as u64, wgpu::BufferUsages::STORAGE)
    })?;
    let presets =
        [Preset::ShuffleFlip, Preset::Le, Preset::Ele, Preset::Etc, Preset::Skk, Preset::Vit, Preset::Keystream];
    for preset in presets {
        let program = compile(&preset.scheme(Options::default())?, &Key::from_bytes(draws.bytes()), geometry)?;
        // The first batch sends the tables of the program. The second one is that of a training step.
        let loaded = Loaded::new(device, program)?;
        loaded.floats_into(&resident, &refs, output.as_entire_binding())?;
        let before = gpu.traffic().counts();
        loaded.floats_into(&resident, &refs, output.as_entire_binding())?;
        let batch = gpu.traffic().counts() - before;
        let most = refs.len() as u64 * REFERENCE + DISPATCH;
        if batch.dispatches != 1 || batch.device_to_host != 0 || batch.host_to_device > most {
            return Err(Fault::Other {
                what: format!("a batch of {} on {geometry}", preset.name()),
                found: format!(
                    "{} dispatches, {} bytes up, {} bytes back",
                    batch.dispatches, batch.host_to_device, batch.device_to_host
                ),
                expected: format!("one dispatch, at most {most} bytes up, none back"),
            });
        }
    }
    gpu.wait()?;
    Ok(format!("{} schemes: one dispatch a batch, nothing read back", presets.len()))
}
