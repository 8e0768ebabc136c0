//! Resident sets, loaded programs, and the dispatches that run one on the other.

use super::Gpu;
use super::kernel::{self, Kernel, Variant, fits_a_grid, grid, grid_of_tiles, images_of_a_row};
use super::plan::LoadedPlan;
use crate::engine::{EngineError, ImageRef, check_refs};
use crate::image::Geometry;
use crate::plan::tiles::{CHUNK, Layout};
use crate::plan::{Mixing, Program, Statistic, Step};
use crate::schedule::Subkey;
use bytemuck::{Pod, Zeroable};

const TABLE: wgpu::BufferUsages = wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_DST);

/// Images of one geometry on the device, as packed bytes. A set larger than one binding lies in several pages.
pub struct Resident {
    geometry: Geometry,
    images: usize,
    per_page: usize,
    pages: Vec<wgpu::Buffer>,
}

impl Resident {
    /// Uploads images that lie one behind the other, interleaved.
    ///
    /// # Errors
    /// When the samples are no whole number of images, one image exceeds the binding limit, or memory runs out.
    pub fn upload(gpu: &Gpu, geometry: Geometry, samples: &[u8]) -> Result<Self, EngineError> {
        Self::upload_in_pages(gpu, geometry, samples, usize::MAX)
    }

    /// As [`Resident::upload`], with at most so many images (one or more) in a page: where memory comes in smaller pieces than
    /// the binding limit allows.
    ///
    /// # Errors
    /// As [`Resident::upload`].
    pub fn upload_in_pages(
        gpu: &Gpu,
        geometry: Geometry,
        samples: &[u8],
        images_per_page: usize,
    ) -> Result<Self, EngineError> {
        let size = geometry.bytes();
        let images = samples.len() / size;
        if images * size != samples.len() {
            let what = "the resident set";
            return Err(EngineError::Size { what, expected: size, found: samples.len(), geometry });
        }
        let stride = size.next_multiple_of(4);
        let per_page = ((gpu.limit / stride as u64) as usize).min(images_per_page.max(1));
        if per_page == 0 {
            return Err(gpu.too_large("an image", stride as u64));
        }
        let mut pages = Vec::new();
        for part in samples.chunks(per_page * size) {
            let bytes = part.len() / size * stride;
            let page = gpu.guarded("making room for the images", || {
                gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("imgveil images"),
                    size: bytes as u64,
                    usage: wgpu::BufferUsages::STORAGE,
                    mapped_at_creation: true,
                })
            })?;
            let failed = |e: wgpu::MapRangeError| gpu.failed("uploading images", e.to_string());
            let mut view = page.slice(..).get_mapped_range_mut().map_err(failed)?;
            if stride == size {
                view.copy_from_slice(part);
            } else {
                for (i, image) in part.chunks_exact(size).enumerate() {
                    view.slice(i * stride..i * stride + size).copy_from_slice(image);
                }
            }
            drop(view);
            page.unmap();
            gpu.traffic.add_up(bytes as u64);
            pages.push(page);
        }
        Ok(Self { geometry, images, per_page, pages })
    }

    /// Images that are on the device already.
    pub(super) fn in_pages(geometry: Geometry, images: usize, per_page: usize, pages: Vec<wgpu::Buffer>) -> Self {
        Self { geometry, images, per_page, pages }
    }

    /// The images' geometry.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Bytes on the device.
    pub fn bytes(&self) -> u64 {
        self.pages.iter().map(wgpu::Buffer::size).sum()
    }
}

/// `Params` of `shaders/shared/batch.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Default, Pod, Zeroable)]
struct Params {
    height: u32,
    width: u32,
    channels: u32,
    samples: u32,
    stride: u32,
    images: u32,
    group: u32,
    unit: f32,
    block_height: u32,
    block_width: u32,
    block_columns: u32,
    blocks: u32,
    statistic: u32,
    padding: [u32; 3],
    key: [u32; 8],
    colour: [u32; 8],
}

/// `ImageRef` of `shaders/shared/batch.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct ImageRecord {
    index: u32,
    slot: u32,
    shift: u32,
    /// Whether mirrored (bit 0), the weight in a mixture (17 bits), and what is added to the brightness (14 bits, signed).
    how: u32,
    turn: u32,
    id: [u32; 2],
}

/// The turn by no angle: its cosine is one.
const UPRIGHT: u32 = 1 << 14;

impl ImageRecord {
    /// What the next step shows: the image where this one is written, viewed already.
    fn seen(&mut self) {
        (self.index, self.shift, self.turn) = (self.slot, 0, UPRIGHT);
        self.how &= 0x3_fffe;
    }

    fn is_viewed(&self) -> bool {
        self.shift != 0 || self.how & !0x3_fffe != 0 || self.is_turned()
    }

    fn is_turned(&self) -> bool {
        self.turn != UPRIGHT
    }
}

/// ChaCha20 key words.
type Words = [u32; 8];

fn words(subkey: &Subkey) -> Words {
    std::array::from_fn(|i| {
        u32::from_le_bytes([subkey[4 * i], subkey[4 * i + 1], subkey[4 * i + 2], subkey[4 * i + 3]])
    })
}

/// A step as the device runs it: one dispatch.
enum LoadedStep {
    /// `None` is the identity.
    Permute(Option<LoadedPlan>),
    Keystream(Words),
    PixelKeyed {
        negative: Option<Words>,
        colour: Option<Words>,
        inverse: bool,
    },
    /// The statistics of blocks (rows, columns).
    Statistic((u32, u32), Statistic),
    /// Blocks (rows, columns) filled with them.
    Fill((u32, u32)),
    /// The key of the signs, and how many images are mixed.
    Mix(Words, u32),
}

/// A program with its tables on the device.
pub(super) struct LoadedProgram {
    id: u64,
    geometry: Geometry,
    steps: Vec<LoadedStep>,
    /// Where there is no plan, something must be bound all the same.
    placeholder: wgpu::Buffer,
}

impl LoadedProgram {
    pub(super) fn new(gpu: &Gpu, program: &Program) -> Result<Self, EngineError> {
        let mut steps = Vec::new();
        for step in program.steps() {
            match step {
                Step::Permute(plan) => steps.push(LoadedStep::Permute(Some(LoadedPlan::new(gpu, plan)?))),
                Step::Keystream(subkey) => steps.push(LoadedStep::Keystream(words(subkey))),
                Step::PixelKeyed(keys) => steps.push(LoadedStep::PixelKeyed {
                    negative: keys.negative.as_ref().map(words),
                    colour: keys.colour.as_ref().map(words),
                    inverse: keys.inverse,
                }),
                Step::BlockStatistic(block, statistic) => {
                    steps.push(LoadedStep::Statistic(*block, *statistic));
                    steps.push(LoadedStep::Fill(*block));
                }
                Step::Mix(mixing) => steps.push(LoadedStep::Mix(words(&mixing.subkey), mixing.images)),
            }
        }
        // Without a step there is still the way from bytes to where they are wanted.
        if steps.is_empty() {
            steps.push(LoadedStep::Permute(None));
        }
        let placeholder = gpu.guarded("making buffers", || gpu.buffer(4, TABLE))?;
        Ok(Self { id: program.id(), geometry: program.geometry(), steps, placeholder })
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The most bytes that one image takes before, between and after the steps.
    pub(super) fn widest(&self) -> u64 {
        let image = self.geometry.bytes().next_multiple_of(4) as u64;
        self.steps.iter().map(|step| step.image_bytes(self.geometry)).fold(image, u64::max)
    }
}

/// Where a step writes.
#[derive(Clone, Copy)]
enum Output<'a> {
    /// Packed words of a batch, or statistics.
    Words(&'a wgpu::Buffer),
    /// Normalised floats (N, C, H, W).
    Floats(&'a wgpu::BindingResource<'a>),
}

/// Runs a loaded program on picks of a resident set and writes normalised floats (N, C, H, W) to `output`. One submission.
pub(super) fn floats(
    gpu: &Gpu,
    program: &LoadedProgram,
    resident: &Resident,
    refs: &[ImageRef],
    output: &wgpu::BindingResource<'_>,
) -> Result<(), EngineError> {
    check_floats(gpu, program, resident, refs)?;
    gpu.guarded("encrypting a batch", || {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encode_floats(gpu, program, resident, refs, output, &mut encoder);
        gpu.queue.submit([encoder.finish()]);
    })
}

/// The steps that go from words to words of the batch, and the one that makes floats.
fn split<'a>(program: &'a LoadedProgram, resident: &Resident) -> Option<(&'a LoadedStep, &'a [LoadedStep])> {
    let (last, earlier) = program.steps.split_last()?;
    // A mixture's images may lie in different pages: they are gathered first.
    const GATHER: &[LoadedStep] = &[LoadedStep::Permute(None)];
    let gathered = matches!(last, LoadedStep::Mix(..)) && earlier.is_empty() && resident.pages.len() > 1;
    Some((last, if gathered { GATHER } else { earlier }))
}

/// Whether [`encode_floats`] can encode this.
pub(super) fn check_floats(
    gpu: &Gpu,
    program: &LoadedProgram,
    resident: &Resident,
    refs: &[ImageRef],
) -> Result<(), EngineError> {
    check_refs(refs, program.geometry, resident.images)?;
    if resident.geometry != program.geometry {
        let (expected, found) = (program.geometry.bytes(), resident.geometry.bytes());
        return Err(EngineError::Size { what: "a resident image", expected, found, geometry: program.geometry });
    }
    let Some((_, earlier)) = split(program, resident) else { return Ok(()) };
    let bytes = |step: &LoadedStep| step.image_bytes(program.geometry) * refs.len() as u64;
    match earlier.iter().map(bytes).find(|&bytes| bytes > gpu.limit) {
        Some(bytes) => Err(gpu.too_large("a batch between two steps", bytes)),
        None => Ok(()),
    }
}

/// Encodes what [`floats`] runs. The caller has checked it, and holds an error scope.
pub(super) fn encode_floats(
    gpu: &Gpu,
    program: &LoadedProgram,
    resident: &Resident,
    refs: &[ImageRef],
    output: &wgpu::BindingResource<'_>,
    encoder: &mut wgpu::CommandEncoder,
) {
    let Some((last, earlier)) = split(program, resident) else { return };
    let mut in_order = records(refs);
    in_order.iter_mut().for_each(ImageRecord::seen);
    let mut between: Option<wgpu::Buffer> = None;
    for step in earlier {
        let bytes = step.image_bytes(program.geometry) * refs.len() as u64;
        let written = gpu.buffer(bytes, wgpu::BufferUsages::STORAGE);
        let output = Output::Words(&written);
        match &between {
            None => pages(gpu, program, step, resident, refs, output, encoder),
            Some(before) => dispatch(gpu, program, step, before, &in_order, output, encoder),
        }
        between = Some(written);
    }
    match &between {
        None => pages(gpu, program, last, resident, refs, Output::Floats(output), encoder),
        Some(before) => dispatch(gpu, program, last, before, &in_order, Output::Floats(output), encoder),
    }
}

/// Encodes a copy of resident images, as they are, into a buffer. The caller holds an error scope.
#[cfg(not(target_family = "wasm"))]
pub(super) fn lay_out(
    gpu: &Gpu,
    program: &LoadedProgram,
    resident: &Resident,
    refs: &[ImageRef],
    output: &wgpu::Buffer,
    encoder: &mut wgpu::CommandEncoder,
) {
    pages(gpu, program, &LoadedStep::Permute(None), resident, refs, Output::Words(output), encoder);
}

/// Encodes a loaded program that does not mix, bytes to bytes. The images lie in the first of two buffers in the order of the
/// picks; every step reads one buffer and writes the other. Returns the one that the last step writes. The caller holds an
/// error scope.
pub(super) fn bytes<'a>(
    gpu: &Gpu,
    program: &LoadedProgram,
    [mut from, mut to]: [&'a wgpu::Buffer; 2],
    refs: &[ImageRef],
    encoder: &mut wgpu::CommandEncoder,
) -> &'a wgpu::Buffer {
    let mut records = records(refs);
    records.iter_mut().for_each(|record| record.index = record.slot);
    for step in &program.steps {
        dispatch(gpu, program, step, from, &records, Output::Words(to), encoder);
        records.iter_mut().for_each(ImageRecord::seen);
        (from, to) = (to, from);
    }
    from
}

fn blocks(geometry: Geometry, (rows, columns): (u32, u32)) -> (u32, u32) {
    ((geometry.height() as u32).div_ceil(rows), (geometry.width() as u32).div_ceil(columns))
}

impl LoadedStep {
    /// Bytes of one image that the step writes where it is not the last one.
    fn image_bytes(&self, geometry: Geometry) -> u64 {
        match self {
            LoadedStep::Statistic(block, _) => {
                let (rows, columns) = blocks(geometry, *block);
                u64::from(rows) * u64::from(columns) * geometry.channels() as u64 * 4
            }
            _ => geometry.bytes().next_multiple_of(4) as u64,
        }
    }
}

/// One step from the resident set: a dispatch for each page that the picks touch.
fn pages(
    gpu: &Gpu,
    program: &LoadedProgram,
    step: &LoadedStep,
    resident: &Resident,
    refs: &[ImageRef],
    output: Output<'_>,
    encoder: &mut wgpu::CommandEncoder,
) {
    let all = records(refs);
    for (number, page) in resident.pages.iter().enumerate() {
        let first = number * resident.per_page;
        let here = first..first + resident.per_page;
        let records: Vec<ImageRecord> = all
            .iter()
            .filter(|record| here.contains(&(record.index as usize)))
            .map(|record| ImageRecord { index: record.index - first as u32, ..*record })
            .collect();
        if !records.is_empty() {
            dispatch(gpu, program, step, page, &records, output, encoder);
        }
    }
}

fn records(refs: &[ImageRef]) -> Vec<ImageRecord> {
    let record = |(slot, image_ref): (usize, &ImageRef)| {
        let (stream, view) = (image_ref.id.stream(), image_ref.view);
        let halves = |low: i16, high: i16| u32::from(low as u16) | u32::from(high as u16) << 16;
        let (cosine, sine) = view.cosine_and_sine();
        ImageRecord {
            index: image_ref.index,
            slot: slot as u32,
            shift: halves(view.dy, view.dx),
            how: u32::from(view.mirrored) | image_ref.weight << 1 | (i32::from(view.brightness) << 18) as u32,
            turn: halves(cosine, sine),
            id: [stream as u32, (stream >> 32) as u32],
        }
    };
    refs.iter().enumerate().map(record).collect()
}

/// Encodes one dispatch. The caller holds an error scope.
fn dispatch(
    gpu: &Gpu,
    program: &LoadedProgram,
    step: &LoadedStep,
    pixels: &wgpu::Buffer,
    records: &[ImageRecord],
    output: Output<'_>,
    encoder: &mut wgpu::CommandEncoder,
) {
    let geometry = program.geometry;
    let floats = matches!(output, Output::Floats(_));
    let (views, turns) = (records.iter().any(ImageRecord::is_viewed), records.iter().any(ImageRecord::is_turned));
    let (depth, channels) = (geometry.depth().bits(), geometry.channels() as u32);
    let (samples, plane) = (geometry.samples() as u64, geometry.pixels() as u64);
    let stride = geometry.bytes().div_ceil(4) as u64;
    let mut params = Params {
        height: geometry.height() as u32,
        width: geometry.width() as u32,
        channels,
        samples: samples as u32,
        stride: stride as u32,
        images: records.len() as u32,
        group: 1,
        ..Params::default()
    };
    let mut constants = Vec::new();
    let mut bits = depth;
    let mut tiles = None;
    let cut = |params: &mut Params, block: (u32, u32)| {
        let (rows, columns) = blocks(geometry, block);
        (params.block_height, params.block_width) = block;
        (params.block_columns, params.blocks) = (columns, rows * columns);
    };
    let one_of = |to_words, to_floats| if floats { to_floats } else { to_words };
    // What an invocation does: parts of an image, planes, and the kernel.
    let (kernel, parts, planes) = match step {
        LoadedStep::Permute(plan) => {
            bits = plan.as_ref().map_or(depth, LoadedPlan::bits);
            let layout = if floats { Layout::Planar } else { Layout::Interleaved };
            let as_they_are = plan.is_none()
                && !views
                && geometry.bytes().is_multiple_of(CHUNK)
                && fits_a_grid(plane.max(stride) / 4, records.len() as u64);
            tiles = plan.as_ref().filter(|_| !views).and_then(|plan| plan.tiles(gpu, layout, records.len()));
            match (&tiles, floats) {
                (Some(tiles), true) => (Kernel::PermuteTilesFloats, tiles.count, 1),
                (Some(tiles), false) => (Kernel::PermuteTilesBytes, tiles.count, 1),
                (None, false) if as_they_are => (Kernel::CopyBytes, stride / 4, 1),
                (None, true) if as_they_are && depth == 8 && plane.is_multiple_of(4) => {
                    (Kernel::ScaleFloats, plane / 4, 1)
                }
                (None, true) => (Kernel::PermuteFloats, plane, channels),
                (None, false) => (Kernel::PermuteBytes, stride, 1),
            }
        }
        LoadedStep::Keystream(key) => {
            params.key = *key;
            // A ChaCha20 block is 16 words.
            (one_of(Kernel::KeystreamBytes, Kernel::KeystreamFloats), stride.div_ceil(16), 1)
        }
        LoadedStep::PixelKeyed { negative, colour, inverse } => {
            (params.key, params.colour) = (negative.unwrap_or_default(), colour.unwrap_or_default());
            constants.push(("NEGATIVE", u32::from(negative.is_some())));
            constants.push(("COLOUR", u32::from(colour.is_some())));
            constants.push(("INVERSE", u32::from(*inverse)));
            (one_of(Kernel::PixelKeyedBytes, Kernel::PixelKeyedFloats), plane.div_ceil(16), 1)
        }
        LoadedStep::Statistic(block, statistic) => {
            cut(&mut params, *block);
            params.statistic = match statistic {
                Statistic::Median => 0,
                Statistic::Mean => 1,
                Statistic::Max => 2,
                Statistic::Min => 3,
            };
            (Kernel::BlockStatistic, u64::from(params.blocks) * u64::from(channels), 1)
        }
        LoadedStep::Fill(block) => {
            cut(&mut params, *block);
            match floats {
                true => (Kernel::FillFloats, plane, channels),
                false => (Kernel::FillBytes, stride, 1),
            }
        }
        LoadedStep::Mix(key, group) => {
            params.key = *key;
            (params.group, params.images) = (*group, records.len() as u32 / group);
            params.unit = 1.0 / Mixing::FULL_SCALE as f32;
            // 2048 samples a workgroup.
            (Kernel::MixFloats, samples.div_ceil(32), 1)
        }
    };
    let images = u64::from(params.images);
    let [x, y, z] = match kernel {
        Kernel::PermuteTilesBytes | Kernel::PermuteTilesFloats => grid_of_tiles(parts, images),
        // A plan's entries are looked up once for several images.
        Kernel::PermuteBytes | Kernel::PermuteFloats => {
            grid(parts, images.div_ceil(images_of_a_row(parts, images, planes)), planes)
        }
        _ => grid(parts, images, planes),
    };
    match kernel {
        Kernel::PermuteTilesBytes => constants.push(("NIBBLES", u32::from(bits == 4))),
        Kernel::PermuteTilesFloats => constants.extend([("NIBBLES", u32::from(bits == 4)), ("DEPTH", depth)]),
        Kernel::CopyBytes | Kernel::ScaleFloats => {}
        _ => constants.extend([
            ("VIEWS", u32::from(views)),
            ("TURNS", u32::from(turns)),
            ("DEPTH", depth),
            ("BITS", bits),
        ]),
    }
    if let (Kernel::PermuteBytes | Kernel::PermuteFloats, LoadedStep::Permute(plan)) = (kernel, step) {
        constants.push(("PLAN", u32::from(plan.is_some())));
    }
    // Small buffers of their own for every dispatch: earlier dispatches may still be reading theirs.
    let uniform = gpu.sent(bytemuck::bytes_of(&params), wgpu::BufferUsages::UNIFORM);
    let list = gpu.sent(bytemuck::cast_slice(records), wgpu::BufferUsages::STORAGE);

    let pipeline = gpu.kernels.pipeline(&gpu.device, Variant { kernel, constants });
    let bind = |binding, resource| wgpu::BindGroupEntry { binding, resource };
    let mut entries = vec![
        bind(0, uniform.as_entire_binding()),
        bind(1, pixels.as_entire_binding()),
        bind(2, list.as_entire_binding()),
    ];
    if let LoadedStep::Permute(plan) = step
        && kernel.has_plan()
    {
        let table = match (tiles, plan) {
            (Some(tiles), _) => &tiles.buffer,
            (None, Some(plan)) => plan.table(gpu),
            (None, None) => &program.placeholder,
        };
        entries.push(bind(kernel::PLAN, table.as_entire_binding()));
    }
    if kernel.has_scale() {
        entries.push(bind(kernel::SCALE, gpu.scale(geometry.depth()).as_entire_binding()));
    }
    let written = match output {
        Output::Words(buffer) => buffer.as_entire_binding(),
        Output::Floats(binding) => binding.clone(),
    };
    entries.push(bind(kernel.output(), written));
    let group = gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("imgveil"),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &entries,
    });
    let mut pass = encoder.begin_compute_pass(&Default::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(x, y, z);
    gpu.traffic.add_dispatch();
}
