//! The way of batches through the device, host memory to host memory: a ring of slots whose buffers are reused from batch to
//! batch, so that one batch is copied in or out while another is worked on. Never waits before it is asked for a result.

use super::Gpu;
use super::run::{self, LoadedProgram};
use crate::engine::{EngineError, ImageRef, Pending};
use crate::image::Geometry;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Mutex, PoisonError};

/// One batch is copied in, one worked on, one copied out. As many slots are kept for later batches. Where more batches are
/// under way there are more slots for a while: to wait for one could be to wait for the very thread that would bring it back.
pub(super) const SLOTS: usize = 3;

/// Slots grow in steps of this, so that batches of nearly one size share them.
const STEP: u64 = 1 << 20;

/// The buffers of one batch, all of the same size.
struct Slot {
    bytes: u64,
    /// Host memory that the device copies from. Mapped while the slot is idle.
    upload: wgpu::Buffer,
    /// Device memory: each step of a program reads one and writes the other.
    device: [wgpu::Buffer; 2],
    /// Host memory that the device copies to. Mapped while its batch is taken out, and not while the slot is idle.
    readback: wgpu::Buffer,
}

impl Slot {
    fn new(gpu: &Gpu, bytes: u64) -> Result<Self, EngineError> {
        use wgpu::BufferUsages as Usage;
        // A multiple of a step may be more than the limit.
        let bytes = bytes.next_multiple_of(STEP).min(gpu.limit);
        let buffer = |usage, mapped_at_creation| {
            let label = Some("imgveil staging");
            gpu.device.create_buffer(&wgpu::BufferDescriptor { label, size: bytes, usage, mapped_at_creation })
        };
        let on_device = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        gpu.guarded("making room for a batch", || Self {
            bytes,
            upload: buffer(Usage::MAP_WRITE | Usage::COPY_SRC, true),
            device: [buffer(on_device, false), buffer(on_device, false)],
            readback: buffer(Usage::MAP_READ | Usage::COPY_DST, false),
        })
    }
}

/// The slots that no batch is in.
#[derive(Default)]
pub(super) struct Ring(Mutex<Vec<Slot>>);

impl Ring {
    /// A slot of at least so many bytes. One that is too small is let go for it.
    fn take(&self, gpu: &Gpu, bytes: u64) -> Result<Slot, EngineError> {
        let found = {
            let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match idle.iter().position(|slot| slot.bytes >= bytes) {
                Some(place) => Some(idle.swap_remove(place)),
                None => {
                    idle.pop();
                    None
                }
            }
        };
        found.map_or_else(|| Slot::new(gpu, bytes), Ok)
    }

    fn give_back(&self, slot: Slot) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < SLOTS {
            idle.push(slot);
        }
    }
}

/// A batch on the device. Dropped, it takes its slot along: the device may still be writing there.
pub(super) struct UnderWay<'a> {
    gpu: &'a Gpu,
    slot: Slot,
    geometry: Geometry,
    images: usize,
    submission: wgpu::SubmissionIndex,
    /// What came of mapping both of the slot's host buffers.
    mapped: Receiver<Result<(), wgpu::BufferAsyncError>>,
}

/// How many images of a program a slot holds, whatever a step makes of them.
pub(super) fn images_of_a_slot(gpu: &Gpu, program: &LoadedProgram) -> Result<usize, EngineError> {
    let bytes = program.widest();
    match (gpu.limit / bytes) as usize {
        0 => Err(gpu.too_large("one image of the batch", bytes)),
        images => Ok(images),
    }
}

/// Sends picks (one or more, and no more than a slot holds) of `input` through a program.
pub(super) fn begin<'a>(
    gpu: &'a Gpu,
    program: &LoadedProgram,
    input: &[u8],
    refs: &[ImageRef],
) -> Result<UnderWay<'a>, EngineError> {
    let geometry = program.geometry();
    let slot = gpu.ring.take(gpu, program.widest() * refs.len() as u64)?;
    let bytes = (stride(geometry) * refs.len()) as u64;
    let indices: Vec<u32> = refs.iter().map(|image_ref| image_ref.index).collect();
    upload(gpu, &slot.upload, geometry, input, &indices)?;
    let (send, mapped) = channel();
    let submission = gpu.guarded("encrypting a batch", || {
        slot.upload.unmap();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&slot.upload, 0, &slot.device[0], 0, bytes);
        let written = run::bytes(gpu, program, slot.device.each_ref(), refs, &mut encoder);
        encoder.copy_buffer_to_buffer(written, 0, &slot.readback, 0, bytes);
        let submission = gpu.queue.submit([encoder.finish()]);
        // Nobody receives where the batch was dropped, and then nobody wants to know.
        let sender = send.clone();
        slot.readback.map_async(wgpu::MapMode::Read, ..bytes, move |result| drop(send.send(result)));
        slot.upload.map_async(wgpu::MapMode::Write, .., move |result| drop(sender.send(result)));
        submission
    })?;
    gpu.traffic.add_up(bytes);
    Ok(UnderWay { gpu, slot, geometry, images: refs.len(), submission, mapped })
}

/// Bytes of an image on the device.
pub(super) fn stride(geometry: Geometry) -> usize {
    geometry.bytes().next_multiple_of(4)
}

/// Copies the images with these numbers, which are there, into a mapped buffer, in this order.
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

/// Whether the images lie one behind the other.
fn in_order(indices: &[u32]) -> bool {
    indices.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

impl UnderWay<'_> {
    /// Waits for the batch and writes its images to `output`, one behind the other.
    pub(super) fn finish(self, output: &mut [u8]) -> Result<(), EngineError> {
        let Self { gpu, slot, geometry, images, submission, mapped } = self;
        let doing = "reading results back";
        let failed = |reason: String| gpu.failed(doing, reason);
        let done = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
        gpu.device.poll(done).map_err(|e| failed(e.to_string()))?;
        for _ in 0..2 {
            // Another thread that polls may be the one that brings the news, a moment later.
            mapped.recv().map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
        }
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
        gpu.guarded(doing, || slot.readback.unmap())?;
        gpu.ring.give_back(slot);
        Ok(())
    }
}

/// A batch under way, and the memory that its result goes to: that in which its images came.
pub(super) struct Batch<'a> {
    pub under_way: UnderWay<'a>,
    pub memory: Vec<u8>,
}

impl Pending for Batch<'_> {
    fn wait(self: Box<Self>) -> Result<Vec<u8>, EngineError> {
        let Self { under_way, mut memory } = *self;
        memory.resize(under_way.geometry.bytes() * under_way.images, 0);
        under_way.finish(&mut memory)?;
        Ok(memory)
    }
}
