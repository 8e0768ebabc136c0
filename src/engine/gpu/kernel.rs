//! Kernels: their properties, binding layouts and grids, and pipelines that are made once and kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// `IMAGES` of `shaders/shared/tiles.wgsl`.
const IMAGES_OF_A_TILE: u64 = 4;
/// Invocations of one workgroup, in most shaders.
const WORKGROUP: u64 = 64;
/// Invocations of one workgroup of `permute_bytes` and `permute_floats`.
const WORKGROUP_OF_ROWS: u64 = 256;
/// The most workgroups in one dimension: WebGPU's default limit.
pub const MAX_GROUPS: u64 = 65_535;
/// Enough invocations to keep the largest devices busy.
const ENOUGH: u64 = 1 << 19;
/// The most images that share one table lookup. With more images, the table is a small part of what a kernel reads.
const MOST_IMAGES: u64 = 16;

/// The binding of a plan.
pub const PLAN: u32 = 3;
/// The binding of the table that scales samples to floats.
pub const SCALE: u32 = 4;
/// The binding of packed words or statistics that are written.
pub const WORDS: u32 = 4;
/// The binding of floats that are written.
pub const FLOATS: u32 = 5;

/// What a kernel writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Packed words, or the statistics of blocks.
    Words,
    /// Normalised floats (N, C, H, W).
    Floats,
}

/// A compute shader and its bindings. Steps declare their kernels beside their CPU twins.
#[derive(Debug)]
pub struct Kernel {
    /// The name of the file in `shaders/`, without its extension. It identifies the kernel.
    pub name: &'static str,
    /// The whole WGSL text, shared parts first.
    pub wgsl: &'static str,
    /// Whether it reads a plan.
    pub plan: bool,
    /// Whether it reads the table that scales samples to floats.
    pub scale: bool,
    /// What it writes.
    pub writes: Writes,
}

/// The text of a kernel: `shaders/shared/batch.wgsl`, followed by the named files.
macro_rules! wgsl {
    ($($file:literal),*) => {
        concat!(
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/shared/batch.wgsl")),
            $("\n", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file))),*
        )
    };
}
pub(crate) use wgsl;

impl Kernel {
    /// The binding of its output.
    pub fn output(&self) -> u32 {
        match self.writes {
            Writes::Words => WORDS,
            Writes::Floats => FLOATS,
        }
    }

    /// The storage bindings: each number, and whether the kernel writes it.
    fn bindings(&self) -> Vec<(u32, bool)> {
        let mut bindings = vec![(1, false), (2, false)];
        if self.plan {
            bindings.push((PLAN, false));
        }
        if self.scale {
            bindings.push((SCALE, false));
        }
        bindings.push((self.output(), true));
        bindings
    }
}

/// Copies memory in vectors of 16 bytes, for measurements.
pub static COPY_VECTORS: Kernel = copy_kernel("copy_vectors", wgsl!("copy_vectors.wgsl"));
/// Copies memory in words of 4 bytes, for measurements.
pub static COPY_WORDS: Kernel = copy_kernel("copy_words", wgsl!("copy_words.wgsl"));

const fn copy_kernel(name: &'static str, wgsl: &'static str) -> Kernel {
    Kernel { name, wgsl, plan: false, scale: false, writes: Writes::Words }
}

/// The values of a kernel's overridable constants.
pub type Constants = Vec<(&'static str, u32)>;

/// Pipelines by kernel and constants, made when they are first used.
#[derive(Default)]
pub struct Pipelines(Mutex<HashMap<(&'static str, Constants), wgpu::ComputePipeline>>);

impl Pipelines {
    /// The pipeline of a kernel with these constants. The caller holds an error scope.
    pub fn get(&self, device: &wgpu::Device, kernel: &Kernel, constants: Constants) -> wgpu::ComputePipeline {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = made.entry((kernel.name, constants));
        made.or_insert_with_key(|(_, constants)| make(device, kernel, constants)).clone()
    }

    /// The pipelines that were made so far, in order.
    pub fn variants(&self) -> Vec<Variant> {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut variants: Vec<Variant> =
            made.keys().map(|(kernel, constants)| Variant { kernel, constants: constants.clone() }).collect();
        variants.sort();
        variants
    }
}

/// A pipeline that was made: the kernel and the values of its constants.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Variant {
    /// The name of the kernel.
    pub kernel: &'static str,
    /// The constants that were set.
    pub constants: Constants,
}

fn make(device: &wgpu::Device, kernel: &Kernel, constants: &Constants) -> wgpu::ComputePipeline {
    let label = Some(kernel.name);
    let entry = |binding: u32, ty: wgpu::BufferBindingType| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let storage =
        |(binding, written): (u32, bool)| entry(binding, wgpu::BufferBindingType::Storage { read_only: !written });
    let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
    entries.extend(kernel.bindings().into_iter().map(storage));
    let group = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries: &entries });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label,
        bind_group_layouts: &[Some(&group)],
        immediate_size: 0,
    });
    let source = wgpu::ShaderSource::Wgsl(kernel.wgsl.into());
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label, source });
    let constants: Vec<(&str, f64)> = constants.iter().map(|&(name, value)| (name, f64::from(value))).collect();
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        // No kernel reads workgroup memory that it did not write, and zeroing that memory takes longer than a tile.
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &constants,
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}

/// The grid of a dispatch: `parts` of an image along x, images along y, `planes` along z. If a dimension is too small
/// for all of them, kernels continue in strides of the grid.
pub fn grid(parts: u64, images: u64, planes: u32) -> [u32; 3] {
    let fitting = |groups: u64| groups.clamp(1, MAX_GROUPS) as u32;
    [fitting(parts.div_ceil(WORKGROUP)), fitting(images), planes]
}

/// The grid of a kernel without strides: parts along x, and images along y, then along z. `None` if an image has too
/// many parts.
pub fn grid_without_strides(parts: u64, images: u64) -> Option<[u32; 3]> {
    let groups = parts.div_ceil(WORKGROUP);
    (groups <= MAX_GROUPS).then(|| [groups as u32, images.min(MAX_GROUPS) as u32, images.div_ceil(MAX_GROUPS) as u32])
}

/// The grid of a dispatch of tiles, each for four images: tiles along x, and images along y. Images that exceed that
/// dimension continue along z. Workgroups beyond the last image do nothing.
pub fn grid_of_tiles(tiles: u64, images: u64) -> [u32; 3] {
    let groups = images.div_ceil(IMAGES_OF_A_TILE);
    [tiles as u32, groups.min(MAX_GROUPS) as u32, groups.div_ceil(MAX_GROUPS) as u32]
}

/// As [`grid`], for kernels whose invocations look something up once and use it for several images. Their workgroups
/// are larger: an NVIDIA H100 starts at most 1.5 workgroups per nanosecond, which would limit kernels that do so
/// little.
pub fn grid_of_rows(parts: u64, images: u64, planes: u32) -> [u32; 3] {
    let rows = images.div_ceil(images_of_a_row(parts, images, planes));
    grid(parts.div_ceil(WORKGROUP_OF_ROWS / WORKGROUP), rows, planes)
}

/// How many images one invocation of [`grid_of_rows`] handles: as many as leave the device enough parallel work.
fn images_of_a_row(parts: u64, images: u64, planes: u32) -> u64 {
    (parts * images * u64::from(planes) / ENOUGH).clamp(1, MOST_IMAGES)
}
