//! How long work takes on the device: by its own clock where it can stamp times into a command buffer, else by the host's, over
//! many repetitions in one submission.

use super::device::Gpu;
use super::program::{self, LoadedProgram};
use super::resident::Resident;
use crate::engine::EngineError;
use crate::engine::image_ref::{ImageRef, check_refs, outputs};
use crate::engine::program::Program;
use std::time::Instant;

/// A time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timed {
    /// Of one repetition.
    pub seconds: f64,
    /// Whether the device's clock told it; else the host's, which counts the submission too.
    pub by_device: bool,
}

const STORAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

impl Gpu {
    /// A copy of so many bytes from one buffer to another.
    ///
    /// # Errors
    /// When there is no room, or the device fails.
    pub fn time_copy(&self, bytes: u64, repeats: u32) -> Result<Timed, EngineError> {
        let [from, to] = self.pair(bytes)?;
        self.time(repeats, |encoder| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, bytes))
    }

    /// Sends these bytes to the device. Always by the host's clock.
    ///
    /// # Errors
    /// As [`Gpu::time_copy`].
    pub fn time_upload(&self, bytes: &[u8], repeats: u32) -> Result<Timed, EngineError> {
        let [to, _] = self.pair(bytes.len() as u64)?;
        let begun = Instant::now();
        for _ in 0..repeats {
            self.guarded("uploading", || {
                self.queue.write_buffer(&to, 0, bytes);
                self.queue.submit([]);
            })?;
            self.wait()?;
        }
        Ok(Timed { seconds: begun.elapsed().as_secs_f64() / f64::from(repeats), by_device: false })
    }

    /// Fetches so many bytes from the device. Always by the host's clock.
    ///
    /// # Errors
    /// As [`Gpu::time_copy`].
    pub fn time_readback(&self, bytes: u64, repeats: u32) -> Result<Timed, EngineError> {
        let [from, _] = self.pair(bytes)?;
        let mut kept = vec![0u8; bytes as usize];
        let begun = Instant::now();
        for _ in 0..repeats {
            self.read(&from, bytes, |data| kept.copy_from_slice(data))?;
        }
        Ok(Timed { seconds: begun.elapsed().as_secs_f64() / f64::from(repeats), by_device: false })
    }

    /// A program, bytes to bytes, on images that lie on the device, where they stay: without sending or fetching.
    ///
    /// # Errors
    /// As [`Gpu::time_copy`], and for images that do not fit a binding.
    pub fn time_bytes(
        &self,
        (program, loaded): (&Program, &LoadedProgram),
        samples: &[u8],
        refs: &[ImageRef],
        repeats: u32,
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
        self.time(repeats, |encoder| {
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
        repeats: u32,
    ) -> Result<Timed, EngineError> {
        let geometry = program.geometry();
        let resident = Resident::upload(self, geometry, samples)?;
        let bytes = (geometry.samples() * outputs(program, refs)? * size_of::<f32>()) as u64;
        self.check_binding("a batch of floats", bytes)?;
        let [output, _] = self.pair(bytes)?;
        let output = output.as_entire_binding();
        program::check_floats(self, program, loaded, &resident, refs)?;
        self.time(repeats, |encoder| program::encode_floats(self, loaded, &resident, refs, &output, encoder))
    }

    /// A dispatch that does next to nothing.
    ///
    /// # Errors
    /// As [`Gpu::time_copy`].
    pub fn time_dispatch(&self, repeats: u32) -> Result<Timed, EngineError> {
        let geometry = crate::image::Geometry::new(1, 1, 1).map_err(|e| self.failed("timing", e.to_string()))?;
        let program = Program::identity(geometry);
        let loaded = LoadedProgram::new(self, &program)?;
        self.time_bytes((&program, &loaded), &[0], &ImageRef::all(1), repeats)
    }

    fn pair(&self, bytes: u64) -> Result<[wgpu::Buffer; 2], EngineError> {
        self.guarded("making room for timing", || [self.buffer(bytes, STORAGE), self.buffer(bytes, STORAGE)])
    }

    /// Times what `encode` encodes, so many times in one submission, once more before that.
    fn time(&self, repeats: u32, encode: impl Fn(&mut wgpu::CommandEncoder)) -> Result<Timed, EngineError> {
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
        // Compiles the pipelines, and wakes the device up.
        self.guarded(doing, || self.queue.submit([submit(1, None).finish()]))?;
        self.wait()?;
        let needed = wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS;
        // A software adapter's stamps tell when commands were recorded or finished, not how long they took.
        if self.is_software() || !self.device.features().contains(needed) {
            let begun = Instant::now();
            self.guarded(doing, || self.queue.submit([submit(repeats, None).finish()]))?;
            self.wait()?;
            return Ok(Timed { seconds: begun.elapsed().as_secs_f64() / f64::from(repeats), by_device: false });
        }
        let stamps = self.guarded(doing, || {
            let stamps = self.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("imgveil times"),
                ty: wgpu::QueryType::Timestamp,
                count: 2,
            });
            let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
            let ticks = self.buffer(16, usage);
            let mut encoder = submit(repeats, Some(&stamps));
            encoder.resolve_query_set(&stamps, 0..2, &ticks, 0);
            self.queue.submit([encoder.finish()]);
            ticks
        })?;
        let mut ticks = [0u64; 2];
        self.read(&stamps, 16, |data| bytemuck::cast_slice_mut(&mut ticks).copy_from_slice(data))?;
        let nanoseconds = ticks[1].saturating_sub(ticks[0]) as f64 * f64::from(self.queue.get_timestamp_period());
        Ok(Timed { seconds: nanoseconds / 1e9 / f64::from(repeats), by_device: true })
    }
}
