//! Sets of images on the device: in one page, in several, and streamed. The floats go to memory of somebody else, as in
//! training.

use super::Fault;
use super::compare::{Extent, equal};
use super::draws::Draws;
use crate::engine::gpu::{Gpu, Resident, Streaming};
use crate::engine::{Device, EngineError, ImageRef, Loaded};
use crate::image::{Depth, Geometry};
use crate::key::Key;
use crate::scheme::{Options, PRESETS, compile};

/// Compares the floats of every scheme that does not mix. Without a GPU there is nothing to compare.
pub fn check(device: &Device, extent: Extent) -> Result<String, Fault> {
    let Some(gpu) = device.gpu() else { return Ok("a GPU only".to_owned()) };
    let mut draws = Draws::new(extent.seed);
    let mut compared = 0;
    for (geometry, images) in [(Geometry::new(32, 48, 3)?, 9), (Geometry::new(48, 48, 1)?.with_depth(Depth::U16), 9)] {
        let input = draws.images(geometry, images);
        let refs = draws.refs(14, images, false);
        for preset in PRESETS {
            let scheme = preset.scheme(Options::default())?;
            if scheme.mixes() {
                continue;
            }
            let program = compile(&scheme, &Key::from_bytes(draws.bytes()), geometry)?;
            let (loaded, on_cpu) = (Loaded::new(device, program.clone())?, Loaded::new(&Device::cpu(), program)?);
            let mut expected = vec![0.0f32; refs.len() * geometry.samples()];
            on_cpu.floats(&input, &refs, &mut expected)?;
            let mut compare = |resident: &Resident, refs: &[ImageRef], how: &str| -> Result<(), Fault> {
                let what = || format!("{} on {geometry}, {how}", preset.name());
                compared += 1;
                equal(&floats(gpu, &loaded, resident, refs)?, &bits(&expected), what)
            };
            for (per_page, how) in
                [(usize::MAX, "resident"), (4, "in pages of four images"), (1, "in pages of one image")]
            {
                compare(&Resident::upload_in_pages(gpu, geometry, &input, per_page)?, &refs, how)?;
            }
            let indices: Vec<u32> = refs.iter().map(|image_ref| image_ref.index).collect();
            // The device holds the images of a streamed batch in the order of the references.
            let in_order: Vec<ImageRef> =
                refs.iter().zip(0..).map(|(image_ref, index)| ImageRef { index, ..*image_ref }).collect();
            let mut streaming = Streaming::new(geometry);
            for how in ["streamed", "streamed ahead"] {
                let sent = streaming.batch(gpu, &input, &indices)?;
                compare(&sent, &in_order, how)?;
                streaming.prepare(gpu, &input, indices.clone())?;
            }
        }
    }
    Ok(format!("{compared} batches of floats into memory of others"))
}

fn bits(floats: &[f32]) -> Vec<u32> {
    floats.iter().map(|value| value.to_bits()).collect()
}

/// The bits of a batch of floats.
fn floats(gpu: &Gpu, loaded: &Loaded, resident: &Resident, refs: &[ImageRef]) -> Result<Vec<u32>, EngineError> {
    let bytes = (refs.len() * loaded.program().geometry().samples() * size_of::<f32>()) as u64;
    let output = gpu.guarded("making memory for a batch", || {
        gpu.buffer(bytes, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)
    })?;
    loaded.floats_into(resident, refs, output.as_entire_binding())?;
    let mut floats = Vec::new();
    gpu.read(&output, bytes, |data| floats = bytemuck::pod_collect_to_vec(data))?;
    Ok(floats)
}
