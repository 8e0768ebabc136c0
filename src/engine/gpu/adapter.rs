//! Which adapters there are, and which one a choice means.

use crate::engine::{DeviceChoice, EngineError};

/// What an adapter says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Its number for `--device`.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// `discrete GPU`, `integrated GPU`, `virtual GPU`, `software` or `other`.
    pub kind: &'static str,
    /// `vulkan`, `metal`, `dx12`.
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// Bytes that one binding holds at most.
    pub binding_limit: u64,
    /// Whether shaders have 16-bit floats.
    pub f16: bool,
    /// Whether kernels can be timed on the device.
    pub timestamps: bool,
}

/// An adapter with the instance that it belongs to.
pub struct Found {
    pub(super) instance: wgpu::Instance,
    pub(super) adapter: wgpu::Adapter,
}

/// All adapters of the native backends (Vulkan, Metal, DX12), hardware first.
pub fn list() -> Vec<AdapterInfo> {
    let (_, adapters) = enumerate();
    adapters.iter().enumerate().map(|(index, adapter)| describe(index, adapter)).collect()
}

/// The adapter of a choice; `None` where the choice is `auto` and only the CPU engine is worth taking.
///
/// # Errors
/// When the choice names an adapter that is not there; the error lists those that are.
pub fn find(choice: &DeviceChoice) -> Result<Option<Found>, EngineError> {
    let (instance, mut adapters) = enumerate();
    let wanted = match choice {
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
    match wanted {
        Some(index) => Ok(Some(Found { instance, adapter: adapters.swap_remove(index) })),
        None => Err(EngineError::NoDevice(missing(choice, &adapters))),
    }
}

fn missing(choice: &DeviceChoice, adapters: &[wgpu::Adapter]) -> String {
    let what = match choice {
        DeviceChoice::Index(index) => format!("there is no adapter number {index}"),
        DeviceChoice::Name(name) => format!("no adapter's name contains `{name}`"),
        _ => "there is no GPU adapter".to_owned(),
    };
    let names: Vec<String> =
        adapters.iter().enumerate().map(|(index, a)| format!("{index} ({})", a.get_info().name)).collect();
    match names.is_empty() {
        true => format!("{what}: no Vulkan, Metal or DX12 driver was found; install one or use --device cpu"),
        false => format!("{what}: the adapters are {}; or use --device cpu", names.join(", ")),
    }
}

fn enumerate() -> (wgpu::Instance, Vec<wgpu::Adapter>) {
    // Not OpenGL: its compute shaders are not worth the surprises.
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
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
    !matches!(adapter.get_info().device_type, wgpu::DeviceType::Cpu | wgpu::DeviceType::Other)
}

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
