//! The kernels: shader texts, binding layouts, pipelines made once and kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Invocations of one workgroup, as every shader here has it.
const WORKGROUP: u64 = 64;
/// Workgroups of one dimension, WebGPU's default limit.
const MAX_GROUPS: u64 = 65_535;

/// A kernel: what happens to the samples, and what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// A plan, bytes to bytes.
    PermuteBytes,
    /// A plan, bytes to normalised floats.
    PermuteFloats,
    /// A keystream, bytes to bytes.
    KeystreamBytes,
    /// A keystream, bytes to normalised floats.
    KeystreamFloats,
}

/// All kernels.
pub const KERNELS: [Kernel; 4] =
    [Kernel::PermuteBytes, Kernel::PermuteFloats, Kernel::KeystreamBytes, Kernel::KeystreamFloats];

/// A variant of a kernel: its overridable constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// The kernel.
    pub kernel: Kernel,
    /// Whether picks have views (crop, mirror).
    pub views: bool,
    /// Whether there is a plan; the keystream kernels have none.
    pub plan: bool,
}

impl Kernel {
    /// The kernel's whole WGSL text, what it shares in front.
    pub fn wgsl(self) -> &'static str {
        macro_rules! text {
            ($($file:literal),*) => { concat!($(include_str!(concat!("../../../shaders/", $file)), "\n"),*) };
        }
        match self {
            Kernel::PermuteBytes => text!("shared/source.wgsl", "permute_bytes.wgsl"),
            Kernel::PermuteFloats => text!("shared/source.wgsl", "permute_floats.wgsl"),
            Kernel::KeystreamBytes => text!("shared/source.wgsl", "shared/chacha20.wgsl", "keystream_bytes.wgsl"),
            Kernel::KeystreamFloats => text!("shared/source.wgsl", "shared/chacha20.wgsl", "keystream_floats.wgsl"),
        }
    }

    /// The kernel's bindings: number, and whether it is written.
    fn bindings(self) -> &'static [(u32, bool)] {
        match self {
            Kernel::PermuteBytes => &[(1, false), (2, false), (3, false), (4, true)],
            Kernel::PermuteFloats => &[(1, false), (2, false), (3, false), (4, false), (5, true)],
            Kernel::KeystreamBytes => &[(1, false), (2, false), (4, true)],
            Kernel::KeystreamFloats => &[(1, false), (2, false), (4, false), (5, true)],
        }
    }
}

/// Pipelines by variant, made when first used.
#[derive(Default)]
pub struct Kernels(Mutex<HashMap<Variant, wgpu::ComputePipeline>>);

impl Kernels {
    /// The pipeline of a variant. The caller holds an error scope.
    pub fn pipeline(&self, device: &wgpu::Device, variant: Variant) -> wgpu::ComputePipeline {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.entry(variant).or_insert_with(|| make(device, variant)).clone()
    }
}

fn make(device: &wgpu::Device, variant: Variant) -> wgpu::ComputePipeline {
    let label = Some("imgveil");
    let entry = |binding: u32, ty: wgpu::BufferBindingType| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
    entries.extend(
        variant
            .kernel
            .bindings()
            .iter()
            .map(|&(binding, written)| entry(binding, wgpu::BufferBindingType::Storage { read_only: !written })),
    );
    let group = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&group)],
        immediate_size: 0,
    });
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label,
        source: wgpu::ShaderSource::Wgsl(variant.kernel.wgsl().into()),
    });
    let (views, plan) = (f64::from(u8::from(variant.views)), f64::from(u8::from(variant.plan)));
    let constants: &[(&str, f64)] = match variant.kernel {
        Kernel::PermuteBytes | Kernel::PermuteFloats => &[("VIEWS", views), ("PLAN", plan)],
        Kernel::KeystreamBytes | Kernel::KeystreamFloats => &[("VIEWS", views)],
    };
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
        cache: None,
    })
}

/// The grid of a dispatch: `parts` of an image along x, images along y, `planes` along z. Where there are more of them than a
/// dimension holds, the kernels go on in strides of the grid.
pub fn grid(parts: u64, images: u64, planes: u32) -> [u32; 3] {
    let fitting = |groups: u64| groups.clamp(1, MAX_GROUPS) as u32;
    [fitting(parts.div_ceil(WORKGROUP)), fitting(images), planes]
}
