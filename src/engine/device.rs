//! Devices that run programs: the CPU engine, or an adapter.

use super::choice::DeviceChoice;
#[cfg(not(target_family = "wasm"))]
use super::choice::TIME_LIMIT;
use super::cpu;
use super::error::{EngineError, NoDevice};
use std::fmt;
use std::time::Duration;

#[cfg(feature = "gpu")]
use super::gpu::{adapter, device::Gpu, ring};
#[cfg(feature = "gpu")]
use std::sync::Arc;

/// A device that runs programs. Clones share it.
#[derive(Clone)]
pub struct Device(Kind);

#[derive(Clone)]
enum Kind {
    /// Holds the reason why the CPU is used, for people.
    Cpu(&'static str),
    #[cfg(feature = "gpu")]
    Gpu(Arc<Gpu>),
}

impl Device {
    /// The CPU engine.
    pub fn cpu() -> Self {
        Self(Kind::Cpu("as asked"))
    }

    /// Opens the device of a choice, with a time limit of 60 s.
    ///
    /// # Errors
    /// When there is no such adapter, it cannot be opened, or its driver does not answer.
    #[cfg(not(target_family = "wasm"))]
    pub fn open(choice: &DeviceChoice) -> Result<Self, EngineError> {
        Self::open_within(choice, TIME_LIMIT)
    }

    /// Opens the device of a choice. `limit` is the time limit of this wait and of all later waits for the device.
    ///
    /// # Errors
    /// As [`Device::open`].
    #[cfg(not(target_family = "wasm"))]
    pub fn open_within(choice: &DeviceChoice, limit: Duration) -> Result<Self, EngineError> {
        if *choice == DeviceChoice::Cpu {
            return Ok(Self::cpu());
        }
        #[cfg(feature = "gpu")]
        if let Some(gpu) = adapter::open(choice, limit)? {
            gpu.set_time_limit(limit);
            return Ok(Self(Kind::Gpu(Arc::new(gpu))));
        }
        let _ = limit;
        Self::without_gpu(choice)
    }

    /// As [`Device::open`], without blocking: for a browser, where this library sets no time limit.
    ///
    /// # Errors
    /// As [`Device::open`].
    #[cfg(feature = "gpu")]
    pub async fn open_later(choice: &DeviceChoice) -> Result<Self, EngineError> {
        if *choice == DeviceChoice::Cpu {
            return Ok(Self::cpu());
        }
        match adapter::open_later(choice).await? {
            Some(gpu) => Ok(Self(Kind::Gpu(Arc::new(gpu)))),
            None => Self::without_gpu(choice),
        }
    }

    /// The CPU engine, if the choice allows it in place of a GPU.
    fn without_gpu(choice: &DeviceChoice) -> Result<Self, EngineError> {
        if *choice == DeviceChoice::Auto {
            return Ok(Self(Kind::Cpu("no hardware GPU found")));
        }
        let wanted = "there is no GPU adapter".to_owned();
        Err(EngineError::NoDevice(NoDevice { wanted, adapters: Vec::new() }))
    }

    /// Uses a wgpu device of the caller. Kernels are submitted to `queue`. The device needs no features; it needs more
    /// than WebGPU's default limits only for larger images.
    #[cfg(feature = "gpu")]
    pub fn from_wgpu(adapter: wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self(Kind::Gpu(Arc::new(Gpu::new(None, adapter, device, queue))))
    }

    /// All adapters of the native backends (Vulkan, Metal, DX12), hardware first.
    ///
    /// # Errors
    /// When a driver does not answer within 60 s.
    #[cfg(all(feature = "gpu", not(target_family = "wasm")))]
    pub fn list() -> Result<Vec<adapter::AdapterInfo>, EngineError> {
        adapter::list(TIME_LIMIT)
    }

    /// Sets the time limit of every wait for the device; the default is 60 s. If a device does not answer within the
    /// limit, it counts as hung and the wait ends with [`EngineError::Timeout`]. The CPU engine has no limit.
    pub fn set_time_limit(&self, limit: Duration) {
        match &self.0 {
            Kind::Cpu(_) => {
                let _ = limit;
            }
            #[cfg(feature = "gpu")]
            Kind::Gpu(gpu) => gpu.set_time_limit(limit),
        }
    }

    /// The name for people: `CPU, 2 threads`, or the adapter's name.
    pub fn name(&self) -> String {
        match &self.0 {
            Kind::Cpu(_) => cpu::name(),
            #[cfg(feature = "gpu")]
            Kind::Gpu(gpu) => gpu.name(),
        }
    }

    /// How many batches to keep submitted and not yet waited for: 1 for a device that does the work at once.
    pub fn in_flight(&self) -> usize {
        match &self.0 {
            Kind::Cpu(_) => 1,
            #[cfg(feature = "gpu")]
            Kind::Gpu(_) => ring::SLOTS,
        }
    }

    /// Why the CPU engine is used, for people. `None` for a GPU.
    pub fn why_cpu(&self) -> Option<&'static str> {
        match &self.0 {
            Kind::Cpu(why) => Some(why),
            #[cfg(feature = "gpu")]
            Kind::Gpu(_) => None,
        }
    }

    /// The GPU; `None` for the CPU engine.
    #[cfg(feature = "gpu")]
    #[doc(hidden)]
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.0 {
            Kind::Cpu(_) => None,
            Kind::Gpu(gpu) => Some(gpu),
        }
    }
}

impl fmt::Display for Device {
    /// The name; for the CPU engine, also the reason why it is used.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        match self.why_cpu() {
            Some(why) => write!(f, " ({why})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.name())
    }
}
