//! Programs with their tables on the device, and their execution: from a resident set to floats, from words to words.

use super::device::Gpu;
use super::dispatch::{GpuStep, ImageRecord, Output, encode};
use super::resident::Resident;
use crate::engine::EngineError;
use crate::engine::checks::check_refs;
use crate::engine::image_ref::ImageRef;
use crate::engine::program::Program;
use crate::engine::step::permute::Permute;
use crate::image::{Augmentation, Geometry};

/// A program with its tables on the device.
pub struct LoadedProgram {
    geometry: Geometry,
    /// One entry for each dispatch.
    steps: Vec<Box<dyn GpuStep>>,
}

/// The step that copies images as they are.
const COPY: Permute = Permute(None);

impl LoadedProgram {
    /// Checks the program's tables against the device's limits. The tables are sent when they are first used.
    pub fn new(gpu: &Gpu, program: &Program) -> Result<Self, EngineError> {
        let mut steps = Vec::new();
        for step in program.steps() {
            steps.extend(step.execute().on_gpu(gpu)?);
        }
        // A program without steps still has to move the bytes to their destination.
        if steps.is_empty() {
            steps.push(Box::new(COPY));
        }
        Ok(Self { geometry: program.geometry(), steps })
    }

    /// The images' geometry.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The most bytes that one image takes before, between and after the steps.
    pub fn widest(&self) -> u64 {
        let image = self.geometry.bytes().next_multiple_of(4) as u64;
        self.steps.iter().map(|step| step.image_bytes(self.geometry)).fold(image, u64::max)
    }

    /// The steps for these images.
    fn steps(&self, refs: &[ImageRef]) -> Vec<&dyn GpuStep> {
        let mut steps: Vec<&dyn GpuStep> = self.steps.iter().map(Box::as_ref).collect();
        let augmented = refs.iter().any(|image| image.augmentation != Augmentation::IDENTITY);
        if augmented && steps.first().is_some_and(|step| !step.augments()) {
            steps.insert(0, &COPY);
        }
        steps
    }

    /// The step that makes floats, and the steps before it, which read and write words of the batch.
    fn split(&self, resident: &Resident, refs: &[ImageRef]) -> (&dyn GpuStep, Vec<&dyn GpuStep>) {
        let mut steps = self.steps(refs);
        let last = steps.pop().unwrap_or(&COPY);
        // A mixture's images may be in different pages, so they are copied to one buffer first.
        if last.gathers() && steps.is_empty() && resident.pages.len() > 1 {
            steps.push(&COPY);
        }
        (last, steps)
    }
}

/// Runs a loaded program on images of a resident set and writes normalised floats (N, C, H, W) to `output`, in one
/// submission. `program` is the program that was loaded.
pub fn floats(
    gpu: &Gpu,
    program: &Program,
    loaded: &LoadedProgram,
    resident: &Resident,
    refs: &[ImageRef],
    output: &wgpu::BindingResource<'_>,
) -> Result<(), EngineError> {
    check_floats(gpu, program, loaded, resident, refs)?;
    gpu.guarded("encrypting a batch", || {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encode_floats(gpu, loaded, resident, refs, output, &mut encoder);
        gpu.queue.submit([encoder.finish()]);
    })
}

/// Checks the conditions of [`encode_floats`].
pub(super) fn check_floats(
    gpu: &Gpu,
    program: &Program,
    loaded: &LoadedProgram,
    resident: &Resident,
    refs: &[ImageRef],
) -> Result<(), EngineError> {
    check_refs(program, refs, resident.images())?;
    let geometry = loaded.geometry;
    if resident.geometry() != geometry {
        let (expected, found) = (geometry.bytes(), resident.geometry().bytes());
        return Err(EngineError::Size { what: "a resident image", expected, found, geometry });
    }
    let (last, earlier) = loaded.split(resident, refs);
    let together = if last.gathers() { refs.len() as u64 } else { refs.len().min(1) as u64 };
    match earlier.iter().map(|step| step.image_bytes(geometry) * together).find(|&bytes| bytes > gpu.limit) {
        Some(bytes) => Err(gpu.too_large("images between two steps", bytes)),
        None => Ok(()),
    }
}

/// Encodes the work of [`floats`]. The caller has checked it, and holds an error scope.
pub(super) fn encode_floats(
    gpu: &Gpu,
    loaded: &LoadedProgram,
    resident: &Resident,
    refs: &[ImageRef],
    output: &wgpu::BindingResource<'_>,
    encoder: &mut wgpu::CommandEncoder,
) {
    let geometry = loaded.geometry;
    let (last, earlier) = loaded.split(resident, refs);
    // Between two steps an image may take much more than its samples, such as its own plan. A batch that exceeds one
    // binding there goes in parts.
    let widest = earlier.iter().map(|step| step.image_bytes(geometry)).max().unwrap_or(1);
    let part = if last.gathers() { refs.len() } else { (gpu.limit / widest).min(refs.len() as u64) as usize };
    for (number, refs) in refs.chunks(part.max(1)).enumerate() {
        let first = (number * part) as u32;
        let mut records = ImageRecord::of(refs);
        let mut in_order = records.clone();
        in_order.iter_mut().for_each(ImageRecord::advance);
        let mut between: Option<wgpu::Buffer> = None;
        for step in &earlier {
            let written = gpu.buffer(step.image_bytes(geometry) * refs.len() as u64, wgpu::BufferUsages::STORAGE);
            match &between {
                None => pages(gpu, geometry, *step, resident, &records, Output::Words(&written), encoder),
                Some(before) => encode(gpu, geometry, *step, before, &in_order, Output::Words(&written), encoder),
            }
            between = Some(written);
        }
        // Only the output holds all parts.
        records.iter_mut().chain(&mut in_order).for_each(|record| record.slot += first);
        match &between {
            None => pages(gpu, geometry, last, resident, &records, Output::Floats(output), encoder),
            Some(before) => encode(gpu, geometry, last, before, &in_order, Output::Floats(output), encoder),
        }
    }
}

/// Encodes a copy of resident images, unchanged, into a buffer. The caller holds an error scope.
#[cfg(not(target_family = "wasm"))]
pub(super) fn lay_out(
    gpu: &Gpu,
    resident: &Resident,
    refs: &[ImageRef],
    output: &wgpu::Buffer,
    encoder: &mut wgpu::CommandEncoder,
) {
    pages(gpu, resident.geometry(), &COPY, resident, &ImageRecord::of(refs), Output::Words(output), encoder);
}

/// Encodes a loaded program that does not mix, bytes to bytes. The first of the two buffers holds the images in the
/// order of the references. Every step reads one buffer and writes the other. Returns the buffer that the last step
/// writes. The caller holds an error scope.
pub(super) fn bytes<'a>(
    gpu: &Gpu,
    loaded: &LoadedProgram,
    [mut from, mut to]: [&'a wgpu::Buffer; 2],
    refs: &[ImageRef],
    encoder: &mut wgpu::CommandEncoder,
) -> &'a wgpu::Buffer {
    let mut records = ImageRecord::of(refs);
    records.iter_mut().for_each(|record| record.index = record.slot);
    for step in loaded.steps(refs) {
        encode(gpu, loaded.geometry, step, from, &records, Output::Words(to), encoder);
        records.iter_mut().for_each(ImageRecord::advance);
        (from, to) = (to, from);
    }
    from
}

/// Encodes one step on the resident set: a dispatch for each page that the records touch.
fn pages(
    gpu: &Gpu,
    geometry: Geometry,
    step: &dyn GpuStep,
    resident: &Resident,
    all: &[ImageRecord],
    output: Output<'_>,
    encoder: &mut wgpu::CommandEncoder,
) {
    for (number, page) in resident.pages.iter().enumerate() {
        let first = number * resident.per_page;
        let here = first..first.saturating_add(resident.per_page);
        let records: Vec<ImageRecord> = all
            .iter()
            .filter(|record| here.contains(&(record.index as usize)))
            .map(|record| record.moved_to(record.index - first as u32))
            .collect();
        if !records.is_empty() {
            encode(gpu, geometry, step, page, &records, output, encoder);
        }
    }
}
