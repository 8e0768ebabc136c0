//! Batches from host memory through the device and back. A ring of slots reuses buffers, so that one batch is copied in
//! or out while another is computed. Nothing waits until a result is requested.

use super::device::{Gpu, READING};
use super::program::{self, LoadedProgram};
use super::ring::Slot;
use crate::engine::EngineError;
use crate::engine::image_ref::ImageRef;
use crate::engine::wait::Callbacks;
use crate::image::Geometry;
use std::sync::Arc;

/// Sizes of slots are multiples of this, so that batches of nearly one size share them.
const STEP: u64 = 1 << 20;

/// A slot of at least `bytes` bytes.
fn slot(gpu: &Gpu, bytes: u64) -> Result<Slot, EngineError> {
    if let Some(slot) = gpu.ring.take(bytes) {
        return Ok(slot);
    }
    use wgpu::BufferUsages as Usage;
    // The multiple of the step may exceed the limit.
    let bytes = bytes.next_multiple_of(STEP).min(gpu.limit);
    let buffer = |usage, mapped_at_creation| {
        let label = Some("imgveil staging");
        gpu.device.create_buffer(&wgpu::BufferDescriptor { label, size: bytes, usage, mapped_at_creation })
    };
    let on_device = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
    gpu.guarded("making room for a batch", || Slot {
        bytes,
        upload: buffer(Usage::MAP_WRITE | Usage::COPY_SRC, true),
        device: [buffer(on_device, false), buffer(on_device, false)],
        readback: buffer(Usage::MAP_READ | Usage::COPY_DST, false),
    })
}

/// A batch on the device. Dropping it also drops its slot, because the device may still be writing there.
pub struct UnderWay {
    gpu: Arc<Gpu>,
    slot: Slot,
    geometry: Geometry,
    images: usize,
    submission: wgpu::SubmissionIndex,
    /// Complete when both host buffers of the slot are mapped again.
    mapped: Callbacks,
}

/// How many images of a program a slot holds, for every step of the program.
pub fn images_of_a_slot(gpu: &Gpu, program: &LoadedProgram) -> Result<usize, EngineError> {
    let bytes = program.widest();
    match (gpu.limit / bytes) as usize {
        0 => Err(gpu.too_large("one image of the batch", bytes)),
        images => Ok(images),
    }
}

/// Sends images of `input` (one or more, and no more than a slot holds) through a program.
pub fn begin(
    gpu: &Arc<Gpu>,
    program: &LoadedProgram,
    input: &[u8],
    refs: &[ImageRef],
) -> Result<UnderWay, EngineError> {
    let geometry = program.geometry();
    let slot = slot(gpu, program.widest() * refs.len() as u64)?;
    let bytes = (stride(geometry) * refs.len()) as u64;
    let indices: Vec<u32> = refs.iter().map(|image_ref| image_ref.index).collect();
    upload(gpu, &slot.upload, geometry, input, &indices)?;
    let mapped = Callbacks::new(2);
    let submission = gpu.guarded("encrypting a batch", || {
        slot.upload.unmap();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&slot.upload, 0, &slot.device[0], 0, bytes);
        let written = program::bytes(gpu, program, slot.device.each_ref(), refs, &mut encoder);
        encoder.copy_buffer_to_buffer(written, 0, &slot.readback, 0, bytes);
        let submission = gpu.queue.submit([encoder.finish()]);
        slot.readback.map_async(wgpu::MapMode::Read, ..bytes, mapped.one());
        slot.upload.map_async(wgpu::MapMode::Write, .., mapped.one());
        submission
    })?;
    gpu.traffic.add_up(bytes);
    Ok(UnderWay { gpu: gpu.clone(), slot, geometry, images: refs.len(), submission, mapped })
}

/// Bytes of an image on the device.
pub(super) fn stride(geometry: Geometry) -> usize {
    geometry.bytes().next_multiple_of(4)
}

/// Copies the images with these numbers into a mapped buffer, in this order. The numbers are valid.
pub(super) fn upload(
    gpu: &Gpu,
    buffer: &wgpu::Buffer,
    geometry: Geometry,
    input: &[u8],
    indices: &[u32],
) -> Result<(), EngineError> {
    let (size, stride) = (geometry.bytes(), stride(geometry));
    let range = ..(stride * indices.len()) as u64;
    let failed = |e: wgpu::MapRangeError| gpu.failed("uploading images", e.to_string());
    let mut view = buffer.get_mapped_range_mut(range).map_err(failed)?;
    if stride == size && in_order(indices) {
        let first = indices.first().map_or(0, |&index| index as usize);
        view.copy_from_slice(&input[first * size..][..indices.len() * size]);
        return Ok(());
    }
    for (place, &index) in indices.iter().enumerate() {
        let image = &input[index as usize * size..][..size];
        view.slice(place * stride..place * stride + size).copy_from_slice(image);
    }
    Ok(())
}

/// Whether the images follow each other in the input.
fn in_order(indices: &[u32]) -> bool {
    indices.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

impl UnderWay {
    /// Bytes of the batch's images.
    pub fn bytes(&self) -> usize {
        self.geometry.bytes() * self.images
    }

    /// Waits for the batch and writes its images to `output`, one after the other.
    #[cfg(not(target_family = "wasm"))]
    pub fn wait(self, output: &mut [u8]) -> Result<(), EngineError> {
        self.gpu.wait_for(&self.mapped, Some(self.submission.clone()), READING)?;
        self.take(output)
    }

    /// As [`UnderWay::wait`], without blocking.
    pub async fn ready(self, output: &mut [u8]) -> Result<(), EngineError> {
        self.gpu.ready(&self.mapped, Some(self.submission.clone()), READING).await?;
        self.take(output)
    }

    fn take(self, output: &mut [u8]) -> Result<(), EngineError> {
        let Self { gpu, slot, geometry, images, .. } = self;
        let failed = |reason: String| gpu.failed(READING, reason);
        let (size, stride) = (geometry.bytes(), stride(geometry));
        let bytes = stride * images;
        let view = slot.readback.get_mapped_range(..bytes as u64).map_err(|e| failed(e.to_string()))?;
        if stride == size {
            output.copy_from_slice(&view);
        } else {
            for (to, from) in output.chunks_exact_mut(size).zip(view.chunks_exact(stride)) {
                to.copy_from_slice(&from[..size]);
            }
        }
        drop(view);
        gpu.traffic.add_down(bytes as u64);
        gpu.guarded(READING, || slot.readback.unmap())?;
        gpu.ring.give_back(slot);
        Ok(())
    }
}
