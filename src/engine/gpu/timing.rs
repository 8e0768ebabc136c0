//! How long work takes on the device: by its own clock where it can stamp times into a command buffer, else by the
//! host's, over many repetitions in one submission.
//!
//! A GPU at rest lowers its clocks within milliseconds, and takes longer than that to raise them again. So what is
//! timed is prepared once, runs without a break until the device is warm, and goes on without a break while samples are
//! taken.

use super::device::Gpu;
use super::dispatch::Params;
use super::kernel::{COPY_VECTORS, COPY_WORDS, MAX_GROUPS, WORDS};
use super::program::{self, LoadedProgram};
use super::resident::Resident;
use crate::engine::EngineError;
use crate::engine::checks::{check_refs, outputs};
use crate::engine::image_ref::ImageRef;
use crate::engine::program::Program;
use std::time::Instant;

/// The fewest samples of a figure.
const FEWEST_SAMPLES: usize = 5;
/// About how long one submission takes, in seconds: long beside the cost of submitting it.
const SUBMISSION: f64 = 0.005;
/// How long a GPU works before it is timed, in seconds, at least. An NVIDIA H100 takes more than 0.15 s to raise its
/// clocks from 345 MHz to 1980 MHz, and times below that are steady and wrong.
const WARM_UP: f64 = 0.5;
/// The most repetitions in one submission.
const MOST_REPEATS: f64 = 64.0;

/// Times of one repetition, one or more.
#[derive(Clone, Debug, PartialEq)]
pub struct Timed {
    /// Seconds, rising.
    samples: Vec<f64>,
    /// Whether the device's clock told them; else the host's, which counts the submission too.
    pub by_device: bool,
}

impl Timed {
    /// Takes samples, of which there must be one at least.
    pub fn new(mut samples: Vec<f64>, by_device: bool) -> Self {
        samples.sort_by(f64::total_cmp);
        Self { samples, by_device }
    }

    /// Samples of `once`, which gives seconds by the host's clock: until `seconds` have passed, and at least five.
    ///
    /// # Errors
    /// Those of `once`.
    pub fn sampled<E>(seconds: f64, mut once: impl FnMut() -> Result<f64, E>) -> Result<Self, E> {
        let begun = Instant::now();
        let mut samples = Vec::new();
        while samples.len() < FEWEST_SAMPLES || begun.elapsed().as_secs_f64() < seconds {
            samples.push(once()?);
        }
        Ok(Self::new(samples, false))
    }

    /// The times of `once` by the host's clock, as [`Timed::sampled`]. The first run is not counted.
    ///
    /// # Errors
    /// Those of `once`.
    pub fn by_host<E>(seconds: f64, mut once: impl FnMut() -> Result<(), E>) -> Result<Self, E> {
        once()?;
        Self::sampled(seconds, || {
            let begun = Instant::now();
            once()?;
            Ok(begun.elapsed().as_secs_f64())
        })
    }

    /// The median, in seconds.
    pub fn seconds(&self) -> f64 {
        self.at(0.5)
    }

    /// How far the samples are apart: from the first quartile to the third, as a share of the median.
    pub fn spread(&self) -> f64 {
        (self.at(0.75) - self.at(0.25)) / self.seconds()
    }

    fn at(&self, share: f64) -> f64 {
        self.samples.get((self.samples.len() as f64 * share) as usize).copied().unwrap_or(f64::NAN)
    }
}

/// A copy that a device's work is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copy {
    /// The driver's own, from buffer to buffer.
    Driver,
    /// A kernel that copies vectors of 16 bytes.
    Vectors,
    /// A kernel that copies words of 4 bytes.
    Words,
}

const STORAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

impl Gpu {
    /// A copy of so many bytes from one buffer to another, for about `seconds` seconds.
    ///
    /// # Errors
    /// When there is no room, or the device fails.
    pub fn time_copy(&self, bytes: u64, copy: Copy, seconds: f64) -> Result<Timed, EngineError> {
        let bytes = bytes.next_multiple_of(16);
        let [from, to] = self.pair(bytes)?;
        let (kernel, each) = match copy {
            Copy::Driver => {
                return self.time(seconds, |encoder| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes));
            }
            Copy::Vectors => (&COPY_VECTORS, 16),
            Copy::Words => (&COPY_WORDS, 4),
        };
        self.check_binding("a copy", bytes)?;
        let [x, y, z] = grid_of_copies(bytes / each);
        let (pipeline, group) = self.guarded("making a copy", || {
            let pipeline = self.pipelines.get(&self.device, kernel, Vec::new());
            let params = self.sent(bytemuck::bytes_of(&Params::default()), wgpu::BufferUsages::UNIFORM);
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(kernel.name),
                layout: &pipeline.get_bind_group_layout(0),
                entries: &[(0, &params), (1, &from), (2, self.placeholder()), (WORDS, &to)]
                    .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() }),
            });
            (pipeline, group)
        })?;
        self.time(seconds, |encoder| {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&pipeline);
            pass.set_bind_group(0, &group, &[]);
            pass.dispatch_workgroups(x, y, z);
        })
    }

    /// Sends these bytes to the device, for about `seconds` seconds. Always by the host's clock.
    ///
    /// # Errors
    /// As [`Gpu::time_copy`].
    pub fn time_upload(&self, bytes: &[u8], seconds: f64) -> Result<Timed, EngineError> {
        let [to, _] = self.pair(bytes.len() as u64)?;
        Timed::by_host(seconds, || {
            self.guarded("uploading", || {
                self.queue.write_buffer(&to, 0, bytes);
                self.queue.submit([]);
            })?;
            self.wait()
        })
    }

    /// Fetches so many bytes from the device, for about `seconds` seconds. Always by the host's clock.
    ///
    /// # Errors
    /// As [`Gpu::time_copy`].
    pub fn time_readback(&self, bytes: u64, seconds: f64) -> Result<Timed, EngineError> {
        let [from, _] = self.pair(bytes)?;
        let mut kept = vec![0u8; bytes as usize];
        Timed::by_host(seconds, || self.read(&from, bytes, |data| kept.copy_from_slice(data)))
    }

    /// A program, bytes to bytes, on images that lie on the device, where they stay: without sending or fetching. For
    /// about `seconds` seconds.
    ///
    /// # Errors
    /// As [`Gpu::time_copy`], and for images that do not fit a binding.
    pub fn time_bytes(
        &self,
        (program, loaded): (&Program, &LoadedProgram),
        samples: &[u8],
        refs: &[ImageRef],
        seconds: f64,
    ) -> Result<Timed, EngineError> {
        let geometry = program.geometry();
        check_refs(program, refs, samples.len() / geometry.bytes())?;
        let resident = Resident::upload(self, geometry, samples)?;
        let bytes = loaded.widest() * refs.len() as u64;
        self.check_binding("a batch", bytes)?;
        let [from, to] = self.pair(bytes)?;
        // Every image begins at a word there too.
        self.guarded("laying images out", || {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            program::lay_out(self, &resident, refs, &from, &mut encoder);
            self.queue.submit([encoder.finish()]);
        })?;
        self.time(seconds, |encoder| {
            program::bytes(self, loaded, [&from, &to], refs, encoder);
        })
    }

    /// A program, bytes to normalised floats, from images that lie on the device into memory there.
    ///
    /// # Errors
    /// As [`Gpu::time_bytes`].
    pub fn time_floats(
        &self,
        (program, loaded): (&Program, &LoadedProgram),
        samples: &[u8],
        refs: &[ImageRef],
        seconds: f64,
    ) -> Result<Timed, EngineError> {
        let geometry = program.geometry();
        let resident = Resident::upload(self, geometry, samples)?;
        let bytes = (geometry.samples() * outputs(program, refs)? * size_of::<f32>()) as u64;
        self.check_binding("a batch of floats", bytes)?;
        let [output, _] = self.pair(bytes)?;
        let output = output.as_entire_binding();
        program::check_floats(self, program, loaded, &resident, refs)?;
        self.time(seconds, |encoder| program::encode_floats(self, loaded, &resident, refs, &output, encoder))
    }

    /// A dispatch that does next to nothing.
    ///
    /// # Errors
    /// As [`Gpu::time_copy`].
    pub fn time_dispatch(&self, seconds: f64) -> Result<Timed, EngineError> {
        let geometry = crate::image::Geometry::new(1, 1, 1).map_err(|e| self.failed("timing", e.to_string()))?;
        let program = Program::identity(geometry);
        let loaded = LoadedProgram::new(self, &program)?;
        self.time_bytes((&program, &loaded), &[0], &ImageRef::all(1), seconds)
    }

    fn pair(&self, bytes: u64) -> Result<[wgpu::Buffer; 2], EngineError> {
        self.guarded("making room for timing", || [self.buffer(bytes, STORAGE), self.buffer(bytes, STORAGE)])
    }

    /// Times what `encode` encodes, for about `seconds` seconds, and before that until the device is warm.
    fn time(&self, seconds: f64, encode: impl Fn(&mut wgpu::CommandEncoder)) -> Result<Timed, EngineError> {
        let doing = "timing";
        let submit = |repeats: u32, stamps: Option<&wgpu::QuerySet>| {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            if let Some(stamps) = stamps {
                encoder.write_timestamp(stamps, 0);
            }
            (0..repeats).for_each(|_| encode(&mut encoder));
            if let Some(stamps) = stamps {
                encoder.write_timestamp(stamps, 1);
            }
            encoder
        };
        let run = |repeats: u32| -> Result<f64, EngineError> {
            let begun = Instant::now();
            self.guarded(doing, || self.queue.submit([submit(repeats, None).finish()]))?;
            self.wait()?;
            Ok(begun.elapsed().as_secs_f64())
        };
        // The first run compiles the pipelines.
        run(1)?;
        let repeats = (SUBMISSION / run(1)?).clamp(1.0, MOST_REPEATS) as u32;
        // A software adapter has no clocks of its own to raise.
        let warm_up = if self.is_software() { seconds / 2.0 } else { WARM_UP.max(seconds / 2.0) };
        let begun = Instant::now();
        while begun.elapsed().as_secs_f64() < warm_up {
            run(repeats)?;
        }
        let needed = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS;
        // A software adapter's stamps tell when commands were recorded or finished, not how long they took.
        if self.is_software() || !self.device.features().contains(needed) {
            return Timed::sampled(seconds, || Ok(run(repeats)? / f64::from(repeats)));
        }
        let (stamps, ticks) = self.guarded(doing, || {
            let stamps = self.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("imgveil times"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            });
            (stamps, self.buffer(16, wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC))
        })?;
        let timed = Timed::sampled(seconds, || {
            self.guarded(doing, || {
                let mut encoder = submit(repeats, Some(&stamps));
                encoder.resolve_query_set(&stamps, 0..2, &ticks, 0);
                self.queue.submit([encoder.finish()]);
            })?;
            let mut read = [0u64; 2];
            self.read(&ticks, 16, |data| bytemuck::cast_slice_mut(&mut read).copy_from_slice(data))?;
            let nanoseconds = read[1].saturating_sub(read[0]) as f64 * f64::from(self.queue.get_timestamp_period());
            Ok(nanoseconds / 1e9 / f64::from(repeats))
        })?;
        Ok(Timed { by_device: true, ..timed })
    }
}

/// The grid of a copy: workgroups along x, and rows of them along y where they are more than one dimension holds.
fn grid_of_copies(pieces: u64) -> [u32; 3] {
    // 256 invocations of two pieces each.
    let groups = pieces.div_ceil(512);
    let x = groups.clamp(1, MAX_GROUPS);
    [x as u32, groups.div_ceil(x) as u32, 1]
}
