//! What several integration tests need.
#![allow(dead_code)]

use imgveil::internal::engine::gpu::Gpu;
use imgveil::internal::engine::{EngineError, ImageRef, Loaded, Pending, Program};
use imgveil::internal::image::Depth;
use imgveil::{Device, DeviceChoice, Geometry};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Says, once, that something was left out, past the test harness, which keeps what a passing test prints to itself.
pub fn say_skipped(words: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(words.to_owned()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED {words}");
    }
}

/// Opens the GPU that the tests use. `None` only where the switch `IMGVEIL_SKIP_GPU=1` says so.
///
/// `IMGVEIL_TEST_DEVICE` chooses the adapter as `--device` does; `gpu` by default, so a software adapter counts.
pub fn open_gpu() -> Option<Device> {
    if std::env::var("IMGVEIL_SKIP_GPU").is_ok_and(|v| v == "1") {
        return None;
    }
    let choice: DeviceChoice =
        std::env::var("IMGVEIL_TEST_DEVICE").unwrap_or("gpu".into()).parse().expect("never fails");
    let device = Device::open(&choice).expect("tests/run installs a software Vulkan driver; IMGVEIL_SKIP_GPU=1 skips");
    assert!(device.gpu().is_some(), "IMGVEIL_TEST_DEVICE must be an adapter");
    Some(device)
}

/// The one GPU of this test process (software drivers leak a little with every device). Without a GPU, prints a line
/// that says that `test` was skipped.
pub fn gpu(test: &str) -> Option<&'static Device> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    let device = DEVICE.get_or_init(open_gpu).as_ref();
    if device.is_none() {
        say_skipped(&format!("{test}: IMGVEIL_SKIP_GPU=1"));
    }
    device
}

/// Both engines: the CPU engine, and the GPU of this test process if there is one.
pub fn engines(test: &str) -> Vec<Device> {
    [Device::cpu()].into_iter().chain(gpu(test).cloned()).collect()
}

/// Programs that run once, so that a test need not load them.
pub trait RunOnce {
    fn wgpu(&self) -> &Gpu;
    fn begin(&self, program: &Program, input: Vec<u8>, refs: &[ImageRef]) -> Result<Pending, EngineError>;
    fn bytes(&self, program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [u8]) -> Result<(), EngineError>;
    fn floats(&self, program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [f32])
    -> Result<(), EngineError>;
}

impl RunOnce for Device {
    fn wgpu(&self) -> &Gpu {
        self.gpu().expect("a GPU")
    }

    fn begin(&self, program: &Program, input: Vec<u8>, refs: &[ImageRef]) -> Result<Pending, EngineError> {
        Loaded::new(self, program.clone())?.begin(input, refs)
    }

    fn bytes(&self, program: &Program, input: &[u8], refs: &[ImageRef], output: &mut [u8]) -> Result<(), EngineError> {
        Loaded::new(self, program.clone())?.bytes(input, refs, output)
    }

    fn floats(
        &self,
        program: &Program,
        input: &[u8],
        refs: &[ImageRef],
        output: &mut [f32],
    ) -> Result<(), EngineError> {
        Loaded::new(self, program.clone())?.floats(input, refs, output)
    }
}

/// The sample generator of the vectors: `((j * 2654435761) mod 2^32) >> 24`.
pub fn ramp(samples: usize) -> Vec<u8> {
    (0..samples as u32).map(|j| (j.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// A geometry that is known to be fine.
pub fn geometry(height: u32, width: u32, channels: u32) -> Geometry {
    Geometry::new(height, width, channels).expect("a valid geometry")
}

/// Stored bytes with the bits above the depth set to 0.
pub fn within(depth: Depth, mut bytes: Vec<u8>) -> Vec<u8> {
    if depth != Depth::U8 {
        bytes.iter_mut().skip(1).step_by(2).for_each(|upper| *upper &= (depth.max() >> 8) as u8);
    }
    bytes
}

/// The checkout: where this was built, or what `IMGVEIL_CHECKOUT` says on another machine.
pub fn root() -> PathBuf {
    std::env::var_os("IMGVEIL_CHECKOUT").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}
