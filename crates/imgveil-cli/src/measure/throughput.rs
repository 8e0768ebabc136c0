//! The throughput of schemes on a device, in images and bytes per second.

use super::ceilings::{Ceiling, fastest_copy};
use super::from_disk::from_disk;
use crate::error::Error;
use crate::exit::Failure;
use imgveil::internal::engine::WEIGHT_ONE;
use imgveil::internal::engine::gpu::Timed;
use imgveil::internal::engine::{Device, EngineError, ImageRef, Loaded};
use imgveil::internal::image::Geometry;
use imgveil::internal::key::Key;
use imgveil::internal::schedule::ImageId;
use imgveil::internal::scheme::{CompileError, Scheme, compile};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::path::PathBuf;

/// Where images are read from and written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// Bytes to bytes, both in the device's memory.
    #[serde(rename = "bytes to bytes")]
    Bytes,
    /// Bytes to a network's input, both in the device's memory.
    #[serde(rename = "bytes to floats")]
    Floats,
    /// Bytes to bytes, both in the host's memory.
    #[serde(rename = "from memory to memory")]
    Memory,
    /// A set from disk to disk, as a whole job.
    #[serde(rename = "from disk to disk")]
    Disk,
}

impl Way {
    /// The name in tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Bytes => "bytes to bytes",
            Self::Floats => "bytes to floats",
            Self::Memory => "memory to memory",
            Self::Disk => "disk to disk",
        }
    }
}

/// The figures of one scheme on images of one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The scheme and its options.
    pub scheme: String,
    /// The images.
    pub geometry: String,
    /// Where they are read from and written to.
    pub way: Way,
    /// Images per batch.
    pub images: usize,
    /// Images per second.
    pub images_per_second: f64,
    /// Bytes of samples read and of output written, in GiB per second.
    pub gib_per_second: f64,
    /// Percent of the device's fastest copy (bytes to bytes), or of the same conversion with `none` (bytes to floats).
    pub percent: Option<f64>,
    /// Whether the time was measured by the device's own clock.
    pub by_device: bool,
    /// The spread of the samples: from the first quartile to the third, in percent of the median.
    #[serde(default)]
    pub spread: Option<f64>,
}

/// How many images are compared with those of the CPU engine before anything is timed.
const COMPARED: usize = 20;

/// How much to measure.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Approximate bytes of samples per batch.
    pub bytes: usize,
    /// Approximate seconds for each figure.
    pub seconds: f64,
    /// The folder for measurements from disk to disk, if they are wanted. Everything there is removed afterwards.
    pub folder: Option<PathBuf>,
}

/// Measures a scheme on images of one size. Leaves out what the scheme cannot do. `plain` are the rows of `none` on the
/// same images, if it was measured.
///
/// # Errors
/// When the device fails, or its output differs from that of the CPU engine.
pub fn measure(
    device: &Device,
    (name, scheme): &(String, Scheme),
    geometry: Geometry,
    extent: &Extent,
    ceilings: &[Ceiling],
    plain: &[Row],
) -> Result<Measured, Failure> {
    match rows(device, name, scheme, geometry, extent, ceilings, plain) {
        Ok(rows) => Ok(Measured::Rows(rows)),
        Err(Stop::LeftOut(why)) => Ok(Measured::LeftOut(why)),
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// The result of measuring a scheme on images of one size.
pub enum Measured {
    Rows(Vec<Row>),
    /// The scheme does not fit the images, or the device has no room for them. Holds the reason.
    LeftOut(String),
}

/// Why measuring ended early.
enum Stop {
    LeftOut(String),
    Failed(Failure),
}

impl From<CompileError> for Stop {
    fn from(error: CompileError) -> Self {
        Self::LeftOut(error.to_string())
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        if matches!(error, EngineError::TooLarge { .. }) {
            Self::LeftOut(error.to_string())
        } else {
            Self::Failed(error.into())
        }
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn rows(
    device: &Device,
    name: &str,
    scheme: &Scheme,
    geometry: Geometry,
    extent: &Extent,
    ceilings: &[Ceiling],
    plain: &[Row],
) -> Result<Vec<Row>, Stop> {
    let Extent { bytes, seconds, ref folder } = *extent;
    let program = compile(scheme, &Key::from_bytes([7; 32]), geometry)?;
    let group = program.mixing().map_or(1, |mixing| mixing.images as usize);
    let images = (bytes / geometry.bytes()).max(COMPARED) / group * group;
    let samples: Vec<u8> =
        (0..images * geometry.bytes()).map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let refs: Vec<ImageRef> = ImageRef::all(images)
        .into_iter()
        .map(|image| image.with_id(ImageId(u64::from(image.index).to_le_bytes())).weighted(WEIGHT_ONE / group as u32))
        .collect();
    let loaded = Loaded::new(device, program.clone())?;
    let subject = Subject { loaded, geometry, samples: &samples, refs: &refs, group };
    let mut rows = Vec::new();
    let mut add = |way: Way, timed: &Timed, images: usize| {
        let seconds = timed.seconds();
        let outputs = images / group;
        let output = match way {
            Way::Floats => 4 * geometry.samples(),
            Way::Bytes | Way::Memory | Way::Disk => geometry.bytes(),
        };
        let moved = (images * geometry.bytes() + outputs * output) as f64;
        let gib_per_second = moved / seconds / f64::from(1 << 30);
        let images_per_second = outputs as f64 / seconds;
        let percent = match way {
            Way::Bytes => fastest_copy(device, ceilings).map(|copy| 100.0 * gib_per_second / copy),
            Way::Floats => {
                let plain = plain.iter().find(|row| row.way == way && row.geometry == geometry.to_string());
                plain.map(|plain| 100.0 * images_per_second / plain.images_per_second)
            }
            Way::Memory | Way::Disk => None,
        };
        let (scheme, geometry) = (name.to_owned(), geometry.to_string());
        rows.push(Row {
            scheme,
            geometry,
            way,
            images: outputs,
            images_per_second,
            gib_per_second,
            percent,
            by_device: timed.by_device,
            spread: Some(100.0 * timed.spread()),
        });
    };
    if program.mixing().is_none() {
        subject.compare(name, Way::Bytes)?;
        let (timed, images) = subject.bytes(seconds)?;
        add(Way::Bytes, &timed, images);
        if device.gpu().is_some() {
            add(Way::Memory, &subject.memory(seconds)?, refs.len());
        }
    }
    subject.compare(name, Way::Floats)?;
    let (timed, images) = subject.floats(seconds)?;
    add(Way::Floats, &timed, images);
    if let Some(folder) = folder
        && program.mixing().is_none()
    {
        add(Way::Disk, &from_disk(device, scheme, geometry, &samples, folder, seconds)?, refs.len());
    }
    Ok(rows)
}

/// The scheme, images and device of a measurement.
struct Subject<'a> {
    loaded: Loaded,
    geometry: Geometry,
    samples: &'a [u8],
    refs: &'a [ImageRef],
    /// How many images make one output: more than one if the scheme mixes images.
    group: usize,
}

impl Subject<'_> {
    /// Compares the device's output with that of the CPU engine. The CPU engine gets one image at a time, so that it
    /// takes a different path through the program than for a batch.
    fn compare(&self, name: &str, way: Way) -> Result<(), Stop> {
        let geometry = self.geometry;
        let cpu = Loaded::new(&Device::cpu(), self.loaded.program().clone())?;
        let count = (COMPARED / self.group).max(1) * self.group;
        let refs = &self.refs[..count.min(self.refs.len())];
        let samples = &self.samples[..refs.len() * geometry.bytes()];
        let outputs = refs.len() / self.group;
        let equal = match way {
            Way::Floats => {
                let size = geometry.samples();
                let (mut found, mut expected) = (vec![0.0f32; outputs * size], vec![0.0f32; outputs * size]);
                self.loaded.floats(samples, refs, &mut found)?;
                for (output, refs) in expected.chunks_exact_mut(size).zip(refs.chunks_exact(self.group)) {
                    cpu.floats(samples, refs, output)?;
                }
                found.iter().map(|x| x.to_bits()).eq(expected.iter().map(|x| x.to_bits()))
            }
            Way::Bytes | Way::Memory | Way::Disk => {
                let size = geometry.bytes();
                let (mut found, mut expected) = (vec![0; outputs * size], vec![0; outputs * size]);
                self.loaded.bytes(samples, refs, &mut found)?;
                for (output, image_ref) in expected.chunks_exact_mut(size).zip(refs) {
                    cpu.bytes(samples, std::slice::from_ref(image_ref), output)?;
                }
                found == expected
            }
        };
        if equal { Ok(()) } else { Err(Failure::from(Error::wrong_output(name, geometry, way.words())).into()) }
    }

    /// How many images of `each` bytes fit a binding of `limit` bytes, as whole groups.
    fn fitting(&self, limit: u64, each: usize) -> usize {
        let images = self.refs.len().min((limit / each.max(1) as u64) as usize);
        (images / self.group).max(1) * self.group
    }

    fn bytes(&self, seconds: f64) -> Result<(Timed, usize), EngineError> {
        let Some(gpu) = self.loaded.device().gpu() else { return Ok((self.memory(seconds)?, self.refs.len())) };
        let size = self.geometry.bytes();
        let images = self.fitting(gpu.binding_limit(), size.next_multiple_of(4));
        let timed = self.loaded.time_bytes(&self.samples[..images * size], &self.refs[..images], seconds)?;
        Ok((timed.unwrap_or_else(not_timed), images))
    }

    fn floats(&self, seconds: f64) -> Result<(Timed, usize), EngineError> {
        let size = self.geometry.samples();
        let Some(gpu) = self.loaded.device().gpu() else {
            let mut output = vec![0.0; self.refs.len() / self.group * size];
            let timed = Timed::by_host(seconds, || {
                self.loaded.floats(black_box(self.samples), self.refs, black_box(&mut output))
            })?;
            return Ok((timed, self.refs.len()));
        };
        let images = self.fitting(gpu.binding_limit(), 4 * size / self.group);
        let samples = &self.samples[..images * self.geometry.bytes()];
        let timed = self.loaded.time_floats(samples, &self.refs[..images], seconds)?;
        Ok((timed.unwrap_or_else(not_timed), images))
    }

    /// Times a batch from the host's memory to the host's memory.
    fn memory(&self, seconds: f64) -> Result<Timed, EngineError> {
        let mut output = vec![0; self.refs.len() * self.geometry.bytes()];
        Timed::by_host(seconds, || self.loaded.bytes(black_box(self.samples), self.refs, black_box(&mut output)))
    }
}

/// The result for a program on the CPU.
fn not_timed() -> Timed {
    Timed::new(Vec::new(), false)
}
