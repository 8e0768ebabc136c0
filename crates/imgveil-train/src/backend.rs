//! The device that burn trains on: the wgpu device that imgveil's kernels use too, or the CPU (flex).

use burn::backend::wgpu::CubeTensor;
use burn::backend::{DispatchDevice, Wgpu};
use burn::tensor::wgpu::WgpuSetup;
use burn::tensor::{DType, Shape, Tensor};
use burn_cubecl::CubeDevice;
use cubecl::MemoryScope;
use cubecl::client::Client;
use cubecl::wgpu::{AutoCompiler, WgpuServer};
use imgveil::internal::engine::gpu::Gpu;
use imgveil::internal::engine::{Device, EngineError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A device to train on. Clones share it.
#[derive(Clone)]
#[non_exhaustive]
pub enum Backend {
    /// burn's wgpu backend on the shared device.
    Wgpu(Arc<Bridge>),
    /// burn's CPU backend, with the reason for the CPU as text for the user.
    Flex(&'static str),
}

impl Backend {
    /// Takes an opened device. burn uses the same GPU. Call it once for each device and clone the result.
    ///
    /// # Errors
    /// When burn cannot use the GPU.
    pub fn open(device: Device) -> Result<Self, EngineError> {
        match device.gpu().cloned() {
            Some(gpu) => Ok(Self::Wgpu(Arc::new(Bridge::adopt(device, gpu)?))),
            None => Ok(Self::Flex(device.why_cpu().unwrap_or("as asked"))),
        }
    }

    /// burn's device, without gradients.
    pub fn device(&self) -> burn::tensor::Device {
        match self {
            Self::Wgpu(bridge) => bridge.device.clone(),
            Self::Flex(_) => burn::tensor::Device::flex(),
        }
    }

    /// The GPU, if there is one.
    pub fn gpu(&self) -> Option<&Gpu> {
        match self {
            Self::Wgpu(bridge) => Some(&bridge.gpu),
            Self::Flex(_) => None,
        }
    }

    /// The GPU as a device for programs, if there is one.
    pub fn gpu_device(&self) -> Option<Device> {
        match self {
            Self::Wgpu(bridge) => Some(bridge.on.clone()),
            Self::Flex(_) => None,
        }
    }

    /// Whether the device computes in the memory of the machine: the CPU, or a GPU in software. How much there is of the
    /// memory of other devices is not known.
    pub fn uses_host_memory(&self) -> bool {
        self.gpu().is_none_or(Gpu::is_software)
    }

    /// Limits the images on a GPU to `bytes` bytes. The default is 4 GiB, as wgpu does not report the memory of a
    /// device. A set that exceeds the limit is streamed: its images are sent with every batch. Sets that are on the
    /// device already stay there.
    pub fn limit_images(&self, bytes: u64) {
        if let Self::Wgpu(bridge) = self {
            bridge.room.limit.store(bytes, Ordering::Relaxed);
        }
    }

    /// The limit of images on a GPU in bytes ([`Backend::limit_images`]). 0 without a GPU.
    pub(crate) fn image_limit(&self) -> u64 {
        match self {
            Self::Wgpu(bridge) => bridge.room.limit.load(Ordering::Relaxed),
            Self::Flex(_) => 0,
        }
    }

    /// The bytes that burn's memory pools hold on a GPU, in use or reserved.
    pub fn reserved_bytes(&self) -> Option<u64> {
        match self {
            Self::Wgpu(bridge) => Some(bridge.client.memory_report(MemoryScope::Device).usage().bytes_reserved),
            Self::Flex(_) => None,
        }
    }

    /// Frees the memory that burn's pools hold on a GPU and no tensor uses.
    pub fn release_memory(&self) {
        if let Self::Wgpu(bridge) = self {
            // Memory that cannot be freed stays reserved, which does no harm.
            let _ = bridge.client.memory_cleanup();
        }
    }

    /// The name of the device, for the user.
    pub fn name(&self) -> String {
        match self {
            Self::Wgpu(bridge) => format!("{}, burn's wgpu backend on the same device", bridge.gpu.name()),
            Self::Flex(why) => format!("CPU, burn's flex backend ({why})"),
        }
    }
}

/// The bytes of images that the device may hold, and the bytes that it holds.
struct Room {
    limit: AtomicU64,
    taken: AtomicU64,
}

/// Room on the device that stays taken until this is dropped.
pub(super) struct Taken {
    room: Arc<Room>,
    bytes: u64,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A wgpu device that imgveil's kernels and burn share.
pub struct Bridge {
    /// The device, for programs.
    on: Device,
    gpu: Arc<Gpu>,
    device: burn::tensor::Device,
    cube: CubeDevice,
    client: Client,
    room: Arc<Room>,
}

impl Bridge {
    fn adopt(on: Device, gpu: Arc<Gpu>) -> Result<Self, EngineError> {
        let failed =
            |reason: String| EngineError::Device { device: gpu.name(), doing: "handing the device to burn", reason };
        let Some(instance) = gpu.instance().cloned() else {
            return Err(failed("it was adopted without its wgpu instance, which burn needs".to_owned()));
        };
        let setup = WgpuSetup {
            instance,
            adapter: gpu.adapter().clone(),
            device: gpu.device().clone(),
            queue: gpu.queue().clone(),
            backend: gpu.adapter().get_info().backend,
        };
        let device = burn::tensor::Device::wgpu_options().setup(setup).init().map_err(|e| failed(e.to_string()))?;
        let cube = match device.as_dispatch() {
            DispatchDevice::Cube(cube) => cube.clone(),
            other => return Err(failed(format!("burn made {other:?} of it"))),
        };
        let client = cube.client();
        let room = Arc::new(Room { limit: AtomicU64::new(4 << 30), taken: AtomicU64::new(0) });
        Ok(Self { on, gpu, device, cube, client, room })
    }

    /// The device, for programs.
    pub(super) fn on(&self) -> &Device {
        &self.on
    }

    /// The device, for a thread of its own.
    pub(super) fn shared_gpu(&self) -> Arc<Gpu> {
        self.gpu.clone()
    }

    /// The device, for imgveil's own commands.
    pub(super) fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Takes room for `bytes` bytes of images, if there is that much.
    pub(super) fn take_room(&self, bytes: u64) -> Option<Taken> {
        let Room { limit, taken } = &*self.room;
        let limit = limit.load(Ordering::Relaxed);
        let more = |taken: u64| taken.checked_add(bytes).filter(|&all| all <= limit);
        taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Taken { room: self.room.clone(), bytes })
    }

    /// A burn tensor of `shape` (N, C, H, W), filled by `write`. `write` gets the memory of the tensor as a binding and
    /// submits its dispatches to the shared queue. No copy is made and nothing is read back.
    ///
    /// # Errors
    /// When burn has no memory left, or `write` fails.
    pub(super) fn tensor(
        &self,
        shape: [usize; 4],
        write: impl FnOnce(wgpu::BindingResource<'_>) -> Result<(), EngineError>,
    ) -> Result<Tensor<4>, EngineError> {
        let failed = |reason: String| EngineError::Device {
            device: self.gpu.name(),
            doing: "getting memory for a batch from burn",
            reason,
        };
        let bytes = shape.iter().product::<usize>() * size_of::<f32>();
        // burn would notice the excess later, and panic.
        self.gpu.check_binding("a batch of floats", bytes as u64)?;
        let handle = self.client.empty(bytes);
        let resource =
            self.client.get_resource::<WgpuServer<AutoCompiler>>(handle.clone()).map_err(|e| failed(e.to_string()))?;
        // The memory may belong to a freed tensor. burn may have queued kernels that read it and not submitted them;
        // they must run before `write` does. No burn operation may come between this flush and the submit.
        self.client.flush().map_err(|e| failed(e.to_string()))?;
        write(resource.resource().as_wgpu_bind_resource())?;
        drop(resource);
        let tensor =
            CubeTensor::new_contiguous(self.client.clone(), self.cube.clone(), Shape::from(shape), handle, DType::F32);
        Ok(Tensor::from_primitive::<Wgpu>(tensor))
    }
}
