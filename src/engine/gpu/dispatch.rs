//! Dispatches: the description that a step gives of its dispatch, and the code that encodes it.

use super::device::Gpu;
use super::kernel::{self, Constants, Kernel};
use crate::engine::image_ref::ImageRef;
use crate::image::Geometry;
use crate::plan::Unit;
use crate::schedule::Subkey;
use bytemuck::{Pod, Zeroable};

/// `Params` of `shaders/shared/batch.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
pub struct Params {
    pub height: u32,
    pub width: u32,
    pub channels: u32,
    pub samples: u32,
    pub stride: u32,
    pub images: u32,
    pub group: u32,
    pub unit: f32,
    pub block_height: u32,
    pub block_width: u32,
    pub block_columns: u32,
    pub blocks: u32,
    pub statistic: u32,
    pub record: u32,
    pub flags: u32,
    pub padding: u32,
    pub key: Words,
    pub colour: Words,
    pub turn: Words,
    pub places: Words,
}

/// The words of a ChaCha20 key.
pub type Words = [u32; 8];

/// A subkey in the form that a shader takes.
pub fn words(subkey: &Subkey) -> Words {
    std::array::from_fn(|i| {
        u32::from_le_bytes([subkey[4 * i], subkey[4 * i + 1], subkey[4 * i + 2], subkey[4 * i + 3]])
    })
}

/// `ImageRef` of `shaders/shared/batch.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
pub struct ImageRecord {
    pub index: u32,
    pub slot: u32,
    shift: u32,
    /// Whether mirrored (bit 0), the weight in a mixture (17 bits), and the brightness to add (14 bits, signed).
    how: u32,
    turn: u32,
    id: [u32; 2],
}

/// The `turn` of an image that is not turned: its cosine is one.
const UPRIGHT: u32 = 1 << 14;
/// The bits of the weight in `how`.
const WEIGHT: u32 = 0x3_fffe;

impl ImageRecord {
    /// The records of a batch. Image number `i` of the output is slot `i`.
    pub fn of(refs: &[ImageRef]) -> Vec<Self> {
        let record = |(image, slot): (&ImageRef, u32)| {
            let (stream, augmentation) = (image.stream(), image.augmentation);
            let halves = |low: i16, high: i16| u32::from(low as u16) | u32::from(high as u16) << 16;
            let (cosine, sine) = augmentation.cosine_and_sine();
            Self {
                index: image.index,
                slot,
                shift: halves(augmentation.dy, augmentation.dx),
                how: u32::from(augmentation.mirrored)
                    | image.weight << 1
                    | (i32::from(augmentation.brightness) << 18) as u32,
                turn: halves(cosine, sine),
                id: [stream as u32, (stream >> 32) as u32],
            }
        };
        refs.iter().zip(0..).map(record).collect()
    }

    /// Turns this into the record for the next step. The last step has written the image to its slot, already
    /// augmented.
    pub fn advance(&mut self) {
        (self.index, self.shift, self.turn) = (self.slot, 0, UPRIGHT);
        self.how &= WEIGHT;
    }

    /// The same image at another place of the input.
    pub fn moved_to(self, index: u32) -> Self {
        Self { index, ..self }
    }

    fn is_augmented(&self) -> bool {
        self.shift != 0 || self.how & !WEIGHT != 0 || self.is_turned()
    }

    fn is_turned(&self) -> bool {
        self.turn != UPRIGHT
    }
}

/// What a step must know about the batch of its dispatch.
pub struct Batch {
    /// The images' geometry.
    pub geometry: Geometry,
    /// How many images the step reads.
    pub images: u64,
    /// Whether the result is floats. If not, it is words.
    pub floats: bool,
    /// Whether any image is augmented.
    pub augmented: bool,
    /// Whether any image is turned.
    pub turned: bool,
}

impl Batch {
    fn new(geometry: Geometry, records: &[ImageRecord], floats: bool) -> Self {
        let augmented = records.iter().any(ImageRecord::is_augmented);
        let turned = records.iter().any(ImageRecord::is_turned);
        Self { geometry, images: records.len() as u64, floats, augmented, turned }
    }

    /// The words of one image.
    pub fn stride(&self) -> u64 {
        self.geometry.bytes().div_ceil(4) as u64
    }

    /// The pixels of one image.
    pub fn pixels(&self) -> u64 {
        self.geometry.pixels() as u64
    }

    /// The channels of one image.
    pub fn channels(&self) -> u32 {
        self.geometry.channels() as u32
    }

    /// The parameters that every kernel takes.
    pub fn params(&self) -> Params {
        Params {
            height: self.geometry.height() as u32,
            width: self.geometry.width() as u32,
            channels: self.channels(),
            samples: self.geometry.samples() as u32,
            stride: self.stride() as u32,
            images: self.images as u32,
            group: 1,
            ..Params::default()
        }
    }

    /// As [`Batch::params`], for a kernel that works on blocks (rows, columns).
    pub fn params_of_blocks(&self, block: (u32, u32)) -> Params {
        let (rows, columns) = blocks(self.geometry, block);
        let (block_height, block_width) = block;
        Params { block_height, block_width, block_columns: columns, blocks: rows * columns, ..self.params() }
    }

    /// The constants of `shaders/shared/source.wgsl`, for elements of a unit.
    pub fn constants(&self, unit: Unit) -> Constants {
        let depth = self.geometry.depth();
        let (bits, ones) = match unit {
            Unit::Sample => (depth.stored_bits(), depth.max()),
            Unit::Nibble => (4, 15),
        };
        vec![
            ("AUGMENTED", u32::from(self.augmented)),
            ("TURNED", u32::from(self.turned)),
            ("DEPTH", depth.stored_bits()),
            ("MAX", depth.max()),
            ("BITS", bits),
            ("ONES", ones),
        ]
    }
}

/// How many blocks (rows, columns) an image has, vertically and horizontally.
pub fn blocks(geometry: Geometry, (rows, columns): (u32, u32)) -> (u32, u32) {
    ((geometry.height() as u32).div_ceil(rows), (geometry.width() as u32).div_ceil(columns))
}

/// One dispatch of a step for a batch.
pub struct Dispatch<'a> {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// Its constants.
    pub constants: Constants,
    /// Its parameters.
    pub params: Params,
    /// Its workgroups.
    pub grid: [u32; 3],
    /// The plan, where the kernel reads one.
    pub plan: Option<&'a wgpu::Buffer>,
}

/// A step on a device: one dispatch for any batch.
pub trait GpuStep: wgpu::WasmNotSendSync {
    /// How many bytes the step writes for one image if another step follows.
    fn image_bytes(&self, geometry: Geometry) -> u64 {
        geometry.bytes().next_multiple_of(4) as u64
    }

    /// Whether the step reads several images of the batch at once. They must then be in one buffer.
    fn gathers(&self) -> bool {
        false
    }

    /// Whether the step augments the images that it reads. If not, a copy does it first.
    fn augments(&self) -> bool {
        true
    }

    /// The dispatch for a batch. The caller holds an error scope.
    fn dispatch<'a>(&'a self, gpu: &'a Gpu, batch: &Batch) -> Dispatch<'a>;
}

/// Where a step writes.
#[derive(Clone, Copy)]
pub enum Output<'a> {
    /// Packed words of a batch, or statistics.
    Words(&'a wgpu::Buffer),
    /// Normalised floats (N, C, H, W).
    Floats(&'a wgpu::BindingResource<'a>),
}

/// Encodes one dispatch of a step. The caller holds an error scope.
pub fn encode(
    gpu: &Gpu,
    geometry: Geometry,
    step: &dyn GpuStep,
    pixels: &wgpu::Buffer,
    records: &[ImageRecord],
    output: Output<'_>,
    encoder: &mut wgpu::CommandEncoder,
) {
    let batch = Batch::new(geometry, records, matches!(output, Output::Floats(_)));
    let Dispatch { kernel, constants, params, grid: [x, y, z], plan } = step.dispatch(gpu, &batch);
    // Every dispatch has small buffers of its own, because earlier dispatches may still be reading theirs.
    let uniform = gpu.sent(bytemuck::bytes_of(&params), wgpu::BufferUsages::UNIFORM);
    let list = gpu.sent(bytemuck::cast_slice(records), wgpu::BufferUsages::STORAGE);
    let pipeline = gpu.pipelines.get(&gpu.device, kernel, constants);
    let bind = |binding, resource| wgpu::BindGroupEntry { binding, resource };
    let mut entries = vec![
        bind(0, uniform.as_entire_binding()),
        bind(1, pixels.as_entire_binding()),
        bind(2, list.as_entire_binding()),
    ];
    if kernel.plan {
        entries.push(bind(kernel::PLAN, plan.unwrap_or(gpu.placeholder()).as_entire_binding()));
    }
    if kernel.scale {
        entries.push(bind(kernel::SCALE, gpu.scale(geometry.depth()).as_entire_binding()));
    }
    let written = match output {
        Output::Words(buffer) => buffer.as_entire_binding(),
        Output::Floats(binding) => binding.clone(),
    };
    entries.push(bind(kernel.output(), written));
    let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some(kernel.name),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(x, y, z);
    gpu.traffic.add_dispatch();
}
