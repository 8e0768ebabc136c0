//! The GPU engine on wgpu. [`Gpu`] is the open device; [`Resident`] holds images on it as packed bytes; programs run
//! from there into bytes or into a tensor's memory. The kernels stay inside WebGPU's default limits and need no feature; the
//! device is opened with all that the adapter has, because burn shares it.
//!
//! Packed bytes: four 8-bit samples or two of 16 bits to a word, every image beginning at a word.

pub mod adapter;
mod kernel;
mod plan;
mod run;
mod staging;
mod streaming;
#[cfg(not(target_family = "wasm"))]
mod timing;
mod traffic;

pub use kernel::{KERNELS, Kernel};
pub use run::Resident;
pub use streaming::Streaming;
#[cfg(not(target_family = "wasm"))]
pub use timing::Timed;
pub use traffic::{Counts, Traffic};

use crate::engine::{Done, Engine, EngineError, ImageRef, Pending, check, check_bytes, outputs};
use crate::image::{Depth, normalised};
use crate::plan::Program;
use kernel::Kernels;
use run::LoadedProgram;
use staging::{Batch, Ring, SLOTS};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// An open wgpu device with imgveil's kernels. One per process where burn trains on it too.
pub struct Gpu {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    /// Bytes that one binding, and one buffer, holds at most.
    limit: u64,
    kernels: Kernels,
    traffic: Traffic,
    /// `normalised` of either depth on the device, each from its first use on.
    scales: [OnceLock<wgpu::Buffer>; 2],
    /// The tables of the program that ran last: a batch after a batch uploads none.
    loaded: Mutex<Option<Arc<LoadedProgram>>>,
    ring: Ring,
}

impl Gpu {
    /// Opens an adapter.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn open(found: adapter::Found) -> Result<Self, EngineError> {
        let adapter::Found { instance, adapter } = found;
        let info = adapter.get_info();
        // burn, which shares this device, expects all that the adapter has. What wgpu calls experimental needs unsafe
        // code to ask for, and burn's WGSL compiler none of it; mappable primary buffers make every buffer slower.
        let unwanted = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS | wgpu::Features::all_experimental_mask();
        let limits = adapter.limits();
        let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("imgveil"),
            required_features: adapter.features().difference(unwanted),
            required_limits: limits,
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        }))
        .map_err(|e| EngineError::Device {
            device: info.name.clone(),
            doing: "opening the device",
            reason: e.to_string(),
        })?;
        Ok(Self {
            instance,
            adapter,
            device,
            queue,
            info,
            limit,
            kernels: Kernels::default(),
            traffic: Traffic::default(),
            scales: Default::default(),
            loaded: Mutex::new(None),
            ring: Ring::default(),
        })
    }

    /// The instance, for who shares the device.
    pub fn instance(&self) -> &wgpu::Instance {
        &self.instance
    }

    /// The adapter, for who shares the device.
    pub fn adapter(&self) -> &wgpu::Adapter {
        &self.adapter
    }

    /// The device, for who shares it.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue, for who shares it.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// What crossed between host and device.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Whether the adapter is a program on the CPU.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Bytes that one binding holds at most.
    pub fn binding_limit(&self) -> u64 {
        self.limit
    }

    /// Checks that `bytes` fit one binding; `what` is named in the error.
    ///
    /// # Errors
    /// When they do not.
    pub fn check_binding(&self, what: &'static str, bytes: u64) -> Result<(), EngineError> {
        match bytes <= self.limit {
            true => Ok(()),
            false => Err(self.too_large(what, bytes)),
        }
    }

    /// Waits until the device has done all that was submitted.
    ///
    /// # Errors
    /// When the device was lost.
    pub fn wait(&self) -> Result<(), EngineError> {
        self.device
            .poll(wgpu::PollType::Wait { submission_index: None, timeout: None })
            .map(|_| ())
            .map_err(|e| self.failed("waiting for the device", e.to_string()))
    }

    fn failed(&self, doing: &'static str, reason: String) -> EngineError {
        EngineError::Device { device: self.info.name.clone(), doing, reason }
    }

    fn too_large(&self, what: &'static str, bytes: u64) -> EngineError {
        EngineError::TooLarge { what, bytes, limit: self.limit, device: self.info.name.clone() }
    }

    /// Runs `work` and turns what the driver says against it into an error: whoever shares the device may have installed
    /// a handler that panics on errors that nobody catches.
    fn guarded<T>(&self, doing: &'static str, work: impl FnOnce() -> T) -> Result<T, EngineError> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let result = work();
        // Scopes are a stack: the last one pushed goes first. Popping is immediate, only the answer is a future.
        let (internal, validation, memory) = (internal.pop(), validation.pop(), memory.pop());
        let errors = [pollster::block_on(internal), pollster::block_on(validation), pollster::block_on(memory)];
        match errors.into_iter().flatten().next() {
            Some(error) => Err(self.failed(doing, error.to_string())),
            None => Ok(result),
        }
    }

    fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("imgveil"),
            size: bytes.next_multiple_of(4).max(4),
            usage,
            mapped_at_creation: false,
        })
    }

    /// A buffer with these bytes. The caller holds an error scope.
    fn sent(&self, bytes: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let buffer = self.buffer(bytes.len() as u64, usage | wgpu::BufferUsages::COPY_DST);
        self.queue.write_buffer(&buffer, 0, bytes);
        self.traffic.add_up(bytes.len() as u64);
        buffer
    }

    /// The scale of a depth on the device. The caller holds an error scope.
    fn scale(&self, depth: Depth) -> &wgpu::Buffer {
        let place = match depth {
            Depth::U8 => &self.scales[0],
            Depth::U16 => &self.scales[1],
        };
        place.get_or_init(|| self.sent(bytemuck::cast_slice(&normalised(depth)), wgpu::BufferUsages::STORAGE))
    }

    /// The program's tables on the device; those of the last program are kept.
    fn load(&self, program: &Program) -> Result<Arc<LoadedProgram>, EngineError> {
        let mut kept = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = kept.as_ref()
            && loaded.id() == program.id()
        {
            return Ok(loaded.clone());
        }
        let loaded = Arc::new(LoadedProgram::new(self, program)?);
        *kept = Some(loaded.clone());
        Ok(loaded)
    }

    /// Runs a program on picks of a resident set and writes normalised floats (N, C, H, W) to `output`: into the memory of
    /// whoever owns the binding, such as a tensor. Nothing is read back. One dispatch for each step of the program (two for a
    /// block statistic) and each page of the set that the picks touch: one, for every permutation-flip scheme on a set within
    /// the binding limit.
    ///
    /// # Errors
    /// When a pick is out of range or the device fails.
    pub fn floats_into(
        &self,
        program: &Program,
        resident: &Resident,
        refs: &[ImageRef],
        output: wgpu::BindingResource<'_>,
    ) -> Result<(), EngineError> {
        outputs(program, refs)?;
        let loaded = self.load(program)?;
        run::floats(self, &loaded, resident, refs, &output)
    }

    /// Copies a buffer to the host.
    fn read(&self, buffer: &wgpu::Buffer, bytes: u64, mut take: impl FnMut(&[u8])) -> Result<(), EngineError> {
        let doing = "reading results back";
        let staging = self.guarded(doing, || {
            let staging = self.buffer(bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
            self.queue.submit([encoder.finish()]);
            staging
        })?;
        let (send, receive) = std::sync::mpsc::channel();
        staging.slice(..).map_async(wgpu::MapMode::Read, move |result| {
            // The receiver is gone only when waiting failed, and then the error is on its way.
            let _ = send.send(result);
        });
        self.wait()?;
        receive
            .recv()
            .map_err(|e| self.failed(doing, e.to_string()))?
            .map_err(|e| self.failed(doing, e.to_string()))?;
        take(&staging.slice(..bytes).get_mapped_range().map_err(|e| self.failed(doing, e.to_string()))?);
        self.traffic.add_down(bytes);
        Ok(())
    }
}

impl Engine for Gpu {
    fn name(&self) -> String {
        format!("{} ({}, {})", self.info.name, self.info.backend.to_str(), self.info.driver)
    }

    fn in_flight(&self) -> usize {
        SLOTS
    }

    fn begin<'a>(
        &'a self,
        program: &Program,
        input: Vec<u8>,
        refs: &[ImageRef],
    ) -> Result<Box<dyn Pending + 'a>, EngineError> {
        let of_output = program.geometry().bytes() * refs.len();
        check_bytes(program, input.len(), refs, of_output)?;
        if refs.is_empty() {
            return Ok(Box::new(Done(Vec::new())));
        }
        let loaded = self.load(program)?;
        if refs.len() <= staging::images_of_a_slot(self, &loaded)? {
            let under_way = staging::begin(self, &loaded, &input, refs)?;
            return Ok(Box::new(Batch { under_way, memory: input }));
        }
        // In parts, one part's result could be written over images that are still to go.
        let mut output = vec![0; of_output];
        self.bytes(program, &input, refs, &mut output)?;
        Ok(Box::new(Done(output)))
    }

    fn bytes(&self, program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [u8]) -> Result<(), EngineError> {
        check_bytes(program, input.len(), refs, output.len())?;
        let size = program.geometry().bytes();
        let loaded = self.load(program)?;
        let per_part = staging::images_of_a_slot(self, &loaded)?;
        let mut parts = VecDeque::new();
        for (refs, output) in refs.chunks(per_part).zip(output.chunks_mut(per_part * size)) {
            parts.push_back((staging::begin(self, &loaded, input, refs)?, output));
            if parts.len() == SLOTS
                && let Some((part, output)) = parts.pop_front()
            {
                part.finish(output)?;
            }
        }
        parts.into_iter().try_for_each(|(part, output)| part.finish(output))
    }

    fn floats(
        &self,
        program: &Program,
        input: &[u8],
        refs: &[ImageRef],
        output: &mut [f32],
    ) -> Result<(), EngineError> {
        let samples = program.geometry().samples();
        check(program, input.len(), refs, output.len(), samples)?;
        let resident = Resident::upload(self, program.geometry(), input)?;
        let loaded = self.load(program)?;
        let per_part = (self.limit / (samples as u64 * 4)) as usize;
        if per_part == 0 {
            return Err(self.too_large("one image of the batch", samples as u64 * 4));
        }
        let group = program.mixing().map_or(1, |mixing| mixing.images as usize);
        // Parts whose floats fit one binding.
        for (refs, output) in refs.chunks(per_part * group).zip(output.chunks_mut(per_part * samples)) {
            let bytes = size_of_val(output) as u64;
            let written = self.guarded("making the output buffer", || {
                self.buffer(bytes, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)
            })?;
            run::floats(self, &loaded, &resident, refs, &written.as_entire_binding())?;
            self.read(&written, bytes, |data| bytemuck::cast_slice_mut(output).copy_from_slice(data))?;
        }
        Ok(())
    }
}
