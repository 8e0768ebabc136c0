//! What several integration tests need.
#![allow(dead_code)]

pub mod desk;
pub mod made;

use imgveil::dataset::picture::encode_png;
use imgveil::engine::gpu::Gpu;
use imgveil::engine::{Device, DeviceChoice};
use imgveil::image::{Geometry, Image};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
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

/// A tree of PNG files, one for each name.
pub fn write_tree(folder: &Path, images: impl IntoIterator<Item = (String, Image)>) {
    for (name, image) in images {
        let path = folder.join(format!("{name}.png"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, encode_png(&image).unwrap()).unwrap();
    }
}

/// Files of a tree, by their names below it.
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file());
    let name = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    files.map(|file| (name(file.path()), std::fs::read(file.path()).unwrap())).collect()
}

/// The real images that developers have beside the checkout; strangers have none, and then a line says so.
pub fn shared_data(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if !path.exists() {
        say_skipped(&format!("the part on real images: {name} is not here"));
        return None;
    }
    Some(path)
}
