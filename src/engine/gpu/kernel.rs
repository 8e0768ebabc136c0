//! The kernels: shader texts, binding layouts, pipelines made once and kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// `IMAGES` of `shaders/shared/tiles.wgsl`.
const IMAGES_OF_A_TILE: u64 = 8;
/// Invocations of one workgroup, as every shader here has it.
const WORKGROUP: u64 = 64;
/// Workgroups of one dimension, WebGPU's default limit.
const MAX_GROUPS: u64 = 65_535;

/// A kernel: what happens to the samples, and what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// A plan, packed words to packed words.
    PermuteBytes,
    /// A plan, packed words to normalised floats.
    PermuteFloats,
    /// A plan in tiles, packed words to packed words.
    PermuteTilesBytes,
    /// A plan in tiles, packed words to normalised floats.
    PermuteTilesFloats,
    /// Packed words as they are.
    CopyBytes,
    /// Packed 8-bit samples as they are, to normalised floats.
    ScaleFloats,
    /// A keystream, packed words to packed words.
    KeystreamBytes,
    /// A keystream, packed words to normalised floats.
    KeystreamFloats,
    /// Signs and channel orders keyed per image, packed words to packed words.
    PixelKeyedBytes,
    /// Signs and channel orders keyed per image, packed words to normalised floats.
    PixelKeyedFloats,
    /// Packed words to a statistic of every block and channel.
    BlockStatistic,
    /// Statistics into their blocks, to packed words.
    FillBytes,
    /// Statistics into their blocks, to normalised floats.
    FillFloats,
    /// Several images into one, to floats.
    MixFloats,
}

/// All kernels.
pub const KERNELS: [Kernel; 14] = [
    Kernel::PermuteBytes,
    Kernel::PermuteFloats,
    Kernel::PermuteTilesBytes,
    Kernel::PermuteTilesFloats,
    Kernel::CopyBytes,
    Kernel::ScaleFloats,
    Kernel::KeystreamBytes,
    Kernel::KeystreamFloats,
    Kernel::PixelKeyedBytes,
    Kernel::PixelKeyedFloats,
    Kernel::BlockStatistic,
    Kernel::FillBytes,
    Kernel::FillFloats,
    Kernel::MixFloats,
];

/// A variant of a kernel: its overridable constants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// The kernel.
    pub kernel: Kernel,
    /// Names and values.
    pub constants: Vec<(&'static str, u32)>,
}

/// The binding of a plan, of the scale, of packed words or statistics that are written, and of floats.
pub const PLAN: u32 = 3;
/// See [`PLAN`].
pub const SCALE: u32 = 4;
/// See [`PLAN`].
pub const WORDS: u32 = 4;
/// See [`PLAN`].
pub const FLOATS: u32 = 5;

impl Kernel {
    /// The kernel's whole WGSL text, what it shares in front.
    pub fn wgsl(self) -> &'static str {
        macro_rules! text {
            ($($file:literal),*) => {
                concat!(
                    include_str!("../../../shaders/shared/batch.wgsl"),
                    $("\n", include_str!(concat!("../../../shaders/", $file))),*
                )
            };
        }
        match self {
            Kernel::PermuteBytes => text!("shared/source.wgsl", "permute_bytes.wgsl"),
            Kernel::PermuteFloats => text!("shared/source.wgsl", "permute_floats.wgsl"),
            Kernel::PermuteTilesBytes => text!("shared/tiles.wgsl", "permute_tiles_bytes.wgsl"),
            Kernel::PermuteTilesFloats => {
                text!("shared/normalised.wgsl", "shared/tiles.wgsl", "permute_tiles_floats.wgsl")
            }
            Kernel::CopyBytes => text!("copy_bytes.wgsl"),
            Kernel::ScaleFloats => text!("shared/normalised.wgsl", "scale_floats.wgsl"),
            Kernel::KeystreamBytes => text!("shared/source.wgsl", "shared/chacha20.wgsl", "keystream_bytes.wgsl"),
            Kernel::KeystreamFloats => text!("shared/source.wgsl", "shared/chacha20.wgsl", "keystream_floats.wgsl"),
            Kernel::PixelKeyedBytes => {
                text!("shared/source.wgsl", "shared/chacha20.wgsl", "shared/pixel_keys.wgsl", "pixel_keyed_bytes.wgsl")
            }
            Kernel::PixelKeyedFloats => {
                text!("shared/source.wgsl", "shared/chacha20.wgsl", "shared/pixel_keys.wgsl", "pixel_keyed_floats.wgsl")
            }
            Kernel::BlockStatistic => text!("shared/source.wgsl", "block_statistic.wgsl"),
            Kernel::FillBytes => text!("shared/source.wgsl", "shared/fill.wgsl", "fill_bytes.wgsl"),
            Kernel::FillFloats => text!("shared/source.wgsl", "shared/fill.wgsl", "fill_floats.wgsl"),
            Kernel::MixFloats => text!("shared/source.wgsl", "shared/chacha20.wgsl", "mix_floats.wgsl"),
        }
    }

    /// Whether it reads a plan.
    pub fn has_plan(self) -> bool {
        matches!(
            self,
            Kernel::PermuteBytes | Kernel::PermuteFloats | Kernel::PermuteTilesBytes | Kernel::PermuteTilesFloats
        )
    }

    /// Whether it looks samples up in the scale.
    pub fn has_scale(self) -> bool {
        matches!(self, Kernel::PermuteFloats | Kernel::KeystreamFloats | Kernel::PixelKeyedFloats | Kernel::FillFloats)
    }

    /// The binding that it writes.
    pub fn output(self) -> u32 {
        let computed = matches!(self, Kernel::PermuteTilesFloats | Kernel::ScaleFloats | Kernel::MixFloats);
        if self.has_scale() || computed { FLOATS } else { WORDS }
    }

    /// The kernel's storage bindings: number, and whether it is written.
    fn bindings(self) -> Vec<(u32, bool)> {
        let mut bindings = vec![(1, false), (2, false)];
        if self.has_plan() {
            bindings.push((PLAN, false));
        }
        if self.has_scale() {
            bindings.push((SCALE, false));
        }
        bindings.push((self.output(), true));
        bindings
    }
}

/// Pipelines by variant, made when first used.
#[derive(Default)]
pub struct Kernels(Mutex<HashMap<Variant, wgpu::ComputePipeline>>);

impl Kernels {
    /// The pipeline of a variant. The caller holds an error scope.
    pub fn pipeline(&self, device: &wgpu::Device, variant: Variant) -> wgpu::ComputePipeline {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pipeline) = made.get(&variant) {
            return pipeline.clone();
        }
        let pipeline = make(device, &variant);
        made.insert(variant, pipeline.clone());
        pipeline
    }
}

fn make(device: &wgpu::Device, variant: &Variant) -> wgpu::ComputePipeline {
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
            .into_iter()
            .map(|(binding, written)| entry(binding, wgpu::BufferBindingType::Storage { read_only: !written })),
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
    let constants: Vec<(&str, f64)> = variant.constants.iter().map(|&(name, value)| (name, f64::from(value))).collect();
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label,
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        // No kernel reads a word of a workgroup's memory that it did not write, and zeroing it takes longer than a tile.
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &constants,
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}

/// The grid of a dispatch: `parts` of an image along x, images along y, `planes` along z. Where there are more of them than a
/// dimension holds, the kernels go on in strides of the grid.
pub fn grid(parts: u64, images: u64, planes: u32) -> [u32; 3] {
    let fitting = |groups: u64| groups.clamp(1, MAX_GROUPS) as u32;
    [fitting(parts.div_ceil(WORKGROUP)), fitting(images), planes]
}

/// Whether a grid reaches all parts of all images without going on in strides.
pub fn fits_a_grid(parts: u64, images: u64) -> bool {
    parts.div_ceil(WORKGROUP) <= MAX_GROUPS && images <= MAX_GROUPS
}

/// The grid of a dispatch of tiles, each for eight images: tiles along x, and images along y and, where they are more than
/// that dimension holds, along z. Workgroups beyond the last image find nothing to do.
pub fn grid_of_tiles(tiles: u64, images: u64) -> [u32; 3] {
    let groups = images.div_ceil(IMAGES_OF_A_TILE);
    [tiles as u32, groups.min(MAX_GROUPS) as u32, groups.div_ceil(MAX_GROUPS) as u32]
}

/// Images that an invocation works on where what it looks up for one is good for all of them: as many as leave the device enough to do
/// at a time.
pub fn images_of_a_row(parts: u64, images: u64, planes: u32) -> u64 {
    (parts * images * u64::from(planes) / ENOUGH).clamp(1, MOST_IMAGES)
}

/// Invocations that keep the largest devices busy.
const ENOUGH: u64 = 1 << 19;
/// Beyond this a table is a small part of what a kernel reads.
const MOST_IMAGES: u64 = 16;
