//! Engines run programs on batches. [`CpuEngine`] and [`gpu::Gpu`] give the same bits; tests compare them for every
//! scheme. Never reads files, never knows a scheme's name.

mod cpu;
pub mod gpu;

pub use cpu::CpuEngine;

use crate::image::{Augmentation, Geometry};
use crate::plan::Program;
use crate::schedule::ImageId;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One image of a batch: which of the input's images, seen how, and its id for stages keyed per image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageRef {
    /// Number of the image in the input.
    pub index: u32,
    /// Augmentation, before the program.
    pub view: Augmentation,
    /// The stream of the image's view; only programs keyed per image look at it.
    pub id: ImageId,
    /// How much of the mixture it is, in units of 1 / [`WEIGHT_ONE`](crate::plan::WEIGHT_ONE); only programs that mix look at
    /// it.
    pub weight: u32,
}

impl ImageRef {
    /// Images `0..count` as they are, without ids.
    pub fn all(count: usize) -> Vec<ImageRef> {
        (0..count as u32).map(|index| ImageRef { index, ..ImageRef::default() }).collect()
    }
}

/// Runs programs on images in host memory. `Send` and `Sync` where there are threads.
///
/// A program that mixes takes its picks in groups of `Mixing::images`, each group one output image: the image itself, whose id
/// gives the signs, and its partners. It gives floats only.
pub trait Engine: wgpu::WasmNotSendSync {
    /// What runs it, for people: `CPU, 2 threads` or the adapter's name.
    fn name(&self) -> String;

    /// How many batches it pays to have begun and not waited for: 1 where an engine works as soon as it begins.
    fn in_flight(&self) -> usize;

    /// Begins a program on a batch; what [`Engine::bytes`] would write is what [`Pending::wait`] gives. A GPU copies the images
    /// and returns, the CPU does the whole work before it returns. The memory of `input` is that of the result wherever
    /// nothing else is read from it any more, so that a job can send a few vectors round and round.
    ///
    /// Batches may be begun from any thread and waited for in any order; each that is under way takes memory of its own.
    ///
    /// # Errors
    /// As [`Engine::bytes`].
    fn begin<'a>(
        &'a self,
        program: &Program,
        input: Vec<u8>,
        refs: &[ImageRef],
    ) -> Result<Box<dyn Pending + 'a>, EngineError>;

    /// Bytes to bytes. `input` holds images of the program's geometry one behind the other, interleaved, samples of 16 bits as
    /// two bytes, the less significant one first; the program of every pick goes to `output`, in the order of the picks, in
    /// the same form.
    ///
    /// # Errors
    /// When sizes do not fit each other, a pick is out of range, or the device fails.
    fn bytes(&self, program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [u8]) -> Result<(), EngineError>;

    /// Bytes to normalised floats `(2p - max) / max`, planar: (N, C, H, W), as networks want them.
    ///
    /// # Errors
    /// As [`Engine::bytes`].
    fn floats(&self, program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [f32])
    -> Result<(), EngineError>;
}

/// A batch that was begun. Whoever drops it does without its result.
#[must_use]
pub trait Pending: wgpu::WasmNotSend {
    /// Waits for the batch and gives its bytes.
    ///
    /// # Errors
    /// When the device fails.
    fn wait(self: Box<Self>) -> Result<Vec<u8>, EngineError>;
}

/// A batch that needs no waiting.
struct Done(Vec<u8>);

impl Pending for Done {
    fn wait(self: Box<Self>) -> Result<Vec<u8>, EngineError> {
        Ok(self.0)
    }
}

/// Why an engine could not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A buffer has the wrong size.
    #[error("{what} has a size of {found}, {expected} was expected for images of {geometry}")]
    Size {
        /// Which buffer, and what is counted.
        what: &'static str,
        /// The size expected (or what it must be a multiple of).
        expected: usize,
        /// The size found.
        found: usize,
        /// The program's geometry.
        geometry: Geometry,
    },
    /// A pick names an image that is not there.
    #[error("image {index} was asked for, but there are {images}")]
    Index {
        /// The pick's index.
        index: u32,
        /// Images in the input.
        images: usize,
    },
    /// A view that is not defined.
    #[error(
        "a view with an angle of {} hundredths of a degree and a brightness of {} does not go with an image of {geometry}: \
         turned images have sides and shifts of at most {} pixels, and brightness is -256 to 256",
        view.angle, view.brightness, Augmentation::TURNED_SIDE
    )]
    Augmentation {
        /// The view.
        view: Augmentation,
        /// The image.
        geometry: Geometry,
    },
    /// A program that mixes, and bytes wanted.
    #[error("a scheme that mixes images gives floats, and bytes were wanted")]
    FloatsOnly,
    /// No such device.
    #[error("{0}")]
    NoDevice(String),
    /// An image or plan does not fit the device's limits.
    #[error(
        "{what} takes {bytes} bytes, but {device} binds at most {limit}: use a smaller --batch, smaller images, or --device cpu"
    )]
    TooLarge {
        /// What does not fit.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The device's limit.
        limit: u64,
        /// The device's name.
        device: String,
    },
    /// The device refused or failed.
    #[error("{device} failed while {doing}: {reason}; --device cpu works without it")]
    Device {
        /// The device's name.
        device: String,
        /// What was going on.
        doing: &'static str,
        /// The driver's words.
        reason: String,
    },
}

/// Checks the sizes that every engine relies on; `of_output` are the bytes or floats of one image.
fn check(
    program: &Program,
    input: usize,
    refs: &[ImageRef],
    output: usize,
    of_output: usize,
) -> Result<(), EngineError> {
    let geometry = program.geometry();
    let size = geometry.bytes();
    if !input.is_multiple_of(size) {
        return Err(EngineError::Size { what: "the input (bytes)", expected: size, found: input, geometry });
    }
    let images = outputs(program, refs)?;
    if output != images * of_output {
        let expected = images * of_output;
        return Err(EngineError::Size { what: "the output", expected, found: output, geometry });
    }
    check_refs(refs, geometry, input / size)
}

/// As [`check`], for bytes to bytes.
fn check_bytes(program: &Program, input: usize, refs: &[ImageRef], output: usize) -> Result<(), EngineError> {
    match program.mixing() {
        Some(_) => Err(EngineError::FloatsOnly),
        None => check(program, input, refs, output, program.geometry().bytes()),
    }
}

/// How many images a program makes of these picks.
fn outputs(program: &Program, refs: &[ImageRef]) -> Result<usize, EngineError> {
    let group = program.mixing().map_or(1, |mixing| mixing.images as usize);
    match refs.len().is_multiple_of(group) {
        true => Ok(refs.len() / group),
        false => Err(EngineError::Size {
            what: "the list of picks for mixtures",
            expected: group,
            found: refs.len(),
            geometry: program.geometry(),
        }),
    }
}

fn check_refs(refs: &[ImageRef], geometry: Geometry, images: usize) -> Result<(), EngineError> {
    if let Some(image_ref) = refs.iter().find(|image_ref| image_ref.index as usize >= images) {
        return Err(EngineError::Index { index: image_ref.index, images });
    }
    match refs.iter().find(|image_ref| !image_ref.view.fits(geometry)) {
        Some(image_ref) => Err(EngineError::Augmentation { view: image_ref.view, geometry }),
        None => Ok(()),
    }
}

/// Which device the user wants: `auto|cpu|gpu|INDEX|NAME`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// A hardware GPU if there is one, else the CPU. Software adapters are slower than the CPU engine and are not taken.
    #[default]
    Auto,
    /// The CPU engine.
    Cpu,
    /// The best adapter that there is, software too.
    Gpu,
    /// The adapter with this number in `imgveil devices`.
    Index(usize),
    /// The first adapter whose name contains this, whatever the case.
    Name(String),
}

impl FromStr for DeviceChoice {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "gpu" => Self::Gpu,
            _ => text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Index),
        })
    }
}

/// The device that a choice came to. Clones share it.
#[derive(Clone)]
pub enum Device {
    /// The CPU engine, and why it was taken, for people.
    Cpu(CpuEngine, &'static str),
    /// An adapter.
    Gpu(Arc<gpu::Gpu>),
}

impl Device {
    /// Opens the device of a choice.
    ///
    /// # Errors
    /// When there is no such adapter, or it cannot be opened.
    pub fn open(choice: &DeviceChoice) -> Result<Self, EngineError> {
        if *choice == DeviceChoice::Cpu {
            return Ok(Self::Cpu(CpuEngine, "as asked"));
        }
        match gpu::adapter::find(choice)? {
            Some(adapter) => Ok(Self::Gpu(Arc::new(gpu::Gpu::open(adapter)?))),
            None => Ok(Self::Cpu(CpuEngine, "no hardware GPU found")),
        }
    }

    /// The device as an engine.
    pub fn engine(&self) -> &dyn Engine {
        match self {
            Device::Cpu(cpu, _) => cpu,
            Device::Gpu(gpu) => &**gpu,
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Cpu(cpu, why) => write!(f, "{} ({why})", cpu.name()),
            Device::Gpu(gpu) => f.write_str(&gpu.name()),
        }
    }
}
