//! What several integration tests need.
#![allow(dead_code)]

use imgveil::internal::engine::gpu::Gpu;
use imgveil::internal::engine::{Device, DeviceChoice};
use imgveil::internal::image::Geometry;
use std::collections::BTreeSet;
use std::io::Write;
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
    assert!(matches!(device, Device::Gpu(_)), "IMGVEIL_TEST_DEVICE must be an adapter");
    Some(device)
}

/// The one GPU of this test process (software drivers leak a little with every device), or a line that says that `test` was
/// skipped.
pub fn gpu(test: &str) -> Option<&'static Gpu> {
    static DEVICE: OnceLock<Option<Device>> = OnceLock::new();
    match DEVICE.get_or_init(open_gpu) {
        Some(Device::Gpu(gpu)) => Some(gpu),
        _ => {
            say_skipped(&format!("{test}: IMGVEIL_SKIP_GPU=1"));
            None
        }
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
