//! The open device, and what everything on it needs: buffers, errors, waiting, readback.

use super::kernel::{Pipelines, Variant};
use super::ring::Ring;
use super::traffic::Traffic;
use crate::engine::EngineError;
use crate::engine::choice::TIME_LIMIT;
use crate::engine::wait::{self, Callbacks, Failed};
use crate::image::{Depth, normalised};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// An open wgpu device with imgveil's kernels. If burn trains on it too, there is one per process.
pub struct Gpu {
    instance: Option<wgpu::Instance>,
    adapter: wgpu::Adapter,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    /// The most bytes that one binding, and one buffer, holds.
    pub(super) limit: u64,
    pub(super) pipelines: Pipelines,
    pub(super) traffic: Traffic,
    /// The tables of `normalised` for the depths of 8 to 16 bits, each made when it is first used.
    scales: [OnceLock<wgpu::Buffer>; 9],
    placeholder: OnceLock<wgpu::Buffer>,
    pub(super) ring: Ring,
    /// In milliseconds.
    time_limit: AtomicU64,
    /// Errors that a browser has not reported yet.
    untold: Mutex<Vec<(&'static str, ErrorFuture)>>,
}

#[cfg(not(target_family = "wasm"))]
type ErrorFuture = std::pin::Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;
#[cfg(target_family = "wasm")]
type ErrorFuture = std::pin::Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

impl Gpu {
    /// Wraps a device that is already open. `instance` is needed only if burn shares the device.
    pub fn new(
        instance: Option<wgpu::Instance>,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let (info, limits) = (adapter.get_info(), device.limits());
        Self {
            instance,
            adapter,
            device,
            queue,
            info,
            limit: limits.max_storage_buffer_binding_size.min(limits.max_buffer_size),
            pipelines: Pipelines::default(),
            traffic: Traffic::default(),
            scales: Default::default(),
            placeholder: OnceLock::new(),
            ring: Ring::default(),
            time_limit: AtomicU64::new(TIME_LIMIT.as_millis() as u64),
            untold: Mutex::default(),
        }
    }

    /// The instance, for burn to share the device. `None` if the device was opened by the caller without one.
    pub fn instance(&self) -> Option<&wgpu::Instance> {
        self.instance.as_ref()
    }

    /// The adapter, for burn to share the device.
    pub fn adapter(&self) -> &wgpu::Adapter {
        &self.adapter
    }

    /// The device, for burn to share it.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// The queue, for burn to share it.
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Counters of the transfers between host and device.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The pipelines that were made so far: each kernel with the values of its constants.
    pub fn variants(&self) -> Vec<Variant> {
        self.pipelines.variants()
    }

    /// The name for people: adapter, backend, driver.
    pub fn name(&self) -> String {
        format!("{} ({}, {})", self.info.name, self.info.backend.to_str(), self.info.driver)
    }

    /// Whether the adapter is software that runs on the CPU.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// The most bytes that one binding holds.
    pub fn binding_limit(&self) -> u64 {
        self.limit
    }

    /// Sets the time limit of every wait for the device.
    pub fn set_time_limit(&self, limit: Duration) {
        let milliseconds = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.time_limit.store(milliseconds, Ordering::Relaxed);
    }

    /// The time limit of every wait for the device.
    pub fn time_limit(&self) -> Duration {
        Duration::from_millis(self.time_limit.load(Ordering::Relaxed))
    }

    /// Checks that `bytes` fit one binding. The error names `what`.
    ///
    /// # Errors
    /// When they do not.
    pub fn check_binding(&self, what: &'static str, bytes: u64) -> Result<(), EngineError> {
        if bytes <= self.limit { Ok(()) } else { Err(self.too_large(what, bytes)) }
    }

    /// Waits until the device has finished everything that was submitted.
    ///
    /// # Errors
    /// When the device was lost or does not answer in time.
    #[cfg(not(target_family = "wasm"))]
    pub fn wait(&self) -> Result<(), EngineError> {
        self.waited(wait::poll(&self.device, None, self.time_limit()), "waiting for the device")
    }

    /// Waits until the device has finished `submission` (without one, all of its work) and every callback has run.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn wait_for(
        &self,
        callbacks: &Callbacks,
        submission: Option<wgpu::SubmissionIndex>,
        doing: &'static str,
    ) -> Result<(), EngineError> {
        self.waited(callbacks.wait(&self.device, submission, self.time_limit()), doing)
    }

    /// As [`Gpu::wait_for`], without blocking.
    pub(super) async fn ready(
        &self,
        callbacks: &Callbacks,
        submission: Option<wgpu::SubmissionIndex>,
        doing: &'static str,
    ) -> Result<(), EngineError> {
        let untold = std::mem::take(&mut *self.untold.lock().unwrap_or_else(PoisonError::into_inner));
        for (doing, error) in untold {
            if let Some(error) = error.await {
                return Err(self.failed(doing, error.to_string()));
            }
        }
        self.waited(callbacks.ready(&self.device, submission, self.time_limit()).await, doing)
    }

    /// The result of a wait. A device that hangs is never closed, because closing it would wait for it without a limit.
    fn waited(&self, result: Result<(), Failed>, doing: &'static str) -> Result<(), EngineError> {
        result.map_err(|failed| {
            if matches!(failed, Failed::Timeout(_)) {
                std::mem::forget((self.device.clone(), self.queue.clone()));
            }
            failed.on(&self.info.name, doing)
        })
    }

    pub(super) fn failed(&self, doing: &'static str, reason: String) -> EngineError {
        EngineError::Device { device: self.info.name.clone(), doing, reason }
    }

    pub(super) fn too_large(&self, what: &'static str, bytes: u64) -> EngineError {
        EngineError::TooLarge { what, bytes, limit: self.limit, device: self.info.name.clone() }
    }

    /// Runs `work` and returns the driver's errors. Otherwise they would go to an error handler of another user of the
    /// device, and burn's handler panics. A browser answers later: the next wait returns its errors.
    pub(crate) fn guarded<T>(&self, doing: &'static str, work: impl FnOnce() -> T) -> Result<T, EngineError> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let internal = self.device.push_error_scope(wgpu::ErrorFilter::Internal);
        let result = work();
        // Scopes are a stack: the last one pushed is popped first. Popping is immediate; only the answer is a future.
        let errors: [ErrorFuture; 3] = [Box::pin(internal.pop()), Box::pin(validation.pop()), Box::pin(memory.pop())];
        let mut told = None;
        for error in errors {
            match wait::ready_now(error) {
                Ok(error) => told = told.or(error),
                Err(later) => {
                    self.untold.lock().unwrap_or_else(PoisonError::into_inner).push((doing, later));
                }
            }
        }
        match told {
            Some(error) => Err(self.failed(doing, error.to_string())),
            None => Ok(result),
        }
    }

    pub(crate) fn buffer(&self, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("imgveil"),
            size: bytes.next_multiple_of(4).max(4),
            usage,
            mapped_at_creation: false,
        })
    }

    /// Makes a buffer with these bytes. The caller holds an error scope.
    pub(super) fn sent(&self, bytes: &[u8], usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let buffer = self.buffer(bytes.len() as u64, usage | wgpu::BufferUsages::COPY_DST);
        self.queue.write_buffer(&buffer, 0, bytes);
        self.traffic.add_up(bytes.len() as u64);
        buffer
    }

    /// The table that scales samples of a depth. The caller holds an error scope.
    pub(super) fn scale(&self, depth: Depth) -> &wgpu::Buffer {
        self.scales[depth.bits() as usize - 8]
            .get_or_init(|| self.sent(bytemuck::cast_slice(&normalised(depth)), wgpu::BufferUsages::STORAGE))
    }

    /// Bound to kernels that can read a plan when there is no plan. The caller holds an error scope.
    pub(super) fn placeholder(&self) -> &wgpu::Buffer {
        self.placeholder.get_or_init(|| self.buffer(4, wgpu::BufferUsages::STORAGE))
    }

    /// Copies a buffer to the host.
    #[cfg(not(target_family = "wasm"))]
    pub(crate) fn read(&self, buffer: &wgpu::Buffer, bytes: u64, take: impl FnOnce(&[u8])) -> Result<(), EngineError> {
        let (staging, callbacks) = self.begin_read(buffer, bytes)?;
        self.wait_for(&callbacks, None, READING)?;
        self.finish_read(&staging, bytes, take)
    }

    /// Copies a buffer to the host, without blocking.
    pub(in crate::engine) async fn read_later(
        &self,
        buffer: &wgpu::Buffer,
        bytes: u64,
        take: impl FnOnce(&[u8]),
    ) -> Result<(), EngineError> {
        let (staging, callbacks) = self.begin_read(buffer, bytes)?;
        self.ready(&callbacks, None, READING).await?;
        self.finish_read(&staging, bytes, take)
    }

    fn begin_read(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<(wgpu::Buffer, Callbacks), EngineError> {
        let callbacks = Callbacks::new(1);
        let staging = self.guarded(READING, || {
            let staging = self.buffer(bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, 0, &staging, 0, bytes);
            self.queue.submit([encoder.finish()]);
            staging.slice(..).map_async(wgpu::MapMode::Read, callbacks.one());
            staging
        })?;
        Ok((staging, callbacks))
    }

    fn finish_read(&self, staging: &wgpu::Buffer, bytes: u64, take: impl FnOnce(&[u8])) -> Result<(), EngineError> {
        take(&staging.slice(..bytes).get_mapped_range().map_err(|e| self.failed(READING, e.to_string()))?);
        self.traffic.add_down(bytes);
        Ok(())
    }
}

/// What the device does while results are copied to the host.
pub(super) const READING: &str = "reading results back";
