//! The available adapters, and which one a choice means.

use super::device::Gpu;
use crate::engine::choice::DeviceChoice;
#[cfg(not(target_family = "wasm"))]
use crate::engine::wait;
use crate::engine::{EngineError, NoDevice};
#[cfg(not(target_family = "wasm"))]
use std::time::Duration;

/// What an adapter reports about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AdapterInfo {
    /// Its number for `--device`.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software` or `other`.
    pub kind: &'static str,
    /// `vulkan`, `metal`, `dx12`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// The most bytes that one binding holds.
    pub binding_limit: u64,
    /// Whether shaders can use 16-bit floats.
    pub f16: bool,
    /// Whether kernels can be timed on the device.
    pub timestamps: bool,
}

/// An adapter with the instance that it belongs to.
struct Found {
    instance: wgpu::Instance,
    adapter: wgpu::Adapter,
}

/// All adapters of the native backends (Vulkan, Metal, DX12), hardware first.
///
/// # Errors
/// When a driver does not answer within `limit`.
#[cfg(not(target_family = "wasm"))]
pub fn list(limit: Duration) -> Result<Vec<AdapterInfo>, EngineError> {
    let (_, adapters) = enumerated(limit)?;
    Ok(adapters.iter().enumerate().map(|(index, adapter)| describe(index, adapter)).collect())
}

/// Opens the adapter of a choice. `None` if the choice is `auto` and there is no hardware GPU: the CPU engine is faster
/// than software.
///
/// # Errors
/// When the choice names an adapter that does not exist, the driver refuses, or it does not answer within `limit`.
#[cfg(not(target_family = "wasm"))]
pub fn open(choice: &DeviceChoice, limit: Duration) -> Result<Option<Gpu>, EngineError> {
    let (instance, adapters) = enumerated(limit)?;
    let Some(found) = choose(choice, instance, adapters)? else { return Ok(None) };
    let name = found.adapter.get_info().name;
    let opened = wait::block_on(limit, opened(found));
    opened.unwrap_or(Err(EngineError::Timeout { device: name, doing: OPENING, limit })).map(Some)
}

#[cfg(not(target_family = "wasm"))]
fn enumerated(limit: Duration) -> Result<(wgpu::Instance, Vec<wgpu::Adapter>), EngineError> {
    let doing = "looking for adapters";
    wait::block_on(limit, enumerate()).ok_or(EngineError::Timeout { device: "the driver".to_owned(), doing, limit })
}

/// As [`open`], without blocking and without a time limit: for a browser.
///
/// # Errors
/// As [`open`].
pub async fn open_later(choice: &DeviceChoice) -> Result<Option<Gpu>, EngineError> {
    let (instance, adapters) = enumerate().await;
    match choose(choice, instance, adapters)? {
        Some(found) => opened(found).await.map(Some),
        None => Ok(None),
    }
}

const OPENING: &str = "opening the device";

async fn opened(found: Found) -> Result<Gpu, EngineError> {
    let Found { instance, adapter } = found;
    // burn, which may share this device, expects all features of the adapter. Two kinds are left out. Requesting what
    // wgpu calls experimental needs unsafe code, and burn's WGSL compiler needs none of it. Mappable primary buffers
    // make every buffer slower.
    let unwanted = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS | wgpu::Features::all_experimental_mask();
    let request = adapter.request_device(&wgpu::DeviceDescriptor {
        label: Some("imgveil"),
        required_features: adapter.features().difference(unwanted),
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    });
    let (device, queue) = request.await.map_err(|e| EngineError::Device {
        device: adapter.get_info().name,
        doing: OPENING,
        reason: e.to_string(),
    })?;
    Ok(Gpu::new(Some(instance), adapter, device, queue))
}

fn choose(
    choice: &DeviceChoice,
    instance: wgpu::Instance,
    mut adapters: Vec<wgpu::Adapter>,
) -> Result<Option<Found>, EngineError> {
    let chosen = match choice {
        DeviceChoice::Cpu => return Ok(None),
        DeviceChoice::Auto => match adapters.first() {
            Some(first) if is_hardware(first) => Some(0),
            _ => return Ok(None),
        },
        DeviceChoice::Gpu => (!adapters.is_empty()).then_some(0),
        DeviceChoice::Index(index) => (*index < adapters.len()).then_some(*index),
        DeviceChoice::Name(name) => {
            let name = name.to_lowercase();
            adapters.iter().position(|adapter| adapter.get_info().name.to_lowercase().contains(&name))
        }
    };
    if let Some(index) = chosen {
        return Ok(Some(Found { instance, adapter: adapters.swap_remove(index) }));
    }
    let wanted = match choice {
        DeviceChoice::Index(index) => format!("there is no adapter number {index}"),
        DeviceChoice::Name(name) => format!("no adapter's name contains `{name}`"),
        _ => "there is no GPU adapter".to_owned(),
    };
    let adapters = adapters.iter().map(|adapter| adapter.get_info().name).collect();
    Err(EngineError::NoDevice(NoDevice { wanted, adapters }))
}

async fn enumerate() -> (wgpu::Instance, Vec<wgpu::Adapter>) {
    // Without OpenGL: its compute shaders differ too much between drivers.
    let backends =
        wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12 | wgpu::Backends::BROWSER_WEBGPU;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut adapters = instance.enumerate_adapters(backends).await;
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    (instance, adapters)
}

fn is_hardware(adapter: &wgpu::Adapter) -> bool {
    let info = adapter.get_info();
    match info.device_type {
        wgpu::DeviceType::Cpu => false,
        // A browser does not report the kind of its adapter.
        wgpu::DeviceType::Other => info.backend == wgpu::Backend::BrowserWebGpu,
        _ => true,
    }
}

#[cfg(not(target_family = "wasm"))]
fn describe(index: usize, adapter: &wgpu::Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    let features = adapter.features();
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    };
    AdapterInfo {
        index,
        name: info.name,
        kind,
        backend: info.backend.to_str().to_owned(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        binding_limit: adapter.limits().max_storage_buffer_binding_size,
        f16: features.contains(wgpu::Features::SHADER_F16),
        timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
    }
}
