//! Sets that do not stay on the device. The images of each batch are sent through a ring of reused buffers, while the
//! device still works on the batch before. Nothing is read back.

use super::device::Gpu;
use super::resident::Resident;
use super::ring::SLOTS;
use super::staging::{stride, upload};
use crate::engine::EngineError;
use crate::engine::wait::Callbacks;
use crate::image::Geometry;
use std::collections::VecDeque;

/// The buffers of one batch, or of one part if a batch exceeds a binding.
struct Slot {
    /// Host memory that the device copies from.
    host: wgpu::Buffer,
    device: wgpu::Buffer,
    /// The submission that copies `host` to `device`. After it, the host memory is mapped again.
    copied: wgpu::SubmissionIndex,
    mapped: Callbacks,
}

/// Sends the images of batches to the device, one batch after the other.
pub struct Streaming {
    geometry: Geometry,
    /// The slots, in the order in which they were filled, the oldest first.
    ring: VecDeque<Slot>,
    /// A batch that was sent before it was requested: which images, and where they are.
    ahead: Option<(Vec<u32>, Resident)>,
}

impl Streaming {
    /// Streams images of one geometry.
    pub fn new(geometry: Geometry) -> Self {
        Self { geometry, ring: VecDeque::new(), ahead: None }
    }

    /// Sends the images with these numbers in `samples`, for the next [`Streaming::batch`] with the same numbers.
    ///
    /// # Errors
    /// When there is no such image, or the device fails.
    pub fn prepare(&mut self, gpu: &Gpu, samples: &[u8], indices: Vec<u32>) -> Result<(), EngineError> {
        let sent = self.send(gpu, samples, &indices)?;
        self.ahead = Some((indices, sent));
        Ok(())
    }

    /// The images with these numbers in `samples`, in this order, on the device. Work that uses them must be submitted
    /// before the second batch after this one is sent.
    ///
    /// # Errors
    /// As [`Streaming::prepare`].
    pub fn batch(&mut self, gpu: &Gpu, samples: &[u8], indices: &[u32]) -> Result<Resident, EngineError> {
        match self.ahead.take() {
            Some((ahead, sent)) if ahead == indices => Ok(sent),
            _ => self.send(gpu, samples, indices),
        }
    }

    fn send(&mut self, gpu: &Gpu, samples: &[u8], indices: &[u32]) -> Result<Resident, EngineError> {
        let images = samples.len() / self.geometry.bytes();
        if let Some(&index) = indices.iter().find(|&&index| index as usize >= images) {
            return Err(EngineError::Index { index, images });
        }
        let stride = stride(self.geometry);
        let per_page = (gpu.limit / stride as u64) as usize;
        if per_page == 0 {
            return Err(gpu.too_large("an image", stride as u64));
        }
        let parts = indices.chunks(per_page);
        let slots = SLOTS * parts.len();
        let mut pages = Vec::with_capacity(parts.len());
        for part in parts {
            let bytes = (part.len() * stride) as u64;
            let (host, device) = self.buffers(gpu, bytes, slots)?;
            upload(gpu, &host, self.geometry, samples, part)?;
            let mapped = Callbacks::new(1);
            let copied = gpu.guarded("sending a batch's images", || {
                host.unmap();
                let mut encoder = gpu.device.create_command_encoder(&Default::default());
                encoder.copy_buffer_to_buffer(&host, 0, &device, 0, bytes);
                let copied = gpu.queue.submit([encoder.finish()]);
                host.map_async(wgpu::MapMode::Write, .., mapped.one());
                copied
            })?;
            gpu.traffic.add_up(bytes);
            pages.push(device.clone());
            self.ring.push_back(Slot { host, device, copied, mapped });
        }
        Ok(Resident::in_pages(self.geometry, indices.len(), per_page, pages))
    }

    /// Buffers of at least `bytes` bytes on the host (mapped) and on the device. Once there are `slots` slots, the
    /// oldest is reused.
    fn buffers(&mut self, gpu: &Gpu, bytes: u64, slots: usize) -> Result<(wgpu::Buffer, wgpu::Buffer), EngineError> {
        use wgpu::BufferUsages as Usage;
        let mut oldest = None;
        while self.ring.len() >= slots {
            oldest = self.ring.pop_front();
        }
        if let Some(Slot { host, device, copied, mapped }) = oldest
            && host.size() >= bytes
        {
            gpu.wait_for(&mapped, Some(copied), "waiting for a batch's images to go up")?;
            return Ok((host, device));
        }
        let buffer = |usage, mapped_at_creation| {
            let label = Some("imgveil streaming");
            gpu.device.create_buffer(&wgpu::BufferDescriptor { label, size: bytes, usage, mapped_at_creation })
        };
        gpu.guarded("making room for a batch's images", || {
            (buffer(Usage::MAP_WRITE | Usage::COPY_SRC, true), buffer(Usage::STORAGE | Usage::COPY_DST, false))
        })
    }
}
