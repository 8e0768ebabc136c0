//! A program on a device.

use super::cpu;
use super::device::Device;
use super::error::EngineError;
use super::image_ref::ImageRef;
use super::program::Program;
use std::sync::Arc;

#[cfg(feature = "gpu")]
use {
    super::checks::{check, check_bytes, outputs},
    super::gpu::device::Gpu,
    super::gpu::program::{self, LoadedProgram},
    super::gpu::resident::Resident,
    super::gpu::staging::{self, UnderWay},
};

#[cfg(all(feature = "gpu", not(target_family = "wasm")))]
use {super::gpu::ring::SLOTS, std::collections::VecDeque};

/// A program on a device. Its tables are sent when they are first used and stay there. Clones share them.
///
/// The images follow each other in memory, (N, H, W, C). A 16-bit sample is two bytes, the less significant one first.
/// A program that mixes takes its references in groups of `Mixing::images`, one group per output image: first the image
/// itself, whose id gives the signs, then its partners. Such a program gives floats only.
#[derive(Clone)]
pub struct Loaded {
    device: Device,
    program: Arc<Program>,
    #[cfg(feature = "gpu")]
    on_gpu: Option<Arc<LoadedProgram>>,
}

impl Loaded {
    /// Loads a program.
    ///
    /// # Errors
    /// When its tables exceed the device's limits.
    pub fn new(device: &Device, program: impl Into<Arc<Program>>) -> Result<Self, EngineError> {
        let program = program.into();
        Ok(Self {
            #[cfg(feature = "gpu")]
            on_gpu: match device.gpu() {
                Some(gpu) => Some(Arc::new(LoadedProgram::new(gpu, &program)?)),
                None => None,
            },
            device: device.clone(),
            program,
        })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Starts the program on a batch, bytes to bytes. A GPU copies the images and returns; the CPU engine does all the
    /// work before it returns. The result reuses the memory of `input` if nothing else reads it any more, so that a job
    /// can reuse a few vectors.
    ///
    /// Batches may be started from any thread and waited for in any order. Each running batch takes memory of its own.
    ///
    /// # Errors
    /// When sizes do not match, a reference is out of range or has no id where one is needed, or the device fails.
    pub fn begin(&self, input: Vec<u8>, refs: &[ImageRef]) -> Result<Pending, EngineError> {
        #[cfg(feature = "gpu")]
        if let Some((gpu, loaded)) = self.on_gpu() {
            check_bytes(&self.program, input.len(), refs, self.program.geometry().bytes() * refs.len())?;
            if refs.is_empty() {
                return Ok(Pending(State::Done(Vec::new())));
            }
            if refs.len() > staging::images_of_a_slot(gpu, loaded)? {
                // If the batch ran in parts, the result of one part could overwrite images that a later part reads.
                return Ok(Pending(State::InParts { loaded: self.clone(), input, refs: refs.to_vec() }));
            }
            let batch = staging::begin(gpu, loaded, &input, refs)?;
            return Ok(Pending(State::UnderWay { batch, memory: input }));
        }
        Ok(Pending(State::Done(cpu::owned(&self.program, input, refs)?)))
    }

    /// Bytes to bytes: the result of every reference goes to `output`, in the order of the references.
    ///
    /// # Errors
    /// As [`Loaded::begin`].
    #[cfg(not(target_family = "wasm"))]
    pub fn bytes(&self, input: &[u8], refs: &[ImageRef], output: &mut [u8]) -> Result<(), EngineError> {
        #[cfg(feature = "gpu")]
        if let Some((gpu, loaded)) = self.on_gpu() {
            check_bytes(&self.program, input.len(), refs, output.len())?;
            let size = self.program.geometry().bytes();
            let per_part = staging::images_of_a_slot(gpu, loaded)?;
            let mut parts = VecDeque::new();
            for (refs, output) in refs.chunks(per_part).zip(output.chunks_mut(per_part * size)) {
                parts.push_back((staging::begin(gpu, loaded, input, refs)?, output));
                if parts.len() == SLOTS
                    && let Some((part, output)) = parts.pop_front()
                {
                    part.wait(output)?;
                }
            }
            return parts.into_iter().try_for_each(|(part, output)| part.wait(output));
        }
        cpu::bytes(&self.program, input, refs, output)
    }

    /// Bytes to normalised floats `(2p - max) / max`, planar (N, C, H, W), the input of networks.
    ///
    /// # Errors
    /// As [`Loaded::begin`].
    #[cfg(not(target_family = "wasm"))]
    pub fn floats(&self, input: &[u8], refs: &[ImageRef], output: &mut [f32]) -> Result<(), EngineError> {
        #[cfg(feature = "gpu")]
        if let Some((gpu, _)) = self.on_gpu() {
            let parts = self.begin_floats(input, refs, output)?;
            return parts.into_iter().try_for_each(|part| {
                let (buffer, output) = part.run(self)?;
                gpu.read(&buffer, size_of_val(output) as u64, |data| copy_floats(data, output))
            });
        }
        cpu::floats(&self.program, input, refs, output)
    }

    /// As [`Loaded::floats`], without blocking.
    ///
    /// # Errors
    /// As [`Loaded::begin`].
    pub async fn floats_later(&self, input: &[u8], refs: &[ImageRef], output: &mut [f32]) -> Result<(), EngineError> {
        #[cfg(feature = "gpu")]
        if let Some((gpu, _)) = self.on_gpu() {
            for part in self.begin_floats(input, refs, output)? {
                let (buffer, output) = part.run(self)?;
                gpu.read_later(&buffer, size_of_val(output) as u64, |data| copy_floats(data, output)).await?;
            }
            return Ok(());
        }
        cpu::floats(&self.program, input, refs, output)
    }
}

#[cfg(feature = "gpu")]
impl Loaded {
    fn on_gpu(&self) -> Option<(&Arc<Gpu>, &LoadedProgram)> {
        self.device.gpu().zip(self.on_gpu.as_deref())
    }

    /// Runs the program on images of a resident set and writes normalised floats (N, C, H, W) to `output`: memory on
    /// the device that somebody else owns, such as a tensor's. Nothing is read back. Needs one dispatch for each step
    /// of the program (two for a block statistic) and each page of the set that the references touch.
    ///
    /// # Errors
    /// As [`Loaded::begin`]; also when the program is on the CPU.
    pub fn floats_into(
        &self,
        resident: &Resident,
        refs: &[ImageRef],
        output: wgpu::BindingResource<'_>,
    ) -> Result<(), EngineError> {
        outputs(&self.program, refs)?;
        let Some((gpu, loaded)) = self.on_gpu() else {
            return Err(EngineError::Device {
                device: self.device.name(),
                doing: "encrypting a batch",
                reason: "the images are on a GPU, and the program is not".to_owned(),
            });
        };
        program::floats(gpu, &self.program, loaded, resident, refs, &output)
    }

    /// How long the program takes on a GPU, bytes to bytes, on images that stay there. The measurement takes about
    /// `seconds` seconds. `None` on the CPU.
    ///
    /// # Errors
    /// As [`Loaded::begin`]; also when the images do not fit one binding.
    #[cfg(not(target_family = "wasm"))]
    pub fn time_bytes(
        &self,
        samples: &[u8],
        refs: &[ImageRef],
        seconds: f64,
    ) -> Result<Option<super::gpu::Timed>, EngineError> {
        let time = |(gpu, loaded): (&Arc<Gpu>, _)| gpu.time_bytes((&self.program, loaded), samples, refs, seconds);
        self.on_gpu().map(time).transpose()
    }

    /// How long the program takes on a GPU, bytes to normalised floats; images and floats stay there. `None` on the
    /// CPU.
    ///
    /// # Errors
    /// As [`Loaded::time_bytes`].
    #[cfg(not(target_family = "wasm"))]
    pub fn time_floats(
        &self,
        samples: &[u8],
        refs: &[ImageRef],
        seconds: f64,
    ) -> Result<Option<super::gpu::Timed>, EngineError> {
        let time = |(gpu, loaded): (&Arc<Gpu>, _)| gpu.time_floats((&self.program, loaded), samples, refs, seconds);
        self.on_gpu().map(time).transpose()
    }

    /// Splits a batch into parts whose floats fit one binding each.
    fn begin_floats<'a>(
        &self,
        input: &[u8],
        refs: &'a [ImageRef],
        output: &'a mut [f32],
    ) -> Result<Vec<FloatsPart<'a>>, EngineError> {
        let Some((gpu, _)) = self.on_gpu() else { return Ok(Vec::new()) };
        let geometry = self.program.geometry();
        let samples = geometry.samples();
        check(&self.program, input.len(), refs, output.len(), samples)?;
        let resident = Arc::new(Resident::upload(gpu, geometry, input)?);
        let per_part = (gpu.binding_limit() / (samples as u64 * 4)) as usize;
        if per_part == 0 {
            gpu.check_binding("one image of the batch", samples as u64 * 4)?;
        }
        let group = self.program.mixing().map_or(1, |mixing| mixing.images as usize);
        let part = |(refs, output)| FloatsPart { resident: resident.clone(), refs, output };
        Ok(refs.chunks(per_part * group).zip(output.chunks_mut(per_part * samples)).map(part).collect())
    }
}

/// A part of a batch whose floats are being made.
#[cfg(feature = "gpu")]
struct FloatsPart<'a> {
    resident: Arc<Resident>,
    refs: &'a [ImageRef],
    output: &'a mut [f32],
}

#[cfg(feature = "gpu")]
impl<'a> FloatsPart<'a> {
    /// Submits the work. Returns the buffer that it writes, and the destination of its contents.
    fn run(self, loaded: &Loaded) -> Result<(wgpu::Buffer, &'a mut [f32]), EngineError> {
        let Some(gpu) = loaded.device.gpu() else { return Err(EngineError::FloatsOnly) };
        let bytes = size_of_val(self.output) as u64;
        let written = gpu.guarded("making the output buffer", || {
            gpu.buffer(bytes, wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC)
        })?;
        loaded.floats_into(&self.resident, self.refs, written.as_entire_binding())?;
        Ok((written, self.output))
    }
}

#[cfg(feature = "gpu")]
fn copy_floats(data: &[u8], output: &mut [f32]) {
    bytemuck::cast_slice_mut(output).copy_from_slice(data);
}

/// A batch that was started. Dropping it discards the result.
#[must_use]
pub struct Pending(State);

enum State {
    Done(Vec<u8>),
    /// A batch on the device, and the memory for its result: the memory of its input.
    #[cfg(feature = "gpu")]
    UnderWay {
        batch: UnderWay,
        memory: Vec<u8>,
    },
    /// A batch that the device can only take in parts.
    #[cfg(feature = "gpu")]
    InParts {
        loaded: Loaded,
        input: Vec<u8>,
        refs: Vec<ImageRef>,
    },
}

impl Pending {
    /// Waits for the batch and returns its bytes.
    ///
    /// # Errors
    /// When the device fails, or does not answer in time.
    #[cfg(not(target_family = "wasm"))]
    pub fn wait(self) -> Result<Vec<u8>, EngineError> {
        match self.0 {
            State::Done(bytes) => Ok(bytes),
            #[cfg(feature = "gpu")]
            State::UnderWay { batch, mut memory } => {
                memory.resize(batch.bytes(), 0);
                batch.wait(&mut memory)?;
                Ok(memory)
            }
            #[cfg(feature = "gpu")]
            State::InParts { loaded, input, refs } => {
                let mut output = vec![0; refs.len() * loaded.program.geometry().bytes()];
                loaded.bytes(&input, &refs, &mut output)?;
                Ok(output)
            }
        }
    }

    /// As [`Pending::wait`], without blocking.
    ///
    /// # Errors
    /// As [`Pending::wait`].
    pub async fn ready(self) -> Result<Vec<u8>, EngineError> {
        match self.0 {
            State::Done(bytes) => Ok(bytes),
            #[cfg(feature = "gpu")]
            State::UnderWay { batch, mut memory } => {
                memory.resize(batch.bytes(), 0);
                batch.ready(&mut memory).await?;
                Ok(memory)
            }
            #[cfg(feature = "gpu")]
            State::InParts { loaded, input, refs } => loaded.bytes_in_parts(&input, &refs).await,
        }
    }
}

#[cfg(feature = "gpu")]
impl Loaded {
    /// Bytes to bytes, one part after the other, without blocking.
    async fn bytes_in_parts(&self, input: &[u8], refs: &[ImageRef]) -> Result<Vec<u8>, EngineError> {
        let size = self.program.geometry().bytes();
        let mut output = vec![0; refs.len() * size];
        if let Some((gpu, loaded)) = self.on_gpu() {
            let per_part = staging::images_of_a_slot(gpu, loaded)?;
            for (refs, output) in refs.chunks(per_part).zip(output.chunks_mut(per_part * size)) {
                staging::begin(gpu, loaded, input, refs)?.ready(output).await?;
            }
        }
        Ok(output)
    }
}
